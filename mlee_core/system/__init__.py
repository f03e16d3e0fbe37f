"""All that depends on the operating system: files, processes, locks, folders, hardware."""

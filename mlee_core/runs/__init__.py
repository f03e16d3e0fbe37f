"""The run folder: its files, events, cells, status and control requests."""

"""What this process takes from the machine."""

from __future__ import annotations

import sys


def peak_memory() -> int:
    """The most memory that this process has held at one time, in bytes."""
    if sys.platform == "win32":
        import psutil

        peak: int = psutil.Process().memory_info().peak_wset
        return peak
    import resource

    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024

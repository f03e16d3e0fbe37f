"""What this process takes from the machine: memory and processor time."""

from __future__ import annotations

import os
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


def lower_priority(by: int) -> None:
    """Let other processes of the machine run first. by: added to the niceness; more is lower."""
    if sys.platform != "win32":
        os.nice(by)

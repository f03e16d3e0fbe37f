"""Temporary folders that do not outlive a crash: locked by their owner, swept once the lock is free.

A process that is killed cannot remove what it wrote; the kernel drops its lock though, on any system where
several containers share /tmp as well, which a process number in the name would not survive.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "mlee-scratch-"
_LOCK = "lock"


class TemporaryFolder:
    """A temporary folder of this process, until `remove` or the process's end.

    parent: where it is made; None is the system's place for temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._lock = -1
        while self._lock < 0:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            lock = os.open(self.path / _LOCK, os.O_CREAT | os.O_RDWR)  # not inherited: see PEP 446
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (self.path / _LOCK).exists():
                self._lock = lock
            else:  # swept by another process before it was locked
                os.close(lock)

    def remove(self) -> None:
        """Remove the folder and all in it; calling it again does nothing."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def sweep(parent: Path | None = None) -> int:
    """Remove the folders in `parent` whose processes are gone; returns how many."""
    removed = 0
    for lock in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*/{_LOCK}"):
        try:
            descriptor = os.open(lock, os.O_RDWR)
        except OSError:  # another user's, or removed in this moment
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # its owner lives
            continue
        else:
            shutil.rmtree(lock.parent, ignore_errors=True)
            removed += 1
        finally:
            os.close(descriptor)
    return removed

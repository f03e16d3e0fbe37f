"""Temporary folders that do not outlive a crash: locked by their owner, swept once the lock is free.

A killed process cannot remove what it wrote, but the system releases its lock, also where several containers
share /tmp, in which a process number in the name would not be unique.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from . import locks

PREFIX = "mlee-scratch-"
_LOCK = "lock"


class TemporaryFolder:
    """A temporary folder of this process, until `remove` or the process's end.

    parent: where it is created; None is the system's folder for temporary files.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._lock: IO[bytes] | None = None
        while self._lock is None:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            file = self.path / _LOCK
            try:
                self._lock = locks.try_lock(file)
            except locks.LocksUnsupported:  # here nobody sweeps a folder without a lock
                file.unlink()
                return
            if self._lock is not None and not file.exists():  # swept by another process before it was locked
                self._lock.close()
                self._lock = None

    def remove(self) -> None:
        """Remove the folder and all in it; calling it again does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def sweep(parent: Path | None = None) -> int:
    """Remove the folders in `parent` whose owners have ended; returns how many."""
    removed = 0
    for path in (parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*/{_LOCK}"):
        # an error: another user's, removed at this moment, or on a file system without locks
        with suppress(OSError), open(path, "rb+") as file:
            if locks.lock(file, wait=False):
                shutil.rmtree(path.parent, ignore_errors=True)
                removed += 1
    return removed

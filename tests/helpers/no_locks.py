"""A file system without locks, as NFS without a lock daemon and some network shares are: below one folder,
locking a file fails as it does there."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

SITE = """
import os, pathlib
from tests.helpers import no_locks
no_locks.simulate(pathlib.Path(os.environ["NO_LOCKS"]))
"""
"""A sitecustomize.py: the same in another process."""


def simulate(folder: Path, patch: Callable[[object, str, object], None] = setattr) -> None:
    real = fcntl.flock

    def flock(file: int, how: int) -> None:
        if Path(os.readlink(f"/proc/self/fd/{file}")).is_relative_to(folder):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
        real(file, how)

    patch(fcntl, "flock", flock)

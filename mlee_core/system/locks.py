"""Locks between processes, on open files: the system releases one however its holder ends.

Some file systems have none (NFS without a lock daemon, some network shares).
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class LocksUnsupported(OSError):
    """The file system has no locks; its `strerror` is for the user."""


def lock(file: IO[bytes], *, wait: bool) -> bool:
    """Lock an open file until it is closed; False if another process holds the lock and `wait` is off.

    Raises: LocksUnsupported; OSError.
    """
    from filelock import lock_descriptor  # not at the top: many modules import this one and lock nothing

    try:
        return lock_descriptor(file.fileno(), blocking=wait)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        why = "its file system supports no file locks, use a folder on a local disk"
        raise LocksUnsupported(error.errno, why) from error


def try_lock(path: Path) -> IO[bytes] | None:
    """The lock file `path`, created if need be, locked until it is closed; None if another process holds it.

    Raises: LocksUnsupported; OSError.
    """
    with ExitStack() as stack:
        file = stack.enter_context(open(path, "ab"))
        if not lock(file, wait=False):
            return None
        stack.pop_all()  # leaves it open, for the caller
    return file


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the lock file `path`, created if need be, and hold it. Raises: LocksUnsupported; OSError."""
    with open(path, "ab") as file:
        lock(file, wait=True)
        yield


def lock_for_setup(file: IO[bytes]) -> None:
    """Wait for the lock of an open file where it has one, with the standard library alone.

    For packaging/setup.py, which runs before filelock is installed.
    """
    if sys.platform != "win32":
        import fcntl

        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)

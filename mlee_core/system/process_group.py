"""All processes of a job: found by their session, and ended so that none is left."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from .process_identity import ProcessIdentity

GRACE_S = 5.0
"""Between TERM and KILL."""

_POLL_S = 0.05
_GIVE_UP_S = 2.0
"""A process that waits for a disk cannot be killed before the disk answers."""
_PR_SET_CHILD_SUBREAPER = 36


def of_job(writer: ProcessIdentity) -> list[int]:
    """The living processes of a job: the session that it leads; the writer alone where it leads none, in a
    terminal for example, whose session holds other programs.

    Also those that the writer has left behind: its number is not used again while its session exists.
    """
    now = ProcessIdentity.of(writer.pid)
    if writer.boot != ProcessIdentity.own().boot or not writer.is_here or now not in (None, writer):
        return []
    session = _session(writer.pid)
    return session if now is None or writer.pid in session else [writer.pid]


def children(pid: int) -> list[int]:
    """The living children of a process, also those that it adopted."""
    import psutil  # not at the top of the module: the window imports it before its first frame

    return [child.pid for child in psutil.Process(pid).children() if _alive(child.pid)]


def end(find: Callable[[], Sequence[int]], grace_s: float = GRACE_S) -> None:
    """Terminate the processes that `find` returns, kill those still alive after grace_s seconds.

    Returns once none is left.
    """
    _signal(find(), kill=False)
    deadline = time.monotonic() + grace_s
    while remaining := find():
        if time.monotonic() > deadline:
            _signal(remaining, kill=True)
        time.sleep(_POLL_S)


def lead_session(at_end: Callable[[int], None]) -> None:
    """Let this process lead a session of its own, and call `at_end` with its number, in a process that
    outlives it, however it ends. Not on Windows, which has no sessions."""
    if sys.platform == "win32":
        return
    os.setsid()
    leader = os.getpid()
    read, _held = os.pipe()  # the other end is this process's alone, and closed when it ends
    if os.fork():
        os.close(read)
        return
    os.closerange(3, read)
    os.closerange(read + 1, os.sysconf("SC_OPEN_MAX"))
    os.read(read, 1)
    at_end(leader)
    os._exit(0)


def kill_session(leader: int) -> None:
    """Kill all other processes of a session, and wait until they are gone, for some seconds at most."""
    deadline = time.monotonic() + _GIVE_UP_S
    while time.monotonic() < deadline and (others := set(_session(leader)) - {os.getpid()}):
        _signal(others, kill=True)
        time.sleep(0.01)


def adopt_orphans() -> None:
    """Let what a child leaves behind become a child of this process (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def reap(but: int | None) -> None:
    """Release the adopted children that have ended, but not `but`, whose status is still to be read."""
    if sys.platform == "linux":
        with suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid == but:
                    return
                os.waitpid(ended.si_pid, 0)


def _session(leader: int) -> list[int]:
    """The living processes of a session; on Windows, a process and all that it started."""
    import psutil

    if sys.platform == "win32":
        try:
            return [leader, *(child.pid for child in psutil.Process(leader).children(recursive=True))]
        except psutil.NoSuchProcess:
            return []
    return [pid for pid in psutil.pids() if _session_of(pid) == leader and _alive(pid)]


def _session_of(pid: int) -> int | None:
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            return os.getsid(pid)
    return None


def _alive(pid: int) -> bool:
    """A zombie is, and holds files, while threads of it run."""
    import psutil

    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


def _signal(processes: Iterable[int], *, kill: bool) -> None:
    import psutil

    for pid in processes:
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            process = psutil.Process(pid)
            process.kill() if kill else process.terminate()

"""All processes of a job: found by their session, and ended so that none stays behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .process_identity import ProcessIdentity

GRACE_S = 5.0
"""Between TERM and KILL."""

_LOOK_S = 0.05


def of_job(writer: ProcessIdentity) -> list[int]:
    """The living processes of a job: the session that it began; itself alone where it began none, in a
    terminal say, whose session holds what is not ours.

    Also those that the writer has left behind: its number is given to nobody while its session lives.
    """
    now = ProcessIdentity.of(writer.pid)
    if writer.boot != ProcessIdentity.own().boot or not writer.is_here or now not in (None, writer):
        return []
    session = [pid for pid, _, session in _living() if session == writer.pid]
    return session if now is None or writer.pid in session else [writer.pid]


def children(pid: int) -> list[int]:
    """The living children of a process; those that it adopted too."""
    return [child for child, parent, _ in _living() if parent == pid]


def end(find: Callable[[], Sequence[int]], grace_s: float = GRACE_S) -> None:
    """Ask the processes that `find` gives to end, and kill those that are still there after grace_s seconds.

    Returns once none is left.
    """
    _send(find(), signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while left := find():
        if time.monotonic() > deadline:
            _send(left, signal.SIGKILL)
        time.sleep(_LOOK_S)


def _send(processes: Sequence[int], number: signal.Signals) -> None:
    for pid in processes:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it ended meanwhile
            continue


def _living() -> Iterator[tuple[int, int, int]]:
    """(number, parent, session) of all processes that are no zombies."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        state, parent, _, session = text.rpartition(")")[2].split()[:4]
        if state not in ("Z", "X"):
            yield int(folder.name), int(parent), int(session)

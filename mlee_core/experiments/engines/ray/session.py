"""A session of processes that ends with its leader: children stay in it when their parents die."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ....system import temporary_folders

AGAIN_S = 0.01
GIVE_UP_S = 2.0
"""A process that waits for a disk can only be killed afterwards."""


def lead() -> None:
    """Make this process the leader of a session that is killed when this process ends for any reason: Ray's
    agents would otherwise run for another minute."""
    os.setsid()
    leader = os.getpid()
    read, _held = os.pipe()  # the other end is closed when this process ends
    if os.fork():
        os.close(read)
        return
    os.closerange(3, read)
    os.closerange(read + 1, os.sysconf("SC_OPEN_MAX"))
    os.read(read, 1)
    end(leader)
    os._exit(0)


def end(session: int) -> None:
    """Kill all other processes of a session, wait for their end, and remove their temporary folders."""
    deadline = time.monotonic() + GIVE_UP_S
    while (members := list(_members(session))) and time.monotonic() < deadline:
        for pid in members:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(AGAIN_S)
    for folder in {None, near()}:
        temporary_folders.sweep(folder)


def near() -> Path | None:
    """Parent folder for Ray's sockets, whose paths may have 107 bytes, of which Ray needs 80."""
    return None if len(tempfile.gettempdir()) < 27 else Path("/tmp")


def _members(session: int) -> Iterator[int]:
    """Process ids of a session that still hold resources, without this process. A zombie does while threads
    of it end."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, *numbers = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
            ended = state in ("Z", "X") and len(os.listdir(folder / "task")) <= 1
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(numbers[2]) == session and not ended and int(folder.name) != os.getpid():
            yield int(folder.name)

"""A session of processes that ends with its leader: children stay in it when their parents die."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ....system import process_group, temporary_folders


def lead() -> None:
    """Make this process the leader of a session that is killed when this process ends for any reason: Ray's
    agents would otherwise run for another minute."""
    process_group.lead_session(end)


def end(session: int) -> None:
    """Kill all other processes of a session, wait for their end, and remove their temporary folders."""
    process_group.kill_session(session)
    for folder in {None, near()}:
        temporary_folders.sweep(folder)


def near() -> Path | None:
    """Parent folder for Ray's sockets, whose paths may have 107 bytes, of which Ray needs 80."""
    return None if len(tempfile.gettempdir()) < 27 else Path("/tmp")

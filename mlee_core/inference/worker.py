"""The inference worker: decoding, pyramids and analyses in another process; the window keeps painting.

`Worker` is the window's half; what the process does is in serving.py, which is imported there alone. The
process starts light and listens; torch comes with the first request, or with Prepare.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import WorkerDied
from ..system.child_process import Child, Connection, Outcome, log_file
from ..system.temporary_folders import TemporaryFolder
from .protocol import Quit, Reply, Request

if TYPE_CHECKING:
    from .service import InferenceEngine

_NICENESS = 5
_MOST_REPLIES = 256  # at a time, or a chatty child would keep the window from painting


class Worker:
    """The window's half: starts the process and talks to it without ever waiting.

    log: where the child's output goes; None: the user's state folder. make_engine: what the child runs,
    importable; another one in tests.
    """

    def __init__(
        self, log: Path | None = None, *, make_engine: Callable[[], InferenceEngine] | None = None
    ) -> None:
        self.log = log_file("worker") if log is None else log
        self._make_engine = make_engine
        self._child: Child | None = None
        self._remove_scratch: Callable[[], object] = lambda: None

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.alive

    @property
    def pid(self) -> int | None:
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start the process (again, after it ended). Its first reply is Ready."""
        self.stop()
        # a killed worker cannot remove what it was decoding into, so the parent owns that folder
        scratch = TemporaryFolder()
        self._remove_scratch = weakref.finalize(self, scratch.remove)
        arguments = (self._make_engine, str(self.log), str(scratch.path))
        self._child = Child("analysis process", serve, *arguments, log=self.log)

    def send(self, request: Request) -> None:
        """Raises: WorkerDied if the process is not running (any more)."""
        if self._child is None:
            raise WorkerDied("The analysis process has not been started.")
        self._child.send(request)

    def poll(self) -> list[Reply]:
        """The replies that wait; empty if none do. Never blocks; see `outcome` for the process's end."""
        replies: list[Reply] = []
        child = self._child
        try:
            while child is not None and child.poll() and (len(replies) < _MOST_REPLIES or not child.alive):
                replies.append(child.receive())
        except WorkerDied:
            pass  # not lost: `outcome` tells it, after the last replies were handed out
        return replies

    def outcome(self) -> Outcome | None:
        """How the process ended; None while it runs or if it was never started."""
        return None if self._child is None else self._child.outcome()

    def stop(self) -> None:
        """End the process: politely, then by force."""
        if self._child is not None:
            if self.alive:
                self._ask_to_quit(self._child)
            self._child.stop(grace_s=1.0)
        self._child = None
        self._remove_scratch()

    @staticmethod
    def _ask_to_quit(child: Child) -> None:
        try:
            child.send(Quit())
        except WorkerDied:
            return  # it ended by itself in this moment: what was wanted


def serve(
    connection: Connection, make_engine: Callable[[], InferenceEngine] | None, log: str, scratch: str
) -> None:
    """The process, until Quit or until the window's end of the pipe is closed."""
    os.nice(_NICENESS)  # painting and playback come first

    from . import service  # numpy, soundfile

    service.serve(connection, service.InferenceEngine if make_engine is None else make_engine, log, scratch)

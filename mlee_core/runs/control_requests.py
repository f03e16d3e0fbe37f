"""Requests to a run while it is written: several processes edit them, the training process obeys them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import TypeVar

from ..events import Event
from ..system import locks
from .status_files import ControlRequest, WatchedFile

Answer = TypeVar("Answer")


class ControlRequests:
    """Reads RUN/asked.json, again only after a change: cheap enough for every batch.

    run: a run folder, or a folder with the same layout, such as a worker's temporary one.
    """

    def __init__(self, run: Path) -> None:
        self._file = WatchedFile(run / "asked.json", ControlRequest.load)

    def now(self) -> ControlRequest:
        self._file.reload()
        return self._file.value or ControlRequest()

    def stop(self) -> bool:
        """Whether training is to end after this epoch."""
        return self.now().ask == "stop"

    def unless_skipped(
        self, cell: str, work: Generator[Event, None, Answer]
    ) -> Generator[Event, None, Answer | None]:
        """The events of work on a cell, and its result; ends at once with None when the cell is skipped."""
        return self._unless(lambda: cell in self.now().skip, work)

    def unless_ended(self, work: Generator[Event, None, Answer]) -> Generator[Event, None, Answer | None]:
        """The same for work before any cell: None when the run is to pause or to stop."""
        return self._unless(lambda: self.now().ask is not None, work)

    @staticmethod
    def _unless(
        over: Callable[[], bool], work: Generator[Event, None, Answer]
    ) -> Generator[Event, None, Answer | None]:
        while not over():
            try:
                event = next(work)
            except StopIteration as end:
                answer: Answer = end.value
                return answer
            yield event
        work.close()
        return None


def edit(run: Path, change: Callable[[ControlRequest], ControlRequest]) -> None:
    """Change the requests to a run; several processes may do so at once. Raises: OSError."""
    with locks.locked(run / "asked.lock"):
        before = ControlRequest.load(run)
        after = change(before)
        if after != before:
            after.save(run)

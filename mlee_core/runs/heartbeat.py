"""heartbeat.json of a run: the cells in work, from its events, written once a second."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..events import Dropped, EpochDone, Event, Failed, Progress, Resumed, StageDone, Started
from .cells import Cell
from .control_requests import ControlRequests
from .forecast import Forecast
from .status_files import loaded

HEARTBEAT_S = 1.0
SILENT_S = 15.0
"""A writer on another machine, whose process cannot be inspected, counts as dead after this time."""


@dataclass(frozen=True)
class InWork:
    """A cell that is being trained. cell: its name (`Cell.name`). epoch: from 1, None between epochs, as
    while encoding. share: of the epoch that is done, 0-1. left_s: of this cell, None while unknown.
    what: the current work as text."""

    cell: str
    epoch: int | None
    share: float | None
    left_s: float | None
    what: str


@dataclass(frozen=True)
class Heartbeat:
    """at: seconds since the epoch (UTC). done, total: cells. left_s: of all, None while unknown.
    what: work for all folds ("features 120 of 535"), or why nothing runs ("waiting for the cluster")."""

    at: float
    done: int
    total: int
    left_s: float | None
    cells: tuple[InWork, ...] = ()
    what: str = ""

    def save(self, run: Path) -> None:
        """Not synced to the disk: the next one comes in a second."""
        neighbour = run / ".heartbeat.tmp.json"
        neighbour.write_text(json.dumps(asdict(self)), encoding="utf-8")
        neighbour.replace(run / "heartbeat.json")

    @classmethod
    def load(cls, run: Path) -> Heartbeat | None:
        return loaded(run / "heartbeat.json", cls)


class HeartbeatWriter:
    """Writes in a thread of its own, so that a long step does not interrupt it.

    run: its folder. forecast: is given the events from now on.
    """

    def __init__(self, run: Path, forecast: Forecast) -> None:
        self._run, self._forecast, self._requests = run, forecast, ControlRequests(run)
        self._lock = threading.Lock()
        self._what = ""
        self._in_work: dict[Cell, InWork] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> HeartbeatWriter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._what = ""
        self._in_work.clear()
        self._save()

    def add(self, event: Event) -> None:
        with self._lock:
            self._forecast.add(event)
            cell = self._forecast.cell_of(event)
            if cell is not None:
                self._update(cell, event)
            elif isinstance(event, Progress | Started):
                self._what = _text(event)

    def _update(self, cell: Cell, event: Event) -> None:
        self._what = ""
        known = self._in_work.get(cell, InWork(cell.name, None, None, None, ""))
        if isinstance(event, StageDone | Failed | Dropped):
            self._in_work.pop(cell, None)
        elif isinstance(event, Progress) and event.epoch is not None:
            share = event.done / event.total if event.total else None
            self._in_work[cell] = replace(known, epoch=event.epoch, share=share, what="")
        elif isinstance(event, EpochDone) and event.seconds is not None:
            self._in_work[cell] = replace(known, epoch=event.epoch, share=1.0, what="")
        elif isinstance(event, Progress | Started):
            self._in_work[cell] = replace(known, what=_text(event))
        elif isinstance(event, Resumed):
            self._in_work[cell] = replace(known, what=f"resumes after epoch {event.epoch}")

    def now(self) -> Heartbeat:
        with self._lock:
            for cell in [cell for cell in self._in_work if cell.name in self._requests.now().skip]:
                del self._in_work[cell]  # no event tells that it ended
            done = self._forecast.progress()
            cells: list[InWork] = []
            for cell, work in self._in_work.items():
                share = 0.0 if work.share is None or work.share == 1.0 else work.share  # 1: counted as done
                cells.append(replace(work, left_s=self._forecast.left_in_s(cell, share)))
            counts = round(done.done), round(done.total or 0)
            return Heartbeat(time.time(), *counts, done.left_s, tuple(cells), self._what)

    def _beat(self) -> None:
        while True:
            self._save()
            if self._over.wait(HEARTBEAT_S):
                return

    def _save(self) -> None:
        with suppress(OSError):  # the training process reports a full disk
            self.now().save(self._run)


def _text(event: Progress | Started) -> str:
    """ "Computing features 120 of 535"."""
    if isinstance(event, Progress) and event.total:
        return f"{event.what} {event.done:.0f} of {event.total:.0f}"
    return event.what

"""Reads the state of a queue and of its run folders again and again, in one thread of the window: a folder on
a slow disk delays that thread alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import RunError
from ..events import Progress
from ..runs.cells import Cell
from ..runs.follower import CellView, Follower
from ..system import locks
from .queue import Queue, QueueFile

BUDGET_S = 0.05
"""How long one poll may read events, all runs together."""

CONTROL = "window.lock"


@dataclass(frozen=True)
class RunNews:
    """The state of a run. run: its folder. state: as the Follower's. curve: of the watched cell.
    looking_only: why this window may not change it, "" if it may. fault: why it cannot be read, or ""."""

    run: Path
    state: str
    message: str = ""
    progress: Progress | None = None
    what: str = ""
    cells: Mapping[Cell, CellView] = field(default_factory=dict)
    curve: tuple[dict[str, Any], ...] = ()
    looking_only: str = ""
    fault: str = ""
    caught_up: bool = True


@dataclass(frozen=True)
class WatchedRun:
    """What to read besides the queue's running ones: a run, and the curve of one of its cells."""

    run: Path | None = None
    cell: Cell | None = None


@dataclass(frozen=True)
class Seen:
    queue: Queue
    runs: Mapping[Path, RunNews]


class Monitor:
    """Keeps a Follower and the lock of control for each run, until `close`."""

    def __init__(self, queue: QueueFile) -> None:
        self._queue = queue
        self._followers: dict[Path, Follower] = {}
        self._locks: dict[Path, IO[bytes]] = {}

    def look(self, watch: WatchedRun) -> Seen:
        """The queue and the runs now. Raises: OSError, RunError if the queue cannot be read."""
        queue = self._queue.read()
        runs = [item.run for item in queue.items if item.state == "running"]
        runs += [watch.run] if watch.run is not None and watch.run not in runs else []
        for unused in set(self._followers) - set(runs) - {item.run for item in queue.items}:
            self._forget(unused)
        budget_s = BUDGET_S / max(1, len(runs))
        return Seen(queue, {run: self._news(run, watch, budget_s) for run in runs})

    def close(self) -> None:
        for run in list(self._followers | self._locks):
            self._forget(run)

    def _news(self, run: Path, watch: WatchedRun, budget_s: float) -> RunNews:
        if not (run / "config.json").exists():
            return RunNews(run, "queued")
        try:
            follower = self._followers.get(run) or self._followers.setdefault(run, Follower(run))
            follower.poll(budget_s)
        except (RunError, OSError) as error:
            return RunNews(run, "unreadable", fault=str(error), looking_only=self._control(run))
        cell = watch.cell if run == watch.run else None
        return RunNews(
            run,
            follower.state,
            follower.message,
            follower.progress,
            follower.what,
            follower.cells,
            () if cell is None else follower.curve(cell),
            self._control(run),
            caught_up=follower.caught_up,
        )

    def _control(self, run: Path) -> str:
        """Take the lock of control of a run; why that is impossible, "" if it is held."""
        if run in self._locks:
            return ""
        try:
            lock = locks.try_lock(run / CONTROL)
        except OSError as error:
            return f"{run} cannot be written ({error.strerror}): it is opened read-only."
        if lock is None:
            return "Another window controls this run: it is opened read-only."
        self._locks[run] = lock
        return ""

    def _forget(self, run: Path) -> None:
        self._followers.pop(run, None)
        lock = self._locks.pop(run, None)
        if lock is not None:
            lock.close()

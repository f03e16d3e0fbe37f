"""Looks at a queue and at the run folders that somebody watches, and says what there is to be seen.

One of these is asked again and again by one thread; a folder on a slow disk holds up that thread alone.
"""

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
"""So long one look may read events, all runs together."""

CONTROL = "window.lock"


@dataclass(frozen=True)
class RunNews:
    """A run as it is now. run: its folder. state: as the Follower's. curve: of the chosen cell.
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
    """What is to be seen: a run besides those of the queue that wait or run, and which cell's curve."""

    run: Path | None = None
    cell: Cell | None = None


@dataclass(frozen=True)
class Seen:
    queue: Queue
    runs: Mapping[Path, RunNews]


class Monitor:
    """Keeps a Follower and the right of control for each run; `close` gives both back."""

    def __init__(self, queue: QueueFile) -> None:
        self._queue = queue
        self._followers: dict[Path, Follower] = {}
        self._locks: dict[Path, IO[bytes]] = {}

    def look(self, watch: WatchedRun) -> Seen:
        """The queue and the runs now. Raises: OSError, RunError where the queue cannot be read."""
        queue = self._queue.read()
        wanted = [item.run for item in queue.items if item.state == "running"]
        wanted += [watch.run] if watch.run is not None and watch.run not in wanted else []
        for gone in set(self._followers) - set(wanted) - {item.run for item in queue.items}:
            self._forget(gone)
        share = BUDGET_S / max(1, len(wanted))
        return Seen(queue, {run: self._news(run, watch, share) for run in wanted})

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
        """Take the right to change this run, if no other window has it; why not, in words."""
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

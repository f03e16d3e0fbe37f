"""The state of a run folder, read piece by piece while others write it: for the window, which polls often.

A poll reads the new events of events.jsonl and the status files that were replaced; where nothing has changed
it costs a few stat calls. It needs no process and no lock: runs of a terminal, of a queue and old runs are
read alike.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..errors import RunError
from ..events import Progress
from .cell_history import CellHistory, Key
from .cells import Cell, cells
from .event_reader import EventReader
from .heartbeat import SILENT_S, Heartbeat, InWork
from .run_folder import RunFolder
from .status_files import ControlRequest, JobStatus, WatchedFile

RunState = Literal["queued", "running", "finished", "failed", "cancelled", "stopped", "paused", "interrupted"]
"""Of a run. queued: not started yet. interrupted: its process ended unexpectedly."""

CellState = Literal["queued", "running", "done", "failed", "stopped", "skipped", "undone"]
"""Of a cell. stopped: it has epochs, but is not done and not in work; training can resume. undone: it has
none, and nothing trains the run."""

BUDGET_S = 0.01
_ENDED: Mapping[str, RunState] = {"finished": "finished", "failed": "failed", "cancelled": "cancelled"}


@dataclass(frozen=True)
class CellView:
    """The state of a cell.

    epoch: the one in work, else how many are trained; None before the first. of_epochs: the most it takes.
    best: the epoch with the best model so far. share: of the epoch in work, 0-1. left_s: of the whole cell;
    both None while unknown. wa, ua: of a done cell, on the test speakers. early: whether it was stopped and
    kept. message: why it failed, or its work between epochs. log: name of the file in RUN/logs with details
    of a failure, "" for none.
    """

    cell: Cell
    state: CellState = "queued"
    epoch: int | None = None
    of_epochs: int | None = None
    best: int | None = None
    share: float | None = None
    left_s: float | None = None
    wa: float | None = None
    ua: float | None = None
    early: bool = False
    message: str = ""
    log: str = ""


class Follower:
    """Reads one run folder, which need not exist yet, whether or not a process writes it."""

    def __init__(self, run: Path) -> None:
        self.run = Path(run)
        self._folder = RunFolder(self.run)
        self._config = WatchedFile(self.run / "config.json", lambda run: RunFolder(run).config())
        self._job = WatchedFile(self.run / "job.json", JobStatus.load)
        self._heartbeat = WatchedFile(self.run / "heartbeat.json", Heartbeat.load)
        self._request = WatchedFile(self.run / "asked.json", ControlRequest.load)
        self._events = EventReader(self._folder.events_file)
        self._histories: dict[Key, CellHistory] = {}
        self._last_run_event: dict[str, Any] = {}
        self._plan: dict[Key, Cell] = {}
        self._keys: dict[str, Key] = {}
        self._views: dict[Cell, CellView] = {}
        self._in_work: dict[Key, InWork] = {}
        self._stale: set[Key] = set()
        self._unreported: list[Key] | None = None
        self.state: RunState = "queued"
        self.message = ""
        """One sentence where the run failed, is interrupted, or cannot be read."""
        self.progress = Progress("stages", 0, None, None)
        """Done cells of all, and seconds left for all while it runs."""
        self.what = ""
        """Work for all folds ("features 120 of 535"), or why nothing runs."""

    @property
    def cells(self) -> Mapping[Cell, CellView]:
        """In training order; a new mapping after each change."""
        return self._views

    @property
    def caught_up(self) -> bool:
        """Whether the last poll reached the end of the events."""
        return self._events.caught_up

    def curve(self, cell: Cell) -> tuple[dict[str, Any], ...]:
        """A row {epoch, train_loss, dev_loss, dev_wa, dev_ua, best} an epoch, as CellResult.curves."""
        history = self._histories.get(_key(cell))
        return () if history is None else history.curve()

    def poll(self, budget_s: float = BUDGET_S) -> bool:
        """Read what is new, for about budget_s at most; returns whether anything has changed."""
        before = self._summary()
        deadline = time.monotonic() + budget_s
        config_changed, heartbeat_changed = self._config.reload(), self._heartbeat.reload()
        request_changed, job_changed = self._request.reload(), self._job.reload()
        if config_changed:
            self._update_plan()
        has_events = self._read_events(deadline)
        if has_events or job_changed or config_changed or heartbeat_changed or self.state == "running":
            self._update_state()
        if heartbeat_changed or before[0] != self.state:
            self._update_in_work()
        if request_changed or before[0] != self.state:
            self._stale.update(self._plan)
        self._find_unreported(deadline)
        changed = self._refresh_views()
        self._update_progress()
        return changed or has_events or before != self._summary()

    def _summary(self) -> tuple[object, ...]:
        return (self.state, self.message, self.caught_up, self.what, self.progress)

    # --- reading

    def _update_plan(self) -> None:
        config = self._config.value
        planned = () if config is None else cells(config)
        self._plan = {_key(cell): cell for cell in planned}
        self._keys = {cell.name: key for key, cell in self._plan.items()}
        self._views = {cell: self._views.get(cell, CellView(cell)) for cell in planned}
        self._stale.update(self._plan)

    def _read_events(self, deadline: float) -> bool:
        """Returns whether there were any."""
        if self._events.replaced():
            self._stale.update(self._histories)
            self._histories.clear()
            self._last_run_event = {}
        some = False
        for line in self._events.lines(deadline):
            some = True
            self._add_event(line)
        return some

    def _add_event(self, line: dict[str, Any]) -> None:
        fold, seed, stage = line.get("fold"), line.get("seed"), line.get("stage")
        if isinstance(fold, str) and isinstance(seed, int) and isinstance(stage, str):
            key = (fold, seed, stage)
            self._histories.setdefault(key, CellHistory()).add(line)
            self._stale.add(key)
        elif stage is None and fold is None:
            self._last_run_event = line

    def _update_in_work(self) -> None:
        """The cells of the heartbeat, while its process lives."""
        beat = self._heartbeat.value
        self._stale.update(self._in_work)
        listed = beat.cells if beat is not None and self.state == "running" else ()
        self._in_work = {self._keys[work.cell]: work for work in listed if work.cell in self._keys}
        self._stale.update(self._in_work)

    # --- state

    def _update_state(self) -> None:
        job = self._job.value
        if job is not None and job.state == "running" and not self._alive(job):
            self._job.reload()  # it may have ended in good order since the last reload
            job = self._job.value
        reason = str(self._last_run_event.get("message") or "")
        if job is None:
            self.state, self.message = self._state_without_job(), reason
        elif job.state != "running":
            self.state, self.message = job.state, job.message or (reason if job.state == "failed" else "")
        elif self._alive(job):
            self.state, self.message = "running", ""
        else:
            place = "" if job.writer.is_here else f" on {job.writer.host}"
            process = f"Its process ({job.writer.pid}{place})"
            self.state = "interrupted"
            self.message = f"{process} ended unexpectedly; resume continues the run."
        self.message = self._config.fault or self._events.fault or self.message

    def _state_without_job(self) -> RunState:
        """Of a run made before there was job.json."""
        if not self._events.has_data:
            return "queued"
        return _ENDED.get(str(self._last_run_event.get("type")), "interrupted")

    def _alive(self, job: JobStatus) -> bool:
        if job.writer.is_here:
            return job.writer.alive
        beat_at = 0.0 if self._heartbeat.value is None else self._heartbeat.value.at
        return time.time() - max(job.began_at, beat_at) < SILENT_S

    def _find_unreported(self, deadline: float) -> None:
        """Cells with a result but no event of it, as a killed writer leaves them; searched each time that a
        run stops."""
        if self.state == "running" or not self.caught_up:
            self._unreported = None
            return
        if self._unreported is None:
            done = {key for key, history in self._histories.items() if history.done}
            self._unreported = [key for key in self._plan if key not in done]
        while self._unreported:
            self._take_result(self._unreported.pop())
            if time.monotonic() > deadline:
                return

    def _take_result(self, key: Key) -> None:
        history = self._histories.get(key) or CellHistory()
        try:
            result = self._folder.result(self._plan[key])
        except RunError as error:
            history.failed = str(error)
        else:
            if result is None:
                return
            history.take_result(result)
        self._histories[key] = history
        self._stale.add(key)

    def _refresh_views(self) -> bool:
        skip = self._request.value.skip if self._request.value is not None else ()
        views = ((self._plan[key], self._view(key, skip)) for key in self._stale & self._plan.keys())
        changed = {cell: view for cell, view in views if view != self._views[cell]}
        self._stale.clear()
        if changed:
            self._views = {**self._views, **changed}
        return bool(changed)

    def _view(self, key: Key, skip: tuple[str, ...]) -> CellView:
        cell, work = self._plan[key], self._in_work.get(key)
        history = self._histories.get(key) or CellHistory()
        config = self._config.value
        most = None if config is None else config.for_stage(cell.stage).epochs
        known: dict[str, Any] = {"of_epochs": most, "best": history.best, "epoch": history.epochs or None}
        if history.done:
            return CellView(cell, "done", **known, wa=history.wa, ua=history.ua, early=history.early)
        beat_at = 0.0 if self._heartbeat.value is None else self._heartbeat.value.at
        if work is not None and not (history.failed and history.at > beat_at):
            in_work = max(work.epoch or 0, history.epochs)
            share = work.share if work.epoch == in_work else None
            more = {"epoch": in_work or None, "share": share, "left_s": work.left_s, "message": work.what}
            return CellView(cell, "running", **{**known, **more})
        if cell.name in skip:
            return CellView(cell, "skipped", **known)
        if history.failed:
            return CellView(cell, "failed", **known, message=history.failed, log=history.log)
        if self.state in ("queued", "running"):
            return CellView(cell, "queued", **known)
        return CellView(cell, "stopped" if history.epochs else "undone", **known)

    def _update_progress(self) -> None:
        beat = self._heartbeat.value if self.state == "running" else None
        done = sum(view.state == "done" for view in self._views.values())
        left_s, self.what = (None, "") if beat is None else (beat.left_s, beat.what)
        now = Progress("stages", done, len(self._views) or None, left_s, at=self.progress.at)
        if now != self.progress:
            self.progress = replace(now, at=time.time())


def _key(cell: Cell) -> Key:
    return (cell.fold, cell.seed, cell.stage.name)

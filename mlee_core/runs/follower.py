"""What a run folder says, read bit by bit while others write it: for the window, which looks often.

A poll reads what is new in events.jsonl and those of the small files (marks.py) that were replaced; where
nothing has changed it costs a few looks at files. Nobody is asked and nothing is locked: runs of a terminal,
of a queue and of long ago are read alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from ..config.experiment_spec import ExperimentSpec
from ..config.run_config import RunConfig
from ..errors import MleeError, RunError
from ..events import Progress
from ..system.process_identity import ProcessIdentity
from .cell_history import CellHistory, Key
from .cells import Cell, cells
from .event_reader import EventReader
from .run_folder import RunFolder
from .spec_file import stored_spec
from .status_files import SILENT_S, ControlRequest, Heartbeat, InWork, JobStatus

RunState = Literal["queued", "running", "finished", "failed", "cancelled", "stopped", "paused", "interrupted"]
"""Of a run. queued: nothing has written it yet. interrupted: who wrote it is gone without a word."""

CellState = Literal["queued", "running", "done", "failed", "stopped", "skipped", "undone"]
"""Of a cell. stopped: it has epochs, but is not done and not in work; training goes on from there. undone: it
has none, and nobody trains the run."""

BUDGET_S = 0.01
_ENDED: Mapping[str, RunState] = {"finished": "finished", "failed": "failed", "cancelled": "cancelled"}

Mark = TypeVar("Mark")


@dataclass(frozen=True)
class CellView:
    """What is known of a cell.

    epoch: the one in work, else how many are trained; None before the first. of_epochs: how many it takes at
    most. best: the epoch with the best model so far. share: of the epoch in work, 0-1. left_s: of the whole
    cell; both None while unknown. wa, ua: of a done cell, on the test speakers. early: whether it was stopped
    and kept. message: why it failed, or what it does between epochs. log: name of the file in RUN/logs that
    may tell more of a failure, "" for none.
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
    """Reads one run folder, which need not exist yet; whoever writes it, and whether anybody does."""

    def __init__(self, run: Path) -> None:
        self.run = Path(run)
        self._folder = RunFolder(self.run)
        self._config = _Watched(self.run / "config.json", _config)
        self._job = _Watched(self.run / "job.json", JobStatus.load)
        self._heartbeat = _Watched(self.run / "heartbeat.json", Heartbeat.load)
        self._asked = _Watched(self.run / "asked.json", ControlRequest.load)
        self._order = _Watched(self.run / "order.json", stored_spec)
        self._events = EventReader(self._folder.events_file)
        self._trails: dict[Key, CellHistory] = {}
        self._last_word: dict[str, Any] = {}
        self._plan: dict[Key, Cell] = {}
        self._keys: dict[str, Key] = {}
        self._views: dict[Cell, CellView] = {}
        self._in_work: dict[Key, InWork] = {}
        self._stale: set[Key] = set()
        self._untold: list[Key] | None = None
        self.state: RunState = "queued"
        self.message = ""
        """One sentence where the run failed, is interrupted, or cannot be read."""
        self.progress = Progress("stages", 0, None, None)
        """Cells done of all, and seconds left for all while it runs."""
        self.what = ""
        """Work for all folds where it is at that ("features 120 of 535"), or why nothing goes on."""

    @property
    def cells(self) -> Mapping[Cell, CellView]:
        """In the order in which they are trained; another mapping when anything in it has changed."""
        return self._views

    @property
    def caught_up(self) -> bool:
        """Whether the last poll got to the end of the events."""
        return self._events.caught_up

    @property
    def damaged_lines(self) -> int:
        """Lines of events.jsonl that are no events; they are passed over."""
        return self._events.damaged

    @property
    def spec(self) -> ExperimentSpec | None:
        """What was asked for, where the run was queued and its order can be read."""
        return self._order.value

    @property
    def failures(self) -> tuple[CellView, ...]:
        return tuple(view for view in self._views.values() if view.state == "failed")

    def curve(self, cell: Cell) -> tuple[dict[str, Any], ...]:
        """A row {epoch, train_loss, dev_loss, dev_wa, dev_ua, best} an epoch, as CellResult.curves."""
        trail = self._trails.get(_key(cell))
        return () if trail is None else trail.curve()

    def poll(self, budget_s: float = BUDGET_S) -> bool:
        """Read what is new, for about budget_s at most; whether anything of what this shows has changed."""
        before = self._told()
        deadline = time.monotonic() + budget_s
        config_changed, heartbeat_changed = self._config.look(), self._heartbeat.look()
        asked_changed, job_changed, _ = self._asked.look(), self._job.look(), self._order.look()
        if config_changed:
            self._take_plan()
        told = self._read_events(deadline)
        if told or job_changed or config_changed or heartbeat_changed or self.state == "running":
            self._judge_run()
        if heartbeat_changed or before[0] != self.state:
            self._take_heartbeat()
        if asked_changed or before[0] != self.state:
            self._stale.update(self._plan)
        self._find_untold(deadline)
        changed = self._refresh_views()
        self._sum_up()
        return changed or told or before != self._told()

    def _told(self) -> tuple[object, ...]:
        return (self.state, self.message, self.caught_up, self.what, self.progress)

    # --- reading

    def _take_plan(self) -> None:
        config = self._config.value
        planned = () if config is None else cells(config)
        self._plan = {_key(cell): cell for cell in planned}
        self._keys = {cell.name: key for key, cell in self._plan.items()}
        self._views = {cell: self._views.get(cell, CellView(cell)) for cell in planned}
        self._stale.update(self._plan)

    def _read_events(self, deadline: float) -> bool:
        """Whether there were any."""
        if self._events.anew():
            self._stale.update(self._trails)
            self._trails.clear()
            self._last_word = {}
        some = False
        for line in self._events.lines(deadline):
            some = True
            key = self._follow(line)
            if key is not None:
                self._stale.add(key)
        return some

    def _follow(self, line: dict[str, Any]) -> Key | None:
        fold, seed, stage = line.get("fold"), line.get("seed"), line.get("stage")
        if isinstance(fold, str) and isinstance(seed, int) and isinstance(stage, str):
            key = (fold, seed, stage)
            trail = self._trails.get(key)
            if trail is None:
                trail = self._trails[key] = CellHistory()
            trail.add(line)
            return key
        if stage is None and fold is None:
            self._last_word = line
        return None

    def _take_heartbeat(self) -> None:
        """What is in work, as far as somebody lives who works."""
        beat = self._heartbeat.value
        self._stale.update(self._in_work)
        heard = beat.cells if beat is not None and self.state == "running" else ()
        self._in_work = {self._keys[work.cell]: work for work in heard if work.cell in self._keys}
        self._stale.update(self._in_work)

    # --- judging

    def _judge_run(self) -> None:
        job = self._job.value
        if job is not None and job.state == "running" and not self._alive(job.writer):
            self._job.look()  # it may have ended in good order between the two looks
            job = self._job.value
        said = str(self._last_word.get("message") or "")
        if job is None:
            self.state, self.message = self._state_without_job(), said
        elif job.state != "running":
            self.state, self.message = job.state, job.message or (said if job.state == "failed" else "")
        elif self._alive(job.writer):
            self.state, self.message = "running", ""
        else:
            place = "" if job.writer.is_here else f" on {job.writer.host}"
            self.state = "interrupted"
            self.message = f"Its process ({job.writer.pid}{place}) is gone without a word; resume goes on."
        self.message = self._config.fault or self._events.fault or self.message

    def _state_without_job(self) -> RunState:
        """Of a run that was made before jobs told of themselves."""
        if not self._events.begun:
            return "queued"
        return _ENDED.get(str(self._last_word.get("type")), "interrupted")

    def _alive(self, writer: ProcessIdentity) -> bool:
        if writer.is_here:
            return writer.alive
        beat, job = self._heartbeat.value, self._job.value
        began_at = 0.0 if job is None else job.began_at
        return time.time() - max(began_at, 0.0 if beat is None else beat.at) < SILENT_S

    def _find_untold(self, deadline: float) -> None:
        """Cells whose result is there although nobody has told of it, a killed writer say; looked for each
        time that a run comes to rest."""
        if self.state == "running" or not self.caught_up:
            self._untold = None
            return
        if self._untold is None:
            self._untold = [key for key in self._plan if not (key in self._trails and self._trails[key].done)]
        while self._untold:
            self._take_result(self._untold.pop())
            if time.monotonic() > deadline:
                return

    def _take_result(self, key: Key) -> None:
        trail = self._trails.get(key) or CellHistory()
        try:
            result = self._folder.result(self._plan[key])
        except RunError as error:
            trail.failed = str(error)
        else:
            if result is None:
                return
            trail.take_result(result)
        self._trails[key] = trail
        self._stale.add(key)

    def _refresh_views(self) -> bool:
        skip = self._asked.value.skip if self._asked.value is not None else ()
        seen = ((self._plan[key], self._view(key, skip)) for key in self._stale & self._plan.keys())
        changed = {cell: view for cell, view in seen if view != self._views[cell]}
        self._stale.clear()
        if changed:
            self._views = {**self._views, **changed}
        return bool(changed)

    def _view(self, key: Key, skip: tuple[str, ...]) -> CellView:
        cell, work = self._plan[key], self._in_work.get(key)
        trail = self._trails.get(key) or CellHistory()
        config = self._config.value
        most = None if config is None else config.for_stage(cell.stage).epochs
        known: dict[str, Any] = {"of_epochs": most, "best": trail.best, "epoch": trail.epochs or None}
        if trail.done:
            return CellView(cell, "done", **known, wa=trail.wa, ua=trail.ua, early=trail.early)
        beat_at = 0.0 if self._heartbeat.value is None else self._heartbeat.value.at
        if work is not None and not (trail.failed and trail.at > beat_at):
            in_work = max(work.epoch or 0, trail.epochs)
            share = work.share if work.epoch == in_work else None
            more = {"epoch": in_work or None, "share": share, "left_s": work.left_s, "message": work.what}
            return CellView(cell, "running", **{**known, **more})
        if cell.name in skip:
            return CellView(cell, "skipped", **known)
        if trail.failed:
            return CellView(cell, "failed", **known, message=trail.failed, log=trail.log)
        if self.state in ("queued", "running"):
            return CellView(cell, "queued", **known)
        return CellView(cell, "stopped" if trail.epochs else "undone", **known)

    def _sum_up(self) -> None:
        beat = self._heartbeat.value if self.state == "running" else None
        done = sum(view.state == "done" for view in self._views.values())
        left_s, self.what = (None, "") if beat is None else (beat.left_s, beat.what)
        now = Progress("stages", done, len(self._views) or None, left_s, at=self.progress.at)
        if now != self.progress:
            self.progress = replace(now, at=time.time())


class _Watched(Generic[Mark]):
    """A small file that others replace as a whole; it is read again when it is another one.

    fault: one sentence where it cannot be understood.
    """

    def __init__(self, file: Path, read: Callable[[Path], Mark | None]) -> None:
        self._file, self._read = file, read
        self._seen: tuple[int, ...] | None = None
        self.value: Mark | None = None
        self.fault = ""

    def look(self) -> bool:
        """Whether it is another one than at the last look."""
        try:
            now = self._file.stat()
        except OSError:
            seen = None
        else:
            seen = (now.st_ino, now.st_mtime_ns, now.st_size)
        if seen == self._seen:
            return False
        self._seen, self.fault = seen, ""
        try:
            self.value = None if seen is None else self._read(self._file.parent)
        except MleeError as error:
            self.value, self.fault = None, str(error)
        return True


def _config(run: Path) -> RunConfig:
    return RunFolder(run).config()


def _key(cell: Cell) -> Key:
    return (cell.fold, cell.seed, cell.stage.name)

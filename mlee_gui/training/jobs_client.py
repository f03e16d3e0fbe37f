"""The queue of experiments and their runs, seen from the window: edits out, news as signals.

The trainings are detached processes that know nothing of this window. Everything here that touches a disk
happens in a thread, again and again; what it saw is handed over as frozen values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.jobs import control
from mlee_core.jobs.monitor import Monitor, RunNews, Seen, WatchedRun
from mlee_core.jobs.queue import Item, Queue, QueueFile
from mlee_core.jobs.runner import ensure_runner
from mlee_core.runs.cells import Cell

from ..shell.messages import Messages
from ..shell.tasks import Tasks

if TYPE_CHECKING:
    from mlee_core.jobs.queue import Item


BUSY_MS, IDLE_MS = 200, 1000
"""Between two looks, while something runs or is being read, and else."""

ENDED = ("finished", "failed", "cancelled", "stopped", "interrupted")


class JobsClient(QObject):
    """seen: what the last look saw. ended: an experiment that ran when it was last looked at does no more."""

    queue_changed = Signal(object)  # Queue
    news = Signal(object)  # RunNews, for each run that is another than at the last look
    looked = Signal(object)  # run -> RunNews, the same ones together
    ended = Signal(object)  # Item
    added = Signal(object)  # Item

    def __init__(self, messages: Messages, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._messages = messages
        self._file = QueueFile(folder)
        self._lookout = Monitor(self._file)
        self._tasks = Tasks("jobs", self)
        self._watch = WatchedRun()
        self._queue = Queue()
        self._runs: dict[Path, RunNews] = {}
        self._told = ""
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._look)
        self.undo_stack = QUndoStack(self)

    @property
    def queue(self) -> Queue:
        return self._queue

    def start(self) -> None:
        """Begin to look, and see that what waits is worked off."""
        self._do("starting the queue", lambda: self._heal())

    def close(self) -> None:
        """Look no more. What runs goes on."""
        self._timer.stop()
        self.undo_stack.clear()  # its commands know us: collected in one cycle with us, they would crash
        self._tasks.run(self._lookout.close, lambda _: None, lambda _: None)
        self._tasks.stop()

    def run_news(self, run: Path) -> RunNews | None:
        """What was last seen of a run."""
        return self._runs.get(run)

    def watch(self, run: Path | None, cell: Cell | None = None) -> None:
        """Look at this run too, and at this cell's curve."""
        self._watch = WatchedRun(run, cell)
        self._look_soon()

    # --- what the user does

    def submit(self, spec: ExperimentSpec) -> None:
        """Queue an experiment; `added` follows."""

        def queued() -> Item:
            item = self._file.add(spec)
            ensure_runner(self._file.folder)
            return item

        self._do("queueing the experiment", queued, self.added.emit)

    def adopt(self, run: Path) -> None:
        """Take a run folder into the list; `added` follows."""
        self._do("opening the run", lambda: self._file.adopt(run), self.added.emit)

    def again(self, item: Item, cells: Sequence[Cell] = (), redo: Sequence[Cell] = ()) -> None:
        """Queue it again: all that is not done, or these cells alone, or these anew."""

        def queued() -> None:
            self._file.again(item.id, tuple(c.name for c in cells), tuple(c.name for c in redo))
            ensure_runner(self._file.folder)

        self._do("queueing the experiment again", queued)

    def move(self, item: Item, by: int) -> None:
        """Towards the end, or the front (by < 0); nothing happens at the ends."""
        if 0 <= self.row(item) + by < len(self._queue.items):
            self.undo_stack.push(Move(self, item, by))

    def row(self, item: Item) -> int:
        """Its place in the queue as it was last seen, -1 if it is not in it."""
        return next((row for row, known in enumerate(self._queue.items) if known.id == item.id), -1)

    def forget(self, item: Item) -> None:
        """Take it off the list (undoable); its folder stays."""
        self.undo_stack.push(Forget(self, item))

    def pause(self, paused: bool) -> None:
        """Begin no further cell and no further experiment, or go on, with what was paused too."""

        def asked() -> None:
            self._file.set_paused(paused)
            for item in self._queue.items:
                if paused and item.state == "running":
                    control.pause(item.run)
            ensure_runner(self._file.folder)

        self._do("pausing the queue", asked)

    def keep_going(self, on: bool) -> None:
        self._do("changing the queue", lambda: self._file.set_keep_going(on))

    def stop_and_keep(self, run: Path) -> None:
        self._do("asking the experiment to stop", lambda: control.stop_and_keep(run))

    def cancel(self, run: Path) -> None:
        self._do("ending the experiment", lambda: control.cancel(run))

    def skip(self, run: Path, cell: Cell, on: bool) -> None:
        self._do("skipping a cell", lambda: control.skip(run, cell.name, on))

    def delete(self, item: Item) -> None:
        """Remove what MLEE wrote into its folder, and the item."""

        def removed() -> int:
            left = control.delete(item.run)
            self._file.remove(item.id)
            return left

        def told(left: int) -> None:
            if left:
                files = "1 file that is" if left == 1 else f"{left} files that are"
                self._messages.info(f"The run is deleted; {item.run} keeps {files} not MLEE's.")

        self._do("deleting the run", removed, told)

    # --- for the undo stack

    def move_now(self, item_id: str, by: int) -> None:
        self._do("moving an experiment", lambda: self._file.move(item_id, by))

    def remove_now(self, item_id: str) -> None:
        self._do("taking an experiment off the list", lambda: self._file.remove(item_id))

    def put_back(self, item: Item, row: int) -> None:
        def put() -> None:
            self._file.edit(partial(_with, item, row))
            ensure_runner(self._file.folder)

        self._do("putting an experiment back", put)

    # --- looking

    def _heal(self) -> None:
        if any(item.state in ("waiting", "running") for item in self._file.read().items):
            ensure_runner(self._file.folder)

    def _do(
        self, doing: str, work: Callable[[], Any], then: Callable[[Any], object] = lambda _: None
    ) -> None:
        def done(result: Any) -> None:
            then(result)
            self._look_soon()

        def failed(error: Exception) -> None:
            self._messages.failed(doing, error)
            self._look_soon()

        self._tasks.run(work, done, failed)

    def _look_soon(self) -> None:
        self._timer.start(0)

    def _look(self) -> None:
        self._tasks.run(partial(self._lookout.look, self._watch), self._on_seen, self._on_blind)

    def _on_seen(self, seen: Seen) -> None:
        before, self._queue = self._queue, seen.queue
        self._told = ""
        known = {item.id: item for item in before.items}
        if seen.queue != before:
            self.queue_changed.emit(seen.queue)
        for item in seen.queue.items:
            was = known.get(item.id)
            # one that ends at once may never have been seen at work
            if was is not None and was.state in ("waiting", "running") and item.state in ENDED:
                self.ended.emit(item)
        changed = {run: news for run, news in seen.runs.items() if news != self._runs.get(run)}
        self._runs |= changed
        for news in changed.values():
            self.news.emit(news)
        if changed:
            self.looked.emit(changed)
        busy = any(news.state == "running" or not news.caught_up for news in seen.runs.values())
        busy = busy or any(item.state in ("waiting", "running") for item in seen.queue.items)
        self._timer.start(BUSY_MS if busy else IDLE_MS)

    def _on_blind(self, error: Exception) -> None:
        """The queue cannot be read: said once, tried again."""
        if str(error) != self._told:
            self._told = str(error)
            self._messages.failed("reading the queue of experiments", error)
        self._timer.start(IDLE_MS)


def _with(item: Item, row: int, queue: Queue) -> Queue:
    """The queue with an item at a row."""
    others = [known for known in queue.items if known.id != item.id]
    return replace(queue, items=(*others[:row], item, *others[row:]))


class Move(QUndoCommand):
    """Train an experiment earlier (by < 0) or later."""

    def __init__(self, jobs: JobsClient, item: Item, by: int) -> None:
        super().__init__(f"move {item.run.name}")
        self._jobs, self._id, self._by = jobs, item.id, by

    def redo(self) -> None:
        self._jobs.move_now(self._id, self._by)

    def undo(self) -> None:
        self._jobs.move_now(self._id, -self._by)


class Forget(QUndoCommand):
    """Take an experiment off the list."""

    def __init__(self, jobs: JobsClient, item: Item) -> None:
        super().__init__(f"remove {item.run.name} from the list")
        self._jobs, self._item = jobs, item
        self._row = jobs.row(item)

    def redo(self) -> None:
        self._jobs.remove_now(self._item.id)

    def undo(self) -> None:
        self._jobs.put_back(self._item, self._row)

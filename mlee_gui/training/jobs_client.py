"""The queue of experiments and their runs, for the window: edits go out, changes come back as signals.

Trainings are detached processes that do not know this window. Everything here that touches a disk runs in a
thread, which returns frozen values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

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

BUSY_MS, IDLE_MS = 200, 1000
"""Between two readings of the queue and the runs, while something runs or is being read, and otherwise."""

ENDED = ("finished", "failed", "cancelled", "stopped", "interrupted")


class JobsClient(QObject):
    """queue, runs: as they were last read. undo_stack: moves and removals."""

    queue_changed = Signal(object)  # Queue
    runs_changed = Signal(object)  # run folder -> RunNews, of all runs that differ from the last reading
    ended = Signal(object)  # Item that waited or ran at the last reading, and does so no more
    added = Signal(object)  # Item

    def __init__(self, messages: Messages, folder: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.queue = Queue()
        self.undo_stack = QUndoStack(self)
        self._messages = messages
        self._file = QueueFile(folder)
        self._monitor = Monitor(self._file)
        self._tasks = Tasks("jobs", self)
        self._watch = WatchedRun()
        self.runs: dict[Path, RunNews] = {}
        self._error = ""  # why the queue could not be read last time
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._read)

    def start(self) -> None:
        """Begin to read the queue, and see that a runner works on it."""

        def start_runner() -> None:
            if any(item.state in ("waiting", "running") for item in self._file.read().items):
                ensure_runner(self._file.folder)

        self._edit("starting the queue", start_runner)

    def close(self) -> None:
        """Read no more. Trainings continue."""
        self._timer.stop()
        self.undo_stack.clear()  # commands collected in one cycle with this would crash
        self._tasks.run(self._monitor.close, lambda _: None, lambda _: None)
        self._tasks.stop()

    def watch(self, run: Path | None, cell: Cell | None = None) -> None:
        """Read this run too, and the curve of this cell."""
        self._watch = WatchedRun(run, cell)
        self._read_soon()

    # --- what the user does

    def submit(self, spec: ExperimentSpec) -> None:
        """Queue an experiment; `added` follows."""
        self._edit("queueing the experiment", lambda: self._file.add(spec), self.added.emit, run=True)

    def adopt(self, run: Path) -> None:
        """Take a run folder into the list; `added` follows."""
        self._edit("opening the run", lambda: self._file.adopt(run), self.added.emit)

    def requeue(self, item: Item, cells: Sequence[Cell] = (), retrain: Sequence[Cell] = ()) -> None:
        """Queue an experiment again: all that is not done, or only `cells`; `retrain` from scratch."""
        names = tuple(cell.name for cell in cells), tuple(cell.name for cell in retrain)
        self._edit("queueing the experiment again", lambda: self._file.again(item.id, *names), run=True)

    def move(self, item: Item, by: int) -> None:
        """Towards the end, or the front (by < 0); nothing happens at the ends."""
        if 0 <= self.row(item) + by < len(self.queue.items):

            def moved(steps: int) -> Callable[[], None]:
                return partial(self._edit, "moving an experiment", partial(self._file.move, item.id, steps))

            self.undo_stack.push(_UndoableEdit(f"move {item.run.name}", moved(by), moved(-by)))

    def row(self, item: Item) -> int:
        """The item's place in the queue as it was last read, -1 if it is not in it."""
        return next((row for row, known in enumerate(self.queue.items) if known.id == item.id), -1)

    def forget(self, item: Item) -> None:
        """Take an experiment off the list (undoable); its folder stays."""
        redo = partial(self._edit, "taking an experiment off the list", partial(self._file.remove, item.id))
        undo = partial(self._put_back, item, self.row(item))
        self.undo_stack.push(_UndoableEdit(f"remove {item.run.name} from the list", redo, undo))

    def pause(self, paused: bool) -> None:
        """Begin no other cell and no other experiment; or continue, with paused experiments too."""

        def set_paused() -> None:
            self._file.set_paused(paused)
            for item in self.queue.items:
                if paused and item.state == "running":
                    control.pause(item.run)

        self._edit("pausing the queue", set_paused, run=True)

    def keep_going(self, on: bool) -> None:
        self._edit("changing the queue", lambda: self._file.set_keep_going(on))

    def stop_and_keep(self, run: Path) -> None:
        self._edit("stopping the experiment", lambda: control.stop_and_keep(run))

    def cancel(self, run: Path) -> None:
        self._edit("cancelling the experiment", lambda: control.cancel(run))

    def skip(self, run: Path, cell: Cell, on: bool) -> None:
        self._edit("skipping a cell", lambda: control.skip(run, cell.name, on))

    def delete(self, item: Item) -> None:
        """Remove the item, and what MLEE wrote into its folder."""

        def delete() -> int:
            remaining = control.delete(item.run)
            self._file.remove(item.id)
            return remaining

        def report(remaining: int) -> None:
            if remaining:
                files = "1 file that is" if remaining == 1 else f"{remaining} files that are"
                self._messages.info(f"The run is deleted; {item.run} keeps {files} not MLEE's.")

        self._edit("deleting the run", delete, report)

    # --- in the thread

    def _put_back(self, item: Item, row: int) -> None:
        def with_item(queue: Queue) -> Queue:
            others = [known for known in queue.items if known.id != item.id]
            return replace(queue, items=(*others[:row], item, *others[row:]))

        self._edit("putting an experiment back", lambda: self._file.edit(with_item), run=True)

    def _edit(
        self,
        doing: str,
        work: Callable[[], Any],
        then: Callable[[Any], object] = lambda _: None,
        *,
        run: bool = False,
    ) -> None:
        """Do `work` in the thread, then read the queue. run: see that a runner works on the queue then."""

        def edit() -> Any:
            result = work()
            if run:
                ensure_runner(self._file.folder)
            return result

        def done(result: Any) -> None:
            then(result)
            self._read_soon()

        def failed(error: Exception) -> None:
            self._messages.failed(doing, error)
            self._read_soon()

        self._tasks.run(edit, done, failed)

    def _read_soon(self) -> None:
        self._timer.start(0)

    def _read(self) -> None:
        self._tasks.run(partial(self._monitor.look, self._watch), self._on_read, self._on_unreadable)

    def _on_read(self, seen: Seen) -> None:
        before, self.queue = self.queue, seen.queue
        self._error = ""
        if seen.queue != before:
            self.queue_changed.emit(seen.queue)
        # an experiment that ends at once may never have been read as running
        active = {item.id for item in before.items if item.state in ("waiting", "running")}
        for item in seen.queue.items:
            if item.id in active and item.state in ENDED:
                self.ended.emit(item)
        changed = {run: news for run, news in seen.runs.items() if news != self.runs.get(run)}
        self.runs |= changed
        if changed:
            self.runs_changed.emit(changed)
        busy = any(news.state == "running" or not news.caught_up for news in seen.runs.values())
        busy = busy or any(item.state in ("waiting", "running") for item in seen.queue.items)
        self._timer.start(BUSY_MS if busy else IDLE_MS)

    def _on_unreadable(self, error: Exception) -> None:
        """Report an error once, and try again."""
        if str(error) != self._error:
            self._error = str(error)
            self._messages.failed("reading the queue of experiments", error)
        self._timer.start(IDLE_MS)


class _UndoableEdit(QUndoCommand):
    def __init__(self, text: str, redo: Callable[[], None], undo: Callable[[], None]) -> None:
        super().__init__(text)
        self._redo, self._undo = redo, undo

    def redo(self) -> None:
        self._redo()

    def undo(self) -> None:
        self._undo()

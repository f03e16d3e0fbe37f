"""The page where experiments are chosen, queued and watched: connects its panels with the jobs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QSplitter, QStackedWidget, QWidget

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.jobs.monitor import RunNews
from mlee_core.jobs.queue import Item, Queue
from mlee_core.runs.cells import Cell

from ..shell.mainwindow import MainWindow
from ..shell.messages import Messages
from ..shell.status_bar import remaining_text
from ..shell.tasks import Tasks
from .cell_grid import CellGrid
from .cell_panel import CellPanel
from .compare_dialog import CompareDialog
from .failure_panel import FailurePanel
from .form import TrainingForm
from .jobs_client import JobsClient
from .queue_panel import QueuePanel
from .report_export import export_report
from .run_panel import RunPanel

RESUMABLE = ("failed", "cancelled", "stopped", "interrupted", "paused")

HEAD = ("resume", "stop_and_keep", "cancel_run", "use_model", "compare_runs", "export_report", "delete_run")
UNDER_THE_LIST = ("new_experiment", "earlier", "later", "forget_run")
MODEL_FILE = "model.safetensors"


class TrainingPage(QObject):
    """page: what fills the window. model_chosen: path of a trained fold's model to analyse with.
    progressed: share of what runs (0-1, None where nothing does) and in words."""

    model_chosen = Signal(str)
    progressed = Signal(object, str)

    def __init__(self, window: MainWindow, jobs: JobsClient, messages: Messages, form: TrainingForm) -> None:
        super().__init__(window)
        self._window, self._jobs, self._messages = window, jobs, messages
        self._actions = window.actions_by_name
        self._item: Item | None = None
        self._cell: Cell | None = None
        self._tasks = Tasks("report", self)
        named = partial(map, self._actions.__getitem__)
        self.queue = QueuePanel(list(named(UNDER_THE_LIST)), list(named((*HEAD, *UNDER_THE_LIST[1:]))))
        self.form = form
        self.grid, self.cell, self.failure = CellGrid(), CellPanel(), FailurePanel()
        self.run = RunPanel(self.grid, self.cell, self.failure, list(named(HEAD)))
        self._right = QStackedWidget()
        self._right.addWidget(self.form)
        self._right.addWidget(self.run)
        self.page = self._placed()
        self._connect()
        self._enable()

    def close(self) -> None:
        """Ask and draw nothing more; trainings go on."""
        self.form.close_planner()
        self.cell.stop()
        self.failure.stop()
        self._tasks.stop()
        self._jobs.close()

    # --- what is shown

    def show_form(self) -> None:
        self._window.show_page("training")
        self._right.setCurrentWidget(self.form)
        self.form.setFocus()
        self._enable()

    def _on_queue(self, queue: Queue) -> None:
        self.queue.show_queue(queue)
        self._actions["pause_queue"].setChecked(queue.paused)
        self._actions["keep_going"].setChecked(queue.keep_going)
        self._tell_progress()

    def _on_chosen(self, item: Item | None) -> None:
        if item is None:
            self._item = None
            self._jobs.watch(None)
            self._right.setCurrentWidget(self.form)
        elif self._item is None or item.id != self._item.id:
            self._item, self._cell = item, None
            self._jobs.watch(item.run)
            self._right.setCurrentWidget(self.run)
            self._show_run()
        elif item != self._item:
            self._item = item
            self._show_run()
        self._enable()

    def _on_looked(self, changed: Mapping[Path, RunNews]) -> None:
        self.queue.model.show_progress({run: news.progress for run, news in changed.items()})
        self._tell_progress()

    def _on_news(self, news: RunNews) -> None:
        if self._item is not None and news.run == self._item.run:
            self._show_run()
            self._enable()

    def _show_run(self) -> None:
        item = self._item
        assert item is not None, "a run is chosen"
        news = self._jobs.run_news(item.run)
        cells = {} if news is None else news.cells
        view = None if self._cell is None else cells.get(self._cell)
        whole = self._cell is None and item.state in ("failed", "interrupted")
        failed = whole or (view is not None and view.state == "failed")
        self.run.show_run(item, news, told_below=failed)
        self.grid.set_placeholder("Its cells are shown once it has begun.")
        self.grid.show_cells(cells)
        read_only = bool(news is not None and news.looking_only)
        self.grid.set_read_only(read_only)
        self.failure.set_read_only(read_only)
        if whole:
            self.failure.show_message(item.run, item.message)
        elif view is not None and failed:
            self.failure.show_failure(item.run, view)
        elif view is not None and news is not None:
            self.cell.show_cell(item.run, view, news.curve)
        else:
            self.cell.clear()

    def _on_cell(self, cell: Cell) -> None:
        self._cell = cell
        if self._item is not None:
            self._jobs.watch(self._item.run, cell)
            self._show_run()
        self._enable()

    def _tell_progress(self) -> None:
        """Of all that runs together; the longest of them says how long still."""
        running = [item.run for item in self._jobs.queue.items if item.state == "running"]
        told = [n.progress for run in running if (n := self._jobs.run_news(run)) is not None and n.progress]
        if not running:
            self.progressed.emit(None, "")
            return
        total = sum(p.total or 0 for p in told)
        share = sum(p.done for p in told) / total if total else 0.0
        rest = [p.left_s for p in told if p.left_s is not None]
        self.progressed.emit(share, remaining_text(max(rest)) if rest else "training")

    # --- what can be done now

    def _enable(self) -> None:
        item = self._item
        news = None if item is None else self._jobs.run_news(item.run)
        why = "" if item is not None else "Choose an experiment first."
        if news is not None and news.looking_only:
            why = news.looking_only
        running = item is not None and item.state == "running"
        resumable = item is not None and (
            item.state in RESUMABLE or (item.state == "finished" and _open(news))
        )
        self._actions.set_available("resume", why or ("" if resumable else "There is nothing to resume."))
        for name in ("stop_and_keep", "cancel_run"):
            self._actions.set_available(name, why or ("" if running else "It does not run."))
        for name in ("delete_run", "forget_run"):
            self._actions.set_available(name, why or ("It runs: stop or cancel it first." if running else ""))
        row = -1 if item is None else self._jobs.row(item)
        self._actions.set_available("earlier", why if item is None else "" if row > 0 else "It is the first.")
        self._actions.set_available(
            "later",
            why if item is None else "" if row < len(self._jobs.queue.items) - 1 else "It is the last.",
        )
        for name in ("compare_runs", "export_report"):
            self._actions.set_available(name, "" if item is not None else why)
        self._actions.set_available(
            "use_model", "" if self._model_file() is not None else self._why_no_model()
        )

    def _model_file(self) -> Path | None:
        """The model of the chosen cell's fold, once all of that fold is trained."""
        if self._item is None or self._cell is None:
            return None
        file = self._item.run / self._cell.fold / MODEL_FILE
        return file if file.exists() else None

    def _why_no_model(self) -> str:
        if self._cell is None:
            return "Choose a cell of a fold that is done."
        return f"Fold {self._cell.fold} has no model until all of its networks are done."

    # --- what the user does

    def _submit(self, spec: ExperimentSpec) -> None:
        self._jobs.submit(spec)

    def _on_added(self, item: Item) -> None:
        self._window.show_page("training")
        self.queue.choose(item.id)
        self.queue.table.setFocus()

    def _again(self, cells: tuple[Cell, ...] = (), redo: tuple[Cell, ...] = ()) -> None:
        if self._item is not None:
            self._jobs.again(self._item, cells, redo)

    def _skip(self, cell: Cell, on: bool) -> None:
        if self._item is not None:
            self._jobs.skip(self._item.run, cell, on)

    def _try_again(self) -> None:
        self._again(() if self._cell is None else (self._cell,))

    def _smaller_batch(self, size: int) -> None:
        """Another batch size is another training: in a run folder of its own."""
        if self._item is not None:
            was = self._item.run
            run = was.with_name(f"{was.name}-batch-{size}-{time.strftime('%H%M%S')}")
            self._jobs.submit(replace(self._item.spec, batch_size=size, run=run, resume=False))

    def _do(self, name: str) -> None:
        """A command that acts on the chosen experiment."""
        item = self._item
        if item is None:
            return
        if name == "resume":
            self._jobs.again(item)
        elif name == "stop_and_keep":
            self._jobs.stop_and_keep(item.run)
        elif name == "cancel_run":
            self._jobs.cancel(item.run)
        elif name == "forget_run":
            self._jobs.forget(item)
        else:
            self._jobs.move(item, -1 if name == "earlier" else 1)

    def _ask_delete(self) -> None:
        item = self._item
        if item is None:
            return
        question = QMessageBox(
            QMessageBox.Icon.Warning,
            "Delete this run",
            f"Remove {item.run} with its networks, results and logs? This cannot be undone.",
            QMessageBox.StandardButton.Cancel,
            self._window,
        )
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        remove = question.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        remove.clicked.connect(lambda: self._jobs.delete(item))
        question.setDefaultButton(QMessageBox.StandardButton.Cancel)
        question.open()

    def _use_model(self) -> None:
        file = self._model_file()
        if file is not None:
            self.model_chosen.emit(str(file))
            self._window.show_page("analysis")

    def _open_run(self) -> None:
        folder = QFileDialog.getExistingDirectory(self._window, "Open a run folder")
        if folder:
            self._jobs.adopt(Path(folder))

    def _compare(self) -> None:
        """The marked experiments; one alone is compared with all others that have begun."""
        marked = self.queue.marked()
        items = marked if len(marked) > 1 else list(self.queue.model.queue.items)
        CompareDialog([item.run for item in items], self._window).open()

    def _export(self) -> None:
        if self._item is None:
            return
        run = self._item.run
        folder = QFileDialog.getExistingDirectory(self._window, "Write the report into", str(run))
        if folder:
            self.export_to(run, Path(folder))

    def export_to(self, run: Path, folder: Path) -> None:
        """Write tables and figures of a run, in another process."""
        self._messages.show_status(f"Writing the report of {run.name}…")
        self._tasks.run(
            lambda: export_report(run, folder),
            lambda out: self._messages.info(f"The report is in {out}."),
            lambda error: self._messages.failed("writing the report", error),
        )

    def _on_ended(self, item: Item) -> None:
        name = item.run.name
        text = {"finished": "is finished", "cancelled": "was cancelled", "stopped": "was stopped"}
        sentence = f"Experiment {name} {text.get(item.state, 'has failed')}."
        if item.state in ("failed", "interrupted"):
            self._messages.error(f"{sentence} {item.message}".strip())
        else:
            self._messages.info(sentence)

    # --- wiring

    def _placed(self) -> QWidget:
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(self.queue)
        split.addWidget(self._right)
        split.setStretchFactor(1, 1)
        return split

    def _connect(self) -> None:
        jobs, actions = self._jobs, self._actions
        jobs.queue_changed.connect(self._on_queue)
        jobs.news.connect(self._on_news)
        jobs.looked.connect(self._on_looked)
        jobs.added.connect(self._on_added)
        jobs.ended.connect(self._on_ended)
        self.queue.chosen.connect(self._on_chosen)
        self.queue.pause_asked.connect(jobs.pause)
        self.queue.keep_going_asked.connect(jobs.keep_going)
        self.form.queued.connect(self._submit)
        self.form.smoke.connect(self._submit)
        self.form.told.connect(self._messages.error)
        self.grid.cell_chosen.connect(self._on_cell)
        self.grid.rerun.connect(lambda cell: self._again((cell,), (cell,)))
        self.grid.resume.connect(lambda cell: self._again((cell,)))
        self.grid.skip.connect(self._skip)
        self.failure.try_again.connect(self._try_again)
        self.failure.smaller_batch.connect(self._smaller_batch)
        for name in ("resume", "stop_and_keep", "cancel_run", "forget_run", "earlier", "later"):
            actions[name].triggered.connect(lambda _=False, name=name: self._do(name))
        for name, act in {
            "new_experiment": self.show_form,
            "open_run": self._open_run,
            "delete_run": self._ask_delete,
            "use_model": self._use_model,
            "compare_runs": self._compare,
            "export_report": self._export,
            "pause_queue": lambda: jobs.pause(actions["pause_queue"].isChecked()),
            "keep_going": lambda: jobs.keep_going(actions["keep_going"].isChecked()),
        }.items():
            actions[name].triggered.connect(lambda _=False, act=act: act())


def _open(news: RunNews | None) -> bool:
    """Whether cells of a run are not done."""
    return news is not None and bool(news.progress and news.progress.total != news.progress.done)

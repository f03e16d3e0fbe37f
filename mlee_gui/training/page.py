"""The page where experiments are chosen, queued and watched: connects its panels with the jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QSplitter, QStackedWidget

from mlee_core.jobs.monitor import RunNews
from mlee_core.jobs.queue import Item, Queue
from mlee_core.runs.cells import MODEL_FILE, Cell

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

RUN_COMMANDS = (
    "resume",
    "stop_and_keep",
    "cancel_run",
    "use_model",
    "compare_runs",
    "export_report",
    "delete_run",
)
LIST_COMMANDS = ("new_experiment", "earlier", "later", "forget_run")


class TrainingPage(QObject):
    """page: the widget shown in the window. model_chosen: path of a trained fold's model to analyse with.
    progressed: share of all running experiments (0-1, None while none runs) and the time left as text."""

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
        self.queue = QueuePanel(list(named(LIST_COMMANDS)), list(named((*RUN_COMMANDS, *LIST_COMMANDS[1:]))))
        self.form = form
        self.grid, self.cell, self.failure = CellGrid(), CellPanel(), FailurePanel()
        self.run = RunPanel(self.grid, self.cell, self.failure, list(named(RUN_COMMANDS)))
        self._right = QStackedWidget()
        self._right.addWidget(self.form)
        self._right.addWidget(self.run)
        self.page = QSplitter(Qt.Orientation.Horizontal, childrenCollapsible=False)
        self.page.addWidget(self.queue)
        self.page.addWidget(self._right)
        self.page.setStretchFactor(1, 1)
        self._connect()
        self._update_actions()

    def close(self) -> None:
        """Read and draw nothing more; trainings continue."""
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
        self._update_actions()

    def _on_queue(self, queue: Queue) -> None:
        self.queue.show_queue(queue)
        self._actions["pause_queue"].setChecked(queue.paused)
        self._actions["keep_going"].setChecked(queue.keep_going)
        self._emit_progress()

    def _on_item(self, item: Item | None) -> None:
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
        self._update_actions()

    def _on_runs(self, changed: Mapping[Path, RunNews]) -> None:
        if self._item is not None and self._item.run in changed:
            self._show_run()
            self._update_actions()
        self.queue.model.show_progress({run: news.progress for run, news in changed.items()})
        self._emit_progress()

    def _show_run(self) -> None:
        item = self._item
        assert item is not None, "a run is chosen"
        news = self._jobs.runs.get(item.run)
        cells = {} if news is None else news.cells
        view = None if self._cell is None else cells.get(self._cell)
        whole = self._cell is None and item.state in ("failed", "interrupted")
        failed = whole or (view is not None and view.state == "failed")
        self.run.show_run(item, news, failure_shown=failed)
        self.grid.table.set_placeholder("Cells are shown once the experiment has begun.")
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
        self._update_actions()

    def _emit_progress(self) -> None:
        """Of all running experiments together; the time left is the longest."""
        running = [item.run for item in self._jobs.queue.items if item.state == "running"]
        known = [n.progress for run in running if (n := self._jobs.runs.get(run)) is not None and n.progress]
        if not running:
            self.progressed.emit(None, "")
            return
        total = sum(p.total or 0 for p in known)
        share = sum(p.done for p in known) / total if total else 0.0
        times = [p.left_s for p in known if p.left_s is not None]
        self.progressed.emit(share, remaining_text(max(times)) if times else "training")

    # --- what can be done now

    def _update_actions(self) -> None:
        item = self._item
        news = None if item is None else self._jobs.runs.get(item.run)
        row, last = -1 if item is None else self._jobs.row(item), len(self._jobs.queue.items) - 1
        none_chosen = "" if item is not None else "Choose an experiment first."
        why_not = none_chosen if news is None else news.looking_only or none_chosen
        running = item is not None and item.state == "running"
        unfinished = news is not None and news.progress and news.progress.total != news.progress.done
        resumable = item is not None and (
            item.state in RESUMABLE or (item.state == "finished" and unfinished)
        )
        not_running = "" if running else "The experiment is not running."
        is_running = "The experiment is running: stop or cancel it first." if running else ""
        for name, reason in (
            ("resume", why_not or ("" if resumable else "There is nothing to resume.")),
            ("stop_and_keep", why_not or not_running),
            ("cancel_run", why_not or not_running),
            ("delete_run", why_not or is_running),
            ("forget_run", why_not or is_running),
            ("earlier", none_chosen or ("" if row > 0 else "The experiment is the first.")),
            ("later", none_chosen or ("" if row < last else "The experiment is the last.")),
            ("compare_runs", none_chosen),
            ("export_report", none_chosen),
            ("use_model", "" if self._model_file() is not None else self._why_no_model()),
        ):
            self._actions.set_available(name, reason)

    def _model_file(self) -> Path | None:
        """The model of the chosen cell's fold, once all networks of that fold are trained."""
        if self._item is None or self._cell is None:
            return None
        file = self._item.run / self._cell.fold / MODEL_FILE
        return file if file.exists() else None

    def _why_no_model(self) -> str:
        if self._cell is None:
            return "Choose a cell of a fold that is done."
        return f"Fold {self._cell.fold} has no model until all of its networks are done."

    # --- what the user does

    def _on_added(self, item: Item) -> None:
        self._window.show_page("training")
        self.queue.choose(item.id)
        self.queue.table.setFocus()

    def _requeue(self, cells: tuple[Cell, ...] = (), retrain: tuple[Cell, ...] = ()) -> None:
        if self._item is not None:
            self._jobs.requeue(self._item, cells, retrain)

    def _skip(self, cell: Cell, on: bool) -> None:
        if self._item is not None:
            self._jobs.skip(self._item.run, cell, on)

    def _smaller_batch(self, size: int) -> None:
        """Another batch size is another training: in a run folder of its own."""
        if self._item is not None:
            old = self._item.run
            run = old.with_name(f"{old.name}-batch-{size}-{time.strftime('%H%M%S')}")
            self._jobs.submit(replace(self._item.spec, batch_size=size, run=run, resume=False))

    def _ask_delete(self, item: Item) -> None:
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
        """The selected experiments; a single one is compared with all others that have begun."""
        selected = self.queue.selected()
        items = selected if len(selected) > 1 else list(self.queue.model.queue.items)
        CompareDialog([item.run for item in items], self._window).open()

    def _export(self, item: Item) -> None:
        folder = QFileDialog.getExistingDirectory(self._window, "Write the report into", str(item.run))
        if folder:
            self.export_to(item.run, Path(folder))

    def export_to(self, run: Path, folder: Path) -> None:
        """Write tables and figures of a run, in another process."""
        self._messages.show_status(f"Writing the report of {run.name}…")
        self._tasks.run(
            lambda: export_report(run, folder),
            lambda out: self._messages.info(f"The report is in {out}."),
            lambda error: self._messages.failed("writing the report", error),
        )

    def _on_ended(self, item: Item) -> None:
        outcomes = {"finished": "is finished", "cancelled": "was cancelled", "stopped": "was stopped"}
        sentence = f"Experiment {item.run.name} {outcomes.get(item.state, 'has failed')}."
        if item.state in ("failed", "interrupted"):
            self._messages.error(f"{sentence} {item.message}".strip())
        else:
            self._messages.info(sentence)

    # --- wiring

    def _connect(self) -> None:
        jobs, actions = self._jobs, self._actions
        jobs.queue_changed.connect(self._on_queue)
        jobs.runs_changed.connect(self._on_runs)
        jobs.added.connect(self._on_added)
        jobs.ended.connect(self._on_ended)
        self.queue.chosen.connect(self._on_item)
        self.queue.pause_requested.connect(jobs.pause)
        self.queue.keep_going_requested.connect(jobs.keep_going)
        self.form.queued.connect(jobs.submit)
        self.form.smoke.connect(jobs.submit)
        self.form.failed.connect(self._messages.error)
        self.grid.cell_chosen.connect(self._on_cell)
        self.grid.rerun.connect(lambda cell: self._requeue((cell,), (cell,)))
        self.grid.resume.connect(lambda cell: self._requeue((cell,)))
        self.grid.skip.connect(self._skip)
        self.failure.try_again.connect(lambda: self._requeue((self._cell,) if self._cell else ()))
        self.failure.smaller_batch.connect(self._smaller_batch)
        for name, act in {
            "new_experiment": self.show_form,
            "open_run": self._open_run,
            "use_model": self._use_model,
            "compare_runs": self._compare,
            "pause_queue": lambda: jobs.pause(actions["pause_queue"].isChecked()),
            "keep_going": lambda: jobs.keep_going(actions["keep_going"].isChecked()),
        }.items():
            actions[name].triggered.connect(lambda _=False, act=act: act())
        for name, act_on in {
            "resume": jobs.requeue,
            "stop_and_keep": lambda item: jobs.stop_and_keep(item.run),
            "cancel_run": lambda item: jobs.cancel(item.run),
            "forget_run": jobs.forget,
            "earlier": lambda item: jobs.move(item, -1),
            "later": lambda item: jobs.move(item, 1),
            "delete_run": self._ask_delete,
            "export_report": self._export,
        }.items():
            actions[name].triggered.connect(partial(self._act, act_on))

    def _act(self, act_on: Callable[[Item], object]) -> None:
        if self._item is not None:
            act_on(self._item)

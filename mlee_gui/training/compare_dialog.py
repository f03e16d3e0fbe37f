"""Table 3 of several runs side by side, with the best score of each row in bold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from mlee_core.report.document_blocks import as_text
from mlee_core.report.formatting import stage_name
from mlee_core.report.run_comparison import ComparedRun, RunComparison, compare_runs
from mlee_core.system.service import Done, Refused, ServiceProcess, calling

from ..shell.process_client import ProcessClient
from ..shell.tasks import Tasks
from ..shell.widgets import button, column, text_label
from .report_export import export_report

HOW = (
    "WA and UA are pooled over all test utterances, in percent; in brackets the difference to the first run, "
    "in points. Bold: the best of a row among runs with the same utterances. Done: trained networks of the "
    "planned ones."
)
COLUMNS = ("WA", "UA", "done")


class ComparisonClient(ProcessClient):
    """Runs are read in a process of its own: `compared`, `refused` or `died` comes once after `compare`."""

    compared = Signal(object)  # RunComparison
    refused = Signal(str)  # one sentence

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(lambda: ServiceProcess("comparison", calling, compare_runs), parent)

    def compare(self, runs: Sequence[Path]) -> None:
        self.request((tuple(runs),))

    def _on_event(self, number: int, event: Any) -> None:
        self.stop()
        match event:
            case Done(found):
                self.compared.emit(found)
            case Refused(message):
                self.refused.emit(message)


class CompareDialog(QDialog):
    """Reads the runs in a process of its own. Use `open`, so that nothing blocks."""

    def __init__(self, runs: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Compare runs")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.found: RunComparison | None = None
        self._comparing = ComparisonClient(self)
        self._tasks = Tasks("report", self)
        self.about = QLabel(f"Reading {len(runs)} runs…", wordWrap=True)
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.table.setTabKeyNavigation(False)
        self.table.setAlternatingRowColors(True)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.setAccessibleName("Table 3 of the runs: three columns per run")
        self.notes = text_label()
        self.copy = button("&Copy as text", "Copy the whole table, with the notes below it")
        self.export = button(
            "&Export report…", "Write tables, pictures and predictions of the run in the selected column"
        )
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        for one in (self.copy, self.export):
            one.setEnabled(False)
            one.setAutoDefault(False)
            buttons.addButton(one, QDialogButtonBox.ButtonRole.ActionRole)
        column(self, self.about, self.table, self.notes, buttons, stretch=self.table)
        self.resize(self.fontMetrics().height() * 62, self.fontMetrics().height() * 32)
        buttons.rejected.connect(self.reject)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        self.export.clicked.connect(self._ask_folder)
        self.finished.connect(self.stop)
        self._comparing.compared.connect(self._show)
        self._comparing.refused.connect(self.about.setText)
        self._comparing.died.connect(lambda _, sentence: self.about.setText(sentence))
        self._comparing.compare(runs)

    def text(self) -> str:
        """The table and the notes, to be copied."""
        if self.found is None or not self.found.runs:
            return ""
        return "\n\n".join((as_text(self.found.table()), *self.found.notes())) + "\n"

    def stop(self) -> None:
        """Stop reading; a report that is being written is finished by its own process."""
        self._comparing.stop()
        self._tasks.stop(0.0)

    @property
    def chosen(self) -> ComparedRun | None:
        """The run in the selected column, else the first."""
        if self.found is None or not self.found.runs:
            return None
        return self.found.runs[max(0, self.table.currentColumn()) // len(COLUMNS)]

    def export_to(self, run: Path, folder: Path) -> None:
        """Write the report of a run in another process; the outcome is shown below the table."""
        self.export.setEnabled(False)
        self._show_notes(f"Writing the report of {run.name}…")
        self._tasks.run(
            lambda: export_report(run, folder),
            lambda out: self._on_exported(f"The report of {run.name} is in {out}."),
            lambda error: self._on_exported(str(error)),
        )

    def _ask_folder(self) -> None:
        if (run := self.chosen) is None:
            return
        path = Path(run.path)
        dialog = QFileDialog(self, f"Write the report of {run.name} into", str(path))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda folder: self.export_to(path, Path(folder)))
        dialog.open()

    def _on_exported(self, sentence: str) -> None:
        self.export.setEnabled(True)
        self._show_notes(sentence)

    def _show_notes(self, *sentences: str) -> None:
        kept = () if self.found is None else self.found.notes()
        self.notes.setText("\n".join((*kept, *sentences)))

    def _show(self, found: RunComparison) -> None:
        self.found = found
        self.about.setText(HOW if found.runs else "None of these runs has a result to show yet.")
        self._show_notes()
        self.table.setVisible(bool(found.runs))
        if not found.runs:
            return
        self.copy.setEnabled(True)
        self.export.setEnabled(True)
        self.table.setRowCount(len(found.stages))
        self.table.setColumnCount(len(COLUMNS) * len(found.runs))
        self.table.setVerticalHeaderLabels([stage_name(stage) for stage in found.stages])
        for k, run in enumerate(found.runs):
            self._fill(k, run)

    def _fill(self, k: int, run: ComparedRun) -> None:
        """The columns of one run; every other run is shaded."""
        assert self.found is not None
        for offset, kind in enumerate(COLUMNS):
            header = QTableWidgetItem(f"{run.name}\n{kind}")
            header.setToolTip(f"{run.path}\ncorpus {run.corpus}, recipe {run.recipe}")
            self.table.setHorizontalHeaderItem(len(COLUMNS) * k + offset, header)
        shade = self.palette().color(QPalette.ColorRole.AlternateBase)
        scores: tuple[Literal["wa", "ua"], ...] = ("wa", "ua")
        for row, stage in enumerate(self.found.stages):
            cells = [
                (self.found.score_text(run, stage, s), self.found.is_best(run, stage, s)) for s in scores
            ]
            for offset, (text, best) in enumerate([*cells, (self.found.networks(run, stage), False)]):
                item = QTableWidgetItem(text)
                font = item.font()
                font.setBold(best)
                item.setFont(font)
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if k % 2:
                    item.setBackground(shade)
                self.table.setItem(row, len(COLUMNS) * k + offset, item)

"""The confusion matrix of a finished cell: counts and shares per true class, as numbers and as colour."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QBrush, QColor, QPalette
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from mlee_core.figures.palette import CELL_COLORS, text_on
from mlee_core.labels.votes import CLASS_NAMES, CLASSES
from mlee_core.runs.follower import CellView
from mlee_core.runs.run_folder import RunFolder

from ..shell.plot_theme import mix
from ..shell.tasks import Tasks
from ..shell.widgets import column, text_label
from .cell_grid_model import percent

if TYPE_CHECKING:
    from mlee_core.report.cell_report import Confusion

NAMES = tuple(CLASS_NAMES[name] for name in CLASSES)
NOT_DONE = "This cell has no result yet."


class ConfusionPanel(QWidget):
    """Reads the cell's result in the thread of `tasks`."""

    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks
        self._cell: tuple[Path, CellView] | None = None
        self._counts: tuple[tuple[int, ...], ...] = ()
        self.about = text_label()
        self.table = QTableWidget(len(CLASSES), len(CLASSES) + 1)
        self.table.setHorizontalHeaderLabels([*(f"as {name}" for name in NAMES), "all"])
        self.table.setVerticalHeaderLabels([f"true {name}" for name in NAMES])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setAccessibleName("Confusion: rows are the true classes, columns the predicted ones")
        column(self, self.about, self.table, stretch=self.table).addStretch(0)
        self._show_text(NOT_DONE)

    def show_cell(self, run: Path | None, view: CellView | None) -> None:
        """Show the matrix of this cell; it is read once, when the cell is done."""
        wanted = None if run is None or view is None or view.state != "done" else (run, view)
        if wanted == self._cell:
            return
        self._cell = wanted
        if wanted is None:
            self._show_text(NOT_DONE)
            return
        self._show_text("Reading the result…")
        folder, done = wanted

        def read() -> Confusion:
            from mlee_core.report.cell_report import confusion_of

            return confusion_of(RunFolder(folder), done.cell)

        self._tasks.run(
            read,
            lambda found: self._show(found, done) if self._cell == wanted else None,
            lambda error: self._show_text(str(error)) if self._cell == wanted else None,
        )

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint()

    def _show_text(self, text: str) -> None:
        self.about.setText(text)
        self.table.hide()
        self._counts = ()

    def _show(self, found: Confusion, view: CellView) -> None:
        left_out = f", {found.left_out} without one are left out" if found.left_out else ""
        self.about.setText(
            f"Test speaker{'s' if len(found.tested) > 1 else ''} {', '.join(found.tested)}: "
            f"{found.utterances} utterances with a dominant class{left_out}. Rows: true classes by the "
            f"votes. Columns: predicted classes. WA {percent(view.wa)} %, UA {percent(view.ua)} %."
        )
        self._counts = found.counts
        self.table.setVisible(bool(found.utterances))
        self._paint()

    def _paint(self) -> None:
        base = self.palette().color(QPalette.ColorRole.Base)
        for row, counts in enumerate(self._counts):
            total = sum(counts)
            for predicted, count in enumerate((*counts, total)):
                share = count / total if total else 0.0
                is_total = predicted == len(counts)
                item = QTableWidgetItem(f"{count}" if is_total or not total else f"{count}\n{share:.1%}")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                if not is_total:
                    color = mix(QColor(CELL_COLORS["running"]), base, 0.92 * share)
                    item.setBackground(QBrush(color))
                    item.setForeground(QBrush(QColor(text_on(color.name()))))
                    item.setToolTip(
                        f"{count} of {total} {NAMES[row]} utterances were predicted as {NAMES[predicted]}"
                    )
                self.table.setItem(row, predicted, item)

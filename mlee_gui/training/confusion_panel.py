"""Whom a finished cell took for whom: counts and shares of each true class, as numbers and as colour."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QBrush, QColor, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from mlee_core.figures.palette import CELL_COLORS, text_on
from mlee_core.labels.votes import CLASS_NAMES, CLASSES
from mlee_core.runs.follower import CellView
from mlee_core.runs.run_folder import RunFolder

from ..shell.plot_theme import mix
from ..shell.tasks import Tasks
from .cell_grid_model import percent

NAMES = tuple(CLASS_NAMES[name] for name in CLASSES)
NOT_DONE = "There is no result of this cell yet."


class ConfusionPanel(QWidget):
    """Reads the cell's result in the thread of `tasks`."""

    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks
        self._of: tuple[Path, CellView] | None = None
        self._counts: tuple[tuple[int, ...], ...] = ()
        self.about = QLabel(wordWrap=True)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = QTableWidget(len(CLASSES), len(CLASSES) + 1)
        self.table.setHorizontalHeaderLabels([*(f"said {name}" for name in NAMES), "all"])
        self.table.setVerticalHeaderLabels([f"is {name}" for name in NAMES])
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.setAccessibleName("Confusion: rows are the true classes, columns the predicted ones")
        column = QVBoxLayout(self)
        column.addWidget(self.about)
        column.addWidget(self.table, 1)
        column.addStretch(0)
        self._say(NOT_DONE)

    def show_cell(self, run: Path | None, view: CellView | None) -> None:
        """Of which cell; it is read once, when it is done."""
        wanted = None if run is None or view is None or view.state != "done" else (run, view)
        if wanted == self._of:
            return
        self._of = wanted
        if wanted is None:
            self._say(NOT_DONE)
            return
        self._say("Reading the result…")
        folder, done = wanted

        def read() -> object:
            from mlee_core.report.cell_report import confusion_of

            return confusion_of(RunFolder(folder), done.cell)

        self._tasks.run(
            read,
            lambda found: self._show(found) if self._of == wanted else None,
            lambda error: self._say(str(error)) if self._of == wanted else None,
        )

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._paint()

    def _say(self, words: str) -> None:
        self.about.setText(words)
        self.table.hide()
        self._counts = ()

    def _show(self, found: object) -> None:
        from mlee_core.report.cell_report import Confusion

        assert isinstance(found, Confusion) and self._of is not None
        view = self._of[1]
        left_out = f", {found.left_out} without one are left out" if found.left_out else ""
        self.about.setText(
            f"Test speaker{'s' if len(found.tested) > 1 else ''} {', '.join(found.tested)}: "
            f"{found.utterances} utterances with a dominant class{left_out}. Each row is a true class by the "
            f"votes, with what it was taken for. WA {percent(view.wa)} %, UA {percent(view.ua)} %."
        )
        self._counts = found.counts
        self.table.setVisible(bool(found.utterances))
        self._paint()

    def _paint(self) -> None:
        base = self.palette().color(QPalette.ColorRole.Base)
        for row, counts in enumerate(self._counts):
            total = sum(counts)
            for column, count in enumerate((*counts, total)):
                share = count / total if total else 0.0
                of_all = column == len(counts)
                item = QTableWidgetItem(f"{count}" if of_all or not total else f"{count}\n{share:.1%}")
                item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                if not of_all:
                    color = mix(QColor(CELL_COLORS["running"]), base, 0.92 * share)
                    item.setBackground(QBrush(color))
                    item.setForeground(QBrush(QColor(text_on(color.name()))))
                    item.setToolTip(
                        f"{count} of {total} {NAMES[row]} utterances were taken for {NAMES[column]}"
                    )
                self.table.setItem(row, column, item)

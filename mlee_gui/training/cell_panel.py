"""One cell of an experiment: its learning curves, its log, and whom it took for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from mlee_core.runs.follower import CellView

from ..shell.status_bar import Elided
from ..shell.tasks import Tasks
from .cell_grid_model import cell_words, tip
from .cell_log_panel import CellLogPanel
from .confusion_panel import ConfusionPanel
from .learning_curves import NOTHING, LearningCurves

NO_CELL = "Choose a cell of the grid to see its curves, its log and its confusions."


class CellPanel(QWidget):
    """Tabs Curves, Log and Confusion. `stop` ends the thread that reads files for it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = Tasks("cell", self)
        self.title = Elided(NO_CELL, Qt.TextElideMode.ElideRight)
        self.curves = LearningCurves()
        self.log = CellLogPanel(self._tasks)
        self.confusion = ConfusionPanel(self._tasks)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.curves, "&Curves")
        self.tabs.addTab(self.log, "&Log")
        self.tabs.addTab(self.confusion, "C&onfusion")
        self.tabs.setTabToolTip(0, "Losses and accuracies after each epoch")
        self.tabs.setTabToolTip(1, "What is written about this cell, and the logs of the run")
        self.tabs.setTabToolTip(2, "Whom the finished cell took for whom")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.title)
        column.addWidget(self.tabs, 1)
        self.clear()

    def show_cell(self, run: Path, view: CellView, curve: Sequence[Mapping[str, Any]]) -> None:
        """Show a cell, again and again as it goes on. curve: rows as CellResult.curves."""
        words = tip(view).split("\n")
        self.title.setText(f"{cell_words(view.cell)}: {words[1][:1].lower()}{words[1][1:]}")
        self.title.setToolTip(tip(view))
        self.curves.nothing_shown = NOTHING
        self.curves.show_curve(curve, view.best)
        self.log.show_cell(run, view.cell)
        self.confusion.show_cell(run, view)

    def clear(self) -> None:
        """No cell is chosen."""
        self.title.setText(NO_CELL)
        self.title.setToolTip("")
        self.curves.nothing_shown = "No cell is chosen."
        self.curves.show_curve(())
        self.log.show_cell(None, None)
        self.confusion.show_cell(None, None)

    def stop(self) -> None:
        """Read nothing more."""
        self._tasks.stop()

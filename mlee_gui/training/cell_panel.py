"""One cell of an experiment: its learning curves, its log and its confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QWidget

from mlee_core.runs.follower import CellView

from ..shell.status_bar import Elided
from ..shell.tasks import Tasks
from ..shell.widgets import column
from .cell_grid_model import cell_text, tip
from .cell_log_panel import CellLogPanel
from .confusion_panel import ConfusionPanel
from .learning_curves import EMPTY, LearningCurves

NO_CELL = "Choose a cell of the grid to see its curves, its log and its confusion matrix."


class CellPanel(QWidget):
    """The tabs Curves, Log and Confusion. `stop` ends the thread that reads their files."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = Tasks("cell", self)
        self.title = Elided(NO_CELL, Qt.TextElideMode.ElideRight)
        self.curves = LearningCurves()
        self.log = CellLogPanel(self._tasks)
        self.confusion = ConfusionPanel(self._tasks)
        self.tabs = QTabWidget(documentMode=True)
        for tab, title, tip_text in (
            (self.curves, "&Curves", "Losses and accuracies after each epoch"),
            (self.log, "&Log", "The events of this cell, and the logs of the run"),
            (self.confusion, "C&onfusion", "Which class the finished cell predicted for which"),
        ):
            self.tabs.setTabToolTip(self.tabs.addTab(tab, title), tip_text)
        column(self, self.title, self.tabs, stretch=self.tabs).setContentsMargins(0, 4, 0, 0)
        self.clear()

    def show_cell(self, run: Path, view: CellView, curve: Sequence[Mapping[str, Any]]) -> None:
        """Show a cell, again whenever it has changed. curve: rows as CellResult.curves."""
        state = tip(view).split("\n")[1]
        self.title.setText(f"{cell_text(view.cell)}: {state[:1].lower()}{state[1:]}")
        self.title.setToolTip(tip(view))
        self.curves.empty_text = EMPTY
        self.curves.show_curve(curve, view.best)
        self.log.show_cell(run, view.cell)
        self.confusion.show_cell(run, view)

    def clear(self) -> None:
        """No cell is chosen."""
        self.title.setText(NO_CELL)
        self.title.setToolTip("")
        self.curves.empty_text = "No cell is chosen."
        self.curves.show_curve(())
        self.log.show_cell(None, None)
        self.confusion.show_cell(None, None)

    def stop(self) -> None:
        self._tasks.stop()

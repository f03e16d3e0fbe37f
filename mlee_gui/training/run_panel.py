"""One experiment: its progress, its grid of speakers and stages, and a panel about the chosen cell."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QLabel, QProgressBar, QSplitter, QStackedWidget, QWidget

from mlee_core.jobs.monitor import RunNews
from mlee_core.jobs.queue import Item

from ..shell.status_bar import Elided, remaining_text
from ..shell.tables import button_row
from ..shell.widgets import column, text_label

STATES = {
    "waiting": "is waiting for its turn",
    "queued": "is waiting for its turn",
    "running": "is being trained",
    "finished": "is finished",
    "partly": "has trained what was requested; the rest can be resumed",
    "failed": "has failed",
    "cancelled": "was cancelled: what is done is kept, and it can be resumed",
    "stopped": "was stopped: cells that were running are kept as done early, the rest can be resumed",
    "paused": "is paused",
    "interrupted": "was interrupted: its process has ended; Resume continues from the last epoch",
    "unreadable": "cannot be read",
}


class RunPanel(QWidget):
    """Places the grid above the panel of the chosen cell, or above the panel of a failure."""

    def __init__(self, grid: QWidget, cell: QWidget, failure: QWidget, actions: list[QAction]) -> None:
        super().__init__()
        self.name = Elided("", Qt.TextElideMode.ElideMiddle)
        font = self.name.font()
        font.setBold(True)
        self.name.setFont(font)
        self.state = text_label()
        self.bar = QProgressBar(maximum=1000, textVisible=False)
        self.bar.setMaximumHeight(10)
        self.bar.setAccessibleName("Progress of the experiment")
        self.read_only = QLabel(wordWrap=True)
        self.read_only.setFrameShape(QFrame.Shape.StyledPanel)
        self.read_only.hide()
        self._cell, self._failure = cell, failure
        self._below = QStackedWidget()
        self._below.addWidget(cell)
        self._below.addWidget(failure)
        split = QSplitter(Qt.Orientation.Vertical, childrenCollapsible=False)
        split.addWidget(grid)
        split.addWidget(self._below)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        above = (self.name, button_row(actions), self.state, self.bar, self.read_only)
        column(self, *above, split, stretch=split)

    def show_run(self, item: Item, news: RunNews | None, *, failure_shown: bool) -> None:
        """Show what stands above the grid. failure_shown: the failure panel shows why it failed."""
        self._below.setCurrentWidget(self._failure if failure_shown else self._cell)
        self.name.setText(item.run.name)
        self.name.setToolTip(str(item.run))
        state = news.state if item.state == "running" and news is not None else item.state
        message = (news.fault or news.message if news is not None else "") or item.message
        progress = None if news is None else news.progress
        if state == "finished" and progress is not None and progress.done != progress.total:
            state = "partly"
        text = f"This experiment {STATES.get(state, state)}."
        if progress is not None and progress.total:
            text += f" {progress.done:.0f} of {progress.total:.0f} cells are done"
            seconds = progress.left_s if state == "running" else None
            text += "." if seconds is None else f", {remaining_text(seconds)}."
            self.bar.setValue(round(1000 * progress.done / progress.total))
        self.bar.setVisible(progress is not None)
        if news is not None and news.what and state == "running":
            text += f" Now: {news.what}."
        if message and not failure_shown:
            text += f"\n{message}"
        self.state.setText(text)
        self.read_only.setText("" if news is None else news.looking_only)
        self.read_only.setVisible(bool(self.read_only.text()))

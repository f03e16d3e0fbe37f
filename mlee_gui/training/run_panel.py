"""One experiment: how far it is, its grid of speakers and stages, and what is known of the chosen cell."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mlee_core.jobs.monitor import RunNews
from mlee_core.jobs.queue import Item

from ..shell.status_bar import Elided, remaining_text
from ..shell.tables import button_row

IN_WORDS = {
    "waiting": "waits for its turn",
    "queued": "waits for its turn",
    "running": "is being trained",
    "finished": "is finished",
    "partly": "has trained what was asked for; the rest can be resumed",
    "failed": "has failed",
    "cancelled": "was cancelled: what is done stays, and it can be resumed",
    "stopped": "was stopped: what was in work is kept as done early, the rest can be resumed",
    "paused": "is paused",
    "interrupted": "was interrupted: its process is gone; resume goes on from the last epoch",
    "unreadable": "cannot be read",
}


class RunPanel(QWidget):
    """Places the grid over the chosen cell's panel, or over what went wrong."""

    def __init__(self, grid: QWidget, cell: QWidget, failure: QWidget, actions: list[QAction]) -> None:
        super().__init__()
        self.name = Elided("", Qt.TextElideMode.ElideMiddle)
        font = self.name.font()
        font.setBold(True)
        self.name.setFont(font)
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar(maximum=1000, textVisible=False)
        self.bar.setMaximumHeight(10)
        self.bar.setAccessibleName("Progress of the experiment")
        self.looking = QLabel()
        self.looking.setWordWrap(True)
        self.looking.setFrameShape(QFrame.Shape.StyledPanel)
        self.looking.hide()
        self._cell, self._failure = cell, failure
        self._below = QStackedWidget()
        self._below.addWidget(cell)
        self._below.addWidget(failure)
        split = QSplitter(Qt.Orientation.Vertical)
        split.setChildrenCollapsible(False)
        split.addWidget(grid)
        split.addWidget(self._below)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        column = QVBoxLayout(self)
        column.addWidget(self.name)
        column.addWidget(button_row(actions))
        column.addWidget(self.state)
        column.addWidget(self.bar)
        column.addWidget(self.looking)
        column.addWidget(split, 1)

    def show_run(self, item: Item, news: RunNews | None, *, told_below: bool) -> None:
        """What stands above the grid. told_below: the failure panel says why it failed."""
        self._below.setCurrentWidget(self._failure if told_below else self._cell)
        self.name.setText(item.run.name)
        self.name.setToolTip(str(item.run))
        state = news.state if item.state == "running" and news is not None else item.state
        message = (news.fault or news.message if news is not None else "") or item.message
        progress = None if news is None else news.progress
        if state == "finished" and progress is not None and progress.done != progress.total:
            state = "partly"
        text = f"This experiment {IN_WORDS.get(state, state)}."
        if progress is not None and progress.total:
            text += f" {progress.done:.0f} of {progress.total:.0f} cells are done"
            seconds = progress.left_s if state == "running" else None
            text += "." if seconds is None else f", {remaining_text(seconds)}."
            self.bar.setValue(round(1000 * progress.done / progress.total))
        self.bar.setVisible(progress is not None)
        if news is not None and news.what and state == "running":
            text += f" Now: {news.what}."
        if message and not told_below:
            text += f"\n{message}"
        self.state.setText(text)
        looking = "" if news is None else news.looking_only
        self.looking.setText(looking)
        self.looking.setVisible(bool(looking))

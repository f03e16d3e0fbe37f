"""What the tables of the window have in common: words while they are empty, and commands in a row."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QTableView, QToolBar


class TableWithPlaceholder(QTableView):
    """A table that says, while it is empty, why or what to do."""

    def __init__(self, empty: str) -> None:
        super().__init__()
        self._empty = empty

    def set_empty_words(self, words: str) -> None:
        self._empty = words
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.model() is None or self.model().rowCount() == 0:
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            area = self.viewport().rect().adjusted(12, 12, -12, -12)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._empty)
            painter.end()


def button_row(actions: Sequence[QAction]) -> QToolBar:
    """Commands as buttons with words; what does not fit a narrow window goes into a menu at the end."""
    bar = QToolBar()
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    bar.addActions(list(actions))
    for action in actions:
        bar.widgetForAction(action).setAutoRaise(False)  # type: ignore[attr-defined]
    return bar

"""Parts of the window's tables: text while they are empty, and a row of buttons."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QTableView, QToolBar


class TableWithPlaceholder(QTableView):
    """A table that shows a text while it is empty."""

    def __init__(self, empty: str) -> None:
        super().__init__()
        self._empty = empty

    def set_placeholder(self, text: str) -> None:
        self._empty = text
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
    """Commands as text buttons; those that do not fit move into a menu at the end."""
    bar = QToolBar()
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
    bar.addActions(list(actions))
    for action in actions:
        bar.widgetForAction(action).setAutoRaise(False)  # type: ignore[attr-defined]
    return bar

"""Parts of the window's tables: text while they are empty, and a row of buttons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractItemView, QTableView, QToolBar

Index = QModelIndex | QPersistentModelIndex


class TableWithPlaceholder(QTableView):
    """A table that shows a text while it is empty; its cells cannot be edited."""

    def __init__(self, model: QAbstractItemModel, empty: str) -> None:
        super().__init__(showGrid=False)
        self.setModel(model)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)  # Tab moves to the next panel
        self._empty = empty

    def set_placeholder(self, text: str) -> None:
        self._empty = text
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.model().rowCount() == 0:
            painter = QPainter(self.viewport())
            painter.setPen(self.palette().color(QPalette.ColorRole.PlaceholderText))
            area = self.viewport().rect().adjusted(12, 12, -12, -12)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._empty)
            painter.end()


class RowTable(TableWithPlaceholder):
    """A table of records: whole rows are selected; no row numbers."""

    def __init__(self, model: QAbstractItemModel, empty: str = "") -> None:
        super().__init__(model, empty)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)


class RowModel(QAbstractTableModel):
    """The model of a table of records, one in a row of `rows`; subclasses define `data`.

    columns: titles. tips: tool tips of the titles, if any.
    """

    def __init__(self, parent: QObject, columns: Sequence[str], tips: Sequence[str] = ()) -> None:
        super().__init__(parent)
        self._columns, self._tips = columns, tips
        self.rows: list[Any] = []

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole and self._tips:
            return self._tips[section]
        return None


def button_row(actions: Sequence[QAction]) -> QToolBar:
    """Commands as text buttons; those that do not fit move into a menu at the end."""
    bar = QToolBar(toolButtonStyle=Qt.ToolButtonStyle.ToolButtonTextOnly)
    bar.addActions(list(actions))
    for action in actions:
        bar.widgetForAction(action).setAutoRaise(False)  # type: ignore[attr-defined]
    return bar

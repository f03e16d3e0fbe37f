"""A layout that fills lines from left to right and wraps, so that a narrow window clips nothing."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Its height depends on its width (heightForWidth)."""

    def __init__(self, parent: QWidget | None = None, gap: int = 8) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # type: ignore[override]  # Qt wants null past the end
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        sizes = [item.minimumSize() for item in self._items]
        return QSize(max((s.width() for s in sizes), default=0), max((s.height() for s in sizes), default=0))

    def _arrange(self, rect: QRect, move: bool) -> int:
        """Place the items (only if `move`) and return the height they need."""
        y, line = rect.y(), list[tuple[QLayoutItem, QRect]]()
        x = rect.x()
        for item in (item for item in self._items if not item.isEmpty()):
            size = item.sizeHint()
            if line and x + size.width() > rect.right() + 1:
                y, x = y + _place(line, move) + self._gap // 2, rect.x()
                line.clear()
            line.append((item, QRect(QPoint(x, y), size)))
            x += size.width() + self._gap
        return y + _place(line, move) - rect.y()


def _place(line: list[tuple[QLayoutItem, QRect]], move: bool) -> int:
    """Centre a line's items on each other (only if `move`); its height."""
    height = max((box.height() for _, box in line), default=0)
    for item, box in line if move else ():
        item.setGeometry(box.translated(0, (height - box.height()) // 2))
    return height

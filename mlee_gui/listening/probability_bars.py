"""Bars of class probabilities, 0 to 1: a row for each class, with its name and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlee_core.figures.palette import class_color
from mlee_core.labels.votes import CLASS_NAMES

from ..shell.class_swatch import class_name
from ..shell.plot_theme import clear, mix, pen

HALF = 0.5
"""Above this a class counts as present."""

MARKS = ("present", "perhaps", "predicted", "highest")
"""Texts that may follow a number; all bars reserve the width of the longest one, so that they align."""


@dataclass(frozen=True)
class Bar:
    """One row. mark: one of MARKS, or "" for none."""

    label: str
    value: float
    mark: str = ""


class ProbabilityBars(QWidget):
    """title: for screen readers and the tool tip. half_line: whether to draw the line at 0.5."""

    def __init__(self, title: str, *, half_line: bool) -> None:
        super().__init__()
        self._title, self._half_line = title, half_line
        self.bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)

    def show_bars(self, bars: Sequence[Bar]) -> None:
        """Show rows, from top to bottom."""
        self.bars = tuple(bars)
        rows = [" ".join(filter(None, (class_name(b.label), f"{b.value:.2f}", b.mark))) for b in bars]
        self.setAccessibleDescription("; ".join(rows))
        self.setToolTip(f"{self._title}: {'; '.join(rows)}" if rows else "")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        line = QFontMetricsF(self.font()).height()
        return QSize(round(line * 15), round(line * (1.45 * max(len(self.bars), 4) + 1.5)))

    def minimumSizeHint(self) -> QSize:
        left, right = self._margins()
        return QSize(round(left + right + 40), self.sizeHint().height())

    def _margins(self) -> tuple[float, float]:
        """Width of the names at the left, and of number and mark at the right."""
        names = [class_name(b.label) for b in self.bars] or list(CLASS_NAMES.values())
        bold = QFont(self.font())
        bold.setBold(True)
        metrics = QFontMetricsF(bold)
        left = max(metrics.horizontalAdvance(name) for name in names)
        right = max(metrics.horizontalAdvance(f"0.00 {mark}") for mark in MARKS)
        return left + 10, right + 10

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        metrics = QFontMetricsF(painter.font())
        left, right = self._margins()
        line = metrics.height()
        field = QRectF(left, 2, self.width() - left - right, line * 1.45 * max(len(self.bars), 1))
        text = self.palette().color(QPalette.ColorRole.WindowText)
        faint = mix(text, self.palette().color(QPalette.ColorRole.Window), 0.7)
        for row, bar in enumerate(self.bars):
            self._paint_bar(painter, field, row, bar, text)
        if self.bars:
            self._paint_axis(painter, field, text, faint)
        painter.end()

    def _paint_bar(self, painter: QPainter, field: QRectF, row: int, bar: Bar, text: QColor) -> None:
        high = field.height() / len(self.bars)
        whole = QRectF(field.left(), field.top() + row * high + high * 0.14, field.width(), high * 0.72)
        centred = Qt.AlignmentFlag.AlignVCenter
        painter.fillRect(whole, clear(text, 22))
        value = QRectF(whole.left(), whole.top(), whole.width() * min(max(bar.value, 0), 1), whole.height())
        painter.fillRect(value, QColor(class_color(bar.label)))
        painter.setPen(text)
        usual, strong = painter.font(), QFont(painter.font())
        strong.setBold(bool(bar.mark))
        painter.setFont(strong)
        names = QRectF(0, whole.top() - 4, field.left() - 8, whole.height() + 8)
        painter.drawText(names, centred | Qt.AlignmentFlag.AlignRight, class_name(bar.label))
        numbers = QRectF(field.right() + 6, whole.top() - 4, self.width(), whole.height() + 8)
        painter.drawText(
            numbers, centred | Qt.AlignmentFlag.AlignLeft, f"{bar.value:.2f} {bar.mark}".rstrip()
        )
        painter.setFont(usual)

    def _paint_axis(self, painter: QPainter, field: QRectF, text: QColor, faint: QColor) -> None:
        if self._half_line:
            line = pen(text, 1.0)
            line.setDashPattern([3.0, 2.0])
            painter.setPen(line)
            x = field.left() + field.width() * HALF
            painter.drawLine(QPointF(x, field.top()), QPointF(x, field.bottom()))
        painter.setPen(pen(faint))
        painter.drawLine(field.bottomLeft(), field.bottomRight())
        metrics = QFontMetricsF(painter.font())
        for value in (0.0, HALF, 1.0):
            x = field.left() + field.width() * value
            painter.drawLine(QPointF(x, field.bottom()), QPointF(x, field.bottom() + 3))
            box = QRectF(x - 20, field.bottom() + 3, 40, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, f"{value:g}")

"""Bars of class probabilities, 0 to 1: a row for each class, with its name and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlee_core.figures.palette import class_color
from mlee_core.inference.results import PRESENT
from mlee_core.labels.votes import CLASS_NAMES

from ..shell.class_swatch import class_name
from ..shell.plot_theme import clear, mix, pen

MARKS = ("present", "perhaps", "predicted", "highest")
"""Texts that may follow a number; all bars reserve the width of the longest one, so that they align."""


@dataclass(frozen=True)
class Bar:
    """One row. value: None where there is none to show. mark: one of MARKS, or "" for none."""

    label: str
    value: float | None
    mark: str = ""

    @property
    def number(self) -> str:
        """ "0.61 predicted", "" without a value."""
        return "" if self.value is None else f"{self.value:.2f} {self.mark}".rstrip()


class ProbabilityBars(QWidget):
    """title: for screen readers and the tool tip. half_line: whether to draw the line at PRESENT."""

    def __init__(self, title: str, *, half_line: bool) -> None:
        super().__init__()
        self._title, self._half_line = title, half_line
        self.bars: tuple[Bar, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)

    def show_bars(self, bars: Sequence[Bar], title: str | None = None) -> None:
        """Show rows, from top to bottom. title: replaces the title."""
        self.bars, self._title = tuple(bars), title or self._title
        rows = [f"{class_name(bar.label)} {bar.number or 'no value'}" for bar in bars]
        self.setAccessibleName(self._title)
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
            self._paint_bar(painter, field, row, bar, text, faint)
        if self.bars:
            self._paint_axis(painter, field, text, faint)
        painter.end()

    def _paint_bar(
        self, painter: QPainter, field: QRectF, row: int, bar: Bar, text: QColor, faint: QColor
    ) -> None:
        high = field.height() / len(self.bars)
        whole = QRectF(field.left(), field.top() + row * high + high * 0.14, field.width(), high * 0.72)
        centred = Qt.AlignmentFlag.AlignVCenter
        painter.fillRect(whole, clear(text, 22))
        length = whole.width() * min(max(bar.value or 0.0, 0), 1)
        painter.fillRect(
            QRectF(whole.left(), whole.top(), length, whole.height()), QColor(class_color(bar.label))
        )
        painter.setPen(text if bar.value is not None else faint)
        usual, strong = painter.font(), QFont(painter.font())
        strong.setBold(bool(bar.mark))
        painter.setFont(strong)
        names = QRectF(0, whole.top() - 4, field.left() - 8, whole.height() + 8)
        painter.drawText(names, centred | Qt.AlignmentFlag.AlignRight, class_name(bar.label))
        numbers = QRectF(field.right() + 6, whole.top() - 4, self.width(), whole.height() + 8)
        painter.drawText(numbers, centred | Qt.AlignmentFlag.AlignLeft, bar.number)
        painter.setFont(usual)

    def _paint_axis(self, painter: QPainter, field: QRectF, text: QColor, faint: QColor) -> None:
        if self._half_line:
            line = pen(text, 1.0)
            line.setDashPattern([3.0, 2.0])
            painter.setPen(line)
            x = field.left() + field.width() * PRESENT
            painter.drawLine(QPointF(x, field.top()), QPointF(x, field.bottom()))
        painter.setPen(pen(faint))
        painter.drawLine(field.bottomLeft(), field.bottomRight())
        metrics = QFontMetricsF(painter.font())
        for value in (0.0, 0.5, 1.0):
            x = field.left() + field.width() * value
            painter.drawLine(QPointF(x, field.bottom()), QPointF(x, field.bottom() + 3))
            box = QRectF(x - 20, field.bottom() + 3, 40, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, f"{value:g}")

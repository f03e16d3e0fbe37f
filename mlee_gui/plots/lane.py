"""What the stacked plots have in common: a rectangle each, one time scale, one theme."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from .theme import Theme, clear, pen
from .view import TimeScale


@dataclass(frozen=True)
class Frame:
    """What a lane needs to paint itself once.

    rect: where, in logical pixels. scale: time <-> x. theme: colours. ratio: device pixels per logical.
    """

    rect: QRectF
    scale: TimeScale
    theme: Theme
    ratio: float

    @property
    def columns(self) -> int:
        """Device pixels across: more columns than this cannot be seen."""
        return max(1, round(self.rect.width() * self.ratio))

    @property
    def rows(self) -> int:
        return max(1, round(self.rect.height() * self.ratio))


def paint_axis_ticks(
    painter: QPainter, frame: Frame, places: list[tuple[float, str]], right: bool = False
) -> None:
    """Tick marks with text beside the lane: places are (y in pixels, text), left unless `right`."""
    painter.setPen(pen(frame.theme.faint))
    metrics = QFontMetricsF(painter.font())
    edge, way = (frame.rect.right(), 1) if right else (frame.rect.left(), -1)
    for y, text in places:
        painter.drawLine(QPointF(edge, y), QPointF(edge + 4 * way, y))
        wide, high = metrics.horizontalAdvance(text), metrics.height()
        top = min(max(y - high / 2, frame.rect.top()), frame.rect.bottom() - high)  # never into its neighbour
        left = edge + 7 if right else edge - 7 - wide
        painter.drawText(QRectF(left, top, wide + 1, high), Qt.AlignmentFlag.AlignCenter, text)


def paint_upright(painter: QPainter, x: float, rect: QRectF, text: str, color: QColor) -> None:
    """Text turned by 90°, centred on the line at x along the rectangle's height, shortened to fit."""
    metrics = QFontMetricsF(painter.font())
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.height())
    painter.save()
    painter.setPen(color)
    painter.translate(x, rect.center().y())
    painter.rotate(-90)
    wide = rect.height()
    painter.drawText(
        QRectF(-wide / 2, -metrics.height() / 2, wide, metrics.height()), Qt.AlignmentFlag.AlignCenter, shown
    )
    painter.restore()


def paint_caption(painter: QPainter, frame: Frame, text: str) -> None:
    """A note in the lane's top left corner, on a veil so that it reads over whatever is drawn there."""
    metrics = QFontMetricsF(painter.font())
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, frame.rect.width() - 12)
    box = QRectF(
        frame.rect.left() + 1, frame.rect.top() + 1, metrics.horizontalAdvance(shown) + 8, metrics.height()
    )
    painter.fillRect(box, clear(frame.theme.base, 200))
    painter.setPen(frame.theme.faint)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)

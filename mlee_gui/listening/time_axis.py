"""The visible time range of a recording, and the conversion between times and pixels."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from ..shell.plot_theme import Theme, clear, pen

MIN_SPAN_S = 0.1
"""Shortest visible time range: ten columns of the spectrogram."""


@dataclass(frozen=True)
class View:
    """The visible time range [start_s, end_s] of a recording of duration_s, always inside it."""

    duration_s: float
    start_s: float
    end_s: float

    @classmethod
    def whole(cls, duration_s: float) -> View:
        return cls(duration_s, 0.0, duration_s)

    @property
    def span_s(self) -> float:
        return self.end_s - self.start_s

    def to(self, start_s: float, end_s: float) -> View:
        """The view of this time range, made long enough and moved inside the recording."""
        span = min(max(end_s - start_s, MIN_SPAN_S), self.duration_s)
        start = (start_s + end_s - span) / 2
        start = min(max(start, 0.0), self.duration_s - span)
        return View(self.duration_s, start, min(start + span, self.duration_s))

    def zoomed(self, factor: float, at_s: float) -> View:
        """A view `factor` times as long (below 1 zooms in), with `at_s` at the same place on the screen."""
        span = min(max(self.span_s * factor, MIN_SPAN_S), self.duration_s)
        start = at_s - (at_s - self.start_s) * span / self.span_s
        return self.to(start, start + span)

    def moved(self, seconds: float) -> View:
        """A view of the same length, later by `seconds`, at most at the recording's ends."""
        start = min(max(self.start_s + seconds, 0.0), self.duration_s - self.span_s)
        return View(self.duration_s, start, min(start + self.span_s, self.duration_s))


@dataclass(frozen=True)
class TimeScale:
    """Time <-> horizontal pixel, for a time range drawn at `left`, `width` pixels wide."""

    start_s: float
    end_s: float
    left: float
    width: float

    @property
    def pixels_per_s(self) -> float:
        return self.width / (self.end_s - self.start_s)

    def x(self, time_s: float) -> float:
        return self.left + (time_s - self.start_s) * self.pixels_per_s

    def time(self, x: float) -> float:
        return self.start_s + (x - self.left) / self.pixels_per_s


@dataclass(frozen=True)
class Frame:
    """Geometry and colours for painting a lane.

    rect: in logical pixels. scale: time <-> x. theme: colours. ratio: device pixels per logical pixel.
    """

    rect: QRectF
    scale: TimeScale
    theme: Theme
    ratio: float

    @property
    def columns(self) -> int:
        """Width in device pixels."""
        return max(1, round(self.rect.width() * self.ratio))

    @property
    def rows(self) -> int:
        return max(1, round(self.rect.height() * self.ratio))


def paint_axis_ticks(
    painter: QPainter, frame: Frame, places: list[tuple[float, str]], right: bool = False
) -> None:
    """Tick marks with text beside the lane; places: (y in pixels, text). At the left unless `right`."""
    painter.setPen(pen(frame.theme.faint))
    metrics = QFontMetricsF(painter.font())
    edge, way = (frame.rect.right(), 1) if right else (frame.rect.left(), -1)
    for y, text in places:
        painter.drawLine(QPointF(edge, y), QPointF(edge + 4 * way, y))
        wide, high = metrics.horizontalAdvance(text), metrics.height()
        top = min(max(y - high / 2, frame.rect.top()), frame.rect.bottom() - high)  # not into the next lane
        left = edge + 7 if right else edge - 7 - wide
        painter.drawText(QRectF(left, top, wide + 1, high), Qt.AlignmentFlag.AlignCenter, text)


def paint_upright(painter: QPainter, x: float, rect: QRectF, text: str, color: QColor) -> None:
    """Text rotated by 90°, centred at x along the rectangle's height, shortened to fit."""
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
    """Text in the lane's top left corner, on a half-transparent background."""
    metrics = QFontMetricsF(painter.font())
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, frame.rect.width() - 12)
    box = QRectF(
        frame.rect.left() + 1, frame.rect.top() + 1, metrics.horizontalAdvance(shown) + 8, metrics.height()
    )
    painter.fillRect(box, clear(frame.theme.base, 200))
    painter.setPen(frame.theme.faint)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)

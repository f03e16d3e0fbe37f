"""The whole recording in one lane, with the visible time range as a movable window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPixmap

from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.inference.results import Segment

from ..shell.plot_theme import clear, pen
from .segment_track import paint_strip
from .time_axis import Frame, TimeScale, View
from .waveform import paint_envelope

Part = Literal["start", "end", "inside"]
STRIP = 4.0
GRIP = 5.0
"""Distance in pixels within which a border can be dragged."""


class OverviewLane:
    """Caches a picture of the recording, since only the window over it moves."""

    def __init__(self) -> None:
        self.pyramid: Pyramid | None = None
        self.segments: Sequence[Segment] = ()
        self._picture = QPixmap()
        self._key: tuple[object, ...] = ()

    def paint(self, painter: QPainter, frame: Frame, view: View) -> None:
        if self.pyramid is None:
            return
        self._refresh(frame)
        rect, theme = frame.rect, frame.theme
        painter.drawPixmap(rect.topLeft(), self._picture)
        window = self.window(frame, view)
        veil = clear(theme.base, 150)
        painter.fillRect(QRectF(rect.left(), rect.top(), window.left() - rect.left(), rect.height()), veil)
        painter.fillRect(
            QRectF(window.right(), rect.top(), rect.right() - window.right(), rect.height()), veil
        )
        painter.setPen(pen(theme.accent, 2))
        painter.drawRect(window.adjusted(1, 1, -1, -1))

    def window(self, frame: Frame, view: View) -> QRectF:
        """The rectangle of the visible time range, at least 4 pixels wide."""
        left, right = frame.scale.x(view.start_s), frame.scale.x(view.end_s)
        spare = max(0.0, 4 - (right - left)) / 2
        return QRectF(left - spare, frame.rect.top(), right - left + 2 * spare, frame.rect.height())

    def part(self, frame: Frame, view: View, x: float) -> Part | None:
        """The part of the window at x: a border, its inside, or None."""
        window = self.window(frame, view)
        if abs(x - window.left()) <= GRIP and window.width() > 3 * GRIP:
            return "start"
        if abs(x - window.right()) <= GRIP and window.width() > 3 * GRIP:
            return "end"
        return "inside" if window.left() - GRIP <= x <= window.right() + GRIP else None

    def _refresh(self, frame: Frame) -> None:
        key = (self.pyramid, self.segments, frame.columns, frame.rows, frame.theme.base)
        same = len(key) == len(self._key) and all(
            a is b or a == b for a, b in zip(key[2:], self._key[2:], strict=True)
        )
        if self.pyramid is None or (same and key[0] is self._key[0] and key[1] is self._key[1]):
            return
        self._key = key
        self._picture = QPixmap(frame.columns, frame.rows)
        self._picture.setDevicePixelRatio(frame.ratio)
        self._picture.fill(frame.theme.base)
        mine = QPainter(self._picture)
        here = TimeScale(frame.scale.start_s, frame.scale.end_s, 0.0, frame.rect.width())
        strip = STRIP if self.segments else 0.0
        wave = QRectF(0, 0, frame.rect.width(), frame.rect.height() - strip)
        paint_envelope(mine, Frame(wave, here, frame.theme, frame.ratio), self.pyramid, frame.theme.wave)
        below = QRectF(0, wave.bottom(), frame.rect.width(), strip)
        paint_strip(mine, Frame(below, here, frame.theme, frame.ratio), self.segments)
        mine.end()

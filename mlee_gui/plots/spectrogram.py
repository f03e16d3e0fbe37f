"""The spectrogram, 0-4 kHz, as a picture of the pyramid's bytes behind a colour table."""

from __future__ import annotations

from functools import reduce

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from mlee_core.pyramid import BIN_HZ, Pyramid

from .colormaps import COLORMAPS, color_table
from .lane import Frame, paint_axis_ticks, paint_upright
from .ticks import spacing, ticks

TOP_HZ = 4000.0
DB_LIMITS = (-120.0, 6.0)
"""What the pyramid's bytes can tell apart."""


class SpectrogramLane:
    """The visible part of the spectrogram. db_range: what the colours span; colormap: one of COLORMAPS."""

    def __init__(self) -> None:
        self.pyramid: Pyramid | None = None
        self.db_range: tuple[float, float] = (-80.0, 0.0)
        self.colormap: str = COLORMAPS[0]

    def paint(self, painter: QPainter, frame: Frame) -> None:
        self._paint_axis(painter, frame)
        if self.pyramid is None:
            return
        scale = frame.scale
        levels, start_s, end_s = self.pyramid.spectrogram(scale.start_s, scale.end_s, frame.columns)
        if len(levels) == 0:
            return
        image, bottom_hz, top_hz = self._image(levels, frame.rows)
        top, bottom = self.y(frame.rect, top_hz), self.y(frame.rect, bottom_hz)
        left, right = scale.x(start_s), scale.x(end_s)
        painter.save()
        painter.setClipRect(frame.rect)
        painter.drawImage(QRectF(left, top, right - left, bottom - top), image)
        painter.restore()

    def y(self, rect: QRectF, frequency_hz: float) -> float:
        return rect.bottom() - frequency_hz / TOP_HZ * rect.height()

    def frequency(self, rect: QRectF, y: float) -> float:
        return (rect.bottom() - y) / rect.height() * TOP_HZ

    def _image(self, levels: np.ndarray, rows: int) -> tuple[QImage, float, float]:
        """The picture, top row highest, and the frequencies of its lower and upper edge.

        Bin k is drawn half a bin to each side of its 10 k Hz. Where the screen has fewer rows than there
        are bins, neighbours are pooled by maximum, so that a thin harmonic does not vanish.
        """
        pool = next((p for p in (1, 2, 4, 5, 8, 10) if levels.shape[1] / p <= max(rows, 40)), 20)
        bins = reduce(np.maximum, (levels[:, k::pool] for k in range(pool)))  # [columns, 400 / pool]
        wide, high = bins.shape
        line = -(-wide // 4) * 4  # lines of a QImage are multiples of 4 bytes
        pixels = np.empty((high, line), np.uint8)
        pixels[:, :wide] = bins.T[::-1]
        image = QImage(pixels.data, wide, high, line, QImage.Format.Format_Indexed8)
        image.setColorTable(color_table(self.colormap, *self.db_range))
        return image.copy(), -BIN_HZ / 2, TOP_HZ - BIN_HZ / 2

    def _paint_axis(self, painter: QPainter, frame: Frame) -> None:
        high = painter.fontMetrics().height()
        step = max(spacing(TOP_HZ, int(frame.rect.height() / high / 1.6)), 500.0)
        places = [(self.y(frame.rect, f), f"{f / 1000:g}") for f in ticks(0, TOP_HZ, step)]
        paint_axis_ticks(painter, frame, places)
        x = frame.rect.left() - 9 - painter.fontMetrics().horizontalAdvance("0.5") - high / 2
        paint_upright(painter, x, frame.rect, "frequency (kHz)", frame.theme.text)

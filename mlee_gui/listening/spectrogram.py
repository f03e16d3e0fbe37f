"""The spectrogram, 0-4 kHz: the pyramid's bytes as a picture with a colour table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, reduce

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from mlee_core.audio.frames import BIN_HZ, MAX_HZ
from mlee_core.audio.zoom_pyramid import FLOOR_DB, STEP_DB, Pyramid

from ..shell.time_text import spacing, ticks
from .time_axis import Frame, paint_axis_ticks, paint_upright

DB_LIMITS = (-120.0, 6.0)
"""Range of levels in the pyramid's bytes."""


class SpectrogramLane:
    """The visible part of the spectrogram. db_range: of the colours. colormap: one of COLORMAPS."""

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
        return rect.bottom() - frequency_hz / MAX_HZ * rect.height()

    def frequency(self, rect: QRectF, y: float) -> float:
        return (rect.bottom() - y) / rect.height() * MAX_HZ

    def _image(self, levels: np.ndarray, rows: int) -> tuple[QImage, float, float]:
        """The picture, highest frequency first, and the frequencies of its lower and upper edge.

        Bin k is drawn half a bin to each side of its 10 k Hz. Where the screen has fewer rows than bins,
        neighbours are pooled by maximum, so that a narrow harmonic stays visible.
        """
        pool = next((p for p in (1, 2, 4, 5, 8, 10) if levels.shape[1] / p <= max(rows, 40)), 20)
        bins = reduce(np.maximum, (levels[:, k::pool] for k in range(pool)))  # [columns, 400 / pool]
        wide, high = bins.shape
        line = -(-wide // 4) * 4  # lines of a QImage are multiples of 4 bytes
        pixels = np.empty((high, line), np.uint8)
        pixels[:, :wide] = bins.T[::-1]
        image = QImage(pixels.data, wide, high, line, QImage.Format.Format_Indexed8)
        image.setColorTable(color_table(self.colormap, *self.db_range))
        return image.copy(), -BIN_HZ / 2, MAX_HZ - BIN_HZ / 2

    def _paint_axis(self, painter: QPainter, frame: Frame) -> None:
        high = painter.fontMetrics().height()
        step = max(spacing(MAX_HZ, int(frame.rect.height() / high / 1.6)), 500.0)
        places = [(self.y(frame.rect, f), f"{f / 1000:g}") for f in ticks(0, MAX_HZ, step)]
        paint_axis_ticks(painter, frame, places)
        x = frame.rect.left() - 9 - painter.fontMetrics().horizontalAdvance("0.5") - high / 2
        paint_upright(painter, x, frame.rect, "frequency (kHz)", frame.theme.text)


_ANCHORS: Mapping[str, str] = {
    "magma": "000004 090720 1a1042 311165 4a1079 621980 792282 912b81 aa337d c23b75 d9466b ec5860 f7725c "
    "fc8e64 feaa74 fec68a fde2a3 fcfdbf",
    "viridis": "440154 481769 472a7a 433d84 3d4e8a 355e8d 2e6d8e 297b8e 23898e 1f978b 21a585 2eb37c 46c06f "
    "65cb5e 89d548 b0dd2f d8e219 fde725",
    "cividis": "00224e 002d68 163770 2e416d 3f4c6c 4e566c 5c616e 696b71 767676 838179 928c78 a09875 afa471 "
    "bfb06b cfbd62 dfca57 f0d846 fee838",
    "grey": "000000 ffffff",
}
"""Every 15th of matplotlib's 256 colours; linear interpolation is accurate to 11 of 255."""

COLORMAPS: tuple[str, ...] = tuple(_ANCHORS)


@cache
def colors(name: str) -> np.ndarray:
    """The map's 256 colours, uint8 [256, 3]. Raises KeyError for a name not in COLORMAPS."""
    anchors = np.array([[int(word[i : i + 2], 16) for i in (0, 2, 4)] for word in _ANCHORS[name].split()])
    places = np.linspace(0, 255, len(anchors))
    return (
        np.stack([np.interp(np.arange(256), places, anchors[:, k]) for k in range(3)], axis=1)
        .round()
        .astype(np.uint8)
    )


def color_table(name: str, low_db: float, high_db: float) -> list[int]:
    """The colour of each byte of the pyramid, 256 × 0xffRRGGBB; low_db has the map's first colour.

    A change of the range changes only this table, not the picture's bytes.
    """
    level = np.arange(256) * STEP_DB + FLOOR_DB
    index = np.clip(np.rint((level - low_db) / (high_db - low_db) * 255), 0, 255).astype(int)
    rgb = colors(name)[index].astype(np.uint32)
    table: list[int] = ((0xFF << 24) | (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]).tolist()
    return table

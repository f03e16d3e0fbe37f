"""The waveform: the envelope of the samples, scaled to peak 1."""

from __future__ import annotations

import math

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from mlee_core.audio.zoom_pyramid import Pyramid

from ..shell.plot_theme import clear, pen
from .time_axis import Frame, paint_axis_ticks, paint_caption


def envelope_image(low: np.ndarray, high: np.ndarray, rows: int, color: QColor) -> QImage:
    """A picture of columns from low to high (both in ±1, [columns]), each at least a pixel high.

    The time to paint a picture does not depend on the zoom, unlike that of thousands of lines.
    """
    middle = (rows - 1) / 2
    top, bottom = np.rint(middle * (1 - high)), np.rint(middle * (1 - low))
    row = np.arange(rows)[:, None]
    width = -(-len(low) // 4) * 4  # lines of a QImage are multiples of 4 bytes
    pixels = np.zeros((rows, width), np.uint8)
    pixels[:, : len(low)] = (row >= top) & (row <= bottom)
    image = QImage(pixels.data, len(low), rows, width, QImage.Format.Format_Indexed8)
    image.setColorTable([0, color.rgba()])
    return image.copy()  # the copy owns its pixels


def paint_envelope(painter: QPainter, frame: Frame, pyramid: Pyramid, color: QColor) -> None:
    """The part of the recording in the frame's time range."""
    times, low, high = pyramid.waveform(frame.scale.start_s, frame.scale.end_s, frame.columns)
    if len(times) == 0:
        return
    first, last = frame.scale.x(float(times[0])), frame.scale.x(float(times[-1]))
    half = (last - first) / (len(times) - 1) / 2 if len(times) > 1 else frame.rect.width() / 2
    target = QRectF(first - half, frame.rect.top(), last - first + 2 * half, frame.rect.height())
    painter.save()
    painter.setClipRect(frame.rect)  # the last column may extend beyond the end
    painter.drawImage(target, envelope_image(low, high, frame.rows, color))
    painter.restore()


class WaveformLane:
    """The visible part of the waveform, with its scale."""

    def __init__(self) -> None:
        self.pyramid: Pyramid | None = None

    def paint(self, painter: QPainter, frame: Frame) -> None:
        rect, theme = frame.rect, frame.theme
        painter.setPen(pen(clear(theme.faint, 90)))
        painter.drawLine(QPointF(rect.left(), rect.center().y()), QPointF(rect.right(), rect.center().y()))
        if self.pyramid is None:
            return
        paint_envelope(painter, frame, self.pyramid, theme.wave)
        half = rect.height() / 2
        paint_axis_ticks(
            painter, frame, [(rect.center().y() - v * half, f"{v:+d}" if v else "0") for v in (1, 0, -1)]
        )
        paint_caption(painter, frame, self.caption())

    def caption(self) -> str:
        """The scaling of the recording, as text."""
        assert self.pyramid is not None
        peak_db = -20 * math.log10(self.pyramid.gain)
        if abs(peak_db) < 0.05:
            return "Waveform"
        return f"Waveform, scaled to peak 1 (it is {peak_db:+.1f} dBFS)"

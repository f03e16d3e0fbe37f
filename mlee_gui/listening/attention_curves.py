"""Attention curves over the spectrogram, in steps of 160 ms, not smoothed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPainterPath, QPen, QPixmap

from mlee_core.audio.frames import STEP_S
from mlee_core.figures.palette import CASING, ENCODER_STYLES, NOT_ATTENDED, NOT_ATTENDED_LINES
from mlee_core.inference.results import ENCODERS, Segment

from ..shell.plot_theme import clear, pen
from ..shell.time_text import spacing, ticks
from .time_axis import Frame, paint_axis_ticks, paint_caption, paint_upright

LINES = {"solid": [], "dash": [5.0, 3.0], "dot": [1.5, 1.5]}
"""Dash patterns of the palette's line styles, in line widths."""

MIN_CUT_PIXELS = 1.5
"""Smallest width of a stretch that is marked as not attended."""

MIN_STEP_PIXELS = 1.0
"""Smallest width of a step for which curves are drawn; below it a caption says to zoom in."""


@dataclass(frozen=True)
class AttentionSteps:
    """Attention steps as arrays [steps], in order of time: step i is from start_s[i] to end_s[i].

    segment: index of its segment. weights: encoder -> share of its segment's attention, NaN where the model
    has no such encoder and in segments without speech.
    """

    start_s: np.ndarray
    end_s: np.ndarray
    segment: np.ndarray
    weights: dict[str, np.ndarray]

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> AttentionSteps:
        # the only step of a very short segment, which was padded, extends beyond its end
        edges = [np.minimum(np.asarray(s.attention.edges_s(), dtype=float), s.end_s) for s in segments]
        none = np.empty(0)
        weights = {name: np.concatenate([none, *(_weights(s, name) for s in segments)]) for name in ENCODERS}
        return cls(
            np.concatenate([none, *(e[:-1] for e in edges)]),
            np.concatenate([none, *(e[1:] for e in edges)]),
            np.repeat(np.arange(len(edges)), [max(len(e) - 1, 0) for e in edges]),
            weights,
        )

    def between(self, start_s: float, end_s: float) -> AttentionSteps:
        """The steps that overlap a time range."""
        part = slice(
            int(np.searchsorted(self.end_s, start_s, "right")),
            int(np.searchsorted(self.start_s, end_s, "left")),
        )
        weights = {name: w[part] for name, w in self.weights.items()}
        return AttentionSteps(self.start_s[part], self.end_s[part], self.segment[part], weights)

    def at(self, time_s: float) -> dict[str, float]:
        """The weight of each encoder at a time; empty outside of all steps."""
        i = int(np.searchsorted(self.start_s, time_s, "right")) - 1
        if i < 0 or time_s >= self.end_s[i]:
            return {}
        return {name: float(w[i]) for name, w in self.weights.items() if not np.isnan(w[i])}


class AttentionCurves:
    """Curves over the spectrogram's lane, with an axis in percent at the right."""

    def __init__(self) -> None:
        self.visible: dict[str, bool] = dict.fromkeys(ENCODERS, True)
        self.set_segments(())

    def set_segments(self, segments: Sequence[Segment]) -> None:
        self.steps = AttentionSteps.of(segments)
        self.not_attended = [span for s in segments for span in s.not_attended()]  # in order of time
        self._ends = [end for _, end in self.not_attended]
        self._speech = np.array([s.has_speech for s in segments], bool)

    def top(self, steps: AttentionSteps) -> float:
        """The upper end of the common scale: 6 % above the largest visible weight."""
        shown = [steps.weights[name] for name in ENCODERS if self.visible[name]]
        largest = max((float(np.nanmax(w)) for w in shown if len(w) and not np.isnan(w).all()), default=0.0)
        return largest * 1.06

    def paint(self, painter: QPainter, frame: Frame) -> None:
        step_pixels = STEP_S * frame.scale.pixels_per_s
        steps = self.steps.between(frame.scale.start_s, frame.scale.end_s)
        top = self.top(steps)
        if top > 0 and step_pixels < MIN_STEP_PIXELS:
            paint_caption(painter, frame, "Zoom in to see attention: a step is narrower than a pixel")
            return
        if len(steps.segment) and not self._speech[steps.segment].any():
            paint_caption(painter, frame, "No speech: attention is not shown")
            return
        painter.save()
        painter.setClipRect(frame.rect)
        self._paint_not_attended(painter, frame)
        if top > 0:
            self._paint_curves(painter, frame, steps, top, 2 if step_pixels > 6 else 1)
        painter.restore()
        if top > 0:
            self._paint_axis(painter, frame, top)

    def _paint_curves(
        self, painter: QPainter, frame: Frame, steps: AttentionSteps, top: float, width: int
    ) -> None:
        """All casings, then all curves, `width` logical pixels wide.

        Qt strokes a line wider than one device pixel about a hundred times slower; a step curve drawn several
        times, shifted along the diagonal by one pixel each, looks the same.
        """
        names = [n for n in ENCODERS if self.visible[n] and not np.isnan(steps.weights[n]).all()]
        paths = {name: _path(steps, steps.weights[name] / top, frame) for name in names}
        wide, edge = round(width * frame.ratio), round(frame.ratio)
        for path in paths.values():
            _stroke(painter, path, pen(CASING), range(-edge, wide + edge), frame.ratio)
        for name, path in paths.items():
            style = ENCODER_STYLES[name]
            line = pen(style.color)
            if LINES[style.line]:
                line.setDashPattern([part * wide for part in LINES[style.line]])
            _stroke(painter, path, line, range(wide), frame.ratio)

    def _paint_not_attended(self, painter: QPainter, frame: Frame) -> None:
        for start_s, end_s in self.not_attended[bisect_right(self._ends, frame.scale.start_s) :]:
            if start_s >= frame.scale.end_s:
                return
            left, right = frame.scale.x(start_s), frame.scale.x(end_s)
            if right - left >= MIN_CUT_PIXELS:
                paint_not_attended(painter, QRectF(left, frame.rect.top(), right - left, frame.rect.height()))

    def _paint_axis(self, painter: QPainter, frame: Frame, top: float) -> None:
        high = painter.fontMetrics().height()
        step = spacing(top * 100, max(2, int(frame.rect.height() / high / 2.5)))
        rect = frame.rect
        places = [
            (rect.bottom() - v / 100 / top * rect.height(), f"{v:g}") for v in ticks(0, top * 100, step)
        ]
        paint_axis_ticks(painter, frame, places, right=True)
        widest = max(painter.fontMetrics().horizontalAdvance(text) for _, text in places)
        paint_upright(
            painter, rect.right() + 9 + widest + high / 2, rect, "attention (% per step)", frame.theme.text
        )


def _stroke(painter: QPainter, path: QPainterPath, line: QPen, shifts: range, ratio: float) -> None:
    for shift in shifts:
        painter.strokePath(path.translated(shift / ratio, shift / ratio), line)


def paint_not_attended(painter: QPainter, rect: QRectF) -> None:
    """Hatched grey: a part to which no encoder attends."""
    box, tile = rect.toRect(), _hatched()
    for x in range(box.left(), box.right() + 1, tile.width()):
        painter.drawPixmap(x, box.top(), tile, 0, 0, min(tile.width(), box.right() + 1 - x), box.height())


@cache
def _hatched() -> QPixmap:
    """A tile as high as any lane; to copy part of it is ten times as fast as to fill with a pattern."""
    tile = QPixmap(128, 4096)
    tile.fill(Qt.GlobalColor.transparent)
    grey, lines = (clear(QColor(c[:7]), int(c[7:], 16)) for c in (NOT_ATTENDED, NOT_ATTENDED_LINES))
    painter = QPainter(tile)
    painter.fillRect(tile.rect(), grey)
    painter.fillRect(tile.rect(), QBrush(lines, Qt.BrushStyle.BDiagPattern))
    painter.end()
    return tile


def _weights(segment: Segment, encoder: str) -> np.ndarray:
    weights = segment.attention.of(encoder) if segment.has_speech else None
    return np.full(len(segment.attention.times_s), np.nan) if weights is None else np.asarray(weights)


def _path(steps: AttentionSteps, heights: np.ndarray, frame: Frame) -> QPainterPath:
    """The curve as a path of horizontal steps, interrupted where steps do not adjoin or have no weight."""
    scale, rect = frame.scale, frame.rect
    lefts = (scale.left + (steps.start_s - scale.start_s) * scale.pixels_per_s).tolist()
    rights = (scale.left + (steps.end_s - scale.start_s) * scale.pixels_per_s).tolist()
    ys = (rect.bottom() - 1 - heights * (rect.height() - 2)).tolist()
    adjoins = np.append(False, np.abs(steps.start_s[1:] - steps.end_s[:-1]) < 1e-6)
    adjoins[1:] &= ~np.isnan(heights[:-1])
    path = QPainterPath()
    for left, right, y, joined in zip(lefts, rights, ys, adjoins.tolist(), strict=True):
        if y != y:  # NaN
            continue
        (path.lineTo if joined else path.moveTo)(left, y)
        path.lineTo(right, y)
    return path

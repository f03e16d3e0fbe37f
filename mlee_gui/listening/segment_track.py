"""The track of results of a recording with several segments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from mlee_core.figures.palette import OUTLINES, class_color, headline_color, text_on
from mlee_core.inference.results import Segment
from mlee_core.labels.votes import CLASSES

from ..shell.class_swatch import class_name
from ..shell.plot_theme import pen
from .time_axis import Frame, paint_upright

ROW = 0.72
"""Height of a row of marks, in lines of text."""

PERHAPS = 0.25
"""Height of the mark of a class that is perhaps present, in rows."""

MIN_OUTLINE = 4.0
"""Narrower blocks are filled, pixels."""


class SegmentTrack:
    """Blocks in the colour of the headline, above a row for each class, filled where it is present.

    Where it is perhaps present, the mark is a line.
    """

    def __init__(self) -> None:
        self.set_segments(())

    def set_segments(self, segments: Sequence[Segment]) -> None:
        self.segments = tuple(segments)
        self._starts = [s.start_s for s in segments]
        self._headlines = [s.headline for s in segments]  # too slow for every frame of an hour
        self._present = [(s.present(), s.perhaps()) for s in segments]
        self.classes = self.segments[0].classes if self.segments else CLASSES

    def at(self, time_s: float) -> int | None:
        """Index of the segment at a time, None between segments."""
        i = bisect_right(self._starts, time_s) - 1
        return i if i >= 0 and time_s <= self.segments[i].end_s else None

    def height(self, metrics: QFontMetricsF) -> float:
        return metrics.height() * (1.35 + ROW * len(self.classes))

    def paint(self, painter: QPainter, frame: Frame) -> None:
        rect, scale = frame.rect, frame.scale
        metrics = QFontMetricsF(painter.font())
        block = metrics.height() * 1.35
        row = (rect.height() - block) / len(self.classes)
        self._paint_labels(painter, frame, block)
        painter.save()
        painter.setClipRect(rect)
        done = rect.left()  # segments narrower than a pixel share one
        first = max(bisect_right(self._starts, scale.start_s) - 1, 0)
        for i in range(first, len(self.segments)):
            segment = self.segments[i]
            left, right = scale.x(segment.start_s), scale.x(segment.end_s)
            if left > rect.right():
                break
            if right < done:
                continue
            box = QRectF(left, rect.top(), max(right - left - 1, 1), block - 1)
            done = left + 1
            paint_headline(painter, box, self._headlines[i])
            self._paint_text(painter, metrics, box, i, frame)
            for names, height in zip(self._present[i], (row - 1, PERHAPS * row), strict=True):
                for name in names:
                    bottom = rect.top() + block + (self.classes.index(name) + 1) * row - 1
                    mark = QRectF(left, bottom - height, box.width(), height)
                    painter.fillRect(mark, QColor(class_color(name)))
        painter.restore()

    def _paint_text(
        self, painter: QPainter, metrics: QFontMetricsF, box: QRectF, i: int, frame: Frame
    ) -> None:
        seen = box.intersected(frame.rect).adjusted(3, 0, -3, 0)
        if seen.width() < metrics.averageCharWidth() * 2:
            return
        headline = self._headlines[i]
        for text in (self.segments[i].headline_text(), class_name(headline), headline):
            if metrics.horizontalAdvance(text) <= seen.width():
                on_base = headline in OUTLINES
                painter.setPen(frame.theme.text if on_base else QColor(text_on(headline_color(headline))))
                painter.drawText(seen, Qt.AlignmentFlag.AlignCenter, text)
                return

    def _paint_labels(self, painter: QPainter, frame: Frame, block: float) -> None:
        """Label the blocks and the rows, in the left margin."""
        rect, theme = frame.rect, frame.theme
        painter.setPen(pen(theme.faint))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, rect.top(), rect.left() - 5, block), right, "result")
        row = (rect.height() - block) / len(self.classes)
        usual, small = painter.font(), QFont(painter.font())
        small.setPixelSize(max(7, round(row * 0.95)))
        painter.setFont(small)
        for k, name in enumerate(self.classes):
            box = QRectF(0, rect.top() + block + k * row, rect.left() - 5, row)
            painter.drawText(box, right, name)
        rows = QRectF(0, rect.top() + block, rect.left(), row * len(self.classes))
        paint_upright(painter, rect.left() - 5 - 3.2 * row, rows, "present", theme.faint)
        painter.setFont(usual)


def paint_strip(painter: QPainter, frame: Frame, segments: Sequence[Segment]) -> None:
    """Headlines as a coloured strip for the overview, at most one block per pixel."""
    done = frame.rect.left()
    for segment in segments:
        left, right = frame.scale.x(segment.start_s), frame.scale.x(segment.end_s)
        if right >= done:
            box = QRectF(left, frame.rect.top(), max(right - left, 1), frame.rect.height())
            paint_headline(painter, box, segment.headline)
            done = left + 1


def paint_headline(painter: QPainter, box: QRectF, headline: str) -> None:
    """A block filled with the colour of a class, an outline for a headline that is none."""
    color = QColor(headline_color(headline))
    if headline in OUTLINES and box.width() >= MIN_OUTLINE:
        line = pen(color)
        line.setStyle(Qt.PenStyle.DotLine if OUTLINES[headline] == "dot" else Qt.PenStyle.SolidLine)
        painter.setPen(line)
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
    else:
        painter.fillRect(box, color)

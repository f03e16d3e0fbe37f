"""The stacked plots on one time axis: overview, waveform, spectrogram with attention, result track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlee_core.audio.frames import MAX_SEGMENT_S
from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.figures.palette import CASING
from mlee_core.inference.results import Segment

from ..shell.plot_theme import Theme, clear, pen
from ..shell.time_text import ticks, time_spacing, time_text
from .attention_curves import AttentionCurves
from .overview import OverviewLane
from .segment_track import SegmentTrack
from .spectrogram import SpectrogramLane
from .time_axis import Frame, TimeScale, View
from .waveform import WaveformLane

Span = tuple[float, float]

NO_RECORDING = "No recording shown.\nDrop a file here, or open one."


@dataclass(frozen=True)
class Layout:
    """The rectangles of the lanes, logical pixels; that of the track is empty without a track."""

    overview: QRectF
    waveform: QRectF
    spectrogram: QRectF
    track: QRectF
    axis: QRectF

    @property
    def plots(self) -> QRectF:
        """Waveform, spectrogram and track, which share a time scale."""
        return QRectF(self.waveform.topLeft(), QPointF(self.waveform.right(), self.axis.top()))


class Canvas(QWidget):
    """Paints the plots; gestures.py handles mouse and keys.

    Plots are painted into a picture that is kept until view, data, size or colours change. Cursor and
    selection are drawn over it, so that a cursor following playback repaints only a few columns.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.view: View | None = None
        self.pyramid: Pyramid | None = None
        self.placeholder = NO_RECORDING
        self.selection: Span | None = None
        self.cursor_s: float | None = None
        self.overview, self.waveform = OverviewLane(), WaveformLane()
        self.spectrogram, self.attention, self.track = SpectrogramLane(), AttentionCurves(), SegmentTrack()
        self.theme = Theme.of(self.palette())
        self._picture: QPixmap | None = None

    def set_recording(self, pyramid: Pyramid | None, duration_s: float) -> None:
        self.pyramid = self.overview.pyramid = self.waveform.pyramid = self.spectrogram.pyramid = pyramid
        self.view = View.whole(duration_s) if pyramid is not None and duration_s > 0 else None
        self.selection, self.cursor_s = None, None
        self.set_segments(())

    def set_segments(self, segments: Sequence[Segment]) -> None:
        self.track.set_segments(segments)
        self.attention.set_segments(segments)
        self.overview.segments = self.track.segments if self.has_track else ()
        self.refresh()

    @property
    def has_track(self) -> bool:
        """Whether to show a track: for a long recording, or one with several segments."""
        return self.view is not None and (
            len(self.track.segments) > 1 or self.view.duration_s > MAX_SEGMENT_S
        )

    def set_view(self, view: View) -> None:
        if view != self.view:
            self.view = view
            self.refresh()

    def set_selection(self, span: Span | None) -> None:
        self.selection = span
        self.update()

    def set_cursor(self, time_s: float | None) -> None:
        for place in (self.cursor_s, time_s):
            if place is not None and self.view is not None:
                for x in (self.scale().x(place), self._overview_frame().scale.x(place)):
                    self.update(round(x) - 3, 0, 7, self.height())
        self.cursor_s = time_s

    def refresh(self) -> None:
        """Repaint everything at the next opportunity."""
        self._picture = None
        self.update()

    def lanes(self) -> Layout:
        """The lanes for the widget's size and font."""
        line = QFontMetricsF(self.font()).height()
        left, right = line * 4.0, line * 3.6
        wide, gap = max(self.width() - left - right, 20.0), max(4.0, line * 0.35)
        axis = line * 2.3
        track = self.track.height(QFontMetricsF(self.font())) + gap if self.has_track else 0.0
        room = max(self.height() - gap - axis, 60.0)
        overview = min(line * 2.6, room * 0.16)
        waveform = (room - overview - track) * 0.24
        top = gap + overview + gap
        spectrogram = top + waveform + gap
        bottom = gap + room - track
        return Layout(
            QRectF(left, gap, wide, overview),
            QRectF(left, top, wide, waveform),
            QRectF(left, spectrogram, wide, max(bottom - spectrogram, 10.0)),
            QRectF(left, bottom + gap, wide, track - gap) if track else QRectF(),
            QRectF(left, gap + room, wide, axis),
        )

    def scale(self) -> TimeScale:
        """Time <-> x in the plots. Requires a recording."""
        assert self.view is not None
        rect = self.lanes().waveform
        return TimeScale(self.view.start_s, self.view.end_s, rect.left(), rect.width())

    def _overview_frame(self) -> Frame:
        assert self.view is not None
        rect = self.lanes().overview
        whole = TimeScale(0.0, self.view.duration_s, rect.left(), rect.width())
        return Frame(rect, whole, self.theme, self.devicePixelRatioF())

    def paintEvent(self, event: QPaintEvent) -> None:
        ratio = self.devicePixelRatioF()
        if self._picture is None or self._picture.devicePixelRatio() != ratio:
            self._picture = self._paint_picture(ratio)
        painter = QPainter(self)
        dirty = event.rect()
        source = QRectF(dirty.x() * ratio, dirty.y() * ratio, dirty.width() * ratio, dirty.height() * ratio)
        painter.drawPixmap(QRectF(dirty), self._picture, source)
        if self.view is not None:
            self._paint_selection(painter)
            self._paint_cursor(painter)
        painter.end()

    def _paint_picture(self, ratio: float) -> QPixmap:
        picture = QPixmap(self.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(self.theme.base)
        painter = QPainter(picture)
        painter.setFont(self.font())
        if self.view is None:
            painter.setPen(self.theme.faint)
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self.placeholder)
        else:
            self._paint_lanes(painter, ratio)
        painter.end()
        return picture

    def _paint_lanes(self, painter: QPainter, ratio: float) -> None:
        assert self.view is not None
        lanes, scale = self.lanes(), self.scale()
        self.overview.paint(painter, self._overview_frame(), self.view)
        self.waveform.paint(painter, Frame(lanes.waveform, scale, self.theme, ratio))
        inside = Frame(lanes.spectrogram, scale, self.theme, ratio)
        self.spectrogram.paint(painter, inside)
        self.attention.paint(painter, inside)
        if self.has_track:
            self.track.paint(painter, Frame(lanes.track, scale, self.theme, ratio))
        painter.setPen(pen(self.theme.grid))
        for rect in (lanes.overview, lanes.waveform, lanes.spectrogram):
            painter.drawRect(rect)
        self._paint_time_axis(painter, lanes, scale)

    def _paint_time_axis(self, painter: QPainter, lanes: Layout, scale: TimeScale) -> None:
        metrics, rect = QFontMetricsF(painter.font()), lanes.axis
        longest = "00.00" if scale.end_s < 60 else "00:00.00" if scale.end_s < 3600 else "0:00:00.00"
        widest = metrics.horizontalAdvance(longest)
        step = time_spacing(scale.end_s - scale.start_s, max(2, int(rect.width() / widest / 1.6)))
        faint = clear(self.theme.faint, 60)
        for time_s in ticks(scale.start_s, scale.end_s, step):
            x = scale.x(time_s)
            painter.fillRect(QRectF(round(x), lanes.waveform.top(), 1, lanes.waveform.height()), faint)
            painter.setPen(pen(self.theme.faint))
            painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.top() + 4))
            box = QRectF(x - widest, rect.top() + 4, 2 * widest, metrics.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, time_text(time_s, step))
        painter.setPen(self.theme.text)
        label = "time (s)" if scale.end_s < 60 else "time (min:s)" if scale.end_s < 3600 else "time (h:min:s)"
        below = QRectF(rect.left(), rect.top() + 3 + metrics.height(), rect.width(), metrics.height())
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, label)

    def _paint_selection(self, painter: QPainter) -> None:
        if self.selection is None:
            return
        for rect, scale in self._time_areas():
            left, right = (min(max(scale.x(t), rect.left()), rect.right()) for t in self.selection)
            if right > rect.left() and left < rect.right():
                box = QRectF(left, rect.top(), right - left, rect.height())
                painter.fillRect(box, clear(self.theme.accent, 48))
                painter.setPen(pen(self.theme.accent, 2))
                for x in (left, right):
                    painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))

    def _paint_cursor(self, painter: QPainter) -> None:
        if self.cursor_s is None:
            return
        for rect, scale in self._time_areas():
            x = round(scale.x(self.cursor_s))
            if rect.left() <= x <= rect.right() + 1:
                for width, color in ((3, clear(QColor(CASING), 190)), (1, QColor("#ffffff"))):
                    painter.setPen(pen(color, width))
                    painter.drawLine(QPointF(x, rect.top()), QPointF(x, rect.bottom()))

    def _time_areas(self) -> tuple[tuple[QRectF, TimeScale], ...]:
        lanes, overview = self.lanes(), self._overview_frame()
        return (overview.rect, overview.scale), (lanes.plots, self.scale())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._picture = None
        super().resizeEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        changes = (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange)
        if event.type() in changes:
            self.theme = Theme.of(self.palette())
            self.refresh()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        return QSize(700, 480)

    def minimumSizeHint(self) -> QSize:
        return QSize(280, 240)

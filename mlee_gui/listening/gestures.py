"""Mouse and keys on the plots. shell/actions.py lists them for the user."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QCursor, QKeyEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget

from mlee_core.audio.frames import STEP_S

from .canvas import Canvas
from .overview import GRIP
from .time_axis import View

Drag = Literal["select", "pan", "window", "start", "end"]


class Plots(Canvas):
    """The canvas with mouse and keys.

    selected: (start_s, end_s) or None, when a drag ends. cursor_requested: seconds. pointed: seconds
    and hertz (or None) under the mouse. left: the mouse left the plots.
    """

    selected = Signal(object)
    cursor_requested = Signal(float)
    pointed = Signal(float, object)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._drag: Drag | None = None
        self._pressed = QPointF()
        self._anchor_s = 0.0
        self._grabbed: View | None = None

    # mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.view is None:
            return
        self._pressed, self._grabbed = event.position(), self.view
        if event.button() == Qt.MouseButton.MiddleButton:
            self._drag = "pan"
        elif event.button() == Qt.MouseButton.LeftButton:
            if self.lanes().overview.contains(self._pressed):
                self._press_overview(self._pressed.x())
            else:
                self._press_plots(self._pressed.x())

    def _press_overview(self, x: float) -> None:
        assert self.view is not None
        frame = self._overview_frame()
        part = self.overview.part(frame, self.view, x)
        if part is None:
            self.set_view(self.view.moved(frame.scale.time(x) - (self.view.start_s + self.view.end_s) / 2))
            self._grabbed = self.view
        self._drag = part if part in ("start", "end") else "window"

    def _press_plots(self, x: float) -> None:
        border = self._border_at(x)
        self._anchor_s = self._time_at(x)
        if border is not None and self.selection is not None:
            self._anchor_s = self.selection[1 - border]  # the other border stays
            self._drag = "select"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.view is None:
            return
        place = event.position()
        far = (place - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        left_held = event.buttons() & Qt.MouseButton.LeftButton
        if self._drag is None and left_held and self._grabbed is not None and far:
            self._drag = "select"
        if self._drag == "select":
            self._drag_selection(place.x())
        elif self._drag is not None:
            self._drag_view(place.x())
        else:
            self._show_handles(place)
        self._point(place)

    def _drag_selection(self, x: float) -> None:
        assert self.view is not None
        rect = self.lanes().plots
        beyond = min(x - rect.left(), 0.0) + max(x - rect.right(), 0.0)
        if beyond:
            self.set_view(self.view.moved(beyond / rect.width() * self.view.span_s * 0.5))
        here = self._time_at(x)
        self.set_selection((min(here, self._anchor_s), max(here, self._anchor_s)))

    def _drag_view(self, x: float) -> None:
        assert self._grabbed is not None
        if self._drag == "pan":
            self.set_view(
                self._grabbed.moved((self._pressed.x() - x) / self.scale().width * self._grabbed.span_s)
            )
            return
        shift = (x - self._pressed.x()) / self._overview_frame().scale.pixels_per_s
        grabbed = self._grabbed
        if self._drag == "window":
            self.set_view(grabbed.moved(shift))
        elif self._drag == "start":
            self.set_view(grabbed.to(min(grabbed.start_s + shift, grabbed.end_s), grabbed.end_s))
        else:
            self.set_view(grabbed.to(grabbed.start_s, max(grabbed.end_s + shift, grabbed.start_s)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        drag, grabbed = self._drag, self._grabbed
        self._drag = self._grabbed = None
        if self.view is None or grabbed is None:
            return
        if drag == "select":
            self.selected.emit(self.selection)
        elif drag is None and event.button() == Qt.MouseButton.LeftButton:
            time_s = self._time_at(event.position().x())
            if self.selection is not None and not self.selection[0] <= time_s <= self.selection[1]:
                self.set_selection(None)
                self.selected.emit(None)
            self.cursor_requested.emit(time_s)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.view is None or event.button() != Qt.MouseButton.LeftButton:
            return
        i = self.track.at(self._time_at(event.position().x()))
        whole = View.whole(self.view.duration_s)
        segment = (
            whole if i is None else whole.to(self.track.segments[i].start_s, self.track.segments[i].end_s)
        )
        self.set_view(whole if segment == self.view else segment)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.view is None:
            event.ignore()
            return
        across, along = event.angleDelta().x(), event.angleDelta().y()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier or abs(across) > abs(along):
            self.set_view(self.view.moved(-(across or along) / 120 * 0.1 * self.view.span_s))
        else:
            self.set_view(self.view.zoomed(0.8 ** (along / 120), self._time_at(event.position().x())))
        event.accept()

    def leaveEvent(self, event: object) -> None:
        self.left.emit()

    # keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        shift = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if self.view is None or way is None or not (control or shift):
            super().keyPressEvent(event)
            return
        here = self.cursor_s if self.cursor_s is not None else self.view.start_s
        there = min(max(here + way * STEP_S, 0.0), self.view.duration_s)
        if shift:
            self._extend(here, there)
        self.set_cursor(there)
        self.bring_into_view(there)
        self.cursor_requested.emit(there)
        self.pointed.emit(there, None)

    def _extend(self, here: float, there: float) -> None:
        """Move the border of the selection at the cursor, or start a selection there."""
        other = here
        if self.selection is not None and here in self.selection:
            other = self.selection[0] if here == self.selection[1] else self.selection[1]
        self.set_selection((min(other, there), max(other, there)) if other != there else None)
        self.selected.emit(self.selection)

    def bring_into_view(self, time_s: float) -> None:
        """Move the view if the time is not visible."""
        view = self.view
        if view is not None and not view.start_s <= time_s <= view.end_s:
            self.set_view(view.moved(time_s - view.start_s - 0.05 * view.span_s))

    # helpers

    def _time_at(self, x: float) -> float:
        assert self.view is not None
        return min(max(self.scale().time(x), self.view.start_s), self.view.end_s)

    def _border_at(self, x: float) -> int | None:
        """0 or 1 for the selection's border within reach of x."""
        if self.selection is None:
            return None
        reach = [abs(self.scale().x(t) - x) for t in self.selection]
        return reach.index(min(reach)) if min(reach) <= GRIP else None

    def _show_handles(self, place: QPointF) -> None:
        assert self.view is not None
        lanes, shape = self.lanes(), Qt.CursorShape.ArrowCursor
        if lanes.overview.contains(place):
            part = self.overview.part(self._overview_frame(), self.view, place.x())
            shape = (
                Qt.CursorShape.SizeHorCursor if part in ("start", "end") else Qt.CursorShape.OpenHandCursor
            )
        elif lanes.plots.contains(place):
            border = self._border_at(place.x()) is not None
            shape = Qt.CursorShape.SizeHorCursor if border else Qt.CursorShape.CrossCursor
        self.setCursor(QCursor(shape))

    def _point(self, place: QPointF) -> None:
        lanes = self.lanes()
        if lanes.overview.contains(place):
            self.pointed.emit(self._overview_frame().scale.time(place.x()), None)
        elif lanes.plots.contains(place):
            inside = lanes.spectrogram.contains(place)
            frequency = self.spectrogram.frequency(lanes.spectrogram, place.y()) if inside else None
            self.pointed.emit(self._time_at(place.x()), frequency)
        else:
            self.left.emit()

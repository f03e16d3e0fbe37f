"""A recording on one time axis: overview, waveform, spectrogram with attention, result track (Figure 3)."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.inference.results import ENCODERS, Segment

from .canvas import NO_RECORDING, Span
from .controls import GAP_DB, Controls
from .gestures import Plots
from .readout import readout_text
from .spectrogram import COLORMAPS, DB_LIMITS
from .time_axis import View


class Timeline(QWidget):
    """Shows a recording and its results, and signals the user's actions.

    selection_changed: (start_s, end_s) or None, by mouse or keys. cursor_requested: seconds. hovered: the
    values under the mouse as text, "" elsewhere. encoder_toggled: encoder, shown. display_changed: colour map
    or dB range.
    """

    selection_changed = Signal(object)
    cursor_requested = Signal(float)
    hovered = Signal(str)
    encoder_toggled = Signal(str, bool)
    display_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.controls, self.plots = Controls(), Plots()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(4)
        layout.addWidget(self.controls)
        layout.addWidget(self.plots, 1)
        self.plots.setAccessibleName("Waveform, spectrogram and attention")
        self.controls.encoder_toggled.connect(self._on_encoder)
        self.controls.display_changed.connect(self._on_display)
        self.plots.selected.connect(self.selection_changed)
        self.plots.cursor_requested.connect(self.cursor_requested)
        self.plots.pointed.connect(self._on_pointed)
        self.plots.left.connect(lambda: self.hovered.emit(""))
        self.show_segments(())

    def show_recording(self, pyramid: Pyramid, duration_s: float) -> None:
        """Show the whole of a recording, without results."""
        self.plots.set_recording(pyramid, duration_s)
        self.show_segments(())

    def clear(self, placeholder: str = NO_RECORDING) -> None:
        """Show no recording, but this text."""
        if self.plots.view is None and self.plots.placeholder == placeholder:
            return  # called again at each progress of reading
        self.plots.placeholder = placeholder
        self.plots.set_recording(None, 0.0)
        self.show_segments(())

    def show_segments(self, segments: Sequence[Segment]) -> None:
        """Show results, in order of time; called again as more arrive."""
        self.plots.set_segments(segments)
        present = {n for n in ENCODERS if any(s.attention.of(n) is not None for s in segments)}
        self.controls.set_present(present if segments else set(ENCODERS))

    def segment_at(self, time_s: float) -> int | None:
        """Index of the shown segment at a time; None between segments."""
        return self.plots.track.at(time_s)

    # selection, cursor, view

    def set_selection(self, span: Span | None) -> None:
        self.plots.set_selection(span)

    def set_cursor(self, time_s: float | None, *, follow: bool = False) -> None:
        """Move the cursor. follow: move the view when the cursor leaves it (playback)."""
        self.plots.set_cursor(time_s)
        if follow and time_s is not None:
            self.plots.bring_into_view(time_s)

    def view_range(self) -> Span:
        """The visible time range, (0, 0) without a recording."""
        view = self.plots.view
        return (view.start_s, view.end_s) if view is not None else (0.0, 0.0)

    def zoom_in(self) -> None:
        self._zoom(0.5)

    def zoom_out(self) -> None:
        self._zoom(2.0)

    def zoom_to(self, start_s: float, end_s: float) -> None:
        if self.plots.view is not None:
            self.plots.set_view(self.plots.view.to(start_s, end_s))

    def fit(self) -> None:
        """Show the whole recording."""
        if self.plots.view is not None:
            self.plots.set_view(View.whole(self.plots.view.duration_s))

    def pan(self, fraction: float) -> None:
        """Move by a fraction of the visible time range; to earlier if negative."""
        if self.plots.view is not None:
            self.plots.set_view(self.plots.view.moved(fraction * self.plots.view.span_s))

    def home(self) -> None:
        """Show the recording's start, at the same zoom."""
        if self.plots.view is not None:
            self.plots.set_view(self.plots.view.moved(-self.plots.view.duration_s))

    def end(self) -> None:
        """Show the recording's end, at the same zoom."""
        if self.plots.view is not None:
            self.plots.set_view(self.plots.view.moved(self.plots.view.duration_s))

    def _zoom(self, factor: float) -> None:
        """Zoom about the cursor if it is visible, else about the middle."""
        view, cursor = self.plots.view, self.plots.cursor_s
        if view is not None:
            seen = cursor is not None and view.start_s <= cursor <= view.end_s
            self.plots.set_view(
                view.zoomed(factor, cursor if seen and cursor is not None else sum(self.view_range()) / 2)
            )

    # display

    @property
    def db_range(self) -> Span:
        return self.plots.spectrogram.db_range

    def set_db_range(self, low_db: float, high_db: float) -> None:
        """Set the levels of the colours: -120 … 6 dB, at least 10 dB apart (0 dB is a sine at the peak)."""
        low = min(max(low_db, DB_LIMITS[0]), DB_LIMITS[1] - GAP_DB)
        self._set_display(self.colormap, (low, min(max(high_db, low + GAP_DB), DB_LIMITS[1])))

    @property
    def colormap(self) -> str:
        return self.plots.spectrogram.colormap

    def set_colormap(self, name: str) -> None:
        """Set one of COLORMAPS; any other name (of an old setting) is the first one."""
        self._set_display(name if name in COLORMAPS else COLORMAPS[0], self.db_range)

    def set_encoder_visible(self, encoder: str, on: bool) -> None:
        self.controls.set_encoder(encoder, on)
        self.plots.attention.visible[encoder] = on
        self.plots.refresh()

    def _set_display(self, colormap: str, db_range: Span) -> None:
        self.controls.set_display(colormap, db_range)
        self.plots.spectrogram.colormap, self.plots.spectrogram.db_range = colormap, db_range
        self.plots.refresh()

    def _on_display(self) -> None:
        self._set_display(self.controls.colormap.currentText(), self.controls.db_range)
        self.display_changed.emit()

    def _on_encoder(self, encoder: str, on: bool) -> None:
        self.set_encoder_visible(encoder, on)
        self.encoder_toggled.emit(encoder, on)

    def _on_pointed(self, time_s: float, frequency_hz: float | None) -> None:
        plots, i = self.plots, self.segment_at(time_s)
        segment = None if i is None else plots.track.segments[i]
        text = readout_text(time_s, frequency_hz, plots.pyramid, plots.attention.steps, segment)
        plots.setAccessibleDescription(text)
        self.hovered.emit(text)

"""Shows the session's state in plots and panels, and applies the user's actions there to the session."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from mlee_core.audio.frames import MAX_SEGMENT_S
from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.errors import AudioError
from mlee_core.inference.results import Analysis, Segment

from ..recordings.player import Player
from ..recordings.session import Entry, Session
from .canvas import NO_RECORDING
from .emotions_panel import EmotionsPanel
from .segments_panel import SegmentsPanel
from .timeline import Timeline

SEGMENTS_MS = 100
"""Interval of drawing while segments arrive one by one."""


class Presenter(QObject):
    """segment, analysis: those in the emotions panel.

    The analysis of a selection replaces that of the recording until the selection is cleared.
    """

    shown_changed = Signal()
    long_shown = Signal(bool)  # whether the shown recording is long, and so has several segments

    def __init__(
        self,
        session: Session,
        timeline: Timeline,
        emotions: EmotionsPanel,
        segments: SegmentsPanel,
        player: Player,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._player = session, player
        self._timeline, self._emotions, self._segments = timeline, emotions, segments
        self._opened: str | None = None  # the shown pyramid
        self._drawn: tuple[Segment, ...] = ()
        self._elsewhere = False  # whether there were segments when the result was shown
        self._redraw = QTimer(self, singleShot=True, interval=SEGMENTS_MS)
        self._redraw.timeout.connect(self._show)
        self.segment: Segment | None = None
        self.analysis: Analysis | None = None
        session.current_changed.connect(lambda _: self._show())
        session.entries_changed.connect(self._show)
        session.entry_changed.connect(self._on_entry)
        session.selection_changed.connect(timeline.set_selection)
        session.cursor_moved.connect(self._on_cursor)
        timeline.selection_changed.connect(session.set_selection)
        timeline.cursor_requested.connect(self._on_cursor_requested)
        segments.segment_activated.connect(self._on_segment_activated)
        player.position_changed.connect(session.set_cursor)
        self._show()

    def _on_entry(self, entry_id: int) -> None:
        current = self._session.current()
        if current is None or current.id != entry_id:
            return
        if current.state != "analysing" or not current.segments:
            self._show()
        elif not self._redraw.isActive():
            self._redraw.start()

    def close(self) -> None:
        """Stop drawing."""
        self._redraw.stop()
        self._redraw.timeout.disconnect(self._show)

    def _show(self) -> None:
        self._redraw.stop()
        entry = self._session.current()
        self._show_recording(entry)
        drawn = () if entry is None else segments_of(entry)
        if drawn != self._drawn:
            self._drawn = drawn
            self._timeline.show_segments(drawn)
            self._segments.show_segments(list(drawn))
        if entry is None or entry.duration_s is not None:
            self.long_shown.emit(entry is not None and is_long(entry))
        self._show_result()
        if not self._segments.has_selection:
            self._select_segment()  # the rows were reset

    def _show_recording(self, entry: Entry | None) -> None:
        opened = None if entry is None else entry.opened
        if opened is None:
            if self._opened is not None:
                self._player.unload()
                self._reset_drawn(None)
            self._timeline.clear(placeholder_for(entry))
            return
        if opened.pyramid == self._opened:
            return
        try:
            pyramid = Pyramid.open(Path(opened.pyramid))
        except AudioError as error:
            self._session.messages.failed("opening the plots", error)
            return
        self._timeline.show_recording(pyramid, opened.duration_s)
        self._timeline.set_cursor(self._session.cursor_s)
        self._timeline.set_selection(self._session.selection)
        self._player.load(opened.samples_file, pyramid.gain)
        self._reset_drawn(opened.pyramid)

    def _reset_drawn(self, pyramid: str | None) -> None:
        """The plots show another recording, without segments."""
        self._opened = pyramid
        self._drawn = ()
        self._segments.show_segments([])

    def _show_result(self) -> None:
        entry = self._session.current()
        shown = (None, None) if entry is None else result_at(entry, self._session.cursor_s)
        elsewhere = bool(self._drawn)
        if (*shown, elsewhere) != (self.segment, self.analysis, self._elsewhere):
            self.segment, self.analysis, self._elsewhere = *shown, elsewhere
            self._emotions.show_segment(*shown, elsewhere=elsewhere)
            self._select_segment()
            self.shown_changed.emit()

    def _select_segment(self) -> None:
        rows = [row for row, segment in enumerate(self._drawn) if segment == self.segment]
        self._segments.select(rows[0] if rows else None)

    def _on_cursor(self, at_s: float) -> None:
        self._timeline.set_cursor(at_s, follow=self._player.state == "playing")
        self._show_result()

    def _on_cursor_requested(self, at_s: float) -> None:
        self._session.set_cursor(at_s)
        self._player.seek(at_s)

    def _on_segment_activated(self, index: int) -> None:
        if 0 <= index < len(self._drawn):
            at_s = self._drawn[index].start_s
            self._on_cursor_requested(at_s)
            self._timeline.set_cursor(at_s, follow=True)


def placeholder_for(entry: Entry | None) -> str:
    """The text in place of the plots."""
    if entry is None:
        return NO_RECORDING
    if entry.state in ("failed", "cancelled"):
        return f"{entry.name}\n{entry.message}\nRetry with F5."
    return f"Reading {entry.name}…"


def segments_of(entry: Entry) -> tuple[Segment, ...]:
    """The drawn segments: those of an analysed selection replace the ones that it overlaps."""
    chosen = entry.selection_analysis
    if chosen is None:
        return entry.segments
    start, end = chosen.segments[0].start_s, chosen.segments[-1].end_s
    kept = [s for s in entry.segments if s.end_s <= start or s.start_s >= end]
    return tuple(sorted([*kept, *chosen.segments], key=lambda s: s.start_s))


def result_at(entry: Entry, cursor_s: float) -> tuple[Segment | None, Analysis | None]:
    """The segment to show, and its analysis: of the analysed selection, else the segment at the cursor.

    Between the segments of a long recording (silence) there is none.
    """
    if entry.selection_analysis is not None:
        return segment_at(entry.selection_analysis.segments, cursor_s, True), entry.selection_analysis
    return segment_at(entry.segments, cursor_s, not is_long(entry) or cursor_s == 0.0), entry.analysis


def is_long(entry: Entry) -> bool:
    """Whether it is too long for a single result (assumed until its length is known)."""
    return entry.duration_s is None or entry.duration_s > MAX_SEGMENT_S


def segment_at(segments: tuple[Segment, ...], at_s: float, else_first: bool) -> Segment | None:
    """The segment at a time; if there is none, the first with `else_first`."""
    default = segments[0] if else_first and segments else None
    return next((s for s in segments if s.start_s <= at_s < s.end_s), default)

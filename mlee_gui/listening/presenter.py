"""Keeps plots and panels showing what the session holds, and tells the session what was done in them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from mlee_core.audio.frames import MAX_SEGMENT_S
from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.errors import AudioError
from mlee_core.inference.results import Analysis, Segment

from ..recordings.player import Player
from ..recordings.session import Entry, Session
from .canvas import NOTHING_SHOWN
from .emotions_panel import EmotionsPanel
from .segments_panel import SegmentsPanel
from .timeline import Timeline

ARRIVING_MS = 100
"""While segments arrive one by one they are drawn so often."""


class Presenter(QObject):
    """segment, analysis: what the emotions panel shows now.

    A selection that was analysed is shown in place of what lies under it, until the selection is cleared.
    """

    shown_changed = Signal()
    long_shown = Signal(bool)  # whether what is shown is long, and so has many verdicts

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
        self._opened: str | None = None  # the pyramid that is shown
        self._drawn: tuple[Segment, ...] = ()
        self._some = False  # whether there were any when the verdict was shown
        self._later = QTimer(self, singleShot=True, interval=ARRIVING_MS)
        self._later.timeout.connect(self._show)
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
        elif not self._later.isActive():
            self._later.start()

    def close(self) -> None:
        """Draw nothing more."""
        self._later.stop()
        self._later.timeout.disconnect(self._show)

    def _show(self) -> None:
        self._later.stop()
        entry = self._session.current()
        self._show_recording(entry)
        drawn = () if entry is None else segments_of(entry)
        if drawn != self._drawn:
            self._drawn = drawn
            self._timeline.show_segments(drawn)
            self._segments.show_segments(list(drawn))
        if entry is None or entry.duration_s is not None:
            self.long_shown.emit(entry is not None and is_long(entry))
        self._show_verdict()
        if not self._segments.marked:
            self._mark()  # the rows began anew

    def _show_recording(self, entry: Entry | None) -> None:
        opened = None if entry is None else entry.opened
        if opened is None:
            if self._opened is not None:
                self._player.unload()
                self._forget_drawn(None)
            self._timeline.clear(why_nothing(entry))
            return
        if opened.pyramid == self._opened:
            return
        try:
            pyramid = Pyramid.open(Path(opened.pyramid))
        except AudioError as error:
            self._session.messages.failed("opening the picture", error)
            return
        self._timeline.show_recording(pyramid, opened.duration_s)
        self._timeline.set_cursor(self._session.cursor_s)
        self._timeline.set_selection(self._session.selection)
        self._player.load(opened.samples_file, pyramid.gain)
        self._forget_drawn(opened.pyramid)

    def _forget_drawn(self, pyramid: str | None) -> None:
        """The plots begin anew: what was drawn on them is gone."""
        self._opened = pyramid
        self._drawn = ()
        self._segments.show_segments([])

    def _show_verdict(self) -> None:
        entry = self._session.current()
        shown = (None, None) if entry is None else verdict_of(entry, self._session.cursor_s)
        some = bool(self._drawn)
        if (*shown, some) != (self.segment, self.analysis, self._some):
            self.segment, self.analysis, self._some = *shown, some
            self._emotions.show_segment(*shown, elsewhere=some)
            self._mark()
            self.shown_changed.emit()

    def _mark(self) -> None:
        at = [row for row, segment in enumerate(self._drawn) if segment == self.segment]
        self._segments.mark(at[0] if at else None)

    def _on_cursor(self, at_s: float) -> None:
        self._timeline.set_cursor(at_s, follow=self._player.state == "playing")
        self._show_verdict()

    def _on_cursor_requested(self, at_s: float) -> None:
        self._session.set_cursor(at_s)
        self._player.seek(at_s)

    def _on_segment_activated(self, index: int) -> None:
        if 0 <= index < len(self._drawn):
            at_s = self._drawn[index].start_s
            self._on_cursor_requested(at_s)
            self._timeline.set_cursor(at_s, follow=True)


def why_nothing(entry: Entry | None) -> str:
    """What stands where the plots would be."""
    if entry is None:
        return NOTHING_SHOWN
    if entry.state in ("failed", "cancelled"):
        return f"{entry.name}\n{entry.message}\nF5 tries again."
    return f"Reading {entry.name}…"


def segments_of(entry: Entry) -> tuple[Segment, ...]:
    """What is drawn over the recording: its verdicts, the selection's in place of those it overlaps."""
    chosen = entry.selection_analysis
    if chosen is None:
        return entry.segments
    start, end = chosen.segments[0].start_s, chosen.segments[-1].end_s
    kept = [s for s in entry.segments if s.end_s <= start or s.start_s >= end]
    return tuple(sorted([*kept, *chosen.segments], key=lambda s: s.start_s))


def verdict_of(entry: Entry, cursor_s: float) -> tuple[Segment | None, Analysis | None]:
    """The segment to explain and the analysis it is from: of the selection, else the one at the cursor.

    Between segments of a long recording (silence) there is none.
    """
    if entry.selection_analysis is not None:
        return segment_at(entry.selection_analysis.segments, cursor_s, True), entry.selection_analysis
    return segment_at(entry.segments, cursor_s, not is_long(entry) or cursor_s == 0.0), entry.analysis


def is_long(entry: Entry) -> bool:
    """Whether it is too long for one verdict (taken to be, until its length is known)."""
    return entry.duration_s is None or entry.duration_s > MAX_SEGMENT_S


def segment_at(segments: tuple[Segment, ...], at_s: float, else_first: bool) -> Segment | None:
    """The segment at a time, or the first if there is none and `else_first`."""
    found = next((s for s in segments if s.start_s <= at_s < s.end_s), None)
    if found is None and else_first and segments:
        return segments[0]
    return found

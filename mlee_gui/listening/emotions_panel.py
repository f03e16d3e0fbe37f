"""What was heard: which emotions are present, which dominates, in words and bars, with what caveats."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QRadioButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from mlee_core.figures.palette import class_color
from mlee_core.inference.results import DOMINANT_HEADS, Analysis, Segment

from ..shell.class_swatch import class_name
from ..shell.plot_theme import mix
from ..shell.time_text import time_and_unit, time_text
from .probability_bars import Bar, ProbabilityBars

_PARTS = {"train": "training", "dev": "development"}
_MEANS = {
    "hard": "Dominant model trained on hard targets: the one class with the most votes",
    "soft": "Dominant model trained on soft targets: the shares of the votes",
    "fusion": "Dominant model that listens through two encoders, one dominant and MLEE",
}
_AMBER = "#d69a00"
NOTHING = "No result yet"
NOT_SEEN = "Not seen in training (MLEE compares recordings and speaker ids; it cannot know voices)."


class EmotionsPanel(QScrollArea):
    """Shows one Segment at a time. rule_changed: the dominant head that the user chose."""

    rule_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segment: Segment | None = None
        self._analysis: Analysis | None = None
        self._elsewhere = False
        self._head: str | None = None  # the user's choice; None shows the head that made the prediction
        self.where, self.predicted, self.verdict = _text(), _text(), _text()
        self.seen, self.caveats = _text(), _text()
        self.present = ProbabilityBars("Existence: probability that each emotion is present", half_line=True)
        self.dominant = ProbabilityBars("Dominant emotion: probability of each", half_line=False)
        self.no_existence = _text(
            "This model has no MLEE head, so it does not say which emotions are present."
        )
        self.no_dominant = _text("This model has no dominant head.")
        self.heads = {head: QRadioButton(head) for head in DOMINANT_HEADS}
        self._group = QButtonGroup(self)
        self._body = QWidget()
        self._lay_out()
        self.setWidget(self._body)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Emotions")
        self._refresh()

    def show_segment(
        self, segment: Segment | None, analysis: Analysis | None, elsewhere: bool = False
    ) -> None:
        """Show a verdict and whose it is; `analysis` is None while the rest is still being computed.

        elsewhere: whether there are verdicts, if none here.
        """
        self._segment, self._analysis, self._elsewhere = segment, analysis, elsewhere
        self._refresh()

    @property
    def rule(self) -> str | None:
        """The dominant head whose bars are shown, None without one."""
        if self._segment is None:
            return None
        having = [h for h in DOMINANT_HEADS if self._segment.dominant.get(h) is not None]
        if self._head in having:
            return self._head
        return self._segment.rule if self._segment.rule in having else (having[-1] if having else None)

    def set_rule(self, head: str) -> None:
        """Show the dominant bars of hard, soft or fusion, where the model has it."""
        self._head = head if head in DOMINANT_HEADS else None
        self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._paint_notices()

    def _lay_out(self) -> None:
        heads = QHBoxLayout()
        heads.setSpacing(12)
        for head, button in self.heads.items():
            self._group.addButton(button)
            button.setAccessibleName(f"Dominant, {head}")
            button.clicked.connect(lambda _=False, head=head: self._choose(head))
            heads.addWidget(button)
        heads.addStretch(1)
        layout = QVBoxLayout(self._body)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(6)
        self._present_title, self._dominant_title = _title("Present"), _title("Dominant")
        self._caveats_title = _title("Caveats")
        verdict = (self.where, self.predicted, self.verdict)
        for label in (*verdict, self._caveats_title, self.caveats, self.seen):
            layout.addWidget(label)
        above: tuple[QWidget, ...] = (
            self._present_title,
            self.present,
            self.no_existence,
            self._dominant_title,
        )
        below: tuple[QWidget, ...] = (self.dominant, self.no_dominant)
        for widget in above:
            layout.addWidget(widget)
        layout.addLayout(heads)
        for widget in below:
            layout.addWidget(widget)
        layout.addStretch(1)
        self._column = layout

    def add_footer(self, widget: QWidget) -> None:
        """Put a widget below everything, scrolled with the rest (what is known of the model)."""
        self._column.addWidget(widget)

    def _choose(self, head: str) -> None:
        self.set_rule(head)
        self.rule_changed.emit(head)

    def _refresh(self) -> None:
        segment = self._segment
        self._refresh_words()
        self._refresh_bars()
        for head, button in self.heads.items():
            having = segment is not None and segment.dominant.get(head) is not None
            button.setEnabled(having)
            lacking = f"This model has no {head} head." if segment is not None else NOTHING + "."
            button.setToolTip(_MEANS[head] if having else lacking)
        rule = self.rule
        self._group.setExclusive(rule is not None)  # or the last one could not be switched off
        for head, button in self.heads.items():
            button.setChecked(head == rule)
        self._refresh_notices()

    def _refresh_words(self) -> None:
        segment, analysis = self._segment, self._analysis
        self.verdict.setVisible(segment is not None)
        if segment is None:
            several = analysis is not None and analysis.single is None
            here = "No result at the cursor yet" if self._elsewhere else NOTHING
            self.where.setText("")
            self.predicted.setText("Nothing was heard at the cursor" if several else here)
            self.where.setVisible(False)
            return
        self.where.setVisible(True)
        self.where.setText(place_of(segment, analysis))
        color = class_color(segment.predicted)
        self.predicted.setText(
            f'<span style="color:{color}">■</span> <b><big>{class_name(segment.predicted)}</big></b> '
            f"&nbsp;{segment.score():.2f}"
        )
        self.verdict.setText(segment.verdict())

    def _refresh_bars(self) -> None:
        segment, rule = self._segment, self.rule
        existence = None if segment is None else segment.existence
        self._show_bars(self.present, self.no_existence, segment, existence is not None)
        self._show_bars(self.dominant, self.no_dominant, segment, rule is not None)
        if segment is not None and existence is not None:
            pairs = zip(segment.classes, existence, strict=True)
            marks = dict.fromkeys(segment.present(), "present") | dict.fromkeys(segment.perhaps(), "perhaps")
            self.present.show_bars([Bar(c, p, marks.get(c, "")) for c, p in pairs])
        values = None if segment is None or rule is None else segment.dominant[rule]
        if segment is not None and values is not None:
            mark = "predicted" if rule == segment.rule else "highest"
            best = max(range(len(values)), key=values.__getitem__)
            pairs = zip(segment.classes, values, strict=True)
            self.dominant.show_bars([Bar(c, p, mark if k == best else "") for k, (c, p) in enumerate(pairs)])

    def _show_bars(
        self, bars: ProbabilityBars, missing: QLabel, segment: Segment | None, having: bool
    ) -> None:
        if not having:
            bars.show_bars([])
        bars.setVisible(having or segment is None)
        missing.setVisible(segment is not None and not having)

    def _refresh_notices(self) -> None:
        segment, analysis = self._segment, self._analysis
        self.seen.setVisible(analysis is not None)
        if analysis is not None:
            why = analysis.seen_why or f"it is in the model's {_PARTS.get(analysis.seen or '')} set"
            warning = f"⚠ Heard before: {why}. The result says little about new voices."
            self.seen.setText(NOT_SEEN if analysis.seen is None else warning)
        notes = [*(analysis.notes if analysis else ()), *(segment.notes if segment else ())]
        self.caveats.setText("\n".join(f"• {note}" for note in dict.fromkeys(notes)))
        for widget in (self._caveats_title, self.caveats):
            widget.setVisible(bool(notes))
        self._paint_notices()

    def _paint_notices(self) -> None:
        """The banner's colours: amber, mixed into the palette of the moment, only when it warns."""
        warns = self._analysis is not None and self._analysis.seen is not None
        window = self.palette().color(QPalette.ColorRole.Window)
        back = mix(QColor(_AMBER), window, 0.35) if warns else window
        style = f"background: {back.name()}; padding: {5 if warns else 0}px; border-radius: 4px;"
        if self.seen.styleSheet() != style:
            self.seen.setStyleSheet(style)


def place_of(segment: Segment, analysis: Analysis | None) -> str:
    """Which stretch is spoken of: the whole recording, or a segment with its number and times."""
    span = f"{time_text(segment.start_s, 0.01)} to {time_and_unit(segment.end_s, 0.01)}"
    if analysis is None:
        return f"Segment {span}"
    if len(analysis.segments) > 1 and segment in analysis.segments:
        return f"Segment {analysis.segments.index(segment) + 1} of {len(analysis.segments)}: {span}"
    return f"From {span}"


def _text(words: str = "") -> QLabel:
    label = QLabel(words)
    label.setWordWrap(True)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return label


def _title(words: str) -> QLabel:
    label = QLabel(words)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label

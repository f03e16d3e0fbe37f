"""The result of a segment: emotions present, dominant emotion and caveats, as text and bars."""

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

from mlee_core.figures.palette import OUTLINES, headline_color
from mlee_core.inference.results import DOMINANT_HEADS, NONE, PRESENT, WITHOUT_SPEECH, Analysis, Segment

from ..shell.class_swatch import class_name
from ..shell.plot_theme import mix
from ..shell.time_text import time_and_unit, time_text
from .probability_bars import Bar, ProbabilityBars

_PARTS = {"train": "training", "dev": "development"}
_TIPS = {
    "hard": "Dominant model trained on hard targets: the class with the most votes",
    "soft": "Dominant model trained on soft targets: the shares of the votes",
    "fusion": "Dominant model with two encoders: that of a dominant model and that of MLEE",
}
_AMBER = "#d69a00"
NO_RESULT = "No result yet"
_EXISTENCE = "Existence: probability that each emotion is present"
_DOMINANT = "Dominant emotion: probability of each"
_CHOICE = "A choice among the four, of which none is present: probability of each"
NOT_SEEN = "Not seen in training (MLEE compares recordings and speaker ids; it cannot know voices)."


class EmotionsPanel(QScrollArea):
    """Shows one Segment at a time. rule_changed: the dominant head that the user selected."""

    rule_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segment: Segment | None = None
        self._analysis: Analysis | None = None
        self._elsewhere = False
        self._head: str | None = None  # selected by the user; None for the head of the prediction
        self.where, self.predicted, self.verdict = _text(), _text(), _text()
        self.attention, self.seen, self.caveats = _text(), _text(), _text()
        self.present = ProbabilityBars(_EXISTENCE, half_line=True)
        self.dominant_title = _title("Dominant")
        self.dominant = ProbabilityBars(_DOMINANT, half_line=False)
        self.no_existence = _text(
            "This model has no MLEE head, so it does not predict which emotions are present."
        )
        self.no_dominant = _text("This model has no dominant head.")
        self.limits = QLabel(wordWrap=True)  # of the model
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
        """Show the result of a segment.

        Args:
            segment: None if there is none at the cursor.
            analysis: Of the recording; None while it is not finished.
            elsewhere: Whether the recording has results at other times.
        """
        self._segment, self._analysis, self._elsewhere = segment, analysis, elsewhere
        self._refresh()

    @property
    def rule(self) -> str | None:
        """The dominant head whose bars are shown, None without one."""
        if self._segment is None:
            return None
        heads = [h for h in DOMINANT_HEADS if self._segment.dominant.get(h) is not None]
        return next((h for h in (self._head, self._segment.rule, *heads[::-1]) if h in heads), None)

    def set_rule(self, head: str) -> None:
        """Show the dominant bars of hard, soft or fusion, if the model has it."""
        self._head = head if head in DOMINANT_HEADS else None
        self._refresh()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange):
            self._color_banner()

    def _lay_out(self) -> None:
        heads = QHBoxLayout()
        heads.setSpacing(12)
        for head, button in self.heads.items():
            self._group.addButton(button)
            button.setAccessibleName(f"Dominant, {head}")
            button.clicked.connect(lambda _=False, head=head: self._choose(head))
            heads.addWidget(button)
        heads.addStretch(1)
        column = QVBoxLayout(self._body)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        self._caveats_title = _title("Caveats")
        widgets: tuple[QWidget, ...] = (
            *(self.where, self.predicted, self.verdict, self.attention),
            *(self._caveats_title, self.caveats, self.seen),
            *(_title("Present"), self.present, self.no_existence, self.dominant_title),
        )
        for widget in widgets:
            column.addWidget(widget)
        column.addLayout(heads)
        column.addWidget(self.dominant)
        column.addWidget(self.no_dominant)
        column.addStretch(1)
        column.addWidget(self.limits)

    def _choose(self, head: str) -> None:
        self.set_rule(head)
        self.rule_changed.emit(head)

    def _refresh(self) -> None:
        self._refresh_texts()
        self._refresh_bars()
        segment, rule = self._segment, self.rule
        self._group.setExclusive(rule is not None)  # else the last button could not be unchecked
        for head, button in self.heads.items():
            spoken = segment is not None and segment.has_speech
            available = segment is not None and spoken and segment.dominant.get(head) is not None
            button.setEnabled(available)
            missing = f"This model has no {head} head." if spoken else NO_RESULT + "."
            button.setToolTip(_TIPS[head] if available else missing)
            button.setChecked(head == rule)
        self._refresh_caveats()

    def _refresh_texts(self) -> None:
        segment, analysis = self._segment, self._analysis
        self.verdict.setVisible(segment is not None)
        self.where.setVisible(segment is not None)
        self.attention.setVisible(segment is not None and segment.attention_text() != "")
        if segment is None:
            several = analysis is not None and analysis.single is None
            none_yet = "No result at the cursor yet" if self._elsewhere else NO_RESULT
            self.predicted.setText("No segment at the cursor" if several else none_yet)
            self.predicted.setAccessibleName("")
            return
        self.where.setText(segment_title(segment, analysis))
        headline, score = segment.headline, segment.headline_score
        square = "□" if headline in OUTLINES else "■"
        number = "" if score is None else f" &nbsp;{score:.2f}"
        self.predicted.setText(
            f'<span style="color:{headline_color(headline)}">{square}</span> '
            f"<b><big>{class_name(headline)}</big></b>{number}"
        )
        self.predicted.setAccessibleName(segment.headline_text())
        self.verdict.setText(segment.verdict() if segment.has_speech else WITHOUT_SPEECH)
        self.attention.setText(segment.attention_text())

    def _refresh_bars(self) -> None:
        segment, rule = self._segment, self.rule
        choice = segment is not None and segment.headline == NONE
        self.dominant_title.setText("Dominant, as a choice among the four" if choice else "Dominant")
        for widget, bars, title, missing in (
            (self.present, present_bars(segment), _existence_title(segment), self.no_existence),
            (self.dominant, dominant_bars(segment, rule), _CHOICE if choice else _DOMINANT, self.no_dominant),
        ):
            widget.show_bars(bars, title)
            widget.setVisible(bool(bars) or segment is None)
            missing.setVisible(segment is not None and not bars)

    def _refresh_caveats(self) -> None:
        segment, analysis = self._segment, self._analysis
        self.seen.setVisible(analysis is not None)
        if analysis is not None:
            why = analysis.seen_why or f"it is in the model's {_PARTS.get(analysis.seen or '')} set"
            warning = f"⚠ Known from training: {why}. The result is no evidence for new voices."
            self.seen.setText(NOT_SEEN if analysis.seen is None else warning)
        notes = [*(analysis.notes if analysis else ()), *(segment.notes if segment else ())]
        self.caveats.setText("\n".join(f"• {note}" for note in dict.fromkeys(notes)))
        for widget in (self._caveats_title, self.caveats):
            widget.setVisible(bool(notes))
        self._color_banner()

    def _color_banner(self) -> None:
        """A warning is amber, mixed into the current palette."""
        warns = self._analysis is not None and self._analysis.seen is not None
        window = self.palette().color(QPalette.ColorRole.Window)
        back = mix(QColor(_AMBER), window, 0.35) if warns else window
        style = f"background: {back.name()}; padding: {5 if warns else 0}px; border-radius: 4px;"
        if self.seen.styleSheet() != style:
            self.seen.setStyleSheet(style)


def present_bars(segment: Segment | None) -> list[Bar]:
    """A bar of existence for each class, without a value where nobody speaks; none without an MLEE head."""
    if segment is None or segment.existence is None:
        return []
    if not segment.has_speech:
        return [Bar(name, None) for name in segment.classes]
    marks = dict.fromkeys(segment.present(), "present") | dict.fromkeys(segment.perhaps(), "perhaps")
    pairs = zip(segment.classes, segment.existence, strict=True)
    return [Bar(name, value, marks.get(name, "")) for name, value in pairs]


def dominant_bars(segment: Segment | None, rule: str | None) -> list[Bar]:
    """A bar of the head `rule` for each class, without a value where nobody speaks; none without a head."""
    values = segment.dominant[rule] if segment is not None and rule is not None else None
    if segment is None or values is None:
        return []
    if not segment.has_speech:
        return [Bar(name, None) for name in segment.classes]
    mark = "predicted" if rule == segment.rule and segment.headline == segment.predicted else "highest"
    best = values.index(max(values))
    pairs = zip(segment.classes, values, strict=True)
    return [Bar(name, value, mark if k == best else "") for k, (name, value) in enumerate(pairs)]


def _existence_title(segment: Segment | None) -> str:
    if segment is None or segment.perhaps_from == PRESENT:
        return f"{_EXISTENCE} (from {PRESENT} on)"
    return f"{_EXISTENCE} (from {PRESENT} on; perhaps from {segment.perhaps_from:.2g} on)"


def segment_title(segment: Segment, analysis: Analysis | None) -> str:
    """The time range of a segment, with its number if the recording has several."""
    span = f"{time_text(segment.start_s, 0.01)} to {time_and_unit(segment.end_s, 0.01)}"
    if analysis is None:
        return f"Segment {span}"
    if len(analysis.segments) > 1 and segment in analysis.segments:
        return f"Segment {analysis.segments.index(segment) + 1} of {len(analysis.segments)}: {span}"
    return f"From {span}"


def _text(text: str = "") -> QLabel:
    selectable = (
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return QLabel(text, wordWrap=True, textInteractionFlags=selectable)


def _title(text: str) -> QLabel:
    label = QLabel(text, wordWrap=True)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label

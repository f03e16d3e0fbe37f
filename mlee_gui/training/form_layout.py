"""Where the parts of the training form are: two columns where there is room, else one; nothing is clipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from mlee_core.experiments.planning_service import CorpusFacts

from . import form_texts as in_words
from .fields import Fault, Field
from .form_fields import TrainingFields

WIDE = 860
"""Pixels from which there are two columns."""

MARGIN = 8
PLAN = ("Networks", "Where", "Time", "Disk", "Memory")
EMPTY = "Which format it has, its Table 1 and what each label scheme admits are shown here."


class Columns(QWidget):
    """Widgets side by side where there is room for them and at least `wide` pixels, else below each other."""

    def __init__(self, widgets: Sequence[QWidget], wide: int, stretch: Sequence[int]) -> None:
        super().__init__()
        self._widgets, self._wide = widgets, wide
        self._box = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(2 * MARGIN)
        for widget, share in zip(widgets, stretch, strict=True):
            self._box.addWidget(widget, share)

    def minimumSizeHint(self) -> QSize:
        """One below the other is always a way out."""
        return QSize(max(self._widths()), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._arrange()
        return super().event(event)

    def _widths(self) -> list[int]:
        return [widget.minimumSizeHint().width() for widget in self._widgets]

    def _arrange(self) -> None:
        directions = QBoxLayout.Direction
        needed = max(self._wide, sum(self._widths()) + self._box.spacing() * (len(self._widgets) - 1))
        wanted = directions.LeftToRight if self.width() >= needed else directions.TopToBottom
        if self._box.direction() != wanted:
            self._box.setDirection(wanted)


class TrainingLayout:
    """The form's widgets besides its fields, placed on `form`."""

    def __init__(self, form: QWidget, fields: TrainingFields) -> None:
        self.head, self.table, self.admits, self.notes = (_text() for _ in range(4))
        self.recipe, self.devices = _text(), _text("Looking for devices…")
        self.plan = {name: _text() for name in PLAN}
        self.measure = QPushButton("Measure")
        self.measure.setToolTip("Try some training steps on this machine, for half a minute or so")
        self.command = _command()
        self.copy = _copier(self.command)
        self.said, self.wrong = _text(), Fault()
        self.queue, self.try_all = QPushButton("Add to &queue"), QPushButton("Smo&ke run")
        self.defaults = QPushButton("All defaults")
        self.defaults.setToolTip("Everything but the corpus as the paper has it")
        self.more = _opener("&More settings")
        self.more_box = _grid(fields.more)
        self.more_box.setContentsMargins(MARGIN, 0, MARGIN, 0)
        self.more_box.hide()
        self.more.toggled.connect(self._show_more)
        self._place(form, fields)
        self._order_tabs(fields)
        self.show_facts(None)
        self.show_plan(None)

    def show_facts(self, facts: CorpusFacts | None) -> None:
        known = facts is not None
        self.head.setText(EMPTY if facts is None else in_words.corpus_head(facts))
        self.table.setText("" if facts is None else in_words.table_1(facts))
        self.admits.setText("" if facts is None else in_words.admissions(facts))
        said = "" if facts is None else in_words.notes(facts)
        self.notes.setText(said)
        self.notes.setVisible(bool(said))
        self.table.setVisible(known)
        self.admits.setVisible(known)

    def show_plan(self, rows: Mapping[str, str] | None) -> None:
        for name, label in self.plan.items():
            label.setText("–" if rows is None else rows[name])

    def say(self, sentence: str) -> None:
        """What is going on."""
        self.wrong.show_fault("")
        self.said.setText(sentence)
        self.said.show()

    def say_wrong(self, sentence: str, details: str = "") -> None:
        self.said.hide()
        self.wrong.show_fault(sentence)
        self.wrong.setToolTip(details)

    def _show_more(self, shown: bool) -> None:
        self.more_box.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    def _place(self, form: QWidget, fields: TrainingFields) -> None:
        left, right = QWidget(), QWidget()
        _column(
            left,
            _group("Part of Table 3", _grid(fields.part)),
            _group("Training", _grid((fields.recipe,)), self.recipe),
            self.more,
            self.more_box,
        )
        _column(
            right,
            _group("Machine", _grid(fields.machine), self.devices),
            _group("Run", _grid((fields.run, fields.resume))),
            _group("Cost", self._cost()),
            _group("The same in a terminal", self.command, self.copy),
        )
        for label in (self.table, self.admits):
            label.setWordWrap(False)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
        tables = Columns((self.table, self.admits), 0, (0, 1))
        corpus = _group("Corpus", _grid((fields.corpus,)), self.head, tables, self.notes)
        inside = QWidget()
        _column(inside, corpus, Columns((left, right), WIDE, (1, 1)), margin=MARGIN)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        outer = QVBoxLayout(form)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll, 1)
        outer.addWidget(self._bar())

    def _order_tabs(self, fields: TrainingFields) -> None:
        """As the eye goes: a column after the other."""
        stops: list[QWidget] = []
        for group in ((fields.corpus, *fields.part, fields.recipe), fields.more):
            stops += [stop for field in group for stop in (*field.stops, field.back)]
            if group is not fields.more:
                stops.append(self.more)
        for field in (*fields.machine, fields.run, fields.resume):
            stops += [*field.stops, field.back]
        stops += [self.measure, self.command, self.copy, self.defaults, self.try_all, self.queue]
        for one, next_one in pairwise(stops):
            QWidget.setTabOrder(one, next_one)

    def _cost(self) -> QWidget:
        made = QWidget()
        grid = QGridLayout(made)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(1, 1)
        for row, (name, label) in enumerate(self.plan.items()):
            grid.addWidget(QLabel(name), row, 0)
            grid.addWidget(label, row, 1, 1, 1 if name == "Time" else 2)
            label.setAccessibleName(name)
        grid.addWidget(self.measure, PLAN.index("Time"), 2)
        return made

    def _bar(self) -> QWidget:
        bar = QWidget()
        row = QHBoxLayout(bar)
        words = QVBoxLayout()
        words.addWidget(self.said)
        words.addWidget(self.wrong)
        row.addLayout(words, 1)
        for button in (self.defaults, self.try_all, self.queue):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)
        return bar


def _text(text: str = "") -> QLabel:
    label = QLabel(text, wordWrap=True)
    label.setTextFormat(Qt.TextFormat.RichText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _command() -> QPlainTextEdit:
    made = QPlainTextEdit(readOnly=True)
    made.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    made.setTabChangesFocus(True)
    made.setAccessibleName("The same experiment as a command")
    made.setFixedHeight(made.fontMetrics().height() * 4 + 12)
    return made


def _copier(command: QPlainTextEdit) -> QPushButton:
    button = QPushButton("Copy")
    button.setToolTip("Copy the command")
    button.clicked.connect(lambda: QGuiApplication.clipboard().setText(command.toPlainText()))
    button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return button


def _opener(text: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setCheckable(True)
    button.setAutoRaise(True)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    button.setArrowType(Qt.ArrowType.RightArrow)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def _grid(fields: Sequence[Field]) -> QWidget:
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    row = 0
    for field in fields:
        row = field.place(grid, row)
    return made


def _group(title: str, *widgets: QWidget) -> QGroupBox:
    box = QGroupBox(title)
    _column(box, *widgets)
    return box


def _column(parent: QWidget, *widgets: QWidget, margin: int = 0) -> None:
    column = QVBoxLayout(parent)
    if not isinstance(parent, QGroupBox):
        column.setContentsMargins(margin, margin, margin, margin)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)

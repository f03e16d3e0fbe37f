"""The layout of the training form: two columns where there is room, else one; nothing is clipped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QGridLayout,
    QGroupBox,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from mlee_core.experiments.planning_service import CorpusFacts

from ..shell.widgets import button, column, row, text_label, text_view
from . import form_texts as texts
from .fields import FaultLabel, Field
from .form_fields import GROUPS, MORE

WIDE = 860
"""Pixels from which there are two columns."""

MARGIN = 8
RICH = Qt.TextFormat.RichText
PLAN = ("Networks", "Where", "Time", "Disk", "Memory")
EMPTY = "The format of the corpus, its Table 1 and what each label scheme admits are shown here."


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
        """One column is always possible."""
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

    def __init__(self, form: QWidget, fields: Mapping[str, Field]) -> None:
        self._groups = {title: [fields[about.name] for about in group] for title, group in GROUPS.items()}
        self.head, self.table, self.admitted, self.notes = (text_label(text_format=RICH) for _ in range(4))
        self.recipe, self.devices = text_label(text_format=RICH), text_label("Looking for devices…", RICH)
        self.plan = {name: text_label(text_format=RICH) for name in PLAN}
        self.measure = button("Measure", "Run some training steps on this machine, for about half a minute")
        self.command = text_view("The same experiment as a command", wrap=True)
        self.command.setTabChangesFocus(True)
        self.command.setFixedHeight(self.command.fontMetrics().height() * 4 + 12)
        self.copy = button("Copy", "Copy the command")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.command.toPlainText()))
        self.copy.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.status, self.fault = text_label(text_format=RICH), FaultLabel()
        self.queue, self.smoke = QPushButton("Add to &queue"), QPushButton("Smo&ke run")
        self.defaults = button("All defaults", "Reset everything but the corpus to the paper's values")
        self.more = _opener(f"&{MORE}")
        self.more_box = self._fields(MORE)
        self.more_box.setContentsMargins(MARGIN, 0, MARGIN, 0)
        self.more_box.hide()
        self.more.toggled.connect(self._show_more)
        self._place(form)
        self._order_tabs()
        self.show_facts(None)
        self.show_plan(None)

    def show_facts(self, facts: CorpusFacts | None) -> None:
        self.head.setText(EMPTY if facts is None else texts.corpus_head(facts))
        for label, describe in (
            (self.table, texts.table_1),
            (self.admitted, texts.admissions),
            (self.notes, texts.notes),
        ):
            label.setText("" if facts is None else describe(facts))
            label.setVisible(bool(label.text()))

    def show_plan(self, rows: Mapping[str, str] | None) -> None:
        for name, label in self.plan.items():
            label.setText("–" if rows is None else rows[name])

    def show_status(self, sentence: str) -> None:
        self.fault.show_fault("")
        self.status.setText(sentence)
        self.status.show()

    def show_fault(self, sentence: str, details: str = "") -> None:
        self.status.hide()
        self.fault.show_fault(sentence)
        self.fault.setToolTip(details)

    def _show_more(self, shown: bool) -> None:
        self.more_box.setVisible(shown)
        self.more.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)

    def _place(self, form: QWidget) -> None:
        for label in (self.table, self.admitted):
            label.setWordWrap(False)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
        corpus = self._group("Corpus", self.head, Columns((self.table, self.admitted), 0, (0, 1)), self.notes)
        part, training = self._group("Part of Table 3"), self._group("Training", self.recipe)
        left = _column(QWidget(), part, training, self.more, self.more_box)
        right = _column(
            QWidget(),
            self._group("Machine", self.devices),
            self._group("Run"),
            _column(QGroupBox("Cost"), self._cost()),
            _column(QGroupBox("The same in a terminal"), self.command, self.copy),
        )
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(_column(QWidget(), corpus, Columns((left, right), WIDE, (1, 1)), margin=MARGIN))
        column(form, scroll, self._bar(), stretch=scroll, margin=0)

    def _order_tabs(self) -> None:
        """Column after column."""
        stops: list[QWidget] = []
        for title, fields in self._groups.items():
            stops += [self.more] if title == MORE else []
            for field in fields:
                stops += [*field.stops, field.reset]
        stops += [self.measure, self.command, self.copy, self.defaults, self.smoke, self.queue]
        for one, next_one in pairwise(stops):
            QWidget.setTabOrder(one, next_one)

    def _group(self, title: str, *widgets: QWidget) -> QWidget:
        """A box with the fields of a group, and these below them."""
        return _column(QGroupBox(title), self._fields(title), *widgets)

    def _fields(self, title: str) -> QWidget:
        made = QWidget()
        grid = _grid(made)
        grid.setVerticalSpacing(4)
        for n, field in enumerate(self._groups[title]):
            field.place(grid, 2 * n)
        return made

    def _cost(self) -> QWidget:
        made = QWidget()
        grid = _grid(made)
        for n, (name, label) in enumerate(self.plan.items()):
            grid.addWidget(QLabel(name), n, 0)
            grid.addWidget(label, n, 1, 1, 1 if name == "Time" else 2)
            label.setAccessibleName(name)
        grid.addWidget(self.measure, PLAN.index("Time"), 2)
        return made

    def _bar(self) -> QWidget:
        bar = QWidget()
        buttons = (self.defaults, self.smoke, self.queue)
        line = row(column(None, self.status, self.fault), *buttons, parent=bar)
        line.setStretch(0, 1)
        for one in buttons:
            line.setAlignment(one, Qt.AlignmentFlag.AlignVCenter)
        return bar


def _opener(text: str) -> QToolButton:
    style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon
    button = QToolButton(autoRaise=True, toolButtonStyle=style, arrowType=Qt.ArrowType.RightArrow)
    button.setText(text)
    button.setCheckable(True)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return button


def _grid(parent: QWidget) -> QGridLayout:
    grid = QGridLayout(parent)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setColumnStretch(1, 1)
    return grid


def _column(parent: QWidget, *widgets: QWidget, margin: int = 0) -> QWidget:
    column(parent, *widgets, margin=None if isinstance(parent, QGroupBox) else margin).addStretch(1)
    return parent

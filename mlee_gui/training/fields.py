"""Fields of a form: each has a label, an editor, a reset button, and a line for a fault in its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QSpinBox, QToolButton, QWidget

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.errors import MleeError

from ..shell.icons import icon

_RED = {"light": "#b3261e", "dark": "#ff9c94"}


class FaultLabel(QLabel):
    """A sentence in red, hidden while there is none."""

    def __init__(self) -> None:
        selectable = Qt.TextInteractionFlag.TextSelectableByMouse
        super().__init__(wordWrap=True, textFormat=Qt.TextFormat.PlainText, textInteractionFlags=selectable)
        self.show_fault("")

    def show_fault(self, sentence: str) -> None:
        if sentence:
            palette = self.palette()
            dark = palette.window().color().lightness() < 128
            palette.setColor(QPalette.ColorRole.WindowText, QColor(_RED["dark" if dark else "light"]))
            self.setPalette(palette)
        self.setText(f"✗ {sentence}" if sentence else "")
        self.setVisible(bool(sentence))

    def recolor(self) -> None:
        self.show_fault(self.sentence)

    @property
    def sentence(self) -> str:
        return self.text().removeprefix("✗ ")


@dataclass(frozen=True)
class FormField:
    """A field as the form's table declares it.

    name: of the field in ExperimentSpec. label: with its mnemonic. tip: for tool tips and screen readers.
    kind: builds the field from this. of_corpus: it says which corpus is read, or how. of_recipe: its default
    is the recipe's. visible: for which experiments it is shown even while it has its default.

    For a kind: default, the text of an empty line, or a number, or the name of the value one below `low`.
    low, high: of a number. choices: (text, value) pairs. names, columns: of boxes. read, write: text -> value
    and back. dialogs: name -> a function that returns a chosen path, "" for none.
    """

    name: str
    label: str
    tip: str
    kind: Callable[[FormField], Field]
    default: int | str = ""
    low: int = 1
    high: int = 1_000_000
    choices: tuple[tuple[str, Any], ...] = ()
    names: tuple[str, ...] = ()
    columns: int = 1
    read: Callable[[str], Any] = str
    write: Callable[[Any], str] = str
    dialogs: Mapping[str, Callable[[QWidget], str]] = field(default_factory=dict)
    of_corpus: bool = False
    of_recipe: bool = False
    visible: Callable[[ExperimentSpec], bool] = lambda spec: True

    @property
    def plain_label(self) -> str:
        return self.label.replace("&", "")


class Field(QObject):
    """The widgets of one field. `value` is None, () or False while the field has its default."""

    changed = Signal()
    tall = False  # has several lines; its label stands beside the first
    labelled = True  # False: the editor shows the label itself

    def __init__(self, about: FormField, editor: QWidget, tip: str = "") -> None:
        """tip: instead of the table's."""
        super().__init__(editor)
        self.about, self.editor, self.tip = about, editor, tip or about.tip
        self.label = QLabel(about.label)
        self.label.setToolTip(self.tip)
        editor.setToolTip(self.tip)
        editor.setAccessibleName(about.plain_label)
        editor.setAccessibleDescription(self.tip)
        self.fault = FaultLabel()
        self.reset = QToolButton(autoRaise=True)
        self.reset.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.reset.setIcon(icon("reset", self.reset.palette()))
        self.reset.setAccessibleName(f"Reset to default: {about.plain_label}")
        self.reset.clicked.connect(self.to_default)
        self.changed.connect(self._update_reset)

    @property
    def value(self) -> Any:
        """Raises: MleeError for a value that cannot be read."""
        raise NotImplementedError

    def show_value(self, value: Any) -> None:
        """Show a value; None, () and False are the default."""
        raise NotImplementedError

    @property
    def default_text(self) -> str:
        raise NotImplementedError

    @property
    def is_default(self) -> bool:
        try:
            value = self.value
        except MleeError:
            return False
        return value is None or value is False or value == ()

    @property
    def stops(self) -> list[QWidget]:
        """The widgets that the Tab key visits, without the reset button."""
        return [self.editor]

    def to_default(self) -> None:
        self.show_value(None)
        self.stops[0].setFocus()

    def place(self, grid: QGridLayout, row: int) -> None:
        """Into the columns label, editor, reset; the fault goes into the row below."""
        alignment = Qt.AlignmentFlag.AlignTop if self.tall else Qt.AlignmentFlag.AlignVCenter
        self.label.setBuddy(self.stops[0])  # not before it has a parent: PySide would never free it
        if self.labelled:
            grid.addWidget(self.label, row, 0, alignment)
        else:
            self.label.setParent(self.editor)
            self.label.hide()
        grid.addWidget(self.editor, row, 1)
        grid.addWidget(self.reset, row, 2, alignment)
        grid.addWidget(self.fault, row + 1, 1, 1, 2)
        self._update_reset()

    def set_visible(self, visible: bool) -> None:
        self.label.setVisible(visible and self.labelled)
        self.editor.setVisible(visible)
        self.reset.setVisible(visible)

    def recolor(self, palette: QPalette) -> None:
        """Take the form's colours; the palettes of the field's widgets may follow later."""
        self.reset.setIcon(icon("reset", palette))
        self.fault.recolor()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Scrolling the form must not change the boxes under the pointer."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False

    def _update_reset(self) -> None:
        self.reset.setEnabled(not self.is_default)
        text = self.default_text
        self.reset.setToolTip(f"Reset to default{f': {text}' if text else ''}")


class _SpinBox(QSpinBox):
    default = ""
    """The text shown again after the number was deleted."""

    def fixup(self, text: str) -> str:
        return text.strip() or self.default


class NumberField(Field):
    """A whole number, or automatic, which is then the default."""

    def __init__(self, about: FormField) -> None:
        low, high, default = about.low, about.high, about.default
        automatic = default if isinstance(default, str) else ""
        self._default = low - 1 if isinstance(default, str) else default
        self.box = _SpinBox(minimum=min(low, self._default), maximum=high)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.setSpecialValueText(automatic)
        allowed = f"{low} to {high}, or {automatic}" if automatic else f"{low} to {high}"
        super().__init__(about, self.box, f"{about.tip} ({allowed})")
        self.box.default = str(self._default)
        self.box.setValue(self._default)
        self.box.installEventFilter(self)
        self.box.valueChanged.connect(self.changed)

    @property
    def value(self) -> int | None:
        return None if self.box.value() == self._default else self.box.value()

    @property
    def default_text(self) -> str:
        return self.box.specialValueText() or str(self._default)

    def show_value(self, value: int | None) -> None:
        self.box.setValue(self._default if value is None else value)

    def set_default(self, default: int) -> None:
        """Change the default; a field that has it follows."""
        shown, self._default = self.value, default
        self.box.default = str(default)
        self.show_value(shown)
        self._update_reset()


class ChoiceField(Field):
    """One of several (text, value) pairs; the first is the default, and its value is None."""

    def __init__(self, about: FormField) -> None:
        adjust = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        self.box = QComboBox(sizeAdjustPolicy=adjust, minimumContentsLength=18)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.choices: tuple[tuple[str, Any], ...] = ()
        super().__init__(about, self.box)
        self.set_choices(about.choices)
        self.box.installEventFilter(self)
        self.box.currentIndexChanged.connect(self.changed)

    def set_choices(self, choices: Sequence[tuple[str, Any]]) -> None:
        """Offer other choices; the chosen value stays, even where it is no longer offered."""
        chosen, self.choices = self.value, tuple(choices)
        with QSignalBlocker(self.box):
            self.box.clear()
            for text, value in choices:
                self.box.addItem(text, value)
        self.show_value(chosen)

    @property
    def value(self) -> Any:
        return self.box.currentData()

    @property
    def default_text(self) -> str:
        return self.box.itemText(0)

    def show_value(self, value: Any) -> None:
        index = 0 if value is None else self.box.findData(value)
        if index < 0:
            self.box.addItem(str(value), value)
            index = self.box.count() - 1
        self.box.setCurrentIndex(index)


class SwitchField(Field):
    """On or off; off is the default. It is its own label."""

    labelled = False
    default_text = "off"

    def __init__(self, about: FormField) -> None:
        self.box = QCheckBox(about.label)
        super().__init__(about, self.box)
        self.box.toggled.connect(self.changed)

    @property
    def value(self) -> bool:
        return self.box.isChecked()

    def show_value(self, value: bool | None) -> None:
        self.box.setChecked(bool(value))

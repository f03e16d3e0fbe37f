"""A form's fields: each with a label, a way back to its default, and room for what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette, QWheelEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QLabel,
    QSpinBox,
    QToolButton,
    QWidget,
)

from ..shell.icons import icon

_RED = {"light": "#b3261e", "dark": "#ff9c94"}


def is_dark(palette: QPalette) -> bool:
    return palette.window().color().lightness() < 128


class Fault(QLabel):
    """A sentence in red, hidden while there is none."""

    def __init__(self) -> None:
        super().__init__(wordWrap=True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.show_fault("")

    def show_fault(self, sentence: str) -> None:
        if sentence:
            palette = self.palette()
            red = QColor(_RED["dark" if is_dark(palette) else "light"])
            palette.setColor(QPalette.ColorRole.WindowText, red)
            self.setPalette(palette)
        self.setText(f"✗ {sentence}" if sentence else "")
        self.setVisible(bool(sentence))

    def recolor(self) -> None:
        self.show_fault(self.sentence)

    @property
    def sentence(self) -> str:
        return self.text().removeprefix("✗ ")


class Field(QObject):
    """One field of an order. label: with its mnemonic. help: for tool tips and screen readers.

    `value` is None, () or False while it is left as the paper has it.
    """

    changed = Signal()
    tall = False  # has several lines; its label stands beside the first

    def __init__(self, name: str, label: str, editor: QWidget, help: str) -> None:
        super().__init__(editor)
        self.name, self.editor = name, editor
        self.plain = label.replace("&", "")
        self.label = QLabel(label)
        self.label.setBuddy(editor)
        self.label.setToolTip(help)
        editor.setToolTip(help)
        editor.setAccessibleName(self.plain)
        editor.setAccessibleDescription(help)
        self.fault = Fault()
        self.back = QToolButton()
        self.back.setAutoRaise(True)
        self.back.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.back.setIcon(icon("reset", self.back.palette()))
        self.back.setAccessibleName(f"Back to the default: {self.plain}")
        self.back.clicked.connect(self.to_default)
        self.changed.connect(self._show_changed)

    @property
    def value(self) -> Any:
        """Raises: ConfigError for what cannot be read at all."""
        raise AssertionError("each kind of field has its own")

    @property
    def is_default(self) -> bool:
        raise AssertionError("each kind of field has its own")

    @property
    def stops(self) -> list[QWidget]:
        """What the Tab key goes through, besides the way back."""
        return [self.editor]

    @property
    def default_in_words(self) -> str:
        return ""

    def show_value(self, value: Any) -> None:
        """Show a value; None, () and False are the default."""
        raise AssertionError("each kind of field has its own")

    def to_default(self) -> None:
        self.show_value(None)
        self.stops[0].setFocus()

    def show_fault(self, sentence: str) -> None:
        self.fault.show_fault(sentence)

    def place(self, grid: QGridLayout, row: int) -> int:
        """Into columns label, editor, reset; the next free row."""
        across = Qt.AlignmentFlag.AlignTop if self.tall else Qt.AlignmentFlag.AlignVCenter
        grid.addWidget(self.label, row, 0, across)
        grid.addWidget(self.editor, row, 1)
        grid.addWidget(self.back, row, 2, across)
        grid.addWidget(self.fault, row + 1, 1, 1, 2)
        self._show_changed()
        return row + 2

    def recolor(self, palette: QPalette) -> None:
        """In other colours; the fields' own palettes may follow the form's later."""
        self.back.setIcon(icon("reset", palette))
        self.fault.recolor()

    def _show_changed(self) -> None:
        self.back.setEnabled(not self.is_default)
        words = self.default_in_words
        self.back.setToolTip(f"Back to the default{f': {words}' if words else ''}")


class _Number(QSpinBox):
    usual = ""
    """What stands there again where the number was taken out."""

    def fixup(self, text: str) -> str:
        return text.strip() or self.usual

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling the form must not change what the pointer passes over."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class _Choice(QComboBox):
    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class NumberField(Field):
    """A whole number. automatic: what the lowest value, one below `low`, means; it is the default then."""

    def __init__(
        self, name: str, label: str, help: str, low: int, high: int, default: int, automatic: str = ""
    ) -> None:
        self.box = _Number(minimum=low - bool(automatic), maximum=high)
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._default = low - 1 if automatic else default
        self.box.setSpecialValueText(automatic)
        self.box.setValue(self._default)
        allowed = f"{low} to {high}, or {automatic}" if automatic else f"{low} to {high}"
        super().__init__(name, label, self.box, f"{help} ({allowed})")
        self.box.usual = str(self._default)
        self.box.valueChanged.connect(lambda _: self.changed.emit())

    @property
    def value(self) -> int | None:
        return None if self.is_default else self.box.value()

    @property
    def is_default(self) -> bool:
        return self.box.value() == self._default

    @property
    def default_in_words(self) -> str:
        return self.box.specialValueText() or str(self._default)

    def show_value(self, value: int | None) -> None:
        self.box.setValue(self._default if value is None else value)

    def set_default(self, default: int) -> None:
        """A field that was left alone follows."""
        alone, self._default = self.is_default, default
        self.box.usual = str(self._default)
        if alone:
            self.box.setValue(default)
        self._show_changed()


class ChoiceField(Field):
    """One of several: (text, value) pairs; the first is the default, whose value is None."""

    def __init__(self, name: str, label: str, help: str, choices: Sequence[tuple[str, Any]]) -> None:
        self.box = _Choice()
        self.box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setMinimumContentsLength(18)
        self.choices: list[tuple[str, Any]] = []
        super().__init__(name, label, self.box, help)
        self.set_choices(choices)
        self.box.currentIndexChanged.connect(lambda _: self.changed.emit())

    def set_choices(self, choices: Sequence[tuple[str, Any]]) -> None:
        """Others may be chosen from now on; what is chosen stays, as itself where it is no longer offered."""
        chosen, self.choices = self.value, list(choices)
        self.box.blockSignals(True)
        self.box.clear()
        for text, value in choices:
            self.box.addItem(text, value)
        self.box.blockSignals(False)
        self.show_value(chosen)

    @property
    def value(self) -> Any:
        return self.box.currentData()

    @property
    def is_default(self) -> bool:
        return self.box.currentIndex() <= 0

    @property
    def default_in_words(self) -> str:
        return self.box.itemText(0)

    def show_value(self, value: Any) -> None:
        index = 0 if value is None else self.box.findData(value)
        if index < 0:
            self.box.addItem(str(value), value)
            index = self.box.count() - 1
        self.box.setCurrentIndex(index)


class SwitchField(Field):
    """On or off; off is the default. It is its own label."""

    def __init__(self, name: str, label: str, help: str) -> None:
        self.box = QCheckBox(label)
        super().__init__(name, label, self.box, help)
        self.label.hide()
        self.box.toggled.connect(lambda _: self.changed.emit())

    @property
    def value(self) -> bool:
        return self.box.isChecked()

    @property
    def is_default(self) -> bool:
        return not self.box.isChecked()

    @property
    def default_in_words(self) -> str:
        return "off"

    def show_value(self, value: bool | None) -> None:
        self.box.setChecked(bool(value))

    def place(self, grid: QGridLayout, row: int) -> int:
        after = super().place(grid, row)
        grid.removeWidget(self.label)
        return after


class TicksField(Field):
    """Several of a few names; all of them is the default. refuse_none: raises what is said when none is."""

    tall = True

    def __init__(
        self,
        name: str,
        label: str,
        help: str,
        names: Sequence[str],
        columns: int,
        refuse_none: Callable[[], object],
    ) -> None:
        editor = QWidget()
        self._refuse_none = refuse_none
        self.boxes = [QCheckBox(text) for text in names]
        grid = QGridLayout(editor)
        grid.setContentsMargins(0, 0, 0, 0)
        for n, box in enumerate(self.boxes):
            box.setChecked(True)
            box.setToolTip(help)
            grid.addWidget(box, n // columns, n % columns)
        grid.setColumnStretch(columns, 1)
        super().__init__(name, label, editor, help)
        self.label.setBuddy(self.boxes[0])
        for box in self.boxes:
            box.setAccessibleName(f"{self.plain}: {box.text()}")
            box.toggled.connect(lambda _: self.changed.emit())

    @property
    def stops(self) -> list[QWidget]:
        return list(self.boxes)

    @property
    def ticked(self) -> tuple[str, ...]:
        return tuple(box.text() for box in self.boxes if box.isChecked())

    @property
    def value(self) -> tuple[str, ...]:
        """Raises: ConfigError."""
        if not self.ticked:
            self._refuse_none()
        return () if self.is_default else self.ticked

    @property
    def is_default(self) -> bool:
        return all(box.isChecked() for box in self.boxes)

    @property
    def default_in_words(self) -> str:
        return "all"

    def show_value(self, value: Sequence[str] | None) -> None:
        for box in self.boxes:
            box.setChecked(not value or box.text() in value)

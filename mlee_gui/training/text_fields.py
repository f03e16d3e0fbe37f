"""A form's fields in which one types, for a path with a button that looks for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QWidget

from .fields import Field


class TextField(Field):
    """A line. read: text -> value, write: value -> text; an empty line is the default, shown in grey."""

    def __init__(
        self,
        name: str,
        label: str,
        help: str,
        default: str = "",
        read: Callable[[str], Any] = str,
        write: Callable[[Any], str] = str,
    ) -> None:
        self.line = QLineEdit()
        self.line.setPlaceholderText(default)
        super().__init__(name, label, self.line, help)
        self._read, self._write = read, write
        self.line.textChanged.connect(lambda _: self.changed.emit())

    @property
    def value(self) -> Any:
        return None if self.is_default else self._read(self.line.text().strip())

    @property
    def is_default(self) -> bool:
        return not self.line.text().strip()

    @property
    def default_in_words(self) -> str:
        return self.line.placeholderText()

    def show_value(self, value: Any) -> None:
        self._put(self._write(value) if value else "")

    def _put(self, text: str) -> None:
        """As if it were typed, so that it can be undone."""
        if text != self.line.text():
            self.line.selectAll()
            self.line.insert(text)


class PathField(TextField):
    """A line for a path with a button that looks for it. looks: what is looked for -> a function that returns
    a path, or "" for none."""

    def __init__(
        self, name: str, label: str, help: str, looks: Mapping[str, Callable[[], str]], default: str = ""
    ) -> None:
        super().__init__(name, label, help, default, read=whole_path)
        self.line.setAcceptDrops(False)  # it would take a file for a text; the form takes it
        self.browse = QToolButton()
        self.browse.setText("Browse…")
        self.browse.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.browse.setAccessibleName(f"Browse for {self.plain}")
        if len(looks) > 1:
            self.browse.setMenu(QMenu(self.browse))
            self.browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        for what, look in looks.items():
            action = QAction(what, self.browse)
            action.triggered.connect(partial(self._look, look))
            if len(looks) > 1:
                self.browse.menu().addAction(action)
            else:
                self.browse.clicked.connect(action.trigger)
        self.editor = QWidget()
        row = QHBoxLayout(self.editor)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(self.browse)

    @property
    def stops(self) -> list[QWidget]:
        return [self.line, self.browse]

    def show_path(self, path: str) -> None:
        """As if it were typed."""
        self._put(path)

    def _look(self, look: Callable[[], str]) -> None:
        found = look()
        if found:
            self._put(found)


def whole_path(text: str) -> Path:
    """A job has a working folder of its own."""
    return Path(os.path.abspath(os.path.expanduser(text)))

"""Fields for typed text: a line, and a line for a path with a button that browses."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QMenu, QToolButton, QWidget

from ..shell.widgets import row
from .fields import Field, FormField


class TextField(Field):
    """A line. Empty it is the default, which is shown in grey."""

    def __init__(self, about: FormField) -> None:
        self.line = QLineEdit(placeholderText=str(about.default))
        super().__init__(about, self.line)
        self.line.textChanged.connect(self.changed)

    @property
    def value(self) -> Any:
        text = self.line.text().strip()
        return self.about.read(text) if text else None

    @property
    def default_text(self) -> str:
        return self.line.placeholderText()

    def show_value(self, value: Any) -> None:
        self._replace(self.about.write(value) if value else "")

    def _replace(self, text: str) -> None:
        """Replace the text as if it were typed, so that it can be undone."""
        if text != self.line.text():
            self.line.selectAll()
            self.line.insert(text)


class PathField(TextField):
    """A line for a path, and a button that opens the only dialog, or a menu of dialogs."""

    def __init__(self, about: FormField) -> None:
        super().__init__(about)
        self.line.setAcceptDrops(False)  # it would take a file for a text; the form accepts it
        self.browse = QToolButton()
        self.browse.setText("Browse…")
        self.browse.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.browse.setAccessibleName(f"Browse for {about.plain_label}")
        if len(about.dialogs) > 1:
            menu = QMenu(self.browse)
            for name in about.dialogs:
                menu.addAction(name).setData(name)
            menu.triggered.connect(self._on_action)
            self.browse.setMenu(menu)
            self.browse.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        else:
            self.browse.clicked.connect(self._on_clicked)
        self.editor = QWidget()
        row(self.line, self.browse, parent=self.editor, stretch=self.line, margin=0)

    @property
    def stops(self) -> list[QWidget]:
        return [self.line, self.browse]

    def _on_action(self, action: QAction) -> None:
        self._browse(action.data())

    def _on_clicked(self) -> None:
        self._browse(next(iter(self.about.dialogs)))

    def _browse(self, name: str) -> None:
        if path := self.about.dialogs[name](self.editor.window()):
            self._replace(path)

"""`?`: every key and mouse gesture, made from the commands themselves."""

from __future__ import annotations

from html import escape

from PySide6.QtGui import QKeySequence, QTextCursor
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QVBoxLayout, QWidget

from ..actions import COMMANDS, MENUS
from ..plots.gestures import GESTURES

DROP = ("Drop files or folders on the window", "Open them")


def keys_html() -> str:
    """A table of what to press and what it does, in the order of the menus."""
    rows: list[str] = []
    for menu in MENUS:
        rows.append(_heading(menu.replace("&", "")))
        for command in COMMANDS:
            if command.menu == menu and command.keys:
                shown = ", ".join(QKeySequence(key).toString() for key in command.keys)
                rows.append(_row(shown, command.does))
    rows.append(_heading("On the plots"))
    rows.extend(_row(gesture, does) for gesture, does in (*GESTURES, DROP))
    return f"<table width=100% cellspacing=0 cellpadding=3>{''.join(rows)}</table>"


def _heading(text: str) -> str:
    return f"<tr><td colspan=2><br><b>{escape(text)}</b></td></tr>"


def _row(keys: str, does: str) -> str:
    return f"<tr><td width=38%><b>{escape(keys)}</b></td><td>{escape(does)}</td></tr>"


class TextDialog(QDialog):
    """Something to read, HTML and then Markdown, and a button to close it."""

    def __init__(self, title: str, html: str, parent: QWidget | None = None, markdown: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(560, 620)
        self.text = QTextBrowser()
        self.text.setOpenExternalLinks(True)
        self.text.setHtml(html + "<p></p>" if markdown else html)  # or Markdown would go on in a list
        if markdown:
            end = QTextCursor(self.text.document())
            end.movePosition(QTextCursor.MoveOperation.End)
            end.insertMarkdown(markdown)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addWidget(buttons)

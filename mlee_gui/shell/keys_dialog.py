"""The list of all keys and mouse gestures, and a dialog that shows text."""

from __future__ import annotations

from html import escape

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QTextBrowser, QWidget

from .actions import GESTURES, GRID_KEYS, MENUS
from .widgets import column

DROP = ("Drop files or folders on the window", "Open them")
PAGES = {"": "Everywhere", "analysis": "Page Analysis", "training": "Page Training"}
MORE = {"analysis": ("on the plots", (*GESTURES, DROP)), "training": ("on the grid", GRID_KEYS)}


def keys_html() -> str:
    """A table of keys and what they do: page by page, in the order of the menus."""
    rows: list[str] = []
    for page, title in PAGES.items():
        for menu, commands in MENUS.items():
            chosen = [c for c in commands if c.page == page and c.keys]
            rows += [_heading(f"{title}: {menu.replace('&', '')}")] if chosen else []
            rows += [_row(", ".join(k.toString() for k in c.shortcuts), c.does) for c in chosen]
        if page in MORE:
            where, pairs = MORE[page]
            rows += [_heading(f"{title}: {where}"), *(_row(key, does) for key, does in pairs)]
    return f"<table width=100% cellspacing=0 cellpadding=3>{''.join(rows)}</table>"


def _heading(text: str) -> str:
    return f"<tr><td colspan=2><br><b>{escape(text)}</b></td></tr>"


def _row(keys: str, does: str) -> str:
    return f"<tr><td width=38%><b>{escape(keys)}</b></td><td>{escape(does)}</td></tr>"


class TextDialog(QDialog):
    """Shows HTML, and Markdown below it."""

    def __init__(self, title: str, html: str, parent: QWidget | None = None, markdown: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(560, 620)
        self.text = QTextBrowser(openExternalLinks=True)
        self.text.setHtml(html)
        if markdown:
            self.text.setHtml(f"{html}<p></p>")  # ends a list, which Markdown would continue
            end = QTextCursor(self.text.document())
            end.movePosition(QTextCursor.MoveOperation.End)
            end.insertMarkdown(markdown)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column(self, self.text, buttons)

"""Small widgets that several panels of the page need."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget


def text_label(
    text: str = "", text_format: Qt.TextFormat = Qt.TextFormat.PlainText, *, keyboard: bool = False
) -> QLabel:
    """Text that wraps and can be selected, by keyboard too if `keyboard`."""
    flags = Qt.TextInteractionFlag.TextSelectableByMouse
    if keyboard:
        flags |= Qt.TextInteractionFlag.TextSelectableByKeyboard
    return QLabel(text, wordWrap=True, textFormat=text_format, textInteractionFlags=flags)


def text_view(name: str, *, wrap: bool = False) -> QPlainTextEdit:
    """Read-only text in a fixed-width font."""
    mode = QPlainTextEdit.LineWrapMode.WidgetWidth if wrap else QPlainTextEdit.LineWrapMode.NoWrap
    view = QPlainTextEdit(readOnly=True, lineWrapMode=mode)
    view.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    view.setAccessibleName(name)
    return view


def button(text: str, tip: str) -> QPushButton:
    made = QPushButton(text)
    made.setToolTip(tip)
    return made


def column(parent: QWidget, *widgets: QWidget, stretch: QWidget | None = None) -> QVBoxLayout:
    """Place widgets below each other on `parent`; one of them takes the free space."""
    layout = QVBoxLayout(parent)
    for widget in widgets:
        layout.addWidget(widget, int(widget is stretch))
    return layout

"""Small widgets and layouts that several panels need."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QBoxLayout, QLabel, QLayout, QPlainTextEdit, QPushButton, QWidget


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


def column(
    parent: QWidget | None,
    *parts: QWidget | QLayout,
    stretch: QWidget | None = None,
    margin: int | None = None,
    direction: QBoxLayout.Direction = QBoxLayout.Direction.TopToBottom,
) -> QBoxLayout:
    """Place parts below each other on `parent`; one of them takes the free space. margin: None for Qt's."""
    layout = QBoxLayout(direction, parent)
    if margin is not None:
        layout.setContentsMargins(margin, margin, margin, margin)
    for part in parts:
        if isinstance(part, QWidget):
            layout.addWidget(part, int(part is stretch))
        else:
            layout.addLayout(part)
    return layout


def row(
    *parts: QWidget | QLayout,
    parent: QWidget | None = None,
    stretch: QWidget | None = None,
    margin: int | None = None,
) -> QBoxLayout:
    """As `column`, side by side."""
    left_to_right = QBoxLayout.Direction.LeftToRight
    return column(parent, *parts, stretch=stretch, margin=margin, direction=left_to_right)

"""The name of a class or headline, and a headline's colour swatch."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from mlee_core.figures.palette import OUTLINES, headline_color
from mlee_core.inference.results import HEADLINE_NAMES


def class_name(label: str) -> str:
    """The name of a class or headline: "sad" for its label "sad", "none of the four" for NONE."""
    return HEADLINE_NAMES.get(label, label)


@cache
def swatch(headline: str) -> QIcon:
    """A square of exactly the headline's colour, in selected rows too; an outline if it is no class."""
    square = QPixmap(12, 12)
    square.fill(Qt.GlobalColor.transparent)
    painter = QPainter(square)
    if headline in OUTLINES:
        painter.setPen(QPen(QColor(headline_color(headline)), 2))
        painter.drawRect(1, 1, 10, 10)
    else:
        painter.fillRect(square.rect(), QColor(headline_color(headline)))
    painter.end()
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Active):
        icon.addPixmap(square, mode)
    return icon

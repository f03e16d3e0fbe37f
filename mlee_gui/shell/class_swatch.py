"""The name and the colour swatch of a class."""

from __future__ import annotations

from functools import cache

from PySide6.QtGui import QColor, QIcon, QPixmap

from mlee_core.labels.votes import CLASS_NAMES


def class_name(label: str) -> str:
    """The name of a class: "sad" for its label "sad"."""
    return CLASS_NAMES.get(label, label)


@cache
def swatch(color: str) -> QIcon:
    """A square of exactly this colour, in selected rows too."""
    square = QPixmap(12, 12)
    square.fill(QColor(color))
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Active):
        icon.addPixmap(square, mode)
    return icon

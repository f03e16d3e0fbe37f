"""Light and dark: the system's choice, or one asked for on the command line."""

from __future__ import annotations

from typing import Literal

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

Scheme = Literal["light", "dark"]

_DARK = {
    QPalette.ColorRole.Window: "#36373b",
    QPalette.ColorRole.WindowText: "#e8e8e8",
    QPalette.ColorRole.Base: "#1b1c1e",
    QPalette.ColorRole.AlternateBase: "#26272a",
    QPalette.ColorRole.ToolTipBase: "#3a3b3f",
    QPalette.ColorRole.ToolTipText: "#f0f0f0",
    QPalette.ColorRole.PlaceholderText: "#9a9b9f",
    QPalette.ColorRole.Text: "#e8e8e8",
    QPalette.ColorRole.Button: "#45464b",
    QPalette.ColorRole.ButtonText: "#e8e8e8",
    QPalette.ColorRole.BrightText: "#ff6b6b",
    QPalette.ColorRole.Light: "#4a4b50",
    QPalette.ColorRole.Midlight: "#404146",
    QPalette.ColorRole.Mid: "#6a6b70",
    QPalette.ColorRole.Dark: "#1a1a1c",
    QPalette.ColorRole.Shadow: "#101012",
    QPalette.ColorRole.Highlight: "#2f6fb3",
    QPalette.ColorRole.HighlightedText: "#ffffff",
    QPalette.ColorRole.Link: "#6cb2ff",
    QPalette.ColorRole.LinkVisited: "#b79cff",
}
_LIGHT = {
    QPalette.ColorRole.Window: "#f2f2f2",
    QPalette.ColorRole.WindowText: "#1a1a1a",
    QPalette.ColorRole.Base: "#ffffff",
    QPalette.ColorRole.AlternateBase: "#f6f6f6",
    QPalette.ColorRole.ToolTipBase: "#ffffe8",
    QPalette.ColorRole.ToolTipText: "#1a1a1a",
    QPalette.ColorRole.PlaceholderText: "#6b6b6b",
    QPalette.ColorRole.Text: "#1a1a1a",
    QPalette.ColorRole.Button: "#ececec",
    QPalette.ColorRole.ButtonText: "#1a1a1a",
    QPalette.ColorRole.BrightText: "#c00000",
    QPalette.ColorRole.Light: "#ffffff",
    QPalette.ColorRole.Midlight: "#e4e4e4",
    QPalette.ColorRole.Mid: "#b0b0b0",
    QPalette.ColorRole.Dark: "#9a9a9a",
    QPalette.ColorRole.Shadow: "#707070",
    QPalette.ColorRole.Highlight: "#2f6fb3",
    QPalette.ColorRole.HighlightedText: "#ffffff",
    QPalette.ColorRole.Link: "#1b5fb0",
    QPalette.ColorRole.LinkVisited: "#6a3fb0",
}
_DARK_BOX = "#6c6d72"
"""Inside of check boxes: Fusion outlines them darker than a dark window, where no eye sees it."""

_GREYED = (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText)


def apply(app: QApplication, scheme: Scheme | None) -> None:
    """None follows the system; a scheme is drawn in the Fusion style, alike on every machine."""
    if scheme is not None:
        app.setStyle("Fusion")
        app.setPalette(palette(scheme))
        boxes = palette(scheme)
        if scheme == "dark":
            boxes.setColor(QPalette.ColorRole.Base, QColor(_DARK_BOX))
        for kind in ("QCheckBox", "QRadioButton"):
            app.setPalette(boxes, kind)  # type: ignore[arg-type]  # the stub asks for bytes, which Qt refuses


def palette(scheme: Scheme) -> QPalette:
    made = QPalette()
    for role, color in (_DARK if scheme == "dark" else _LIGHT).items():
        made.setColor(role, QColor(color))
    for role in _GREYED:
        made.setColor(
            QPalette.ColorGroup.Disabled, role, QColor("#7c7d82" if scheme == "dark" else "#8f8f8f")
        )
    return made

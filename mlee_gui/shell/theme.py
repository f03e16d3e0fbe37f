"""Light and dark colours: the system's, or those of the command line."""

from __future__ import annotations

from typing import Literal

from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

Scheme = Literal["light", "dark"]

_COLORS = {  # light, dark
    QPalette.ColorRole.Window: ("#f2f2f2", "#36373b"),
    QPalette.ColorRole.WindowText: ("#1a1a1a", "#e8e8e8"),
    QPalette.ColorRole.Base: ("#ffffff", "#1b1c1e"),
    QPalette.ColorRole.AlternateBase: ("#f6f6f6", "#26272a"),
    QPalette.ColorRole.ToolTipBase: ("#ffffe8", "#3a3b3f"),
    QPalette.ColorRole.ToolTipText: ("#1a1a1a", "#f0f0f0"),
    QPalette.ColorRole.PlaceholderText: ("#6b6b6b", "#9a9b9f"),
    QPalette.ColorRole.Text: ("#1a1a1a", "#e8e8e8"),
    QPalette.ColorRole.Button: ("#ececec", "#45464b"),
    QPalette.ColorRole.ButtonText: ("#1a1a1a", "#e8e8e8"),
    QPalette.ColorRole.BrightText: ("#c00000", "#ff6b6b"),
    QPalette.ColorRole.Light: ("#ffffff", "#4a4b50"),
    QPalette.ColorRole.Midlight: ("#e4e4e4", "#404146"),
    QPalette.ColorRole.Mid: ("#b0b0b0", "#6a6b70"),
    QPalette.ColorRole.Dark: ("#9a9a9a", "#1a1a1c"),
    QPalette.ColorRole.Shadow: ("#707070", "#101012"),
    QPalette.ColorRole.Highlight: ("#2f6fb3", "#2f6fb3"),
    QPalette.ColorRole.HighlightedText: ("#ffffff", "#ffffff"),
    QPalette.ColorRole.Link: ("#1b5fb0", "#6cb2ff"),
    QPalette.ColorRole.LinkVisited: ("#6a3fb0", "#b79cff"),
}
_DARK_BOX = "#6c6d72"
"""Inside of check boxes, whose outline Fusion draws darker than a dark window, so that it is invisible."""

_DISABLED = (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText)


def apply(app: QApplication, scheme: Scheme | None) -> None:
    """None follows the system; a scheme uses the Fusion style, which is the same on every system."""
    if scheme is not None:
        app.setStyle("Fusion")
        app.setPalette(palette(scheme))
        boxes = palette(scheme)
        if scheme == "dark":
            boxes.setColor(QPalette.ColorRole.Base, QColor(_DARK_BOX))
        for kind in ("QCheckBox", "QRadioButton"):
            app.setPalette(boxes, kind)  # type: ignore[arg-type]  # the stub wants bytes, which Qt rejects


def palette(scheme: Scheme) -> QPalette:
    made = QPalette()
    dark = scheme == "dark"
    for role, colors in _COLORS.items():
        made.setColor(role, QColor(colors[dark]))
    for role in _DISABLED:
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor("#7c7d82" if dark else "#8f8f8f"))
    return made

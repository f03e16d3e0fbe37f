"""Colours and line styles with a meaning, the same in the window, in curves and in exported figures.

Colour is never the only distinction: classes are also named, encoders also differ by line style.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..inference.results import NO_SPEECH, NONE

CLASS_COLORS: Mapping[str, str] = {"neu": "#8f8f8f", "hap": "#c78500", "sad": "#1480cc", "ang": "#cc333d"}
"""One colour per class. Contrast at least 3 : 1 on white and on #1e1e1e; apart by ΔE*ab ≥ 28 for normal sight
and for simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009), see tests."""

UNKNOWN_COLOR = "#7a6f9b"
"""For a class that is not one of the four."""

NO_CLASS_COLOR = "#757575"
OUTLINES: Mapping[str, Literal["solid", "dot"]] = {NONE: "solid", NO_SPEECH: "dot"}
"""Headlines that are no class are empty shapes with such an outline; neutral's grey fills its shapes."""


@dataclass(frozen=True)
class EncoderStyle:
    """The style of one encoder's attention curve. line: name of the line style."""

    color: str
    line: Literal["solid", "dash", "dot"]
    label: str


ENCODER_STYLES: Mapping[str, EncoderStyle] = {
    "hard": EncoderStyle("#ffb454", "solid", "dominant, hard"),
    "soft": EncoderStyle("#5fd7ff", "dash", "dominant, soft"),
    "mlee": EncoderStyle("#8cff8c", "dot", "MLEE (existence)"),
}
"""Bright colours for curves over a spectrogram, with an edge of CASING for bright parts of the colour map."""

CELL_COLORS: Mapping[str, str] = {
    "done": "#108a63",
    "running": "#1480cc",
    "failed": "#cc333d",
    "stopped": "#b87400",
    "skipped": "#8f8f8f",
    "queued": "#8f8f8f",
    "undone": "#8f8f8f",
}
"""A cell of an experiment by its state, which is also shown by a name or mark."""

CURVE_COLORS: Mapping[str, str] = {
    "train_loss": "#8f8f8f",
    "dev_loss": "#1480cc",
    "dev_wa": "#108a63",
    "dev_ua": "#c78500",
    "best": "#cc333d",
}
"""Learning curves, which also differ by line style."""

CASING = "#101018"
"""The dark edge of attention curves."""

NOT_ATTENDED, NOT_ATTENDED_LINES = "#60606096", "#e6e6e696"
"""The grey (RRGGBBAA) and its hatching over what no encoder attends to: quiet that was cut, and a tail
shorter than one attention step."""


def class_color(name: str) -> str:
    """The colour of a class, "#rrggbb"; UNKNOWN_COLOR for a class that is not one of the four."""
    return CLASS_COLORS.get(name, UNKNOWN_COLOR)


def headline_color(headline: str) -> str:
    """The colour of a headline (`Segment.headline`): of its class, or NO_CLASS_COLOR."""
    return NO_CLASS_COLOR if headline in OUTLINES else class_color(headline)


def text_on(color: str) -> str:
    """Black or white, whichever is more readable on `color` ("#rrggbb"), by WCAG relative luminance."""
    return "#000000" if luminance(color) > 0.179 else "#ffffff"


def luminance(color: str) -> float:
    """WCAG 2 relative luminance of "#rrggbb", 0-1."""
    parts = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

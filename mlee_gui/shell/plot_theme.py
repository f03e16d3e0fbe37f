"""Colours and pens of the plots, from the current palette, for light and dark."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor, QPalette, QPen


@dataclass(frozen=True)
class Theme:
    """base: background of the plots. text, faint: texts. grid: frames and lines. wave: the waveform.
    accent: the visible part in the overview, and the selection."""

    base: QColor
    text: QColor
    faint: QColor
    grid: QColor
    wave: QColor
    accent: QColor

    @classmethod
    def of(cls, palette: QPalette) -> Theme:
        base, text = palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Text)
        dark = base.lightness() < 128
        return cls(
            base=base,
            text=text,
            faint=mix(text, base, 0.66),
            grid=mix(text, base, 0.25),
            wave=QColor("#86a9d1" if dark else "#3f6ea3"),
            accent=QColor("#6cb2ff" if dark else "#1b6fd0"),
        )


def mix(one: QColor, other: QColor, share: float) -> QColor:
    """`share` of one, the rest of the other."""
    pairs = ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
    return QColor(*(round(a * share + b * (1 - share)) for a, b in pairs))


def clear(color: QColor, alpha: int) -> QColor:
    """The colour with an alpha of 0 (transparent) to 255 (opaque)."""
    return QColor(color.red(), color.green(), color.blue(), alpha)


def pen(color: QColor | str, width: float = 1.0) -> QPen:
    """A cosmetic pen; a width of one pixel is by far the fastest."""
    made = QPen(QColor(color), width)
    made.setCosmetic(True)
    return made

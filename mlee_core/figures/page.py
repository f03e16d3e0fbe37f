"""The page of all exported figures, written as SVG, PNG or PDF.

matplotlib is imported inside the functions and used without pyplot and without a display; the same input
gives the same bytes.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MleeError
from ..system.files import atomic_path
from ..system.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WRAP = 165
"""Characters of 8 point text between the margins of a page that is 11 inches wide."""
SUFFIXES: tuple[str, ...] = (".svg", ".png", ".pdf")


@dataclass(frozen=True)
class PageColors:
    """Colours of the page, of text and lines, and of frames ("#rrggbb")."""

    paper: str
    ink: str
    faint: str


LIGHT = PageColors("#ffffff", "#1a1a1a", "#8a8a8a")
DARK = PageColors("#1e1e1e", "#e8e8e8", "#8a8a8a")


class Page:
    """A figure of `width` × `height` inches, with positions in inches from its upper left corner."""

    def __init__(self, width: float, height: float, colors: PageColors) -> None:
        from matplotlib.figure import Figure

        self.width, self.height, self.colors = width, height, colors
        self.figure = Figure(figsize=(width, height), dpi=150, facecolor=colors.paper)

    def axes(self, label: str, left: float, top: float, right: float, bottom: float) -> Axes:
        width, height = self.width, self.height
        box = (left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height)
        axes = self.figure.add_axes(box, label=label)
        style_axes(axes, self.colors)
        return axes

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        style.setdefault("color", self.colors.ink)
        self.figure.text(x / self.width, 1 - y / self.height, text, va="top", parse_math=False, **style)

    def legend(self, axes: Axes, x: float, y: float, **style: Any) -> None:
        """The legend of `axes` in one row, with one entry per label; none without labels."""
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        if handles:
            style |= {"bbox_to_anchor": (x / self.width, 1 - y / self.height), "ncol": len(handles)}
            self.figure.legend(list(handles.values()), list(handles), fontsize=8, **style)


def suffix_of(out: Path) -> str:
    """ ".svg", ".png" or ".pdf". Raises: MleeError for another suffix."""
    suffix = Path(out).suffix.lower()
    if suffix not in SUFFIXES:
        raise MleeError(
            f"A figure cannot be written as {Path(out).name!r}: allowed are {', '.join(SUFFIXES)}."
        )
    return suffix


def wrapped(text: str) -> list[str]:
    """The lines of a footer's sentence."""
    return textwrap.wrap(printable(text), WRAP, subsequent_indent="   ")


def save(draw: Callable[[], Figure], out: Path) -> None:
    """Draw a figure and write it to `out`, atomically; the suffix chooses SVG, PNG or PDF.

    It has matplotlib's defaults instead of the user's settings, embedded fonts, and fixed ids.

    Raises: MleeError for another suffix, or if the file cannot be written.
    """
    from matplotlib import style

    suffix = suffix_of(out)
    fixed = {"svg.fonttype": "none", "svg.hashsalt": "mlee", "pdf.fonttype": 42, "hatch.linewidth": 0.8}
    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[suffix]
    with style.context(["default", fixed]), warnings.catch_warnings():
        # A file name in a script that the font lacks is drawn as boxes, without a warning.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = draw()
        try:
            with atomic_path(out) as neighbour:
                figure.savefig(neighbour, format=suffix[1:], metadata=dates, facecolor=figure.get_facecolor())
        except OSError as error:
            raise MleeError(f"The figure cannot be written to {out}: {error.strerror or error}.") from error


def legend_above(colors: PageColors) -> dict[str, Any]:
    """The style of a legend above the axes on the right."""
    return {
        "loc": "lower right",
        "bbox_to_anchor": (1.0, 1.0),
        "fontsize": 7,
        "frameon": False,
        "borderaxespad": 0.1,
        "columnspacing": 1.0,
        "handlelength": 1.6,
        "handletextpad": 0.4,
        "labelcolor": colors.ink,
    }


def style_axes(axes: Axes, colors: PageColors, size: float = 8) -> None:
    """Set colours, font sizes and a thin frame."""
    axes.set_facecolor("none")
    axes.tick_params(colors=colors.ink, labelsize=size)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=colors.ink, fontsize=9)
    for spine in axes.spines.values():
        spine.set_edgecolor(colors.faint)
        spine.set_linewidth(0.6)

"""The small plots of one row of Table 3: confusions, reliability, learning curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..figures.page import PageColors
from ..figures.palette import CURVE_COLORS, text_on
from ..labels.votes import CLASSES
from .formatting import percent
from .report_data import Report, TableRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TRAIN, DEV, BEST = (CURVE_COLORS[name] for name in ("train_loss", "dev_loss", "best"))


@dataclass(frozen=True)
class Panel:
    """One kind of panel. draw(axes, row, report, colors, first); height: of its axes, in inches."""

    title: str
    caption: str
    height: float
    draw: Callable[[Axes, TableRow, Report, PageColors, bool], None]


def confusion(axes: Axes, row: TableRow, report: Report, colors: PageColors, first: bool) -> None:
    """Row = truth. Share of the row, and count."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    counts = np.array(row.confusion, np.float64)
    of_class = counts.sum(1, keepdims=True)
    shares = np.divide(counts, of_class, out=np.zeros_like(counts), where=of_class > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (y, x), share in np.ndenumerate(shares):
        color = text_on(to_hex(colormaps["Blues"](float(share))))
        axes.text(x, y - 0.12, percent(share), ha="center", va="center", fontsize=8, color=color)
        axes.text(x, y + 0.26, f"{counts[y, x]:.0f}", ha="center", va="center", fontsize=6, color=color)
    axes.set_xticks(range(len(CLASSES)), CLASSES)
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.tick_params(length=0)
    axes.set(ylabel="true" if first else "", xlabel="predicted")


def reliability(axes: Axes, row: TableRow, report: Report, colors: PageColors, first: bool) -> None:
    """Accuracy by probability; below it, the counts as bars."""
    filled = [b for b in row.bins if b.count]
    most = max((b.count for b in filled), default=1)
    for b in filled:
        axes.bar(b.low, 0.25 * b.count / most, b.high - b.low, align="edge", color=TRAIN, alpha=0.35, lw=0)
    axes.plot([0, 1], [0, 1], ls=(0, (4, 3)), lw=0.8, color=colors.faint)
    confidence, accuracy = ([getattr(b, what) for b in filled] for what in ("confidence", "accuracy"))
    axes.plot(confidence, accuracy, lw=0.8, color=DEV)
    sizes = [4 + 40 * b.count / most for b in filled]
    axes.scatter(confidence, accuracy, sizes, color=DEV, lw=0, zorder=3, clip_on=False)
    axes.text(0.04, 0.95, f"ECE {percent(row.ece)} %", va="top", fontsize=8, color=colors.ink)
    axes.set(xlim=(0, 1), ylim=(0, 1), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    event = "presence" if row.stage.scheme == "existence" else "predicted class"
    axes.set(xlabel=f"probability of {event}", ylabel="came true" if first else "")


def curves(axes: Axes, row: TableRow, report: Report, colors: PageColors, first: bool) -> None:
    """Losses over epochs, one curve per network; the best epoch of each as a dot."""
    own = [t for t in report.trainings if t.cell.stage == row.stage]
    alpha = max(0.45, 1 / max(1, len(own)) ** 0.5)
    for t in own:
        epochs = [point.epoch for point in t.curve]
        train, dev = [point.train_loss for point in t.curve], [point.dev_loss for point in t.curve]
        axes.plot(epochs, train, lw=0.8, ls=(0, (4, 2)), color=TRAIN, alpha=alpha)
        axes.plot(epochs, dev, lw=0.9, color=DEV, alpha=alpha)
        axes.plot(t.epoch, t.dev_loss, "o", ms=3, color=BEST, zorder=3)
    axes.set(xlabel="epoch", ylabel="loss" if first else "", ylim=(0, None))


PANELS: Mapping[str, Panel] = {
    "confusion": Panel(
        "Confusions",
        "Pooled over folds. Row: true class, column: predicted class; percent of the row, and count.",
        1.7,
        confusion,
    ),
    "calibration": Panel(
        "Reliability",
        "Share that came true, by probability. Dashed: calibrated. Bars and sizes: counts.",
        1.7,
        reliability,
    ),
    "curves": Panel(
        "Learning curves",
        "Blue: loss on the development speakers. Grey, dashed: on the training set. Red: the best epoch.",
        1.5,
        curves,
    ),
}

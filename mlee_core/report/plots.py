"""A report's figures: Table 3 as dots, comparisons, confusions, reliability and learning curves.

matplotlib is imported inside the functions; figures/page.py writes the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config.stages import LINES, TRAIN_SETS
from ..evaluation.scores import SCORES, Score
from ..figures.page import Page, PageColors
from ..labels.targets import TrainSet
from . import cell_plots
from .formatting import pair, percent, stage_name, stage_title
from .paper_table3 import PAPER_SCORES, stage_of
from .report_data import Comparison, Report
from .tables import by_question

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PAPER = "#1480cc", "#c78500"
ROW = 0.27
"""Inches from row to row."""
WIDTH, FOOT, ACROSS = 11.0, 0.5, 4
LEGEND = {"loc": "upper left", "frameon": False, "borderaxespad": 0}


def figures(report: Report) -> dict[str, Callable[[PageColors], Figure]]:
    """Name of each figure of this report -> the function that draws it."""
    functions: dict[str, Callable[[PageColors], Figure]] = {"table3": partial(table3, report)}
    if report.comparisons:
        functions["comparisons"] = partial(comparisons, report)
    for name, panel in cell_plots.PANELS.items():
        functions[name] = partial(grid, report, panel=panel)
    return functions


def table3(report: Report, colors: PageColors) -> Figure:
    """WA above UA, one column per train set: folds, their mean ± s.d., pooled and paper's scores."""
    height = 1.0 + 2 * (len(LINES) * ROW + 0.75) + FOOT
    page = _page(report, colors, height, f"Table 3 on {report.setting.corpus}")
    low, high = _range(report)
    for column, train_set in enumerate(TRAIN_SETS):
        left = 2.6 + column * 4.2
        for place, score in enumerate(SCORES):
            top = 1.1 + place * (len(LINES) * ROW + 0.75)
            label = f"{score}-{train_set}"
            axes = page.axes(label, left, top, left + 3.6, top + len(LINES) * ROW)
            axes.set_title(
                f"{score.upper()}, train set {train_set}", fontsize=9, color=colors.ink, loc="left"
            )
            for y, row in enumerate(LINES):
                _dots(axes, report, row, train_set, score, y, colors)
            axes.set_xlim(low, high)
            _row_axis(axes, [stage_title(stage_of(row, train_set)) for row in LINES], named=column == 0)
            axes.set_xlabel("percent" if place else "")
    page.legend(page.figure.axes[0], 0.3, 0.55, labelcolor=colors.ink, **LEGEND)
    return page.figure


def _dots(
    axes: Axes, report: Report, name: str, train_set: TrainSet, score: Score, y: int, colors: PageColors
) -> None:
    paper = 100 * PAPER_SCORES[name][train_set][SCORES.index(score)]
    axes.plot(paper, y, "D", ms=5, mfc="none", mec=PAPER, label="paper (IEMOCAP)")
    row = report.row(stage_of(name, train_set))
    if row is None or row.pooled[score].mean is None:
        return
    folds = [100 * v for fold in row.fold_scores.values() if (v := fold.of(score)) is not None]
    axes.plot(
        folds, [y + 0.25] * len(folds), "o", ms=4, color=colors.faint, alpha=0.55, mew=0, label="one fold"
    )
    mean, sd = row.of_folds[score].mean, row.of_folds[score].sd
    if mean is not None and sd is not None:
        style: dict[str, Any] = {"fmt": "|", "ms": 7, "color": colors.ink, "lw": 1.2, "capsize": 3}
        axes.errorbar(100 * mean, y, xerr=100 * sd, label="mean ± s.d. of folds", **style)
    pooled = row.pooled[score].mean or 0.0
    axes.plot(100 * pooled, y, "o", ms=6.5, color=OURS, label="pooled", zorder=3)
    axes.annotate(
        percent(pooled), (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=OURS
    )


def _range(report: Report) -> tuple[float, float]:
    """Limits in percent, multiples of ten that include all marks."""
    marks = [value for sets in PAPER_SCORES.values() for pair in sets.values() for value in pair]
    for row in report.trained_rows:
        marks += [v for fold in row.fold_scores.values() for s in SCORES if (v := fold.of(s)) is not None]
        for s in SCORES:
            mean, sd = row.of_folds[s].mean or 0.5, row.of_folds[s].sd or 0.0
            marks += [mean - sd, mean + sd]
    return max(0.0, 10 * np.floor(10 * min(marks) - 0.1)), min(102.0, 10 * np.ceil(10 * max(marks) + 0.1))


def comparisons(report: Report, colors: PageColors) -> Figure:
    """Differences with their intervals, WA beside UA, by question; the paper's as diamonds."""
    entries: list[tuple[str, Comparison | None]] = []
    for question, group in by_question(report.comparisons):
        entries.append((question, None))
        entries += [(" − ".join(pair(c.first, c.second)), c) for c in group]
    height = 1.25 + len(entries) * ROW + FOOT
    page = _page(report, colors, height, f"Rows compared on {report.setting.corpus}, pooled scores")
    for column, score in enumerate(SCORES):
        left = 5.0 + column * 3.0
        axes = page.axes(score, left, 1.0, left + 2.8, 1.0 + len(entries) * ROW)
        axes.set_title(f"{score.upper()}, percentage points", fontsize=9, color=colors.ink, loc="left")
        axes.axvline(0, color=colors.faint, lw=0.8)
        for y, (_, comparison) in enumerate(entries):
            if comparison is not None:
                _gap(axes, comparison, score, y)
        _row_axis(axes, [text for text, _ in entries], named=column == 0)
        for tick, (_, comparison) in zip(axes.get_yticklabels(), entries, strict=True):
            tick.set_fontweight("normal" if comparison else "bold")
    page.legend(page.figure.axes[0], 0.3, 0.5, labelcolor=colors.ink, **LEGEND)
    return page.figure


def _gap(axes: Axes, comparison: Comparison, score: Score, y: int) -> None:
    gap = comparison.differences[score]
    axes.plot(100 * comparison.paper[score], y, "D", ms=4.5, mfc="none", mec=PAPER, label="paper (IEMOCAP)")
    if gap.low is not None and gap.high is not None:
        span = [100 * gap.low, 100 * gap.high]
        axes.plot(span, [y, y], color=OURS, lw=1.6, label="95 % interval over speakers")
    axes.plot(100 * gap.pooled, y, "o", ms=5, color=OURS, label="difference")


def grid(report: Report, colors: PageColors, panel: cell_plots.Panel) -> Figure:
    """One panel per row of Table 3, four side by side, by train set."""
    groups = [[row for row in report.trained_rows if row.stage.train_set == t] for t in TRAIN_SETS]
    bands = [group[i : i + ACROSS] for group in groups for i in range(0, len(group), ACROSS)]
    height = 0.75 + len(bands) * (panel.height + 0.75) + FOOT
    page = _page(report, colors, height, f"{panel.title}, {report.setting.corpus}")
    page.text(0.3, 0.45, panel.caption, size=8)
    for y, band in enumerate(bands):
        for x, row in enumerate(band):
            left, top = 0.75 + x * 2.62, 1.0 + y * (panel.height + 0.75)
            axes = page.axes(row.stage.name, left, top, left + 2.1, top + panel.height)
            axes.set_title(stage_name(row.stage), fontsize=8, color=colors.ink, loc="left")
            panel.draw(axes, row, report, colors, x == 0)
    return page.figure


def _page(report: Report, colors: PageColors, height: float, heading: str) -> Page:
    page = Page(WIDTH, height, colors)
    page.text(0.3, 0.15, heading, size=12, weight="bold")
    for i, limit in enumerate(_limits(report)):
        page.text(WIDTH - 0.3, 0.15 + 0.17 * i, limit, size=8, ha="right", weight="bold", color=PAPER)
    page.text(0.3, height - 0.2, report.stamp_line, size=6, color=colors.faint)
    return page


def _limits(report: Report) -> Iterator[str]:
    if report.setting.allow_duplicates:
        yield "duplicates allowed"
    if report.missing:
        yield f"unfinished: {report.planned - len(report.missing)} of {report.planned} networks"
    if report.early:
        yield f"{len(report.early)} of {report.planned} networks stopped early"
    selected, folds = len(report.setting.selected), len(report.setting.folds)
    if selected < folds:
        yield f"{selected} of {folds} folds"


def _row_axis(axes: Axes, names: list[str], *, named: bool) -> None:
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names if named else [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", lw=0.4, alpha=0.5)
    axes.set_axisbelow(True)

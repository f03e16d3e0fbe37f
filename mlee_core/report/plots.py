"""A report's pictures: Table 3 as dots, comparisons, confusions, reliability and learning curves.

Drawn on figures of matplotlib, which is imported inside; page.py writes them.
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
from .formatting import name, pair, percent, title
from .paper_table3 import FIGURES, stage_of
from .report_data import Comparison, Report
from .tables import by_question, trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PAPER = "#1480cc", "#c78500"
ROW = 0.27
"""Inches from line to line."""
WIDTH, FOOT, ACROSS = 11.0, 0.5, 4


def drawings(report: Report) -> dict[str, Callable[[PageColors], Figure]]:
    """Name of each picture that this report has -> how to draw it."""
    drawn: dict[str, Callable[[PageColors], Figure]] = {"table3": partial(table3, report)}
    if report.comparisons:
        drawn["comparisons"] = partial(comparisons, report)
    for picture, panel in cell_plots.PANELS.items():
        drawn[picture] = partial(grid, report, panel=panel)
    return drawn


def table3(report: Report, look: PageColors) -> Figure:
    """WA above UA, a column a train set: folds as dots, their mean ± s.d., the pooled score, the paper's."""
    height = 1.0 + 2 * (len(LINES) * ROW + 0.75) + FOOT
    page = _page(report, look, height, f"Table 3 on {report.setting.corpus}")
    low, high = _range(report)
    for column, train_set in enumerate(TRAIN_SETS):
        left = 2.6 + column * 4.2
        for place, score in enumerate(SCORES):
            top = 1.1 + place * (len(LINES) * ROW + 0.75)
            label = f"{score}-{train_set}"
            axes = page.axes(label, left, top, left + 3.6, top + len(LINES) * ROW)
            axes.set_title(f"{score.upper()}, train set {train_set}", fontsize=9, color=look.ink, loc="left")
            for y, line in enumerate(LINES):
                _dots(axes, report, line, train_set, score, y, look)
            axes.set_xlim(low, high)
            _lines_axis(axes, [title(stage_of(line, train_set)) for line in LINES], named=column == 0)
            axes.set_xlabel("percent" if place else "")
    _legend(page, next(a for a in page.figure.axes if a.get_label() == f"wa-{TRAIN_SETS[0]}"), 0.55)
    return page.figure


def _dots(
    axes: Axes, report: Report, line: str, train_set: TrainSet, score: Score, y: int, look: PageColors
) -> None:
    paper = 100 * FIGURES[line][train_set][SCORES.index(score)]
    axes.plot(paper, y, "D", ms=5, mfc="none", mec=PAPER, label="paper (IEMOCAP)")
    found = report.line(stage_of(line, train_set))
    if found is None or found.pooled[score].mean is None:
        return
    folds = [100 * v for part in found.fold_scores.values() if (v := part.of(score)) is not None]
    axes.plot(
        folds, [y + 0.25] * len(folds), "o", ms=4, color=look.faint, alpha=0.55, mew=0, label="one fold"
    )
    mean, sd = found.of_folds[score].mean, found.of_folds[score].sd
    if mean is not None and sd is not None:
        error: dict[str, Any] = {"color": look.ink, "lw": 1.2, "capsize": 3, "label": "mean ± s.d. of folds"}
        axes.errorbar(100 * mean, y, xerr=100 * sd, fmt="|", ms=7, **error)
    pooled = found.pooled[score].mean or 0.0
    axes.plot(100 * pooled, y, "o", ms=6.5, color=OURS, label="pooled", zorder=3)
    axes.annotate(
        percent(pooled), (1.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=OURS
    )


def _range(report: Report) -> tuple[float, float]:
    """Percent: from below the lowest mark to above the highest, at tens."""
    marks = [value for sets in FIGURES.values() for pair in sets.values() for value in pair]
    for line in trained(report):
        marks += [v for part in line.fold_scores.values() for s in SCORES if (v := part.of(s)) is not None]
        for s in SCORES:
            mean, sd = line.of_folds[s].mean or 0.5, line.of_folds[s].sd or 0.0
            marks += [mean - sd, mean + sd]
    return max(0.0, 10 * np.floor(10 * min(marks) - 0.1)), min(102.0, 10 * np.ceil(10 * max(marks) + 0.1))


def comparisons(report: Report, look: PageColors) -> Figure:
    """Differences with their intervals, WA beside UA, question by question; the paper's as diamonds."""
    groups = by_question(report.comparisons)
    entries: list[tuple[str, Comparison | None]] = []
    for question, asked in groups.items():
        entries.append((question, None))
        entries += [(" − ".join(pair(one.first, one.second)), one) for one in asked]
    height = 1.25 + len(entries) * ROW + FOOT
    page = _page(report, look, height, f"Rows compared on {report.setting.corpus}, pooled scores")
    for column, score in enumerate(SCORES):
        left = 5.0 + column * 3.0
        axes = page.axes(score, left, 1.0, left + 2.8, 1.0 + len(entries) * ROW)
        axes.set_title(f"{score.upper()}, percentage points", fontsize=9, color=look.ink, loc="left")
        axes.axvline(0, color=look.faint, lw=0.8)
        for y, (_, one) in enumerate(entries):
            if one is not None:
                _gap(axes, one, score, y)
        _lines_axis(axes, [text for text, _ in entries], named=column == 0)
        for tick, (_, one) in zip(axes.get_yticklabels(), entries, strict=True):
            tick.set_fontweight("normal" if one else "bold")
    _legend(page, page.figure.axes[0], 0.5)
    return page.figure


def _gap(axes: Axes, one: Comparison, score: Score, y: int) -> None:
    gap = one.differences[score]
    axes.plot(100 * one.paper[score], y, "D", ms=4.5, mfc="none", mec=PAPER, label="paper (IEMOCAP)")
    if gap.low is not None and gap.high is not None:
        span = [100 * gap.low, 100 * gap.high]
        axes.plot(span, [y, y], color=OURS, lw=1.6, label="95 % interval over speakers")
    axes.plot(100 * gap.pooled, y, "o", ms=5, color=OURS, label="difference")


def grid(report: Report, look: PageColors, panel: cell_plots.Panel) -> Figure:
    """One panel a line, four side by side, train set by train set."""
    groups = [[line for line in trained(report) if line.stage.train_set == t] for t in TRAIN_SETS]
    rows = [group[i : i + ACROSS] for group in groups for i in range(0, len(group), ACROSS)]
    page = _page(
        report,
        look,
        0.75 + len(rows) * (panel.height + 0.75) + FOOT,
        f"{panel.title}, {report.setting.corpus}",
    )
    page.text(0.3, 0.45, panel.caption, size=8)
    for y, row in enumerate(rows):
        for x, line in enumerate(row):
            left, top = 0.75 + x * 2.62, 1.0 + y * (panel.height + 0.75)
            axes = page.axes(line.stage.name, left, top, left + 2.1, top + panel.height)
            axes.set_title(name(line.stage), fontsize=8, color=look.ink, loc="left")
            panel.draw(axes, line, report, look, x == 0)
    return page.figure


def _page(report: Report, look: PageColors, height: float, heading: str) -> Page:
    from matplotlib.figure import Figure

    page = Page(Figure(figsize=(WIDTH, height), dpi=150, facecolor=look.paper), WIDTH, height, look)
    page.text(0.3, 0.15, heading, size=12, weight="bold")
    for i, limit in enumerate(_limits(report)):
        page.text(WIDTH - 0.3, 0.15 + 0.17 * i, limit, size=8, ha="right", weight="bold", color=PAPER)
    page.text(0.3, height - 0.2, report.stamp_line, size=6, color=look.faint)
    return page


def _limits(report: Report) -> Iterator[str]:
    if report.missing:
        yield f"unfinished: {report.planned - len(report.missing)} of {report.planned} networks"
    if report.early:
        yield f"{len(report.early)} of {report.planned} networks stopped early"
    selected, folds = len(report.setting.selected), len(report.setting.folds)
    if selected < folds:
        yield f"{selected} of {folds} folds"


def _lines_axis(axes: Axes, names: list[str], *, named: bool) -> None:
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names if named else [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", lw=0.4, alpha=0.5)
    axes.set_axisbelow(True)


def _legend(page: Page, axes: Axes, y: float) -> None:
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))  # label -> one of its marks
    page.figure.legend(
        list(handles.values()),
        list(handles),
        loc="upper left",
        bbox_to_anchor=(0.3 / page.width, 1 - y / page.height),
        ncol=len(handles),
        fontsize=8,
        frameon=False,
        labelcolor=page.look.ink,
        borderaxespad=0,
    )

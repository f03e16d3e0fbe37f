"""The panels of Figure 3 (figure3.py). matplotlib is imported inside the functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..audio.frames import FIRST_STEP_S, HOP_S, MAX_HZ, SAMPLE_RATE
from ..inference.results import DOMINANT_HEADS, ENCODERS, NO_SPEECH, NONE, Analysis, Segment
from ..labels.votes import CLASS_NAMES
from ..system.printable import printable
from .page import PageColors, legend_above, style_axes
from .palette import (
    CASING,
    ENCODER_STYLES,
    NOT_ATTENDED,
    NOT_ATTENDED_LINES,
    OUTLINES,
    class_color,
    headline_color,
    text_on,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

RANGE_DB = 70.0
"""Range below the loudest bin."""
QUIETEST_TOP = -6.9
"""Least natural-log power of white, 70 dB over the features' floor, so that silence is dark."""

COLUMNS = 1200
"""About one per pixel; more frames or samples are pooled by maximum, so that short events remain visible."""

LINES = {"solid": "-", "dash": (0, (4, 1.5)), "dot": (0, (1, 1.2))}
TICKS = {NONE: "none of\nthese", NO_SPEECH: "no\nspeech"}
HATCHES = {"hard": "", "soft": "////", "fusion": "xxxx"}

Spectrogram = NDArray[np.float32] | Iterable[NDArray[np.float32]]


def draw_spectrogram(
    axes: Axes, log_spectrogram: Spectrogram, start_s: float, end_s: float
) -> AxesImage | None:
    """Draw the interval in dB below its loudest bin; returns None if it contains no frame."""
    first = max(0, int((start_s - FIRST_STEP_S) / HOP_S))
    last = max(first, int(np.ceil((end_s - FIRST_STEP_S) / HOP_S)))
    pooled, factor = _pooled(log_spectrogram, first, last)
    axes.set(ylim=(0, MAX_HZ / 1000), ylabel="frequency (kHz)", facecolor=CASING)
    if not len(pooled):
        return None
    decibels = 10 * np.log10(np.e) * (pooled - max(float(pooled.max()), QUIETEST_TOP))
    begin = FIRST_STEP_S + HOP_S * first
    extent = (begin, begin + HOP_S * factor * len(pooled), 0, MAX_HZ / 1000)
    return axes.imshow(
        decibels.T, cmap="magma", vmin=-RANGE_DB, vmax=0, origin="lower", aspect="auto", extent=extent
    )


def _pooled(log_spectrogram: Spectrogram, first: int, last: int) -> tuple[NDArray[np.float32], int]:
    """Frames first … last - 1, pooled by maximum over `factor` frames: [≤ 1200, 400] and the factor."""
    factor = max(1, -(-(last - first) // COLUMNS))
    columns: dict[int, NDArray[np.float32]] = {}
    for at, block in _numbered_blocks(log_spectrogram):
        block = block[max(0, first - at) : max(0, last - at)]
        if not len(block):
            continue
        numbers = (np.arange(len(block)) + max(at, first) - first) // factor
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        for number, row in zip(numbers[starts], np.maximum.reduceat(block, starts), strict=True):
            columns[int(number)] = np.maximum(columns.get(int(number), row), row)
    return np.array([columns[number] for number in sorted(columns)], np.float32), factor


def _numbered_blocks(log_spectrogram: Spectrogram) -> Iterator[tuple[int, NDArray[np.float32]]]:
    if isinstance(log_spectrogram, np.ndarray):
        for start in range(0, len(log_spectrogram), 6000):
            yield start, log_spectrogram[start : start + 6000]
        return
    at = 0
    for block in log_spectrogram:
        yield at, block
        at += len(block)


def draw_waveform(
    axes: Axes, samples: NDArray[np.float32], start_s: float, end_s: float, colors: PageColors
) -> None:
    """Lowest and highest sample of each column."""
    first, last = round(start_s * SAMPLE_RATE), min(round(end_s * SAMPLE_RATE), len(samples))
    borders = np.linspace(first, last, min(COLUMNS, max(1, last - first)) + 1).astype(int)
    columns = [samples[a : b + 1] for a, b in pairwise(borders)]  # one sample more, so that columns meet
    low = np.array([column.min() for column in columns])
    high = np.array([column.max() for column in columns])
    borders_s = borders / SAMPLE_RATE
    closed = np.append(low, low[-1]), np.append(high, high[-1])
    axes.fill_between(borders_s, *closed, step="post", color=colors.ink, lw=0.5)
    peak = max(float(-low.min()), float(high.max()), 1e-6)
    axes.set(ylim=(-1.05 * peak, 1.05 * peak), ylabel="amplitude")


def draw_attention(under: Axes, segment: Segment, colors: PageColors) -> Axes:
    """Each encoder's weights as steps of 160 ms on an axis of their own, which is returned."""
    from matplotlib.patheffects import Normal, Stroke

    axes = under.twinx()
    axes.set_label("attention")
    style_axes(axes, colors)
    edges = segment.attention.edges_s()
    highest = 0.0
    for encoder in ENCODERS:
        if weights := segment.attention.of(encoder):
            style = ENCODER_STYLES[encoder]
            casing = [Stroke(linewidth=3.2, foreground=CASING, alpha=0.7), Normal()]
            line: dict[str, Any] = {"lw": 1.6, "linestyle": LINES[style.line], "path_effects": casing}
            axes.stairs(weights, edges, baseline=None, color=style.color, label=style.label, **line)
            highest = max(highest, *weights)
    axes.set(ylim=(0, 1.12 * (highest or 1.0)), ylabel="attention weight per 160 ms step")
    axes.locator_params(axis="y", nbins=5)
    return axes


def draw_not_attended(top: Axes, wave: Axes, segment: Segment, colors: PageColors) -> None:
    """Hatched grey over quiet that was cut, and over a tail that is too short for a step."""
    for start_s, end_s in segment.not_attended():
        for axes in (top, wave):
            hatch: dict[str, Any] = {"hatch": "////", "edgecolor": NOT_ATTENDED_LINES, "lw": 0}
            axes.axvspan(start_s, end_s, facecolor=NOT_ATTENDED, **hatch)
        if end_s - start_s > 0.025 * (segment.end_s - segment.start_s):
            style: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "center", "color": colors.ink}
            box = {"facecolor": colors.paper, "edgecolor": "none", "pad": 0.6, "alpha": 0.7}
            where = wave.get_xaxis_transform()
            wave.text(
                (start_s + end_s) / 2, 0.5, "not attended", transform=where, fontsize=6.5, bbox=box, **style
            )


def draw_existence(axes: Axes, segment: Segment, colors: PageColors) -> None:
    """Probability that each class is present, with the 0.5 line."""
    axes.set_title("present, each on its own", fontsize=9, color=colors.ink, loc="left")
    classes = segment.classes
    _class_axis(axes, classes)
    if segment.existence is None:
        _message(axes, "this model does not predict\nwhich are present", colors)
        return
    if not segment.has_speech:
        _message(axes, "no speech", colors)
        return
    axes.bar(range(len(classes)), segment.existence, width=0.7, color=[class_color(c) for c in classes])
    for at, value in enumerate(segment.existence):
        # The box keeps the number off the 0.5 line.
        box = {"facecolor": colors.paper, "edgecolor": "none", "pad": 0.6}
        style: dict[str, Any] = {"ha": "center", "fontsize": 8, "color": colors.ink, "zorder": 3}
        axes.text(at, value + 0.03, f"{value:.2f}", bbox=box, **style)
    axes.axhline(0.5, color=colors.ink, lw=0.9, ls=(0, (4, 3)))


def draw_dominant(axes: Axes, segment: Segment, colors: PageColors) -> None:
    """Each head's probabilities side by side; the head used for the verdict is bold."""
    from matplotlib.patches import Patch

    axes.set_title("dominant", fontsize=9, color=colors.ink, loc="left")
    _class_axis(axes, segment.classes)
    heads = [head for head in DOMINANT_HEADS if segment.dominant.get(head) is not None]
    if not heads:
        _message(axes, "this model does not predict\nwhich dominates", colors)
        return
    if not segment.has_speech:
        _message(axes, "no speech", colors)
        return
    if segment.headline == NONE:
        axes.set_xlabel("a choice among the four")
    width, bar_colors = 0.84 / len(heads), [class_color(c) for c in segment.classes]
    for place, head in enumerate(heads):
        values = segment.dominant[head] or ()
        centres = [at + (place - (len(heads) - 1) / 2) * width for at in range(len(values))]
        filling: dict[str, Any] = {"hatch": HATCHES[head], "edgecolor": colors.paper, "lw": 0}
        axes.bar(centres, values, width * 0.92, color=bar_colors, label=head, **filling)
        weight = "bold" if head == segment.rule else "normal"
        for at, value in zip(centres, values, strict=True):
            style: dict[str, Any] = {"ha": "center", "rotation": 90, "color": colors.ink, "weight": weight}
            axes.text(at, value + 0.025, f"{value:.2f}", fontsize=6.5, **style)
    handles = [
        Patch(facecolor=colors.faint, edgecolor=colors.paper, hatch=HATCHES[head], lw=0, label=head)
        for head in heads
    ]
    style = {**legend_above(colors), "columnspacing": 0.8}
    legend = axes.legend(handles=handles, ncol=len(heads), **style)
    for text in legend.get_texts():
        text.set_fontweight("bold" if text.get_text() == segment.rule else "normal")


def draw_track(axes: Axes, analysis: Analysis, colors: PageColors) -> None:
    """One block per segment: in the colour of its class, or an outline if its headline is no class."""
    axes.set_yticks([])
    axes.tick_params(labelbottom=False)
    for segment in analysis.segments:
        headline, length = segment.headline, segment.end_s - segment.start_s
        axes.broken_barh([(segment.start_s, length)], (0, 1), **_block(headline))
        if length > analysis.duration_s * len(headline) / 90:
            middle = segment.start_s + length / 2
            ink = colors.ink if headline in OUTLINES else text_on(headline_color(headline))
            style: dict[str, Any] = {"ha": "center", "va": "center", "color": ink}
            axes.text(middle, 0.5, printable(headline), fontsize=7, parse_math=False, **style)
    axes.set_ylim(0, 1)
    axes.set_ylabel("verdict", rotation=0, ha="right", va="center")


def draw_shares(axes: Axes, analysis: Analysis, colors: PageColors) -> None:
    """Seconds of all segments with each class as headline, and with none where there are such."""
    found = {segment.headline for segment in analysis.segments}
    names = (*analysis.classes, *(name for name in (NONE, NO_SPEECH) if name in found))
    seconds = [sum(s.end_s - s.start_s for s in analysis.segments if s.headline == name) for name in names]
    axes.set_title("time by verdict", fontsize=9, color=colors.ink, loc="left")
    _class_axis(axes, names)
    for at, (name, value) in enumerate(zip(names, seconds, strict=True)):
        axes.bar(at, value, width=0.7, **_block(name))
    highest = max(seconds) or 1.0
    for at, value in enumerate(seconds):
        axes.text(at, value + 0.01 * highest, clock(value), ha="center", fontsize=8, color=colors.ink)
    axes.set(ylim=(0, 1.12 * highest), yticks=[])


def _block(headline: str) -> dict[str, Any]:
    """Filled with the colour of a class, an outline for a headline that is none."""
    color = headline_color(headline)
    if headline not in OUTLINES:
        return {"facecolor": color, "edgecolor": "none"}
    return {"facecolor": "none", "edgecolor": color, "linestyle": LINES[OUTLINES[headline]], "linewidth": 1}


def _class_axis(axes: Axes, classes: tuple[str, ...]) -> None:
    names = [TICKS.get(c) or printable(CLASS_NAMES.get(c, c)) for c in classes]
    axes.set_xticks(range(len(names)), names, parse_math=False, fontsize=8 if len(names) < 6 else 7)
    axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 1.16), yticks=[0, 0.5, 1], axisbelow=True)
    axes.tick_params(axis="x", length=0)


def _message(axes: Axes, text: str, colors: PageColors) -> None:
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 9, "color": colors.ink}
    axes.text(0.5, 0.5, text, transform=axes.transAxes, **style)
    axes.set_yticks([])


def clock(seconds: float) -> str:
    """Whole seconds as m:ss or h:mm:ss."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60}:{whole % 60:02d}"
    return minutes if whole < 3600 else f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"

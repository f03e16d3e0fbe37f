"""The paper's Figure 3 for one recording: spectrogram with the encoders' attention, waveform, present and
dominant emotions, and all limitations. SVG, PNG or PDF.

matplotlib is imported inside the functions; the same input gives the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..audio.frames import SAMPLE_RATE
from ..inference.results import WITHOUT_SPEECH, Analysis, Segment
from ..system.printable import shortened
from ..system.provenance import in_one_line
from .figure3_panels import (
    RANGE_DB,
    Spectrogram,
    clock,
    draw_attention,
    draw_dominant,
    draw_existence,
    draw_not_attended,
    draw_shares,
    draw_spectrogram,
    draw_track,
    draw_waveform,
)
from .page import DARK, LIGHT, Page, style_axes, wrapped
from .palette import CASING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WIDTH, LEFT, SPLIT, RIGHT = 11.0, 0.75, 7.1, 10.75
"""Inches: the figure, and the left edge, the right edge of the time axes and the right edge of the bars."""
NAME_LENGTH = 70
LEGEND = {
    "loc": "lower left",
    "handlelength": 3,
    "borderaxespad": 0.2,
    "facecolor": CASING,
    "framealpha": 1,
    "edgecolor": CASING,
    "labelcolor": "#ffffff",
}


def build_figure(
    analysis: Analysis,
    log_spectrogram: Spectrogram,
    samples: NDArray[np.float32],
    *,
    segment: Segment | None = None,
    dark: bool = False,
) -> Figure:
    """The figure of one segment, or of a long recording with all its segments; `page.save` writes it.

    The axes are labelled "spectrogram", "attention" or "track", "waveform", "existence", "dominant" or
    "shares".

    Args:
        analysis: The analysis of the recording.
        log_spectrogram: Natural-log power of the whole recording, [T, 400], or its blocks [t, 400] in order
            (`features.blocks`), to save memory with hours of audio.
        samples: The whole recording, [N], 16 kHz.
        segment: The segment to draw; None draws the only one, or the whole with its segments as a track.
        dark: Draw on a dark page.
    """
    colors = DARK if dark else LIGHT
    if segment is None and len(analysis.segments) == 1:
        segment = analysis.segments[0]
    start_s, end_s = (segment.start_s, segment.end_s) if segment else (0.0, len(samples) / SAMPLE_RATE)
    footer = _footer(analysis, segment)
    height = 5.85 + 0.17 * len(footer)
    page = Page(WIDTH, height, colors)
    _title(page, analysis, segment)

    wave = page.axes("waveform", LEFT, 4.25 if segment else 4.6, SPLIT, 5.2)
    top = page.axes("spectrogram", LEFT, 1.15, SPLIT, 4.15)
    top.sharex(wave)
    top.tick_params(labelbottom=False)
    image = draw_spectrogram(top, log_spectrogram, start_s, end_s)
    if image is not None:
        _scale(page, image)
    draw_waveform(wave, samples, start_s, end_s, colors)
    if segment is not None:
        if segment.has_speech:
            page.legend(draw_attention(top, segment, colors), LEFT, 1.15, **LEGEND)
        draw_not_attended(top, wave, segment, colors)
        draw_existence(page.axes("existence", 8.25, 1.15, RIGHT, 2.75), segment, colors)
        draw_dominant(page.axes("dominant", 8.25, 3.35, RIGHT, 5.2), segment, colors)
        if len(segment.attention.times_s) == 1:  # a padded step may reach past the recording's end
            end_s = max(end_s, segment.attention.edges_s()[-1])
    else:
        track = page.axes("track", LEFT, 4.22, SPLIT, 4.52)
        track.sharex(wave)
        draw_track(track, analysis, colors)
        draw_shares(page.axes("shares", 8.25, 1.15, RIGHT, 5.2), analysis, colors)
    wave.set_xlim(start_s, end_s)
    _time_axis(wave, end_s)
    for line, (text, weight) in enumerate(footer):
        page.text(LEFT, 5.75 + 0.17 * line, text, size=8, weight=weight)
    return page.figure


def _title(page: Page, analysis: Analysis, segment: Segment | None) -> None:
    page.text(LEFT, 0.18, shortened(Path(analysis.file).name, NAME_LENGTH), size=12, weight="bold")
    page.text(RIGHT, 0.2, f"model {shortened(analysis.model, NAME_LENGTH)}", size=9, ha="right")
    page.text(RIGHT, 0.4, in_one_line(), size=7, ha="right")
    if segment is None:
        text = f"{len(analysis.segments)} segments in {clock(analysis.duration_s)}, each with its own verdict"
    elif analysis.single is not None:
        text = segment.verdict()
    else:
        text = f"{segment.start_s:.2f} s to {segment.end_s:.2f} s · {segment.verdict()}"
        if segment.end_s > 120:
            text = f"{clock(segment.start_s)} to {clock(segment.end_s)} · {segment.verdict()}"
    page.text(LEFT, 0.46, text, size=10)
    if segment is not None:
        page.text(LEFT, 0.68, segment.attention_text() if segment.has_speech else WITHOUT_SPEECH, size=8)


def _time_axis(axes: Axes, end_s: float) -> None:
    from matplotlib.ticker import MultipleLocator

    if end_s <= 120:
        axes.set_xlabel("time (s)")
        return
    axes.xaxis.set_major_formatter(lambda value, _: clock(value))
    step = next((s for s in (15, 30, 60, 120, 300, 600, 1800, 3600) if end_s / s <= 9), 7200)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.set_xlabel("time (h:mm:ss)" if end_s >= 3600 else "time (m:ss)")


def _footer(analysis: Analysis, segment: Segment | None) -> list[tuple[str, str]]:
    """Lines of limitations, each with its font weight; use of the recording in training comes first."""
    lines: list[tuple[str, str]] = []
    if analysis.seen is not None:
        part = {"train": "trained", "dev": "was tuned"}[analysis.seen]
        why = f" ({analysis.seen_why})" if analysis.seen_why else ""
        lines += [(line, "bold") for line in wrapped(f"Not a fair test: the model {part} on this{why}.")]
    for note in (*analysis.notes, *(segment.notes if segment else ())):
        lines += [(line, "normal") for line in wrapped(f"• {note}")]
    return lines


def _scale(page: Page, image: AxesImage) -> None:
    scale = page.axes("scale", 5.6, 0.98, SPLIT, 1.06)
    page.figure.colorbar(image, cax=scale, orientation="horizontal", ticks=[-RANGE_DB, 0])
    scale.xaxis.set_ticks_position("top")
    scale.set_xticklabels([f"−{RANGE_DB:.0f}", "0 dB"])
    style_axes(scale, page.colors, size=7)

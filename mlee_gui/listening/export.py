"""Figures drawn by a process of their own: matplotlib and torch stay out of the window's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mlee_core.inference.results import Analysis, Segment


def draw_figure(
    out: Path, analysis: Analysis, segment: Segment | None, samples_file: str, dark: bool
) -> None:
    """Draw Figure 3 of `analysis`, or of one segment of it. samples_file: raw float32 16 kHz mono."""
    from mlee_core.audio import features
    from mlee_core.audio.levels import AudioSignal
    from mlee_core.figures.figure3 import build_figure
    from mlee_core.figures.page import save

    samples = np.memmap(samples_file, dtype="<f4", mode="r")
    blocks = features.blocks(samples, AudioSignal.of(samples).gain())
    save(lambda: build_figure(analysis, blocks, samples, segment=segment, dark=dark), out)

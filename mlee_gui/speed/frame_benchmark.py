"""How long the timeline takes to paint while a long recording is panned and zoomed (`mlee bench gui`)."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QApplication

from mlee_core.audio import zoom_pyramid
from mlee_core.audio.frames import FIRST_STEP_S, SAMPLE_RATE, STEP_S
from mlee_core.audio.levels import AudioSignal
from mlee_core.inference.results import DOMINANT_HEADS, Attention, Segment
from mlee_core.labels.votes import CLASSES

from ..listening.timeline import Timeline
from ..shell.qt_log_filter import without_offscreen_warnings

SIZE = (1600, 700)
SPANS_S = (2.0, 10.0, 60.0, 200.0, 1000.0)
"""Seconds shown while panning; steps of attention are drawn up to about 200 s."""


def frame_times(duration_s: float, frames: int) -> list[float]:
    """Milliseconds of each of `frames` frames, 1600 × 700 pixels, with all three curves shown.

    A frame is: set the view, then paint it at once. Half of the frames pan at the zooms of SPANS_S, half
    zoom from the whole into a second and out again. The recording is noise in bursts.
    """
    with bench_timeline(duration_s) as timeline:
        times = []
        for start_s, end_s in views(duration_s, frames):
            began = time.perf_counter()
            timeline.zoom_to(start_s, end_s)
            timeline.plots.repaint()
            times.append((time.perf_counter() - began) * 1000)
        return times


def views(duration_s: float, frames: int) -> Iterator[tuple[float, float]]:
    """The stretches to show, none twice in a row."""
    for i in range(frames):
        k = i // 2
        if i % 2:
            span = min(SPANS_S[k // 20 % len(SPANS_S)], duration_s / 2)
            start = (k * span * 0.13) % (duration_s - span)
        else:
            span = max(duration_s * 0.9 ** abs(k % 120 - 60), 1.0)
            start = (duration_s - span) * 0.37
        yield start, start + span


@contextmanager
def bench_timeline(duration_s: float) -> Iterator[Timeline]:
    """A shown Timeline with a generated recording and results; off-screen where there is no display."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication.instance() or QApplication([])
    with without_offscreen_warnings(), tempfile.TemporaryDirectory(prefix="mlee-bench-") as folder:
        samples = _bursts(duration_s, Path(folder) / "samples.f32")
        for _ in zoom_pyramid.build(AudioSignal.of(samples), Path(folder) / "pyramid"):
            pass
        timeline = Timeline()
        timeline.resize(*SIZE)
        timeline.show_recording(zoom_pyramid.Pyramid.open(Path(folder) / "pyramid"), duration_s)
        timeline.show_segments(_segments(duration_s))
        timeline.show()
        application.processEvents()
        try:
            yield timeline
        finally:
            timeline.close()
            timeline.deleteLater()


def _bursts(duration_s: float, path: Path) -> np.ndarray:
    """Noise that swells three times a second, one minute repeated, as a memory map."""
    count = round(duration_s * SAMPLE_RATE)
    minute = np.random.default_rng(0).normal(0, 0.1, 60 * SAMPLE_RATE).astype(np.float32)
    minute *= np.sin(np.arange(len(minute)) * (3 * np.pi / SAMPLE_RATE)).astype(np.float32) ** 2
    samples = np.memmap(path, dtype=np.float32, mode="w+", shape=(count,))
    for start in range(0, count, len(minute)):
        samples[start : start + len(minute)] = minute[: count - start]
    return samples


def _segments(duration_s: float) -> list[Segment]:
    """Segments of 3 to 28 s with short pauses, any headline, any attention, half a second in 3 s cut."""
    random, segments, start = np.random.default_rng(1), [], 0.5
    while start + 3 < duration_s:
        end = min(start + random.uniform(3, 28), duration_s)
        steps = int((end - start - FIRST_STEP_S) / STEP_S)
        times = tuple(start + FIRST_STEP_S + STEP_S * (i + 0.5) for i in range(steps))
        attention = Attention(times, *(tuple(random.dirichlet(np.ones(steps)).tolist()) for _ in range(3)))
        shares = tuple(random.dirichlet(np.ones(4)).tolist())
        dominant = dict.fromkeys(DOMINANT_HEADS, shares)
        existence = tuple(random.uniform(0, 1, 4).tolist())
        best = CLASSES[int(np.argmax(shares))]
        heard = None if random.uniform() < 0.1 else best
        cut = tuple((at, at + 0.5) for at in np.arange(start, end - 0.5, 3).tolist())
        segments.append(
            Segment(start, end, CLASSES, dominant, existence, heard, "fusion", attention, cut=cut)
        )
        start = end + random.uniform(0.2, 2)
    return segments

"""A long recording -> segments of at most 30 s, each with a prediction of its own.

Over 30 s one softmax over the whole is meaningless (SPEC.md). Stretches are found by their power above the
background of the minute around them, joined over short pauses and divided where they are quietest. Only
steady background and sound 60 dB below the loudest frame belong to no segment. No torch in here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .frames import MAX_SEGMENT_S, SAMPLE_RATE
from .levels import POWER_SAMPLES, AudioSignal, Powers, runs

Range = tuple[int, int]
"""Samples start … end - 1 of the 16 kHz recording."""

UTTERANCE_S = 15.0
"""Longer stretches are divided: an emotion rarely lasts that long, and EmoDB's longest utterance is 9 s."""

SHORTEST_S = 1.0
"""Shorter stretches are joined with a neighbour or widened, since attention needs a few steps (160 ms)."""

PAUSE_S = 0.6
"""Shorter pauses belong to an utterance; the hangover of both sides adds 0.4 s."""

JOIN_S = 1.5
"""Largest distance at which a stretch under 1 s is joined with a neighbour; beyond, it is widened."""

HANGOVER_S = 0.2
"""Added before and after a stretch, for soft onsets and decaying ends."""

ABOVE_BACKGROUND_DB = 4.0
"""Threshold; steady noise smoothed over 100 ms stays below it."""

INAUDIBLE_DB = 60.0
"""Sound this far below the loudest frame belongs to no segment."""

SMOOTHED_FRAMES = 5
BACKGROUND_FRAMES = 500
BACKGROUND_TILES = 3
"""Background is the 5th percentile of 10 s, the least within 30 s each side."""


def cut(signal: AudioSignal) -> tuple[Range, ...]:
    """Sample ranges [start, end), sorted and disjoint, each of at most 30 seconds.

    A recording of at most 30 s is one range. One that never rises above its background (silence, steady
    noise) is cut into equal windows.
    """
    total = len(signal)
    longest = int(MAX_SEGMENT_S * SAMPLE_RATE)
    if total <= longest:
        return ((0, total),)
    powers = _smoothed(signal.powers)
    stretches = _stretches(powers > _threshold(powers))
    if not stretches:
        return _windows(total, longest)
    limit = int(min(UTTERANCE_S, MAX_SEGMENT_S) * SAMPLE_RATE) // POWER_SAMPLES
    pieces = [
        piece
        for stretch in _widened(_joined(stretches), len(powers))
        for piece in _divided(stretch, powers, limit)
    ]
    return tuple((a * POWER_SAMPLES, min(b * POWER_SAMPLES, total)) for a, b in pieces)


def _smoothed(powers: Powers) -> Powers:
    """Powers [T] of 20 ms frames averaged over 100 ms."""
    padded = np.pad(powers, SMOOTHED_FRAMES // 2, mode="edge")
    kernel = np.full(SMOOTHED_FRAMES, 1 / SMOOTHED_FRAMES, np.float32)
    return np.convolve(padded, kernel, "valid").astype(np.float32)


def _threshold(powers: Powers) -> Powers:
    """Power [T] above which a frame belongs to a stretch, from the minute around it."""
    starts = range(0, len(powers), BACKGROUND_FRAMES)
    tiles = np.array([np.percentile(powers[s : s + BACKGROUND_FRAMES], 5) for s in starts])
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(tiles, BACKGROUND_TILES, mode="edge"), 2 * BACKGROUND_TILES + 1
    )
    background = np.repeat(around.min(axis=1), BACKGROUND_FRAMES)[: len(powers)]
    inaudible = powers.max() * 10 ** (-INAUDIBLE_DB / 10)
    threshold: Powers = np.maximum(background * 10 ** (ABOVE_BACKGROUND_DB / 10), inaudible)
    return threshold.astype(np.float32)


def _stretches(active: NDArray[np.bool_]) -> list[Range]:
    """Runs of active frames with the hangover on both sides, joined over short pauses."""
    hangover = _frames(HANGOVER_S)
    stretches: list[Range] = []
    for start, end in runs(active).tolist():
        first, last = max(0, start - hangover), min(len(active), end + hangover)
        if stretches and first - stretches[-1][1] < _frames(PAUSE_S):
            stretches[-1] = (stretches[-1][0], last)
        else:
            stretches.append((first, last))
    return stretches


def _joined(stretches: list[Range]) -> list[Range]:
    """Stretches under 1 s are joined with a neighbour within 1.5 s."""
    joined: list[Range] = []
    for start, end in stretches:
        short = _frames(SHORTEST_S)
        if joined:
            before = joined[-1]
            either_short = end - start < short or before[1] - before[0] < short
            if either_short and start - before[1] < _frames(JOIN_S):
                joined[-1] = (before[0], end)
                continue
        joined.append((start, end))
    return joined


def _widened(stretches: list[Range], frames: int) -> Iterator[Range]:
    """Stretches still under 1 s, widened to 1 s; `_joined` leaves enough space between them."""
    for start, end in stretches:
        missing = max(0, _frames(SHORTEST_S) - (end - start))
        first = max(0, start - missing // 2)
        last = min(frames, first + end - start + missing)
        yield (min(first, last - (end - start) - missing), last)


def _divided(stretch: Range, powers: Powers, limit: int) -> Iterator[Range]:
    """Pieces of at most `limit` frames, divided at the quietest point that leaves none too short."""
    start, end = stretch
    while end - start > limit:
        first = start + limit // 3
        last = min(start + limit, end - _frames(SHORTEST_S))
        at = first + int(np.argmin(powers[first : last + 1]))
        yield (start, at)
        start = at
    yield (start, end)


def _windows(total: int, longest: int) -> tuple[Range, ...]:
    count = -(-total // longest)
    borders = [total * i // count for i in range(count + 1)]
    return tuple(pairwise(borders))


def _frames(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE / POWER_SAMPLES)

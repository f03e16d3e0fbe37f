"""A long recording -> stretches of at most 30 s, each of which can have a verdict of its own.

Over 30 s one softmax over the whole says nothing (SPEC.md). Stretches are found by their power over the
background of the minute around them, joined over short pauses and divided where they are quietest. What
stands out is never left out: only steady background and what lies 60 dB below the loudest is no segment.
No torch in here.
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
"""Longer stretches are divided: an emotion seldom lasts that long, and EmoDB's longest utterance is 9 s."""

SHORTEST_S = 1.0
"""Shorter stretches are joined with a neighbour or widened, since attention needs a few steps (160 ms)."""

PAUSE_S = 0.6
"""Shorter pauses lie inside an utterance; the hangover of both sides adds 0.4 s to that."""

LONELY_S = 1.5
"""How far a stretch under 1 s may be from the neighbour it is joined with; farther, it is widened alone."""

HANGOVER_S = 0.2
"""Kept before and after what stands out: soft onsets and decaying ends."""

STANDS_OUT_DB = 4.0
"""Over the background: steady noise stays within this when smoothed over 100 ms."""

INAUDIBLE_DB = 60.0
"""Below the loudest frame: nothing there is worth a verdict."""

SMOOTHED_FRAMES = 5
BACKGROUND_FRAMES = 500
BACKGROUND_TILES = 3
"""Background is the 5th percentile of 10 s, the least within 30 s each side."""


def cut(signal: AudioSignal, max_s: float = MAX_SEGMENT_S) -> tuple[Range, ...]:
    """Sample ranges [start, end), sorted and disjoint, each of at most `max_s` seconds.

    A recording of at most max_s is one range of the whole; one in which nothing stands out (silence, steady
    noise) is cut into equal windows.

    Raises: ValueError if max_s is under 2 s.
    """
    if max_s < 2 * SHORTEST_S:
        raise ValueError(
            f"segments of at most {max_s} s are too short; at least {2 * SHORTEST_S} s are needed"
        )
    total = len(signal)
    longest = int(max_s * SAMPLE_RATE)
    if total <= longest:
        return ((0, total),)
    powers = _smoothed(signal.powers)
    stretches = _stretches(powers > _threshold(powers))
    if not stretches:
        return _windows(total, longest)
    limit = int(min(UTTERANCE_S, max_s) * SAMPLE_RATE) // POWER_SAMPLES
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
    smoothed: Powers = np.convolve(padded, kernel, "valid").astype(np.float32)
    return smoothed


def _threshold(powers: Powers) -> Powers:
    """Power [T] above which a frame stands out of the minute around it."""
    starts = range(0, len(powers), BACKGROUND_FRAMES)
    tiles = np.array([np.percentile(powers[s : s + BACKGROUND_FRAMES], 5) for s in starts])
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(tiles, BACKGROUND_TILES, mode="edge"), 2 * BACKGROUND_TILES + 1
    )
    background = np.repeat(around.min(axis=1), BACKGROUND_FRAMES)[: len(powers)]
    inaudible = powers.max() * 10 ** (-INAUDIBLE_DB / 10)
    threshold: Powers = np.maximum(background * 10 ** (STANDS_OUT_DB / 10), inaudible).astype(np.float32)
    return threshold


def _stretches(active: NDArray[np.bool_]) -> list[Range]:
    """Runs of active frames with the hangover on both sides, joined where the pause between is short."""
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
            if either_short and start - before[1] < _frames(LONELY_S):
                joined[-1] = (before[0], end)
                continue
        joined.append((start, end))
    return joined


def _widened(stretches: list[Range], frames: int) -> Iterator[Range]:
    """Stretches still under 1 s are widened to it; `_joined` left room, also at the ends of the recording."""
    for start, end in stretches:
        missing = max(0, _frames(SHORTEST_S) - (end - start))
        first = max(0, start - missing // 2)
        last = min(frames, first + end - start + missing)
        yield (min(first, last - (end - start) - missing), last)


def _divided(stretch: Range, powers: Powers, limit: int) -> Iterator[Range]:
    """Pieces of at most `limit` frames, divided where it is quietest and neither piece gets too short."""
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

"""A long recording -> segments of at most 30 s, each with a prediction of its own.

Over 30 s one softmax over the whole is meaningless (SPEC.md). Speech is found by the threshold of
`speech_frames`, with the loudest and the quietest frame of the minute around, joined over short pauses and
divided where it is quietest. Hours on disk cost no memory but four bytes for each 20 ms. No torch in here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .frames import MAX_SEGMENT_S, SAMPLE_RATE
from .levels import POWER_SAMPLES, AudioSignal, Powers, runs
from .speech_frames import SILENCE, speech_threshold

Range = tuple[int, int]
"""Samples start … end - 1 of the 16 kHz recording."""

UTTERANCE_S = 15.0
"""Longer stretches are divided: an emotion rarely lasts that long, and EmoDB's longest utterance is 9 s."""

SHORTEST_S = 1.0
"""Shorter stretches are joined with a neighbour or widened, since attention needs a few steps (160 ms)."""

PAUSE_S = 1.0
"""Shorter pauses belong to an utterance."""

JOIN_S = 1.5
"""Largest distance at which a stretch under 1 s is joined with a neighbour; beyond, it is widened."""

HANGOVER_S = 0.02
"""Added before and after a stretch; averaging over 100 ms adds 40 ms."""

ABOVE_BACKGROUND_DB = 4.0
"""Least height of speech above its background; steady noise smoothed over 100 ms stays below it."""

FADE_S, FADE_DB = 0.3, 2.0
"""Sound this near to speech belongs to it where it stands so far above the background: soft onsets, ends that
fade into noise."""

SMOOTHED_FRAMES = 5
TILE_FRAMES = 500
TILES = 3
"""The loudest and the quietest frame are taken from 10 s and from 30 s on each side."""


def speech_segments(signal: AudioSignal) -> tuple[Range, ...]:
    """Sample ranges [start, end), sorted and disjoint, each of at most 30 seconds.

    A recording of at most 30 s is one range. One that never rises above its background (silence, steady
    noise) is cut into equal windows.
    """
    total = len(signal)
    longest = int(MAX_SEGMENT_S * SAMPLE_RATE)
    if total <= longest:
        return ((0, total),)
    powers = _smoothed(signal.powers)
    stretches = _stretches(_is_speech(powers, signal.powers <= SILENCE))
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


def _is_speech(powers: Powers, silent: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which frames [T] are speech, by the threshold of `speech_frames` for the minute around each.

    powers: smoothed. silent: before that; frames that are silent in part do not count as the quietest.
    """
    levels = 10 * np.log10(np.maximum(powers, SILENCE))  # [T], dB
    mixed = np.convolve(silent, np.ones(SMOOTHED_FRAMES), "same") > 0
    starts = np.arange(0, len(levels), TILE_FRAMES)
    loudest = _around(np.maximum.reduceat(levels, starts)).max(axis=1)  # [tiles]
    quietest = _around(np.minimum.reduceat(np.where(mixed, np.inf, levels), starts)).min(axis=1)
    quietest = np.minimum(quietest, loudest)  # where all is silent
    lowest = np.maximum(speech_threshold(loudest, quietest), quietest + ABOVE_BACKGROUND_DB)  # [tiles]
    speech, audible = (
        levels > np.repeat(least, TILE_FRAMES)[: len(levels)] for least in (lowest, quietest + FADE_DB)
    )
    near = np.convolve(speech, np.ones(2 * _frames(FADE_S) + 1), "same") > 0
    return speech | (audible & near)


def _around(tiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each of the values [tiles] with its neighbours: [tiles, 7]."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(tiles, TILES, mode="edge"), 2 * TILES + 1)


def _stretches(speech: NDArray[np.bool_]) -> list[Range]:
    """Runs of speech [T], joined over short pauses, with the hangover on both sides."""
    hangover, pause = _frames(HANGOVER_S), _frames(PAUSE_S)
    stretches: list[Range] = []
    for start, end in runs(speech).tolist():
        first, last = max(0, start - hangover), min(len(speech), end + hangover)
        if stretches and first - stretches[-1][1] < pause - 2 * hangover:
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

"""Which frames of an utterance are speech, and which remain when quiet is cut (SPEC.md "Quiet is cut").

Quiet around and within speech is removed before the network, in training and analysis alike: a network that
learned from tight cuts takes quiet for sadness, and masking attention does not prevent it (FACTS.md). No
torch in here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .frames import FIRST_STEP_S, FRAME, FRAMES_PER_STEP, HOP, HOP_S, SAMPLE_RATE, frame_count
from .levels import SILENT_DB, Samples, from_decibel, runs

Cut = Literal["none", "ends", "full"]
"""What is removed: nothing, quiet at both ends, or also long pauses (and offsets of the microphone)."""

RANGE_DB = 35.0
"""Speech reaches at least this far below its loudest frame."""

FLOOR_SHARE = 0.3
"""The threshold lies at least at this share of the way from the quietest frame to the loudest one, in dB. A
percentile instead of the quietest frame would move with the amount of quiet around the speech."""

SMOOTHED_FRAMES = 5

CLOSURE_FRAMES = 10
"""Shorter gaps within speech are speech: the closures of plosives last up to 0.1 s."""

END_FRAMES = 5
"""Frames kept before the first and after the last frame of speech."""

HANGOVER_FRAMES = 15
"""Frames kept on both sides of a longer pause, so that 0.3 s remain of it."""

SILENCE = from_decibel(SILENT_DB)

OFFSET_SAMPLES = SAMPLE_RATE // 20
"""An offset is what is left after averaging over this twice: below about 15 Hz, where no voice has power."""


@dataclass(frozen=True, eq=False)
class SpeechFrames:
    """speech: bool [T], which feature frames are speech. kept: int64 [T'], rising indices of the frames that
    remain; hangover and the rest of a pause are kept but are not speech."""

    speech: NDArray[np.bool_]
    kept: NDArray[np.int64]

    def on_recording(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Attention weights [S'] on the kept frames -> weights [S] on the 160 ms grid of all frames.

        Each step's weight is shared among the grid steps from which its frames come; what was cut has 0. Kept
        frames of a last step that is not whole count as the last whole one.
        """
        frames, shares = self._shares(weights)  # [n], [n]
        if not len(frames):
            return weights
        steps = max(1, len(self.speech) // FRAMES_PER_STEP)
        at = np.minimum(frames // FRAMES_PER_STEP, steps - 1)  # [n]
        return np.bincount(at, shares, steps).astype(np.float64)

    def on_speech(self, weights: NDArray[np.float64]) -> float:
        """The share of attention weights [S'] that lies on speech, from 0 to 1."""
        frames, shares = self._shares(weights)  # [n], [n]
        return float(shares[self.speech[frames]].sum())

    def spans_s(self, duration_s: float) -> tuple[tuple[float, float], ...]:
        """(start, end) in seconds of each stretch of an utterance that was cut."""
        cut = np.ones(len(self.speech), np.bool_)  # [T]
        cut[self.kept] = False
        return tuple(
            (
                0.0 if start == 0 else FIRST_STEP_S + start * HOP_S,
                duration_s if stop == len(cut) else FIRST_STEP_S + stop * HOP_S,
            )
            for start, stop in runs(cut).tolist()
        )

    def _shares(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Indices [n] of the frames that the steps [S'] cover, and the share of the weight of each [n]."""
        frames = self.kept[: len(weights) * FRAMES_PER_STEP]
        steps = np.arange(len(frames)) // FRAMES_PER_STEP
        return frames, weights[steps] / np.bincount(steps)[steps]


def speech_frames(samples: Samples, cut: Cut = "full") -> SpeechFrames:
    """The feature frames of an utterance that are speech, and those that remain after the cut.

    Everything remains where no frame is louder than the others (silence), or with cut "none".

    Args:
        samples: [N], at 16 kHz, without offset (`without_offset`).
        cut: what is removed.
    """
    speech = _speech(samples)  # [T]
    everything = np.arange(len(speech))
    found = np.flatnonzero(speech)
    if cut == "none" or not len(found):
        return SpeechFrames(speech, everything)
    kept = (everything >= found[0] - END_FRAMES) & (everything <= found[-1] + END_FRAMES)  # [T]
    if cut == "full":
        for start, stop in runs(~speech[found[0] : found[-1]]).tolist():
            kept[found[0] + start + HANGOVER_FRAMES : max(found[0] + stop - HANGOVER_FRAMES, 0)] = False
    return SpeechFrames(speech, np.flatnonzero(kept))


def without_offset(samples: Samples) -> Samples:
    """Samples [N] without a constant offset or one that settles: zero-phase high-pass at about 15 Hz."""
    if len(samples) < 2:
        return np.zeros_like(samples)
    offset = _moving_mean(_moving_mean(samples.astype(np.float64)))
    return (samples - offset).astype(np.float32)


def _moving_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over OFFSET_SAMPLES + 1 values [N], which continue beyond the ends as they point there."""
    half = min(OFFSET_SAMPLES // 2, len(values) - 1)
    padded = np.pad(values, half, mode="reflect", reflect_type="odd")
    sums = np.cumsum(np.pad(padded, (1, 0)))
    return (sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)


def _speech(samples: Samples) -> NDArray[np.bool_]:
    """Which feature frames lie above a threshold that adapts to noise: [T]."""
    total, frame_hops = frame_count(len(samples)), FRAME // HOP
    if total == 0:
        return np.zeros(0, np.bool_)
    hops = np.square(samples[: (total + frame_hops - 1) * HOP], dtype=np.float64).reshape(-1, HOP).mean(1)
    padded = np.pad(hops, SMOOTHED_FRAMES // 2, mode="edge")
    smooth = np.convolve(np.ones(SMOOTHED_FRAMES), np.ones(frame_hops))  # over frames, and their hops
    powers = np.convolve(padded, smooth / smooth.sum(), "valid")  # [T]
    silent = np.convolve(padded <= SILENCE, np.ones(len(smooth)), "valid") > 0  # [T], in part at least
    levels = 10 * np.log10(np.maximum(powers, SILENCE))  # [T], dB
    loudest = levels.max()
    quietest = levels.min(where=~silent, initial=loudest) if not silent.all() else levels.min()
    threshold: float = max(loudest - RANGE_DB, quietest + FLOOR_SHARE * (loudest - quietest))
    speech: NDArray[np.bool_] = levels > threshold
    for start, stop in runs(~speech).tolist():
        inner = start > 0 and stop < total
        speech[start:stop] = inner and stop - start <= CLOSURE_FRAMES
    return speech

"""Conditions outside a studio, always the same, to measure what a model withstands.

Samples are float32 [N] at 16 kHz; levels are relative to the recording's peak, or to its speech. SPEC.md's
rule about quiet, and the noises, band and room of a model's card, are measured with these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ..audio.frames import SAMPLE_RATE
from ..audio.levels import Samples
from ..training.waveform_augmentation import (
    band,
    filtered,
    impulse_response,
    in_room,
    pause_place,
    with_noise,
    with_offset,
)

Condition = Callable[[Samples, np.random.Generator, Sequence[Samples]], Samples]
"""(samples [N], source of randomness, other speakers' recordings) -> samples [M]."""

BABBLE = 8
"""Voices."""


def _quiet(seconds: float, level_db: float | None, *, pause: bool = False) -> Condition:
    """Quiet on both sides, or as a pause at a quiet place in the middle.

    level_db: of white noise, relative to the peak; None: digital silence.
    """

    def condition(samples: Samples, rng: np.random.Generator, _: Sequence[Samples]) -> Samples:
        length = round(seconds * SAMPLE_RATE)
        level = 0.0 if level_db is None else float(np.abs(samples).max()) * 10 ** (level_db / 20)
        before, after = level * rng.standard_normal((2, length), np.float32)
        if pause:
            at = pause_place(samples, rng)
            return np.concatenate([samples[:at], before, samples[at:]])
        return np.concatenate([before, samples, after])

    return condition


def _noise(snr_db: float) -> Condition:
    def condition(samples: Samples, rng: np.random.Generator, _: Sequence[Samples]) -> Samples:
        return with_noise(samples, rng.standard_normal(len(samples), np.float32), snr_db)

    return condition


def _babble(snr_db: float) -> Condition:
    def condition(samples: Samples, rng: np.random.Generator, others: Sequence[Samples]) -> Samples:
        chosen = [others[n] for n in rng.integers(len(others), size=BABBLE)]
        voices = [np.resize(np.roll(v, rng.integers(len(v))), len(samples)) / np.std(v) for v in chosen]
        return with_noise(samples, np.sum(voices, axis=0, dtype=np.float32), snr_db)

    return condition


CONDITIONS: Mapping[str, Condition] = {
    "quiet 0.5 s": _quiet(0.5, -60),
    "quiet 2 s": _quiet(2.0, -60),
    "quiet 1 s, louder": _quiet(1.0, -50),
    "digital silence 1 s": _quiet(1.0, None),
    "pause 1 s": _quiet(1.0, -60, pause=True),
    "telephone": lambda samples, rng, others: filtered(samples, band(300, 3400, 24, 24)),
    "white noise 20 dB": _noise(20),
    "white noise 10 dB": _noise(10),
    "babble 20 dB": _babble(20),
    "babble 10 dB": _babble(10),
    "room 0.3 s": lambda samples, rng, others: in_room(samples, impulse_response(0.3, 6, rng)),
    "offset": lambda samples, rng, others: with_offset(samples, 0.1, 0.0, 1.0),
    "settling offset": lambda samples, rng, others: with_offset(samples, 0.0, 0.3, 0.15),
}
"""Quiet is on both sides, 60 dB below the peak ("louder": 50 dB); noises are relative to the speech."""

QUIET = ("quiet 0.5 s", "quiet 2 s", "quiet 1 s, louder", "digital silence 1 s", "pause 1 s")
"""Those that SPEC.md's rule is about: they change hardly any headline."""

"""Peak, powers, gain and clipping of a recording, from one pass over its samples.

Speech segments, caveats and features all start from an `AudioSignal`. Samples are read in blocks, so that
hours on disk (`np.memmap`) cost megabytes. No torch in here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .frames import Level

Samples = NDArray[np.float32]
Powers = NDArray[np.float32]

POWER_SAMPLES = 320
"""Length and hop of a frame whose power is measured: 20 ms, below a syllable, above a pitch period."""

BLOCK_FRAMES = 3_000
"""Frames read at a time: 60 s."""

SILENT_DB = -120.0
"""Stands for the level of digital silence, whose logarithm does not exist."""

SPEECH_RANGE_DB = 30.0
"""Frames this far below the loudest one are pauses."""

SPEECH_SHARE = 0.05
"""Sound below this share of the peak may be the quiet around an utterance."""

CLIPPED_RUN = 3
CLIPPED_NEAR = 1 - 1e-4
"""How near to the extreme counts as at it. A peak-normalised voice touches it for one or two samples."""
CLIPPED_FROM = 0.5
"""Flat tops below half of full scale are coarse quantisation, not clipping."""


@dataclass(frozen=True, eq=False)
class AudioSignal:
    """Samples, and what one pass over them measures in frames of 20 ms, the last of which may be partial.

    samples: float32 [N], mono, as decoded; may be a memory map.
    powers: mean power of each frame without its own mean, so that a microphone's offset counts as silence,
        float32 [⌈N / 320⌉].
    highest, lowest: largest and smallest sample of each frame, float32 [⌈N / 320⌉].
    """

    samples: Samples
    powers: Powers
    highest: Powers
    lowest: Powers

    @classmethod
    def of(cls, samples: Samples) -> AudioSignal:
        """Measure samples [N]."""
        powers, highest, lowest = np.empty((3, -(-len(samples) // POWER_SAMPLES)), np.float32)
        start = 0
        for frames in _frames(samples):
            stop = start + len(frames)
            mean = frames.mean(axis=1, dtype=np.float64)
            square = np.square(frames, dtype=np.float64).mean(axis=1)
            powers[start:stop] = np.maximum(square - np.square(mean), 0)
            highest[start:stop], lowest[start:stop] = frames.max(axis=1), frames.min(axis=1)
            start = stop
        return cls(samples, powers, highest, lowest)

    def part(self, start: int, stop: int) -> AudioSignal:
        """Samples start … stop - 1; measured again only where these borders divide a frame."""
        samples = self.samples[start:stop]
        if start % POWER_SAMPLES or (stop % POWER_SAMPLES and stop < len(self.samples)):
            return AudioSignal.of(samples)
        frames = slice(start // POWER_SAMPLES, -(-stop // POWER_SAMPLES))
        return AudioSignal(samples, self.powers[frames], self.highest[frames], self.lowest[frames])

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def whole_powers(self) -> Powers:
        """Powers of the whole frames, [N // 320]."""
        return self.powers[: len(self) // POWER_SAMPLES]

    @property
    def peak(self) -> float:
        """The largest absolute sample; 0 without samples."""
        return float(max(self.highest.max(initial=0.0), -self.lowest.min(initial=0.0)))

    @property
    def peak_db(self) -> float:
        return decibel(self.peak**2)

    @property
    def speech_db(self) -> float:
        """Mean power of the frames within 30 dB of the loudest frame, dB; SILENT_DB without any."""
        powers = self.whole_powers
        loud = powers[powers >= powers.max(initial=0.0) * from_decibel(-SPEECH_RANGE_DB)]
        return decibel(float(loud.mean(dtype=np.float64))) if len(loud) else SILENT_DB

    def gain(self, level: Level = "peak") -> float:
        """The factor on the samples that brings them to `level` (SPEC.md "Level", a reading); 1 for silence.

        The peak is floored at 1e-6 (-120 dBFS), below which there is nothing but rounding noise to raise.
        """
        return 1.0 / max(self.peak, 1e-6) if level == "peak" and self.peak > 0 else 1.0

    @property
    def clipped(self) -> int:
        """How many samples are clipped: in runs of at least 3 at the highest or the lowest value there is.

        Works at any sampling rate. Resampling hides clipping, so a decoder counts before it resamples. Only
        frames that reach the extreme are read again.
        """
        return self._flat_top(1.0, self.highest) + self._flat_top(-1.0, -self.lowest)

    def _flat_top(self, sign: float, extremes: Powers) -> int:
        """Clipped samples at the top of sign · samples. extremes: of each frame [⌈N / 320⌉]."""
        top = float(extremes.max(initial=0.0))
        if top < CLIPPED_FROM:
            return 0
        limit, clipped = np.float32(top * CLIPPED_NEAR), 0
        for start in range(0, len(extremes), BLOCK_FRAMES):
            near = start + np.flatnonzero(extremes[start : start + BLOCK_FRAMES] >= limit)
            if len(near):
                block = self.samples[near[0] * POWER_SAMPLES : (near[-1] + 1) * POWER_SAMPLES]
                lengths = np.diff(runs(sign * np.asarray(block) >= limit))
                clipped += int(lengths[lengths >= CLIPPED_RUN].sum())
        return clipped


def speech_digest(samples: Samples) -> str:
    """16 hex digits that are the same for the same speech in 16 bits, whatever quiet is around it: of the
    samples [N] from the first to the last one within 26 dB of the peak."""
    size = np.abs(samples)
    loud = np.flatnonzero(size >= SPEECH_SHARE * size.max(initial=0.0))
    speech = samples[loud[0] : loud[-1] + 1] if len(loud) else samples
    return hashlib.sha256(np.rint(speech * 32768).astype("<i4").tobytes()).hexdigest()[:16]


def runs(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(start, end) of each run of True in mask [T]: [runs, 2]."""
    return np.flatnonzero(np.diff(np.pad(mask.astype(np.int8), 1))).reshape(-1, 2)


def decibel(power: float) -> float:
    """Power -> dB, SILENT_DB at least."""
    return float(10 * np.log10(power)) if power > from_decibel(SILENT_DB) else SILENT_DB


def from_decibel(level_db: float) -> float:
    """dB -> power."""
    return float(10 ** (level_db / 10))


def _frames(samples: Samples) -> Iterator[Samples]:
    """Blocks of whole frames [n, 320], then the partial one [1, < 320] where there is one."""
    whole, size = len(samples) // POWER_SAMPLES * POWER_SAMPLES, BLOCK_FRAMES * POWER_SAMPLES
    for start in range(0, whole, size):
        yield np.asarray(samples[start : min(start + size, whole)]).reshape(-1, POWER_SAMPLES)
    if whole < len(samples):
        yield np.asarray(samples[whole:]).reshape(1, -1)

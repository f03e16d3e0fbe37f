"""How far a recording's speech lies from that of a training set: band, noise, level, room and voice.

A model is sure of itself on recordings unlike any that it was trained on. Each statistic is compared with the
training set's in multiples of its spread there; the largest of these is the distance. All of them look at
frames of speech alone, so that quiet around the speech changes none, and at what the networks hear (below
4 kHz). No torch in here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import FRAME, HOP, HOP_S, SAMPLE_RATE
from .levels import Samples, decibel
from .speech_frames import speech_frames, without_offset

LEAST_FRAMES = 20
"""With fewer frames of speech (0.2 s), percentiles over them say nothing."""

LAG_FRAMES = 5
"""Changes of level are taken over 50 ms: dry speech falls by 20 dB in that time, a room's echo by 5."""

RANGE_DB = 100.0
"""Power this far below the loudest bin counts as that: 16 bits hold no more."""

ENOUGH_S = 2.0
"""Statistics of less speech scatter more: their offsets count by the square root of its share of this."""

FALL_DB = 60.0
"""Levels fall no farther below the loudest than this."""

QUANTILE = 0.98
"""Share of the development speakers' recordings that lie within the threshold."""

LEAST_THRESHOLD = 2.5
"""Few development speakers may all lie near the medians; of six normal numbers one in 15 lies beyond this."""

NORMAL_MAD = 1.4826
"""The s.d. of a normal distribution as a multiple of its median absolute deviation."""

_HZ = SAMPLE_RATE // FRAME
_LOW, _MIDDLE, _HIGH = (slice(a // _HZ, b // _HZ) for a, b in ((75, 250), (300, 3400), (3450, 4000)))
_HEARD = slice(_LOW.start, _HIGH.stop)
_CENTRES_HZ = np.arange(_LOW.start, _HIGH.stop) * _HZ
_CHANGING = np.arange(150, 4000, 450) // _HZ
"""First bins of the bands whose changes of level are taken, and the end of the last."""


@dataclass(frozen=True)
class SpeechStatistics:
    """What frames of speech have in common in one recording.

    speech_s: how much speech was measured.
    low_db, high_db: level of 75–250 Hz and of 3.45–4 kHz relative to 300–3400 Hz, dB: of 90 % of the frames
        less, since only some sounds have power there.
    noise_db: mean level less that of the quietest tenth of bins and frames, dB: grows small with noise.
    below_peak_db: how far mean power lies below the largest sample, dB: small when compressed or clipped.
    decay: skewness of the level's changes over 50 ms, in eight bands; 0 where sounds end as fast as they
        begin, 1 in a room.
    brightness: centroid of the spectrum, octaves above 1 Hz.
    """

    speech_s: float
    low_db: float
    high_db: float
    noise_db: float
    below_peak_db: float
    decay: float
    brightness: float

    @classmethod
    def of(cls, samples: Samples) -> SpeechStatistics | None:
        """Measure samples [N]; None where they hold under 0.2 s of speech."""
        samples = without_offset(np.asarray(samples))
        speech = speech_frames(samples).speech  # [T]
        if np.count_nonzero(speech) < LEAST_FRAMES:
            return None
        frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]  # [T, 640]
        spectra = np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32))[:, : _HEARD.stop]  # [T, 160]
        powers = np.square(spectra.real) + np.square(spectra.imag)
        powers += powers.max() * 10 ** (-RANGE_DB / 10)
        spoken = powers[speech]  # [S, 160]
        middle, mean = spoken[:, _MIDDLE].sum(1), spoken[:, _HEARD].mean(0)  # [S], [157]
        low, high = (np.percentile(spoken[:, band].sum(1) / middle, 90) for band in (_LOW, _HIGH))
        above_low = spoken[:, _MIDDLE.start :]  # [S, 148]
        power = np.square(frames[speech], dtype=np.float64).mean()
        return cls(
            speech_s=len(spoken) * HOP_S,
            low_db=decibel(low),
            high_db=decibel(high),
            noise_db=decibel(above_low.mean() / np.percentile(above_low, 10)),
            below_peak_db=decibel(np.abs(samples).max() ** 2 / power),
            decay=_decay(powers, speech),
            brightness=float(np.log2(mean @ _CENTRES_HZ / mean.sum())),
        )


def _decay(powers: NDArray[np.float32], speech: NDArray[np.bool_]) -> float:
    """Skewness of the changes of level between frames of which one is speech. powers: [T, 160]."""
    levels = 10 * np.log10(np.add.reduceat(powers[:, : _CHANGING[-1]], _CHANGING[:-1], axis=1))  # [T, 8]
    levels = np.maximum(levels, levels.max() - FALL_DB)  # that speech ends in digital silence is no property
    near = speech[LAG_FRAMES:] | speech[:-LAG_FRAMES]
    changes = (levels[LAG_FRAMES:] - levels[:-LAG_FRAMES])[near]
    skewness = (changes**3).mean(0) / (changes.std(0) ** 3 + 1e-6)
    return float(skewness.mean())


@dataclass(frozen=True)
class _Meaning:
    """How a statistic is put into words: {amount} in its unit, {times} in spreads. least: of its spread."""

    less: str
    more: str
    least: float


MEANINGS: Mapping[str, _Meaning] = {
    "low_db": _Meaning(
        "speech below 250 Hz is {amount:.0f} dB weaker than there (a telephone?)",
        "sound below 250 Hz is {amount:.0f} dB stronger than there (hum, or a very near microphone?)",
        1.0,
    ),
    "high_db": _Meaning(
        "speech above 3.4 kHz is {amount:.0f} dB weaker than there (a telephone?)",
        "sound above 3.4 kHz is {amount:.0f} dB stronger than there (hiss?)",
        1.0,
    ),
    "noise_db": _Meaning(
        "speech stands {amount:.0f} dB less above its background than there (noise, other voices or echo?)",
        "speech stands {amount:.0f} dB more above its background than there (was noise removed?)",
        1.0,
    ),
    "below_peak_db": _Meaning(
        "speech lies {amount:.0f} dB nearer to its peak than there (compressed or clipped?)",
        "speech lies {amount:.0f} dB farther below its peak than there (clicks or thumps?)",
        1.0,
    ),
    "decay": _Meaning(
        "sounds die away faster than they begin, {times:.0f} times the usual spread off (cut by a gate?)",
        "sounds die away more slowly than they begin, {times:.0f} times the usual spread off (echo?)",
        0.2,
    ),
    "brightness": _Meaning(
        "the spectrum is centred {amount:.1f} octaves lower than there (another kind of voice?)",
        "the spectrum is centred {amount:.1f} octaves higher than there (another kind of voice?)",
        0.1,
    ),
}


@dataclass(frozen=True)
class Domain:
    """distance: of a recording from the training set. threshold: what is still like it."""

    distance: float
    threshold: float


@dataclass(frozen=True)
class DomainReference:
    """Statistics of a training set, kept with the model.

    medians, spreads: of each statistic over its recordings, by name. threshold: the distance that 98 % of the
    development speakers' recordings keep.
    """

    medians: Mapping[str, float]
    spreads: Mapping[str, float]
    threshold: float

    def __post_init__(self) -> None:
        if not set(self.medians) == set(self.spreads) == set(MEANINGS):
            raise ValueError(f"a domain needs the statistics {', '.join(MEANINGS)}")
        positive = [*self.spreads.values(), self.threshold]
        if not np.isfinite([*self.medians.values(), *positive]).all() or min(positive) <= 0:
            raise ValueError("a domain's numbers must be finite, its spreads and its threshold above 0")

    @classmethod
    def of(cls, train: Sequence[SpeechStatistics], dev: Sequence[SpeechStatistics]) -> DomainReference:
        """The reference of a training set, with the threshold of the development speakers.

        Raises: ValueError where one of them has no recording.
        """
        if not train or not dev:
            raise ValueError("a domain needs recordings of training and development speakers")
        medians: dict[str, float] = {}
        spreads: dict[str, float] = {}
        for name, meaning in MEANINGS.items():
            values = np.array([getattr(one, name) for one in train])  # [N]
            medians[name] = float(np.median(values))
            deviation = float(np.median(np.abs(values - medians[name])))
            spreads[name] = max(NORMAL_MAD * deviation, meaning.least)
        distances = [cls(medians, spreads, 1.0).of_recording(one).distance for one in dev]
        return cls(medians, spreads, max(float(np.quantile(distances, QUANTILE)), LEAST_THRESHOLD))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> DomainReference:
        """Raises: KeyError, TypeError, ValueError for what is missing or wrong."""
        return cls(dict(value["medians"]), dict(value["spreads"]), value["threshold"])

    def of_recording(self, statistics: SpeechStatistics) -> Domain:
        """Its distance: the largest of its statistics' offsets, in spreads."""
        return Domain(abs(self._farthest(statistics)[1]), self.threshold)

    def notes(self, statistics: SpeechStatistics) -> tuple[str, ...]:
        """The caveat on a recording beyond the threshold; it names the statistic that lies farthest."""
        name, times = self._farthest(statistics)
        if abs(times) <= self.threshold:
            return ()
        meaning = MEANINGS[name]
        amount = abs(getattr(statistics, name) - self.medians[name])
        what = (meaning.more if times > 0 else meaning.less).format(amount=amount, times=abs(times))
        return (f"Unlike the training recordings: {what}, so the verdict is less reliable.",)

    def _farthest(self, statistics: SpeechStatistics) -> tuple[str, float]:
        """The name of the statistic that lies farthest, and its offset in spreads."""
        share = math.sqrt(min(1.0, statistics.speech_s / ENOUGH_S))
        offsets = {
            name: share * (getattr(statistics, name) - self.medians[name]) / self.spreads[name]
            for name in MEANINGS
        }
        return max(offsets.items(), key=lambda item: abs(item[1]))

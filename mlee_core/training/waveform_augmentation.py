"""Degraded copies of recordings for training: what happens to speech outside a studio.

Samples are float32 [N] at 16 kHz. All randomness comes from one generator, so that a resumed epoch gets the
same. The coloured noises are fixed, long ones, from which stretches are drawn. FACTS.md has what was measured
to help.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio.frames import SAMPLE_RATE
from ..audio.levels import POWER_SAMPLES, SPEECH_RANGE_DB, AudioSignal, Levels, Samples, from_decibel
from ..config.recipe import DEGRADED_BY, Augmentation

COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0}
"""Noise whose power falls by f to this power."""

VOICES = (4, 8, 16)
"""Voices of babble."""

TELEPHONE = 0.75
"""Share of the bands that cut low and high frequencies; the others are random frequency responses."""

_NOISE_SAMPLES = 1 << 20
_LOWEST_HZ = 20.0
"""Pink and brown noise rise no further below: it would be a drift."""

_EQ_HZ = 62.5 * 2.0 ** np.arange(8)
_EQ_DB = 12.0


@dataclass(frozen=True)
class WaveformAugmenter:
    """Degrades utterances at random.

    settings: how probable each kind is.
    rng: the source of all randomness.
    voice: draws samples [M] of another training utterance, with a speech power of 1, for babble.
    """

    settings: Augmentation
    rng: np.random.Generator
    voice: Callable[[], Samples]

    def kinds(self) -> tuple[str, ...]:
        """Draw what happens to an utterance, of DEGRADED_BY; mostly nothing, where its draw is clean."""
        if self.rng.random() >= self.settings.degraded:
            return ()
        return tuple(kind for kind in DEGRADED_BY if self.rng.random() < getattr(self.settings, kind))

    def degrade(self, samples: Samples, kinds: tuple[str, ...]) -> Samples:
        """Samples [N] -> [M], M ≥ N.

        In the order of the world: a speaker pauses in a room, whose sound rings on in the pause; other sounds
        reach the same microphone; microphone and telephone filter all of it; an amplifier adds its gain and
        offset; the converter clips what is too loud, and counts in steps of 16 bits.
        """
        rng = self.rng
        if "quiet" in kinds:
            samples = with_quiet(samples, rng)
        if "room" in kinds:
            samples = in_room(samples, impulse_response(rng.uniform(0.15, 1.0), rng.uniform(-3, 12), rng))
        if "noise" in kinds:
            samples = with_noise(samples, self._noise(len(samples)), rng.uniform(5, 30))
        if "band" in kinds:
            samples = filtered(samples, _telephone(rng) if rng.random() < TELEPHONE else _equaliser(rng))
        if "gain" in kinds:
            samples = samples * np.float32(10 ** (rng.uniform(-50, -1) / 20) / _peak(samples))
        if "offset" in kinds:
            constant, settling = (_peak(samples) * _signed(rng) for _ in range(2))
            samples = with_offset(samples, constant, settling, rng.uniform(0.02, 0.5))
        if "clip" in kinds:
            samples = clipped(samples, rng.uniform(0.001, 0.02))
        if "gain" in kinds:
            samples = np.rint(samples * 32768).astype(np.float32) / np.float32(32768)
        return samples

    def _noise(self, length: int) -> Samples:
        """[length], of any level: coloured noise, or babble."""
        kind = self.rng.integers(len(COLOURS) + 1)
        if kind < len(COLOURS):
            return _stretch(_coloured([*COLOURS][kind]), length, self.rng)
        mixed = np.zeros(length, np.float32)
        for _ in range(self.rng.choice(VOICES)):
            mixed += _stretch(self.voice(), length, self.rng)
        return mixed


# ---- quiet ------------------------------------------------------------------------------------------------


def with_quiet(samples: Samples, rng: np.random.Generator) -> Samples:
    """Samples [N] with quiet of up to 1 s before and after, and a pause of 0.1 to 0.8 s at a quiet place; the
    samples themselves stay. The quiet is a noise 25 to 80 dB below the speech, or digital silence."""
    signal = AudioSignal.of(samples)
    before, after = (round(SAMPLE_RATE * rng.uniform(0, 1)) if rng.random() < 0.75 else 0 for _ in range(2))
    pause = round(SAMPLE_RATE * rng.uniform(0.1, 0.8)) if rng.random() < 0.4 else 0
    at = pause_place(samples, rng)
    floor = np.zeros(before + pause + after, np.float32)
    if rng.random() >= 0.15:
        colour = [*COLOURS][rng.integers(len(COLOURS))]
        noise = _stretch(_coloured(colour), len(floor), rng)
        floor = noise * _amplitude(Levels.of(signal).speech_db - rng.uniform(25, 80))
    start, end = floor[:before], floor[before + pause :]
    return np.concatenate([start, samples[:at], floor[before : before + pause], samples[at:], end])


def pause_place(samples: Samples, rng: np.random.Generator) -> int:
    """A sample between two frames of 20 ms within the speech, at one of the quietest tenth of its frames."""
    powers = AudioSignal.of(samples).whole_powers
    if not len(powers):
        return len(samples)
    loud = np.flatnonzero(powers >= powers.max() * from_decibel(-SPEECH_RANGE_DB))
    inside = np.arange(loud[0], loud[-1] + 1)
    quietest = inside[np.argsort(powers[inside], kind="stable")[: max(1, len(inside) // 10)]]
    return int(rng.choice(quietest)) * POWER_SAMPLES


# ---- rooms ------------------------------------------------------------------------------------------------


def impulse_response(t60_s: float, direct_db: float, rng: np.random.Generator) -> Samples:
    """A room as exponentially decaying noise [L] after a direct sound of 1 (Polack's model).

    t60_s: time in which the reverberation falls by 60 dB. direct_db: power of the direct sound relative to
    the whole reverberation's.
    """
    t = np.arange(1, round(t60_s * SAMPLE_RATE), dtype=np.float32) / np.float32(SAMPLE_RATE)  # [L - 1]
    tail = rng.standard_normal(len(t), np.float32) * np.exp(-np.float32(3 * np.log(10) / t60_s) * t)
    tail *= _amplitude(-direct_db) / np.sqrt(np.square(tail).sum())
    return np.concatenate([np.ones(1, np.float32), tail])


def in_room(samples: Samples, response: Samples) -> Samples:
    """Samples [N] convolved with a response [L]; the first N samples."""
    size = _fast_length(len(samples) + len(response))
    return _multiplied(samples, np.fft.rfft(response, size), size)


# ---- noise ------------------------------------------------------------------------------------------------


def with_noise(samples: Samples, noise: Samples, snr_db: float) -> Samples:
    """Samples [N] and noise [N], whose mean power is snr_db below the speech's (not the whole file's)."""
    speech_db = Levels.of(AudioSignal.of(samples)).speech_db
    return samples + noise * (_amplitude(speech_db - snr_db) / _rms(noise))


@lru_cache
def _coloured(colour: str) -> Samples:
    """65 s of a noise with mean power 1, always the same, whose end goes on in its start."""
    white = np.random.default_rng(0).standard_normal(_NOISE_SAMPLES, np.float32)
    hz = np.maximum(np.fft.rfftfreq(_NOISE_SAMPLES, 1 / SAMPLE_RATE), _LOWEST_HZ)
    noise = _multiplied(white, (hz ** (-COLOURS[colour] / 2)).astype(np.float32), _NOISE_SAMPLES)
    return noise / _rms(noise)


def _stretch(sound: Samples, length: int, rng: np.random.Generator) -> Samples:
    """[length] of a sound [M] from a random place on, repeated where it is shorter."""
    first = int(rng.integers(len(sound)))
    repeated = -(-(first + length) // len(sound))
    return (np.tile(sound, repeated) if repeated > 1 else sound)[first : first + length]


# ---- bands ------------------------------------------------------------------------------------------------

Response = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Frequencies in Hz [n] -> gains in dB [n]."""


def filtered(samples: Samples, response: Response) -> Samples:
    """Samples [N] through a filter without delay."""
    size = _fast_length(len(samples))
    gains_db = response(np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32))
    return _multiplied(samples, np.exp(gains_db * np.float32(np.log(10) / 20)), size)


def band(low_hz: float, high_hz: float, low_db: float, high_db: float) -> Response:
    """Between two frequencies 0 dB; outside it falls by low_db and high_db an octave."""

    def response(hz: NDArray[np.float32]) -> NDArray[np.float32]:
        octave: NDArray[np.float32] = np.log2(np.maximum(hz, np.float32(1)))
        below, above = np.float32(np.log2(low_hz)) - octave, octave - np.float32(np.log2(high_hz))
        lost = np.float32(low_db) * below.clip(0) + np.float32(high_db) * above.clip(0)
        return -lost.astype(np.float32)

    return response


def _telephone(rng: np.random.Generator) -> Response:
    return band(rng.uniform(60, 450), rng.uniform(2200, 4200), rng.uniform(18, 60), rng.uniform(18, 60))


def _equaliser(rng: np.random.Generator) -> Response:
    """Random gains at octaves, linear in dB and octaves between them."""
    gains_db = rng.uniform(-_EQ_DB, _EQ_DB, len(_EQ_HZ))

    def response(hz: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.interp(np.log2(np.maximum(hz, 1.0)), np.log2(_EQ_HZ), gains_db).astype(np.float32)

    return response


# ---- amplifier and converter ------------------------------------------------------------------------------


def with_offset(samples: Samples, constant: float, settling: float, time_s: float) -> Samples:
    """Samples [N] plus a constant, and an offset that starts at `settling` and falls by e in every time_s."""
    t = np.arange(len(samples), dtype=np.float32) / np.float32(SAMPLE_RATE)
    added: Samples = np.float32(constant) + np.float32(settling) * np.exp(-t / np.float32(time_s))
    return samples + added


def clipped(samples: Samples, share: float) -> Samples:
    """Samples [N], of which this share reaches the limits."""
    size = np.abs(samples)
    loud = len(size) - 1 - int(share * len(size))
    limit = np.partition(size, loud)[loud]
    return samples.clip(-limit, limit)


def _multiplied(samples: Samples, spectrum: NDArray[Any], size: int) -> Samples:
    """Samples [N], padded to `size`, with their transform multiplied by a spectrum [size // 2 + 1]."""
    product = np.fft.rfft(samples, size) * spectrum  # complex64: numpy keeps single precision
    return np.fft.irfft(product, size)[: len(samples)].astype(np.float32, copy=False)


def _signed(rng: np.random.Generator) -> float:
    """A share from 0.001 to 0.3, small ones as probable as large ones, of either sign."""
    return float(rng.choice((-1, 1)) * 10 ** rng.uniform(-3, np.log10(0.3)))


def _peak(samples: Samples) -> float:
    return max(float(np.abs(samples).max(initial=0.0)), 1e-6)


def _rms(samples: Samples) -> np.float32:
    """At least 1e-6, so that silence can be divided by it."""
    return np.float32(max(np.sqrt(np.square(samples).mean(dtype=np.float64)), 1e-6))


def _amplitude(level_db: float) -> np.float32:
    return np.float32(10 ** (level_db / 20))


def _fast_length(samples: int) -> int:
    """The next length whose transform is fast: 8 to 16 times a power of two."""
    step = 1 << max(0, samples.bit_length() - 4)
    return -(-samples // step) * step

"""Caveats beside a prediction: what about this recording makes its result doubtful, in words and numbers.

The limits were set on the 535 EmoDB recordings (studio speech, no false alarm but where it is true) and on
the same recordings clipped, attenuated and buried in white, pink and brown noise;
tests/core/audio/test_quality.py holds both. Everything works in blocks, so that hours
on disk (`np.memmap`) cost megabytes. No torch in here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import MAX_SEGMENT_S, STEP_S

Samples = NDArray[np.float32]
Powers = NDArray[np.float32]

SAMPLE_RATE = 16_000
FRAME_SAMPLES = 640
"""One spectrogram frame (40 ms): a recording with fewer samples has none."""

HOP_SAMPLES = 160

POWER_SAMPLES = 320
"""Length and hop of a frame whose power is measured: 20 ms, below a syllable, above a pitch period."""

BLOCK_FRAMES = 3_000
"""Frames worked on at a time: 60 s."""

ONE_STEP_S = STEP_S + (FRAME_SAMPLES - HOP_SAMPLES) / SAMPLE_RATE
"""16 frames, the last of which reaches 30 ms beyond the step: with less, the step is padded (SPEC.md)."""

SHORT_S = 1.0
"""Below six attention steps there is little to weigh; the shortest EmoDB recording lasts 1.23 s."""

QUIET_DB = -40.0
SILENT_DB = -120.0
"""Stands for the level of digital silence, whose logarithm does not exist."""

NOISY_DB = 10.0
"""EmoDB's lowest estimate is 12.6 dB; with white noise at 5 dB the estimate is 4.1 to 5.7 dB."""

CLIPPED_SHARE = 1e-4
CLIPPED_RUN = 3
CLIPPED_NEAR = 1 - 1e-4
"""How near to the extreme counts as at it. A peak-normalised voice touches it for one or two samples."""
CLIPPED_FROM = 0.5
"""Flat tops below half of full scale are coarse quantisation, not clipping."""

PEAK_OFF_DB = 12.0
SPEECH_OFF_SD = 3.0
SPEECH_SD_DB = 3.0
"""Least s.d. to judge by: one studio's recordings agree more than other rooms can."""

SPEECH_RANGE_DB = 30.0
"""Frames this far below the loudest one are pauses."""

VOICED_FRAMES = 6
VOICED_WINDOW = 50
"""Speech is: 6 frames (120 ms) of voice in some second. EmoDB has at least 11, noise at most 4."""
VOICED_MS = VOICED_FRAMES * 1000 * POWER_SAMPLES // SAMPLE_RATE
VOICED_PERIODICITY = 0.5
TONE_SHARE = 0.98
OCTAVE_COST = 0.05
"""A lag twice as long must fit that much better: keeps a steady tone from jumping between octaves."""
PITCH_MOVES = 0.005
"""Change of pitch from frame to frame, as a share: a voice never holds still, an instrument does."""
STEADY_DB = 3.0
"""Half a second whose frame powers stay within this holds no syllable, but hum, a tone or even noise."""


@dataclass(frozen=True)
class Levels:
    """Levels in dBFS (a sample of ±1 is 0 dBFS). peak_db: the largest sample; speech_db: the mean power of
    the frames within 30 dB of the loudest frame. Digital silence has SILENT_DB.
    """

    peak_db: float
    speech_db: float

    @property
    def speech_below_peak_db(self) -> float:
        """How far speech lies below the peak: grows with dynamics, shrinks with clipping and compression."""
        return self.peak_db - self.speech_db


@dataclass(frozen=True)
class LevelReference:
    """Levels of a training set, kept with the model: medians, and the s.d. of speech below peak, in dB."""

    peak_db: float
    speech_below_peak_db: float
    speech_sd_db: float
    recordings: int

    @classmethod
    def of(cls, levels: Sequence[Levels]) -> LevelReference:
        """The reference of a training set. Raises ValueError on an empty one."""
        if not levels:
            raise ValueError("a level reference needs at least one recording")
        below = [level.speech_below_peak_db for level in levels]
        peak = float(np.median([level.peak_db for level in levels]))
        return cls(peak, float(np.median(below)), float(np.std(below)), len(levels))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LevelReference:
        return cls(
            float(value["peak_db"]),
            float(value["speech_below_peak_db"]),
            float(value["speech_sd_db"]),
            int(value["recordings"]),
        )


def notes(
    samples: Samples, *, reference: LevelReference | None = None, scaled: bool = True
) -> tuple[str, ...]:
    """Caveats on a recording, one sentence each with the measured value; empty when there is none.

    samples: float32 [N], 16 kHz mono, as decoded (not scaled to peak 1). reference: levels of the model's
    training set; None leaves them out of the comparison. scaled: whether the model scales to peak 1.
    """
    if len(samples) < FRAME_SAMPLES:
        held = "1 sample holds" if len(samples) == 1 else f"{len(samples)} samples hold"
        return (f"Too short: {held} no 40 ms frame, so the result says nothing about it.",)
    duration = _duration_note(len(samples) / SAMPLE_RATE)
    peak_db = _decibel(_peak(samples) ** 2)
    if peak_db <= SILENT_DB:
        return (*duration, "Digital silence: every sample is zero, so the result says nothing.")
    powers = frame_powers(samples)
    quiet = _quiet_note(peak_db)
    clipped = clipping_notes(clipped_samples(samples), len(samples))
    if len(samples) < SHORT_S * SAMPLE_RATE:  # too little for statistics over frames
        return (*duration, *clipped, *quiet)
    if not has_speech(samples, powers):
        return (
            *duration,
            *clipped,
            *quiet,
            f"No speech: no second of it holds {VOICED_MS} ms of a moving voice.",
        )
    return (
        *duration,
        *clipped,
        *quiet,
        *_noise_note(powers),
        *_level_notes(_levels(peak_db, powers), reference, scaled=scaled, told_quiet=bool(quiet)),
    )


def measure(samples: Samples) -> Levels:
    """Levels of a recording: float32 [N], 16 kHz mono, at least 320 samples, as decoded."""
    return _levels(_decibel(_peak(samples) ** 2), frame_powers(samples))


def frame_powers(samples: Samples) -> Powers:
    """Mean power of each whole 20 ms frame: float32 [N // 320]. Reads the samples in blocks."""
    count = len(samples) // POWER_SAMPLES
    powers = np.empty(count, np.float32)
    for start in range(0, count, BLOCK_FRAMES):
        stop = min(start + BLOCK_FRAMES, count)
        block = np.asarray(samples[start * POWER_SAMPLES : stop * POWER_SAMPLES], np.float64)
        powers[start:stop] = np.square(block).reshape(-1, POWER_SAMPLES).mean(axis=1)
    return powers


def noise_db(powers: Powers) -> float:
    """Estimated noise level, dBFS: the 5th percentile of the frames that are not digital silence."""
    heard = powers[powers > _power(SILENT_DB)]
    return _decibel(float(np.percentile(heard, 5))) if len(heard) else SILENT_DB


def clipped_samples(samples: Samples) -> int:
    """How many samples are clipped: in runs of at least 3 at the highest or the lowest value there is.

    Works on any sample rate; resampling afterwards hides clipping, so a decoder asks before it resamples.
    """
    return sum(_flat_top(samples, sign) for sign in (1.0, -1.0))


def clipping_notes(clipped: int, total: int) -> tuple[str, ...]:
    """The caveat for `clipped` of `total` samples, or none where that is too little to matter."""
    if clipped < CLIPPED_SHARE * total:
        return ()
    percent = 100 * clipped / total
    share = f"{percent:.2g}" if percent < 10 else f"{percent:.0f}"
    return (f"Clipped: {share} % of the samples stand flat at the recording's limit.",)


def has_speech(samples: Samples, powers: Powers | None = None) -> bool:
    """Whether some second holds 120 ms of voiced sound whose pitch moves.

    Noise is not periodic, a tone is one spectral line, hum and chords neither swell nor change pitch.
    A whisper is not found, and a sung or played melody may pass. powers: `frame_powers`, where at hand.
    """
    powers = frame_powers(samples) if powers is None else powers
    swells = _swells(powers)
    for start in range(0, len(powers), BLOCK_FRAMES):
        first = max(0, start - VOICED_WINDOW)
        frames = first + np.flatnonzero(swells[first : start + BLOCK_FRAMES])
        if len(frames) < VOICED_FRAMES:
            continue
        voiced = np.zeros(start + BLOCK_FRAMES - first, np.int64)
        voiced[frames - first] = _moving_voice(samples, frames)
        if np.convolve(voiced, np.ones(VOICED_WINDOW, np.int64)).max() >= VOICED_FRAMES:
            return True
    return False


def _swells(powers: Powers) -> NDArray[np.bool_]:
    """Frames [T] worth a look: loud within their half second, which is not all at one level."""
    tile = VOICED_WINDOW // 2
    starts = np.arange(0, len(powers), tile)
    top = np.repeat(np.maximum.reduceat(powers, starts), tile)[: len(powers)]
    bottom = np.repeat(np.minimum.reduceat(powers, starts), tile)[: len(powers)]
    moving = top > bottom * 10 ** (STEADY_DB / 10)
    loud = (powers > top * 10 ** (-SPEECH_RANGE_DB / 10)) & (powers > _power(SILENT_DB))
    swells: NDArray[np.bool_] = moving & loud
    return swells


def _moving_voice(samples: Samples, frames: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the frames [n] (numbers of 20 ms hops) are periodic at 60-440 Hz, not one spectral line, and
    of another pitch than the frame before. Periodicity: autocorrelation of the difference signal at 4 kHz,
    divided by the window's own (Boersma 1993, "Accurate short-term analysis of the fundamental frequency").
    """
    windows = _slow_windows(samples, frames)
    taper, size = np.hanning(windows.shape[1]), 512

    spectrum = np.abs(np.fft.rfft(windows * taper, size)) ** 2 + 1e-30
    rows, line = np.arange(len(spectrum)), spectrum.argmax(axis=1)
    sums = np.cumsum(np.pad(spectrum, ((0, 0), (1, 0))), axis=1)
    around = sums[rows, np.minimum(line + 8, size // 2 + 1)] - sums[rows, np.maximum(line - 7, 0)]

    steps = np.diff(windows, axis=1, prepend=windows[:, :1]) * taper
    correlation = np.fft.irfft(np.abs(np.fft.rfft(steps, size)) ** 2 + 1e-30)
    own = np.fft.irfft(np.abs(np.fft.rfft(taper, size)) ** 2)
    shortest, longest = 8, 67  # lags at 4 kHz: 500 Hz to 60 Hz, their ends only as neighbours
    lags = correlation[:, shortest:longest] / correlation[:, :1] * (own[0] / own[shortest:longest])
    inner = lags[:, 1:-1]
    peaks = np.where((inner >= lags[:, :-2]) & (inner >= lags[:, 2:]), inner, 0.0)
    octaves = np.log2(np.arange(shortest + 1, longest - 1) / shortest)
    best = (peaks - OCTAVE_COST * octaves).argmax(axis=1)
    before, at, after = (lags[rows, best + i] for i in range(3))
    bend = np.minimum(before - 2 * at + after, -1e-12)
    period = shortest + 1 + best + (before - after) / (2 * bend)  # the parabola's top, in lags
    changes = np.abs(np.diff(period, prepend=period[:1]))
    moves = changes > PITCH_MOVES * np.abs(period)
    periodic, one_line = peaks.max(axis=1) > VOICED_PERIODICITY, around >= TONE_SHARE * sums[:, -1]
    voice: NDArray[np.bool_] = periodic & ~one_line & moves
    return voice


def _slow_windows(samples: Samples, frames: NDArray[np.int64]) -> NDArray[np.float64]:
    """40 ms from the start of each frame [n], at 4 kHz (means of four samples), without mean: [n, 160]."""
    begin, end = int(frames[0]) * POWER_SAMPLES, int(frames[-1]) * POWER_SAMPLES + FRAME_SAMPLES
    stretch = np.zeros(end - begin)  # the last window may reach past the recording's end
    taken = np.asarray(samples[begin:end])
    stretch[: len(taken)] = taken
    slow = stretch.reshape(-1, 4).mean(axis=1)
    starts = (frames - frames[0]) * (POWER_SAMPLES // 4)
    windows = np.lib.stride_tricks.sliding_window_view(slow, FRAME_SAMPLES // 4)[starts]
    centred: NDArray[np.float64] = windows - windows.mean(axis=1, keepdims=True)
    return centred


def _flat_top(samples: Samples, sign: float) -> int:
    top = max((float((sign * block).max()) for block in _blocks(samples)), default=0.0)
    if top < CLIPPED_FROM:
        return 0
    clipped = 0
    for block in _blocks(samples):
        at_top = np.pad((sign * block >= top * CLIPPED_NEAR).astype(np.int8), 1)
        edges = np.diff(at_top)
        runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
        clipped += int(runs[runs >= CLIPPED_RUN].sum())
    return clipped


def _blocks(samples: Samples) -> Iterator[Samples]:
    size = BLOCK_FRAMES * POWER_SAMPLES
    for start in range(0, len(samples), size):
        yield np.asarray(samples[start : start + size])


def _peak(samples: Samples) -> float:
    return max((float(np.abs(block).max()) for block in _blocks(samples)), default=0.0)


def _levels(peak_db: float, powers: Powers) -> Levels:
    if peak_db <= SILENT_DB or not len(powers):
        return Levels(peak_db, SILENT_DB)
    loud = powers[powers >= powers.max() * 10 ** (-SPEECH_RANGE_DB / 10)]
    return Levels(peak_db, _decibel(float(loud.mean(dtype=np.float64))))


def _duration_note(duration_s: float) -> tuple[str, ...]:
    if duration_s < ONE_STEP_S:
        return (
            f"Too short: {1000 * duration_s:.4g} ms is less than the {1000 * ONE_STEP_S:.0f} ms that one "
            "attention step listens to, so the rest was filled up with the training set's mean.",
        )
    if duration_s < SHORT_S:
        return (f"Short: {duration_s:.2f} s is under {SHORT_S:.0f} s, so the prediction rests on little.",)
    if duration_s > MAX_SEGMENT_S:
        return (
            f"Long: {_clock(duration_s)} is over 30 s, so it is analysed in segments, with no one verdict.",
        )
    return ()


def _quiet_note(peak_db: float) -> tuple[str, ...]:
    if peak_db >= QUIET_DB:
        return ()
    peak = f"its peak is at {_whole(peak_db)} dBFS (below {QUIET_DB:.0f})"
    return (f"Too quiet: {peak}, so that noise is scaled up with it.",)


def _noise_note(powers: Powers) -> tuple[str, ...]:
    noise = _power(noise_db(powers))
    ratio_db = _decibel(max(float(powers.mean(dtype=np.float64)) / noise - 1, 1e-3))
    if ratio_db >= NOISY_DB:
        return ()
    return (f"Noisy: speech is only about {ratio_db:.0f} dB above the noise (under {NOISY_DB:.0f} dB).",)


def _level_notes(
    levels: Levels, reference: LevelReference | None, *, scaled: bool, told_quiet: bool
) -> tuple[str, ...]:
    if reference is None:
        return ()
    found = []
    off = reference.peak_db - levels.peak_db
    if abs(off) > PEAK_OFF_DB and not (told_quiet and scaled):
        remedy = f"MLEE scales it {'up' if off > 0 else 'down'} to match"
        found.append(
            f"Other level: its peak is at {_whole(levels.peak_db)} dBFS, the training set's at "
            f"{_whole(reference.peak_db)} dBFS; "
            f"{remedy if scaled else 'this model does not scale, so it may be read wrongly'}."
        )
    spread = SPEECH_OFF_SD * max(reference.speech_sd_db, SPEECH_SD_DB)
    below = levels.speech_below_peak_db
    if abs(below - reference.speech_below_peak_db) > spread:
        found.append(
            f"Other dynamics: speech lies {below:.0f} dB below the peak, in the training set "
            f"{reference.speech_below_peak_db:.0f} dB; scaling by the peak does not match that."
        )
    return tuple(found)


def _whole(decibel: float) -> int:
    return round(decibel)  # an int, since a float would print as "-0"


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _decibel(power: float) -> float:
    return float(10 * np.log10(power)) if power > _power(SILENT_DB) else SILENT_DB


def _power(decibel: float) -> float:
    return float(10 ** (decibel / 10))

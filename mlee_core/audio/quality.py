"""Caveats on a prediction: properties of the recording that make its result doubtful, with measured values.

The limits were set on the 535 EmoDB recordings (studio speech, where no caveat may be wrong) and on the same
recordings clipped, attenuated and with white, pink and brown noise; tests/core/audio/test_quality.py checks
both. No torch in here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from .frames import FRAME, HOP, MAX_SEGMENT_S, SAMPLE_RATE, STEP_S
from .levels import (
    POWER_SAMPLES,
    SILENT_DB,
    SPEECH_RANGE_DB,
    AudioSignal,
    Powers,
    Samples,
    decibel,
    from_decibel,
)

ONE_STEP_S = STEP_S + (FRAME - HOP) / SAMPLE_RATE
"""16 frames, the last of which reaches 30 ms beyond the step: with less, the step is padded (SPEC.md)."""

SHORT_S = 1.0
"""Below six attention steps a prediction rests on little; the shortest EmoDB recording lasts 1.23 s."""

QUIET_DB = -40.0

ON_SPEECH = 0.8
"""Share of an encoder's attention that lies on speech, below which its curve says little about the speech."""

NOISY_DB = 10.0
"""EmoDB's lowest estimate is 12.6 dB; with white noise at 5 dB the estimate is 4.1 to 5.7 dB."""

CLIPPED_SHARE = 1e-4

VOICED_FRAMES = 6
VOICED_WINDOW = 50
"""Speech has 6 frames (120 ms) of voice in some second. EmoDB has at least 11, noise at most 4."""
VOICED_IN_SHORT, CHECKED_S = 3, 0.4
"""The same for 0.4 to 1 s: cuts of EmoDB and of CREMA-D that hold voice have as many, noise at most 2."""
SCANNED_FRAMES = 2 * VOICED_WINDOW
"""Searched at a time: most recordings have a voice in their first seconds."""
VOICED_PERIODICITY = 0.5
TONE_SHARE = 0.98
OCTAVE_COST = 0.05
"""A lag twice as long must fit that much better: keeps a steady tone from jumping between octaves."""
PITCH_MOVES = 0.005
"""Relative change of pitch from frame to frame: a voice always changes, an instrument may not."""
STEADY_DB = 3.0
"""Half a second with frame powers within this range holds no syllable, but hum, a tone or steady noise."""


def notes(signal: AudioSignal, *, speech: bool) -> tuple[str, ...]:
    """Caveats on a recording, one sentence each with the measured value; empty when there is none.

    Args:
        signal: 16 kHz, as decoded (not scaled to peak 1).
        speech: whether it `may_hold_speech`.
    """
    return tuple(_notes(signal, speech))


def _notes(signal: AudioSignal, speech: bool) -> Iterator[str]:
    if len(signal) < FRAME:
        samples = "1 sample holds" if len(signal) == 1 else f"{len(signal)} samples hold"
        yield f"Too short: {samples} no 40 ms frame, so the result says nothing about it."
        return
    yield from _duration_note(len(signal) / SAMPLE_RATE)
    if signal.peak_db <= SILENT_DB:
        yield "Digital silence: every sample is zero, so the result says nothing."
        return
    yield from clipping_notes(signal.clipped, len(signal))
    if signal.peak_db < QUIET_DB:
        peak = f"its peak is at {round(signal.peak_db)} dBFS (below {QUIET_DB:.0f})"
        yield f"Too quiet: {peak}, so that noise is scaled up with it."
    if not speech:
        voiced_ms = _voiced_frames(signal) * 1000 * POWER_SAMPLES // SAMPLE_RATE
        yield f"No speech: no second of it holds {voiced_ms} ms of a moving voice."
        return
    if len(signal) < SHORT_S * SAMPLE_RATE:  # too little for statistics over frames
        return
    ratio_db = _signal_to_noise_db(signal.whole_powers)
    if ratio_db < NOISY_DB:
        yield f"Noisy: speech is only about {ratio_db:.0f} dB above the noise (under {NOISY_DB:.0f} dB)."


def _signal_to_noise_db(powers: Powers) -> float:
    """Estimated ratio; noise is the 5th percentile of the frames that are not digital silence."""
    noise = float(np.percentile(powers[powers > from_decibel(SILENT_DB)], 5))
    return decibel(max(float(powers.mean(dtype=np.float64)) / noise - 1, 1e-3))


def clipping_notes(clipped: int, total: int) -> tuple[str, ...]:
    """The caveat for `clipped` of `total` samples, or none where that is too little to matter."""
    if clipped < CLIPPED_SHARE * total:
        return ()
    percent = 100 * clipped / total
    share = f"{percent:.2g}" if percent < 10 else f"{percent:.0f}"
    return (f"Clipped: {share} % of the samples stand flat at the recording's limit.",)


def attention_notes(on_speech: Mapping[str, float]) -> Iterator[str]:
    """The caveat for attention that lies elsewhere. on_speech: share on speech, by name of the encoder."""
    lowest = min((share, name) for name, share in on_speech.items())
    if lowest[0] < ON_SPEECH:
        share = f"{int(100 * lowest[0])} % of that of {lowest[1]}"
        yield f"Attention off speech: only {share} lies on speech (under {100 * ON_SPEECH:.0f} %)."


def may_hold_speech(signal: AudioSignal) -> bool:
    """Whether there can be a verdict: not on silence, nor on 0.4 s or more without a voice."""
    if len(signal) < FRAME or signal.peak_db <= SILENT_DB:
        return False
    return len(signal) < CHECKED_S * SAMPLE_RATE or has_speech(signal)


def has_speech(signal: AudioSignal) -> bool:
    """Whether some second has 120 ms of voiced sound with changing pitch, or less than a second 60 ms.

    The first such second is enough.

    Noise is not periodic, a tone is one spectral line, hum and chords change neither level nor pitch. A
    whisper is not detected, and a sung or played melody may pass.
    """
    swells = _swells(signal.whole_powers)
    needed = _voiced_frames(signal)
    for start in range(0, len(swells), SCANNED_FRAMES):
        first, stop = max(0, start - VOICED_WINDOW), start + SCANNED_FRAMES
        frames = first + np.flatnonzero(swells[first:stop])
        if len(frames) < needed:
            continue
        voiced = np.zeros(stop - first, np.int64)
        voiced[frames - first] = _moving_voice(signal.samples, frames)
        if np.convolve(voiced, np.ones(VOICED_WINDOW, np.int64)).max() >= needed:
            return True
    return False


def _voiced_frames(signal: AudioSignal) -> int:
    """How many frames of moving voice speech has at least."""
    return VOICED_FRAMES if len(signal) >= SHORT_S * SAMPLE_RATE else VOICED_IN_SHORT


def _swells(powers: Powers) -> NDArray[np.bool_]:
    """Frames [T] that may hold speech: loud within their half second, which is not all at one level."""
    tile = VOICED_WINDOW // 2
    starts = np.arange(0, len(powers), tile)
    top = np.repeat(np.maximum.reduceat(powers, starts), tile)[: len(powers)]
    bottom = np.repeat(np.minimum.reduceat(powers, starts), tile)[: len(powers)]
    moving = top > bottom * 10 ** (STEADY_DB / 10)
    loud = (powers > top * 10 ** (-SPEECH_RANGE_DB / 10)) & (powers > from_decibel(SILENT_DB))
    return moving & loud


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
    begin, end = int(frames[0]) * POWER_SAMPLES, int(frames[-1]) * POWER_SAMPLES + FRAME
    stretch = np.zeros(end - begin)  # the last window may reach past the recording's end
    taken = np.asarray(samples[begin:end])
    stretch[: len(taken)] = taken
    slow = stretch.reshape(-1, 4).mean(axis=1)
    starts = (frames - frames[0]) * (POWER_SAMPLES // 4)
    windows = np.lib.stride_tricks.sliding_window_view(slow, FRAME // 4)[starts]
    centred: NDArray[np.float64] = windows - windows.mean(axis=1, keepdims=True)
    return centred


def _duration_note(duration_s: float) -> Iterator[str]:
    if duration_s < ONE_STEP_S:
        yield (
            f"Too short: {1000 * duration_s:.4g} ms is less than the {1000 * ONE_STEP_S:.0f} ms that one "
            "attention step listens to, so the rest was filled up with the training set's mean."
        )
    elif duration_s < SHORT_S:
        yield f"Short: {duration_s:.2f} s is under {SHORT_S:.0f} s, so the prediction rests on little."
    elif duration_s > MAX_SEGMENT_S:
        yield f"Long: {_clock(duration_s)} is over 30 s, so it is analysed in segments, with no one verdict."


def _clock(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"

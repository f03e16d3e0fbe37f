"""A recording's spectrogram and waveform at every zoom, on disk, for fast panning and zooming.

`build` writes a folder once; `Pyramid` opens it as memory maps and returns the slice that fits the screen.
Coarser levels keep the *maximum* of the columns they cover, so that a click of one frame stays visible at
every zoom (nearest-pixel decimation would hide it). Opening needs no torch, which is slow to import.

Level (a reading, SPEC.md "Level"): the recording is scaled to peak 1, as the models do, so that a quiet one
is visible; `Pyramid.gain` is the factor. Long recordings are scaled as a whole here; the analysis scales each
segment by itself.

Spectrogram bytes: 0.5 dB a step, 0 dB = a full-scale sine at the scaled recording's peak. With natural log
power x that is x · 10 / ln 10 - 44.75 dB (the window's sum is 345.6, so a sine of amplitude 1 has power
172.8² = 44.75 dB). Byte 0 is -121.5 dB *or less*, byte 255 is +6 dB, which nothing within ±1 exceeds (a
constant 1 is +6.02 dB).
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from ..events import Progress
from ..system.files import write_json
from .frames import BIN_HZ, BINS, FIRST_STEP_S, HOP, HOP_S, SAMPLE_RATE, frame_count
from .levels import AudioSignal

STEP_DB = 0.5
FLOOR_DB = -121.5
SINE_DB = 20.0 * math.log10(172.8)
"""10 log₁₀ power of a sine of amplitude 1 at a bin's centre: half the Hamming window's sum, squared."""

WAVE_SAMPLES = 8
"""Samples in a column of the finest waveform level (0.5 ms)."""

_FORMAT = 1
_META = "meta.json"
_FRAMES = 4096
"""Frames built at a time: 41 s. A power of two, so that no column of any level straddles two blocks."""
_SAMPLES = _FRAMES * HOP
_LEVELS = {"spectrogram": 12, "waveform": 15}
"""Enough for 8 h to have some 1000 columns at the coarsest, and few enough to divide a block evenly."""


def to_bytes(log_power: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Natural log power -> bytes of 0.5 dB, same shape; clipped to FLOOR_DB … FLOOR_DB + 127.5 dB."""
    scale = 10.0 / math.log(10.0) / STEP_DB
    steps = log_power * np.float32(scale) - np.float32((SINE_DB + FLOOR_DB) / STEP_DB)
    clipped: NDArray[np.float32] = np.clip(np.rint(steps), 0, 255)
    return clipped.astype(np.uint8)


def to_db(level: NDArray[np.uint8] | int) -> NDArray[np.float64]:
    """Bytes -> dB (0 = full-scale sine), within 0.25 dB of the measured value."""
    return np.asarray(level, dtype=np.float64) * STEP_DB + FLOOR_DB


def build(signal: AudioSignal, folder: Path) -> Iterator[Progress]:
    """Write the pyramid of a recording (16 kHz) into `folder`.

    Yields Progress in seconds of recording; each yield is a point where it can be stopped. Memory is bounded
    (a block of 41 s). `meta.json` is written last: a folder without it is not a complete pyramid.

    Raises: OSError if the folder cannot be written.
    """
    from .features import blocks  # torch

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _META).unlink(missing_ok=True)
    samples, gain = signal.samples, signal.gain()
    frames, columns = frame_count(len(samples)), -(-len(samples) // WAVE_SAMPLES)
    total, began = len(samples) / SAMPLE_RATE, time.monotonic()
    with (
        _LevelFiles(folder, "spectrogram", frames, (BINS,), np.dtype(np.uint8)) as spectrogram,
        _LevelFiles(folder, "waveform", columns, (2,), np.dtype(np.int16)) as waveform,
    ):
        power = blocks(samples, gain, frames=_FRAMES)
        for start in range(0, len(samples), _SAMPLES):
            block = next(power, None)
            if block is not None:  # the last 40 ms may hold samples but no frame
                spectrogram.append(to_bytes(block))
            waveform.append(_extremes(samples[start : start + _SAMPLES], gain))
            done = min(start + _SAMPLES, len(samples)) / SAMPLE_RATE
            left = (time.monotonic() - began) * (total - done) / done
            yield Progress("drawing the spectrogram", done, total, left)
    lengths = {"spectrogram": spectrogram.lengths, "waveform": waveform.lengths}
    write_json(folder / _META, {"format": _FORMAT, "samples": len(samples), "gain": gain, **lengths})


@dataclass(frozen=True)
class Pyramid:
    """An opened pyramid. Arrays are read-only memory maps, read on access.

    spectrogram_levels: uint8 [columns, 400] each; level l covers 2^l frames a column.
    waveform_levels: int16 [columns, 2] (minimum, maximum) each, 32767 = peak; 8 · 2^l samples a column.
    duration_s: seconds. gain: the factor that scaled the recording to peak 1.
    """

    spectrogram_levels: tuple[NDArray[np.uint8], ...]
    waveform_levels: tuple[NDArray[np.int16], ...]
    duration_s: float
    gain: float

    @classmethod
    def open(cls, folder: Path) -> Pyramid:
        """Open what `build` wrote.

        Raises: AudioError if the folder holds no complete pyramid of this version.
        """
        folder = Path(folder)
        try:
            meta = json.loads((folder / _META).read_text(encoding="utf-8"))
            if meta["format"] != _FORMAT:
                raise ValueError(f"format {meta['format']}")
            spectrogram = tuple(_map(folder, "spectrogram", i, n) for i, n in enumerate(meta["spectrogram"]))
            waveform = tuple(_map(folder, "waveform", i, n) for i, n in enumerate(meta["waveform"]))
            return cls(spectrogram, waveform, meta["samples"] / SAMPLE_RATE, float(meta["gain"]))
        except (OSError, ValueError, KeyError, TypeError) as why:
            message = f"{folder} holds no complete spectrogram ({why}): open the recording again to build it."
            raise AudioError(message) from why

    def spectrogram(
        self, t0_s: float, t1_s: float, max_columns: int
    ) -> tuple[NDArray[np.uint8], float, float]:
        """Columns that overlap [t0_s, t1_s), of the finest level with about `max_columns` of them at most.

        Returns (bytes [columns, 400], x0_s, x1_s): a view, and the time span that it covers, which may begin
        before t0_s and end after t1_s (or the recording). Empty without a frame.
        """
        first, last = (t0_s - FIRST_STEP_S) / HOP_S, (t1_s - FIRST_STEP_S) / HOP_S
        level, i, j = _choose(self.spectrogram_levels, first, last, max_columns)
        if i >= j:
            return self.spectrogram_levels[0][:0], t0_s, t0_s
        wide = HOP_S * 2**level
        return self.spectrogram_levels[level][i:j], FIRST_STEP_S + i * wide, FIRST_STEP_S + j * wide

    def waveform(
        self, t0_s: float, t1_s: float, max_columns: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
        """(times, low, high) by the same rule: column centres in s, extremes of the scaled samples in ±1."""
        per_s = SAMPLE_RATE / WAVE_SAMPLES
        level, i, j = _choose(self.waveform_levels, t0_s * per_s, t1_s * per_s, max_columns)
        times = (np.arange(i, j) + 0.5) * (2**level / per_s)
        values = self.waveform_levels[level][i:j].astype(np.float32) / np.float32(32767)
        return times, values[:, 0], values[:, 1]

    def db_at(self, time_s: float, frequency_hz: float) -> float | None:
        """The level in dB at one point of the spectrogram; None outside of it."""
        frame = math.floor((time_s - FIRST_STEP_S) / HOP_S + 1e-9)
        base, k = self.spectrogram_levels[0], round(frequency_hz / BIN_HZ)
        if not (0 <= frame < base.shape[0] and 0 <= k < base.shape[1]):
            return None
        return float(to_db(int(base[frame, k])))


class _LevelFiles:
    """The .npy files of a pyramid's levels, written block by block and pooled for the coarser levels."""

    def __init__(
        self, folder: Path, name: str, length: int, item: tuple[int, ...], dtype: np.dtype[Any]
    ) -> None:
        self.lengths = [-(-length // 2**level) for level in range(_LEVELS[name])]
        while len(self.lengths) > 1 and self.lengths[-2] <= 1:
            self.lengths.pop()
        self._low_first = item == (2,)  # (minimum, maximum) pairs
        self._files: list[BinaryIO] = []
        for level, columns in enumerate(self.lengths):
            file = (folder / f"{name}_{level}.npy").open("wb")
            self._files.append(file)
            header = {
                "descr": np.lib.format.dtype_to_descr(dtype),
                "fortran_order": False,
                "shape": (columns, *item),
            }
            np.lib.format.write_array_header_1_0(file, header)

    def append(self, block: NDArray[Any]) -> None:
        for file in self._files:
            file.write(block.tobytes())
            block = _halve(block, self._low_first)

    def __enter__(self) -> _LevelFiles:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for file in self._files:
            with file:
                if kind is None:
                    file.flush()
                    os.fsync(file.fileno())


def _halve(block: NDArray[Any], low_first: bool) -> NDArray[Any]:
    """Pool pairs of columns; an odd last column is kept."""
    starts = np.arange(0, len(block), 2)
    if not low_first:
        return np.maximum.reduceat(block, starts, axis=0)
    low = np.minimum.reduceat(block[:, 0], starts)
    return np.stack([low, np.maximum.reduceat(block[:, 1], starts)], axis=1)


def _extremes(samples: NDArray[np.float32], gain: float) -> NDArray[np.int16]:
    """(minimum, maximum) of every 8 samples, scaled to ±32767, int16 [columns, 2]."""
    starts = np.arange(0, len(samples), WAVE_SAMPLES)
    both = np.stack([np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)], axis=1)
    return np.rint(np.clip(both * gain, -1, 1) * 32767).astype(np.int16)


def _choose(levels: tuple[NDArray[Any], ...], first: float, last: float, most: int) -> tuple[int, int, int]:
    """(level, i, j): the finest level with at most `most` columns in [first, last) of level 0."""
    span = max(last - first, 1.0)
    level = min(max(0, math.ceil(math.log2(span / max(most, 1)))), len(levels) - 1)
    i = max(0, math.floor(first / 2**level + 1e-9))
    j = min(len(levels[level]), math.ceil(last / 2**level - 1e-9))
    return level, min(i, max(j, 0)), max(j, 0)


def _map(folder: Path, name: str, level: int, length: int) -> NDArray[Any]:
    """A level as a read-only memory map; ValueError if its length differs from meta.json."""
    path = folder / f"{name}_{level}.npy"
    array: NDArray[Any] = np.load(path, mmap_mode="r" if length else None)  # an empty file cannot be mapped
    if len(array) != length:
        raise ValueError(f"{path.name} has {len(array)} columns instead of {length}")
    return array

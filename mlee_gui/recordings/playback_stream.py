"""Samples for the sound card, block by block: a part of a recording, once or in a loop."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlee_core.audio.frames import SAMPLE_RATE

_CHUNK = 2048

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Stretch:
    """The played part: samples first to last - 1, once or in a loop."""

    first: int
    last: int
    loop: bool

    def wrap(self, position: float) -> float:
        """A position after the end, wrapped in a loop, else held at the end."""
        if position < self.last:
            return position
        if not self.loop or self.last <= self.first:
            return float(self.last)
        return self.first + (position - self.first) % (self.last - self.first)


class PlaybackStream:
    """Fills blocks for a device at `rate` Hz from 16 kHz mono samples; thread-safe.

    samples: float32 [N], may be a memory map. gain: applied to every sample. start: first sample played.
    """

    def __init__(
        self, samples: Samples, stretch: Stretch, start: int, *, gain: float = 1.0, rate: int = SAMPLE_RATE
    ) -> None:
        self._samples = samples
        self._gain = np.float32(gain)
        self._rate = rate
        self._lock = threading.Lock()
        self._resampler: Any = None
        if rate != SAMPLE_RATE:
            import soxr

            self._resampler = soxr.ResampleStream(SAMPLE_RATE, rate, 1, dtype="float32")
        self._ready: Samples = np.zeros(0, np.float32)  # resampled, not yet written
        self._drained = False
        self.stretch = stretch
        self._next = start
        self._base = start  # position at which _written is 0
        self._written = 0  # samples written since then, at the device's rate

    @property
    def exhausted(self) -> bool:
        """Whether all samples were written."""
        return self._drained and len(self._ready) == 0

    def fill(self, out: Samples) -> float:
        """Write the next block into out [n], silence after the end; returns the sample position of out[0]."""
        with self._lock:
            position = self._position()
            block = self._block(len(out))
            out[: len(block)] = block
            out[len(block) :] = 0
            self._written += len(block)
            return position

    def seek(self, position: int) -> None:
        with self._lock:
            self._next = self._base = max(0, min(position, len(self._samples)))
            self._written = 0
            self._ready = self._ready[:0]
            self._drained = False
            if self._resampler is not None:
                self._resampler.clear()

    def set_stretch(self, stretch: Stretch) -> None:
        """Play another part from the current position on."""
        with self._lock:
            self._base, self._written = round(self._position()), 0
            self.stretch = stretch

    def _position(self) -> float:
        return self.stretch.wrap(self._base + self._written * SAMPLE_RATE / self._rate)

    def _block(self, n: int) -> Samples:
        if self._resampler is None:
            block = self._take(n)
            self._drained = len(block) < n
            return block
        while len(self._ready) < n and not self._drained:
            source = self._take(_CHUNK)
            self._drained = len(source) < _CHUNK
            more = self._resampler.resample_chunk(source, last=self._drained)
            self._ready = np.concatenate([self._ready, more])
        block, self._ready = self._ready[:n], self._ready[n:]
        return block

    def _take(self, n: int) -> Samples:
        """The next n samples; fewer only at the end without a loop."""
        parts: list[Samples] = []
        while n > 0:
            if self._next >= self.stretch.last:
                if not self.stretch.loop or self.stretch.last <= self.stretch.first:
                    break
                self._next = self.stretch.first
            part = self._samples[self._next : min(self._next + n, self.stretch.last)]
            self._next += len(part)
            n -= len(part)
            parts.append(part * self._gain)
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

"""Waveform -> log power spectrogram [T, 400] (SPEC.md "Features"; paper section 4.1).

The only feature code in the project: training, analysis, live and the displayed spectrogram use it.

Frame 40 ms (640 samples), shift 10 ms (160), periodic Hamming window, 1600-point DFT (10 Hz grid), bins
0-399 (0 Hz ≤ f < 4 kHz), natural log of power floored at 1e-10. No centring and no edge padding: frame t
covers samples 160 t … 160 t + 639. Frames are independent, so a whole file and its chunks give the same
numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from .frames import BIN_HZ, BINS, DFT, FLOOR, FRAME, HOP, MAX_HZ, Level, frame_count
from .levels import AudioSignal
from .speech_frames import Cut, SpeechFrames, speech_frames, without_offset

_BLOCK = 256
"""Frames in a transform: the block and its spectrum fit in the cache (2.3 × torch.stft on 60 s, FACTS.md)."""


def log_spectrogram(samples: Tensor | np.ndarray, gain: float = 1.0) -> Tensor:
    """Natural-log power spectrogram, float32 [T, 400].

    Args:
        samples: [N] mono at 16 kHz; device and dtype (float64 in tests) are kept. T is 0 below 640 samples.
        gain: factor on the samples before the transform, 1 / peak for a recording scaled to peak 1.
    """
    if isinstance(samples, np.ndarray) and not samples.flags.writeable:
        samples = samples.copy()  # torch has no read-only tensors
    wave = torch.as_tensor(samples)  # [N]
    frames = frame_count(wave.shape[0])
    out = torch.empty(frames, BINS, dtype=wave.dtype, device=wave.device)  # [T, 400]
    if frames == 0:
        return out
    window = _window(wave.dtype, wave.device) * gain  # [640]
    framed = wave.unfold(0, FRAME, HOP)  # [T, 640], a view
    for start in range(0, frames, _BLOCK):
        block = framed[start : start + _BLOCK] * window  # [≤256, 640]
        spectrum = torch.fft.rfft(block, n=DFT)[:, :BINS]  # [≤256, 400] complex
        real, imaginary = spectrum.real, spectrum.imag
        power = real.square().addcmul_(imaginary, imaginary)  # [≤256, 400]; 4 × as fast as summing pairs
        torch.log(power.clamp_min(FLOOR), out=out[start : start + _BLOCK])
    return out


@dataclass(frozen=True, eq=False)
class UtteranceFeatures:
    """values: log power of the frames that remain, float32 [T', 400]. frames: which these are, of T."""

    values: Tensor
    frames: SpeechFrames


def utterance_features(signal: AudioSignal, level: Level, cut: Cut, device: str = "cpu") -> UtteranceFeatures:
    """What a network receives of an utterance, in training and analysis.

    Args:
        signal: of at most some minutes.
        level: what it is scaled to.
        cut: which quiet is removed; with "full", offsets are removed before.
        device: computes the spectra.
    """
    if cut == "full":
        signal = AudioSignal.of(without_offset(np.asarray(signal.samples)))
    samples = np.require(signal.samples, requirements="W")
    frames = speech_frames(samples, cut)
    values = log_spectrogram(torch.from_numpy(samples).to(device), signal.gain(level))  # [T, 400]
    if len(frames.kept) < len(values):
        values = values[torch.from_numpy(frames.kept).to(device)]  # [T', 400]
    return UtteranceFeatures(values, frames)


def blocks(samples: np.ndarray, gain: float = 1.0, frames: int = 6000) -> Iterator[np.ndarray]:
    """The spectrogram in pieces of at most `frames` frames, each float32 [t, 400], with bounded memory.

    samples: [N], may be a memory map of hours.
    """
    total = frame_count(len(samples))
    for start in range(0, total, frames):
        stop = min(start + frames, total)
        piece = np.asarray(samples[start * HOP : (stop - 1) * HOP + FRAME])
        yield log_spectrogram(piece, gain).numpy()  # [stop - start, 400]


@lru_cache(maxsize=8)
def mel_bands(bands: int) -> Tensor:
    """Weights float32 [400, bands]: bins -> bands whose centres lie evenly on the mel scale, 0 to 4 kHz.

    Each band is a triangle that reaches to its neighbours' centres; its weights sum to 1, so it is a mean.
    """
    top = 2595 * math.log10(1 + MAX_HZ / 700)
    centres = 700 * (10 ** (torch.linspace(0, top, bands + 2, dtype=torch.float64) / 2595) - 1) / BIN_HZ
    low, own, high = centres[:-2], centres[1:-1], centres[2:]  # [bands] each, in bins
    at = torch.arange(BINS, dtype=torch.float64)[:, None]  # [400, 1]
    rising, falling = (at - low) / (own - low), (high - at) / (high - own)  # [400, bands]
    weights = torch.minimum(rising, falling).clamp_min(0)  # [400, bands]
    return (weights / weights.sum(0)).float()


@lru_cache(maxsize=8)
def _window(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.hamming_window(FRAME, periodic=True, dtype=dtype, device=device)  # [640]

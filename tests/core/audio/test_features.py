"""Features against scipy in float64, in pieces, and where they begin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.signal
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.audio import features
from mlee_core.audio.features import mel_bands
from mlee_core.audio.frames import frame_count


def oracle(samples: np.ndarray) -> np.ndarray:
    """scipy in float64, written from SPEC.md's text; [T, 400]."""
    window = scipy.signal.get_window("hamming", 640, fftbins=True)
    starts = range(0, len(samples) - 640 + 1, 160)
    frames = np.stack([samples[s : s + 640].astype(np.float64) * window for s in starts])
    power = np.abs(scipy.fft.rfft(frames, n=1600)[:, :400]) ** 2
    return np.log(np.maximum(power, 1e-10))


def assert_close(samples: np.ndarray) -> None:
    """SPEC.md's tolerance: 1e-3 within 60 dB of the frame's maximum, and at the 99.99th percentile."""
    expected, got = oracle(samples), features.log_spectrogram(samples).numpy()
    assert got.shape == expected.shape
    error = np.abs(got - expected)
    loud = expected >= expected.max(axis=1, keepdims=True) - 60 / 10 * np.log(10)
    assert error[loud].max() <= 1e-3
    assert np.percentile(error, 99.99) <= 1e-3


def test_noise_equals_scipy() -> None:
    assert_close(np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 0.1)


def test_speech_equals_scipy(emodb: Path) -> None:
    files = sorted((emodb / "flac").glob("*.flac"))[::50]
    assert len(files) > 5
    for file in files:
        samples = soundfile.read(file, dtype="float32")[0]
        assert_close(samples / np.abs(samples).max())


def test_frame_t_begins_at_sample_160_t() -> None:
    """A click at sample 6400 is in frames whose 640 samples hold it: 37 to 40, and in no other."""
    samples = np.zeros(16_000, np.float32)
    samples[6400] = 1
    hot = np.flatnonzero(features.log_spectrogram(samples).numpy().max(axis=1) > np.log(1e-9))
    assert hot.tolist() == [37, 38, 39, 40]


def test_bin_k_is_10_k_hz() -> None:
    t = np.arange(16_000) / 16_000
    spectrum = features.log_spectrogram(np.sin(2 * np.pi * 1230 * t).astype(np.float32))
    assert set(spectrum.argmax(dim=1).tolist()) == {123}


@pytest.mark.parametrize(("samples", "frames"), [(0, 0), (10, 0), (639, 0), (640, 1), (799, 1), (800, 2)])
def test_frame_count(samples: int, frames: int) -> None:
    assert frame_count(samples) == frames
    assert features.log_spectrogram(np.zeros(samples, np.float32)).shape == (frames, 400)


@settings(deadline=None, max_examples=25)
@given(st.integers(600, 40_000), st.integers(1, 300), st.floats(0.1, 10))
def test_pieces_give_the_same_numbers_as_the_whole(length: int, frames: int, gain: float) -> None:
    samples = np.random.default_rng(length).standard_normal(length).astype(np.float32)
    whole = features.log_spectrogram(samples, gain).numpy()
    pieces = [*features.blocks(samples, gain, frames)]
    assert np.array_equal(np.concatenate([np.empty((0, 400), np.float32), *pieces]), whole)


def test_gain_is_a_factor_on_the_samples() -> None:
    samples = np.random.default_rng(1).standard_normal(8000).astype(np.float32)
    scaled = features.log_spectrogram(samples * np.float32(0.25))
    torch.testing.assert_close(features.log_spectrogram(samples, 0.25), scaled, atol=1e-4, rtol=0)


def test_silence_is_the_floor() -> None:
    silence = np.zeros(1600, np.float32)
    assert torch.all(features.log_spectrogram(silence) == np.float32(np.log(1e-10)))


def test_mel_bands_are_torchaudios_filters_made_means() -> None:
    """Its bank over 401 bins to 4 kHz, the mel scale of HTK; bin 400 is not among ours."""
    import torchaudio

    bank = torchaudio.functional.melscale_fbanks(401, 0.0, 4000.0, 80, 8000, mel_scale="htk")[:400]
    torch.testing.assert_close(mel_bands(80), bank / bank.sum(0), atol=2e-6, rtol=0)
    assert (mel_bands(80) > 0).any(0).all()

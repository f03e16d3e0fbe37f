"""The pyramid against a plain computation of the same thing, and what must survive at every zoom."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hamming

from mlee_core.audio import zoom_pyramid
from mlee_core.audio.levels import AudioSignal
from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.errors import AudioError
from mlee_core.events import Progress

RATE = 16_000


def built(samples: np.ndarray, folder: Path) -> Pyramid:
    for _ in zoom_pyramid.build(AudioSignal.of(samples.astype(np.float32)), folder):
        pass
    return Pyramid.open(folder)


def noise(seconds: float, amplitude: float = 0.1, seed: int = 0) -> np.ndarray:
    return amplitude * np.random.default_rng(seed).uniform(-1, 1, round(seconds * RATE))


def oracle_db(samples: np.ndarray) -> np.ndarray:
    """Power in dB by scipy in float64, [T, 400]; 0 dB = a full-scale sine, peak scaled to 1."""
    window = hamming(640, sym=False)
    transform = ShortTimeFFT(window, hop=160, fs=RATE, mfft=1600)
    scaled = samples.astype(np.float32) / np.abs(samples.astype(np.float32)).max()
    frames = np.lib.stride_tricks.sliding_window_view(scaled.astype(np.float64), 640)[::160]
    power = np.abs(np.fft.rfft(frames * transform.win, 1600)[:, :400]) ** 2
    return 10 * np.log10(np.maximum(power, 1e-10)) - 20 * np.log10(window.sum() / 2)


def test_bytes_are_within_a_quarter_db_of_the_spectrum(tmp_path: Path) -> None:
    samples = noise(1.3)
    view, x0, x1 = built(samples, tmp_path).spectrogram(0, 1.3, 10_000)
    expected = oracle_db(samples)
    assert view.shape == expected.shape and view.dtype == np.uint8
    assert np.abs(zoom_pyramid.to_db(view) - expected).max() <= 0.25 + 1e-3  # float32 spectra near deep nulls
    assert x0 == pytest.approx(0.015) and x1 == pytest.approx(0.015 + 0.01 * len(expected))


def test_a_full_scale_sine_is_zero_db_and_nothing_exceeds_the_scale(tmp_path: Path) -> None:
    t = np.arange(RATE) / RATE
    sine = built(0.01 * np.sin(2 * np.pi * 1000 * t), tmp_path / "sine")
    assert sine.gain == pytest.approx(100, rel=1e-3)
    assert sine.db_at(0.5, 1000) == pytest.approx(0.0, abs=0.25)
    constant = built(np.ones(RATE), tmp_path / "constant")
    assert constant.spectrogram(0, 1, 100)[0].max() == 255
    assert constant.db_at(0.5, 0) == 6.0


def test_levels_are_the_maximum_of_what_they_cover(tmp_path: Path) -> None:
    opened = built(noise(90), tmp_path)  # more than two blocks of 41 s
    base = opened.spectrogram_levels[0]
    for level, pooled in enumerate(opened.spectrogram_levels):
        starts = np.arange(0, len(base), 2**level)
        assert np.array_equal(pooled, np.maximum.reduceat(base, starts, axis=0)), level
    samples = noise(90).astype(np.float32)
    scaled = samples * opened.gain
    for level, pooled in enumerate(opened.waveform_levels):
        starts = np.arange(0, len(scaled), 8 * 2**level)
        assert np.abs(pooled[:, 0] / 32767 - np.minimum.reduceat(scaled, starts)).max() < 2e-5, level
        assert np.abs(pooled[:, 1] / 32767 - np.maximum.reduceat(scaled, starts)).max() < 2e-5, level


@pytest.mark.parametrize("columns", [20, 50, 333, 1600, 100_000])
def test_a_click_of_one_frame_shows_at_every_zoom(tmp_path: Path, columns: int) -> None:
    samples = noise(100, amplitude=1e-4)
    samples[61 * RATE] = 0.5
    opened = built(samples, tmp_path)
    view, x0, x1 = opened.spectrogram(0, 100, columns)
    assert len(view) <= columns + 1
    loud = np.flatnonzero(zoom_pyramid.to_db(view[:, 50:350]).mean(axis=1) > -60)
    wide = (x1 - x0) / len(view)
    assert len(loud) >= 1
    assert x0 + loud[0] * wide <= 61.0 <= x0 + (loud[-1] + 1) * wide + 0.02  # frames reach 40 ms
    times, _low, high = opened.waveform(0, 100, columns)
    assert len(times) <= columns + 1
    assert high.max() == pytest.approx(1.0, abs=1e-4)
    assert abs(times[high.argmax()] - 61.0) <= (times[1] - times[0]) / 2 + 1e-9


def test_a_part_is_covered_and_a_view(tmp_path: Path) -> None:
    opened = built(noise(30), tmp_path)
    view, x0, x1 = opened.spectrogram(12.3, 14.7, 100_000)
    assert view.base is not None and not view.flags.writeable
    assert x0 <= 12.3 and x1 >= 14.7 and x1 - x0 < 2.4 + 0.03
    first = round((x0 - 0.015) / 0.01)
    assert np.array_equal(view, opened.spectrogram_levels[0][first : first + len(view)])
    times, low, _high = opened.waveform(12.3, 14.7, 100_000)
    assert times[0] == pytest.approx(12.3, abs=6e-4) and times[-1] == pytest.approx(14.7, abs=6e-4)
    assert len(low) == len(times)


@pytest.mark.parametrize("count", [1, 10, 639, 640, 800, 4096 * 160, 4096 * 160 + 1])
def test_any_length(tmp_path: Path, count: int) -> None:
    opened = built(noise(1 + count / RATE)[:count], tmp_path)
    assert opened.duration_s == count / RATE
    frames = 0 if count < 640 else 1 + (count - 640) // 160
    assert len(opened.spectrogram(0, count / RATE, 10**6)[0]) == frames
    assert len(opened.waveform(0, count / RATE, 10**6)[0]) == -(-count // 8)
    assert opened.db_at(count / RATE + 1, 100) is None


def test_silence_is_the_floor(tmp_path: Path) -> None:
    opened = built(np.zeros(RATE), tmp_path)
    assert opened.gain == 1.0
    assert opened.spectrogram(0, 1, 100)[0].max() == 0


def test_progress_and_a_build_that_was_stopped(tmp_path: Path) -> None:
    work = zoom_pyramid.build(AudioSignal.of(noise(100).astype(np.float32)), tmp_path)
    first = next(work)
    assert isinstance(first, Progress)
    assert 0 < first.done < (first.total or 0) == 100.0
    assert first.left_s is not None and first.left_s > 0
    work.close()
    with pytest.raises(AudioError, match=r"open the recording again"):
        Pyramid.open(tmp_path)


def test_a_rebuild_that_died_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    built(noise(50), tmp_path)
    work = zoom_pyramid.build(AudioSignal.of(noise(50, seed=1).astype(np.float32)), tmp_path)
    next(work)
    work.close()
    with pytest.raises(AudioError):
        Pyramid.open(tmp_path)


@pytest.mark.parametrize("damage", ["meta", "format", "level", "short"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    built(noise(3), tmp_path)
    if damage == "meta":
        (tmp_path / "meta.json").write_text("{")
    elif damage == "format":
        meta = json.loads((tmp_path / "meta.json").read_text())
        (tmp_path / "meta.json").write_text(json.dumps({**meta, "format": 99}))
    elif damage == "level":
        (tmp_path / "spectrogram_1.npy").unlink()
    else:
        path = tmp_path / "waveform_0.npy"
        path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(AudioError, match="holds no complete spectrogram"):
        Pyramid.open(tmp_path)

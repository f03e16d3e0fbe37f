"""Conditions outside a studio: each does what its name says, by scipy and plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from mlee_core.inference.conditions import CONDITIONS, QUIET
from tests.helpers import made_data

RATE = 16_000
VOICE = made_data.voice(150, 2.0, 1)
OTHERS = [made_data.voice(pitch, 1.5, seed) for seed, pitch in enumerate((100, 200, 300))]


def degraded(name: str, samples: np.ndarray = VOICE) -> np.ndarray:
    return CONDITIONS[name](samples, np.random.default_rng(0), OTHERS)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_the_same_each_time_and_finite(name: str) -> None:
    once, again = degraded(name), degraded(name)
    assert np.array_equal(once, again) and np.isfinite(once).all()
    assert len(once) >= len(VOICE) and (len(once) > len(VOICE)) == (name in QUIET)
    assert once.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "seconds", "level_db"),
    [("quiet 0.5 s", 0.5, -60), ("quiet 2 s", 2.0, -60), ("quiet 1 s, louder", 1.0, -50)],
)
def test_quiet_lies_on_both_sides_so_far_below_the_peak(name: str, seconds: float, level_db: float) -> None:
    n, found = round(RATE * seconds), degraded(name)
    assert np.array_equal(found[n:-n], VOICE)
    for side in (found[:n], found[-n:]):
        assert 20 * np.log10(np.std(side) / np.abs(VOICE).max()) == pytest.approx(level_db, abs=0.3)


def test_digital_silence_is_zero_and_a_pause_divides_the_speech() -> None:
    silent = degraded("digital silence 1 s")
    assert not silent[:RATE].any() and not silent[-RATE:].any()
    paused = degraded("pause 1 s")
    at = int(np.flatnonzero(paused[: len(VOICE)] != VOICE)[0])
    assert 0 < at < len(VOICE) and np.array_equal(paused[at + RATE :], VOICE[at:])


@pytest.mark.parametrize(("name", "ratio_db"), [("white noise 10 dB", 10), ("babble 20 dB", 20)])
def test_noise_lies_so_far_below_the_speech(name: str, ratio_db: float) -> None:
    steady = np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE).astype(np.float32)
    noise = degraded(name, steady) - steady
    assert 20 * np.log10(np.std(steady) / np.std(noise)) == pytest.approx(ratio_db, abs=0.2)


def test_a_telephone_keeps_its_band() -> None:
    white = np.random.default_rng(1).standard_normal(8 * RATE).astype(np.float32)
    hz, before = signal.welch(white, RATE, nperseg=1024)
    _, after = signal.welch(degraded("telephone", white), RATE, nperseg=1024)
    gain_db = dict(zip(hz.tolist(), 10 * np.log10(after / before), strict=True))
    assert gain_db[1000] == pytest.approx(0, abs=0.3)
    assert gain_db[6000] < -18 and gain_db[78.125] < -40


def test_offsets_are_added() -> None:
    assert degraded("offset") - VOICE == pytest.approx(0.1, abs=1e-6)
    settling = degraded("settling offset") - VOICE
    assert settling[0] == pytest.approx(0.3, abs=1e-6)
    assert settling[round(0.15 * RATE)] == pytest.approx(0.3 / np.e, abs=1e-4)

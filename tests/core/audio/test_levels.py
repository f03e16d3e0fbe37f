"""Levels of a recording: one pass over its samples against plain arithmetic."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.audio import levels
from mlee_core.audio.frames import SAMPLE_RATE as RATE
from mlee_core.audio.levels import SILENT_DB, AudioSignal, speech_digest
from mlee_core.audio.quality import clipping_notes
from tests.helpers import made_data


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal(count).astype(np.float32)


def clipped(samples: np.ndarray) -> int:
    return AudioSignal.of(samples.astype(np.float32)).clipped


def test_clipping_counts_runs_of_three_and_not_single_peaks() -> None:
    samples = np.zeros(20_000, np.float32)
    samples[100] = samples[300:302] = 1.0
    assert clipped(samples) == 0
    samples[500:503] = 1.0
    samples[700:705] = -0.8  # the lowest value has its own limit
    assert clipped(samples) == 8
    assert clipped(samples * 0.3) == 0  # flat far below full scale: coarse quantisation
    assert clipping_notes(8, 20_000)[0].startswith("Clipped: 0.04 % ")
    assert clipping_notes(100, 100)[0].startswith("Clipped: 100 % ")
    assert clipping_notes(1, 20_000) == ()


def test_hum_and_tones_are_not_clipped() -> None:
    time = np.arange(3 * RATE) / RATE
    for pitch in (50, 100, 440):
        assert clipped(np.sin(2 * np.pi * pitch * time)) == 0


def test_powers_are_of_what_moves() -> None:
    time = np.arange(RATE) / RATE
    tone = 0.5 * np.sin(2 * np.pi * 200 * time)
    for offset in (0.0, 0.4):
        powers = AudioSignal.of((tone + offset).astype(np.float32)).powers
        assert 10 * np.log10(powers) == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.01)
    assert AudioSignal.of(np.full(RATE, 0.3, np.float32)).powers.max() < 1e-12


def test_the_speechs_level_leaves_pauses_out() -> None:
    tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32)
    paused = np.concatenate([tone, np.zeros(5 * RATE, np.float32)])
    for samples in (tone, paused, paused + np.float32(0.2)):
        assert AudioSignal.of(samples).speech_db == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.01)
    assert AudioSignal.of(np.zeros(RATE, np.float32)).speech_db == SILENT_DB
    assert AudioSignal.of(np.zeros(10, np.float32)).speech_db == SILENT_DB


@pytest.mark.parametrize("count", [0, 1, 319, 320, 9_920, 10_000])
def test_one_pass_measures_every_frame_whatever_the_blocks(
    monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    samples = noise(count)
    monkeypatch.setattr(levels, "BLOCK_FRAMES", 7)
    signal = AudioSignal.of(samples)
    frames = [samples[i : i + 320] for i in range(0, count, 320)]
    assert signal.powers == pytest.approx([np.var(f.astype(float)) for f in frames], rel=1e-6)
    assert signal.highest.tolist() == [f.max() for f in frames]
    assert signal.lowest.tolist() == [f.min() for f in frames]
    assert len(signal.whole_powers) == count // 320
    assert signal.peak == (np.abs(samples).max() if count else 0)


@pytest.mark.parametrize(("start", "stop"), [(0, 10_000), (320, 6_400), (640, 10_000), (5, 9_000), (0, 777)])
def test_a_part_is_measured_as_if_it_stood_alone(start: int, stop: int) -> None:
    samples = noise(10_000)
    part, alone = AudioSignal.of(samples).part(start, stop), AudioSignal.of(samples[start:stop])
    for name in ("samples", "powers", "highest", "lowest"):
        assert np.array_equal(getattr(part, name), getattr(alone, name)), name


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([-1.0, -0.99995, -0.6, 0.0, 0.6, 0.99995, 1.0]), max_size=60), st.integers(1, 9)
)
def test_clipping_equals_a_count_over_all_samples(values: list[float], block: int) -> None:
    samples = np.repeat(np.array(values, np.float32), 2)  # more runs of three than single values give
    expected = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(levels, "POWER_SAMPLES", 5)
        patch.setattr(levels, "BLOCK_FRAMES", block)
        found = AudioSignal.of(samples).clipped
    for flipped in (samples, -samples):
        top = flipped.max(initial=0)
        for start in range(0, len(samples), 5 * block):  # runs end where blocks of frames do
            at_top = flipped[start : start + 5 * block] >= np.float32(top * levels.CLIPPED_NEAR)
            lengths = [len(list(run)) for reached, run in groupby(at_top) if reached]
            expected += sum(n for n in lengths if n >= 3) if top >= 0.5 else 0
    assert found == expected


def test_the_gain_brings_the_peak_to_1_and_leaves_silence_alone() -> None:
    samples = noise(10_000)
    signal = AudioSignal.of(samples)
    assert np.abs(samples * signal.gain()).max() == pytest.approx(1.0, rel=1e-6)
    assert signal.gain("none") == 1.0
    assert AudioSignal.of(np.zeros(1600, np.float32)).gain() == 1.0
    assert AudioSignal.of(np.empty(0, np.float32)).gain() == 1.0


def test_the_same_speech_has_the_same_digest_whatever_quiet_is_around_it() -> None:
    rng = np.random.default_rng(0)
    voice = np.rint(32768 * made_data.voice(150, 1.0, 1)).astype(np.float32) / np.float32(32768)
    faint = [np.float32(1e-3) * rng.standard_normal(n, np.float32) for n in (777, 12_345)]
    digest = speech_digest(voice)
    assert speech_digest(np.concatenate([faint[0], voice, faint[1]])) == digest
    assert speech_digest(np.concatenate([np.zeros(5, np.float32), voice])) == digest
    changed = voice.copy()
    changed[8000] += 1 / 32768
    assert speech_digest(changed) != digest != speech_digest(made_data.voice(150, 1.0, 2))
    assert speech_digest(np.zeros(100, np.float32)) != speech_digest(np.zeros(99, np.float32))

"""Which frames are speech and which remain: quiet of known length, the same speech whatever surrounds it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from mlee_core.audio.frames import frame_count
from mlee_core.audio.levels import runs
from mlee_core.audio.speech_frames import (
    END_FRAMES,
    HANGOVER_FRAMES,
    SpeechFrames,
    speech_frames,
    without_offset,
)
from tests.helpers.made_data import voice

RATE = 16_000
FLOORS = (-200.0, -80.0, -70.0, -60.0, -50.0)
"""dBFS; -200 stands for digital silence."""


def quiet(seconds: float, floor_db: float, seed: int = 0) -> np.ndarray:
    level = 0.0 if floor_db <= -200 else 10 ** (floor_db / 20)
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (level * noise).astype(np.float32)


def talk(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """A voice whose peak is about 0.5, over its own faint noise."""
    made = voice(150.0, seconds, seed)
    return made * np.float32(0.5 / np.abs(made).max())


def cut_frames(found: SpeechFrames) -> np.ndarray:
    """Lengths of the stretches that were cut."""
    gone = np.ones(len(found.speech), bool)
    gone[found.kept] = False
    return np.diff(runs(gone))[:, 0]


@pytest.mark.parametrize("samples", [np.zeros(3 * RATE), np.full(3 * RATE, 0.3)])
def test_silence_remains_whole(samples: np.ndarray) -> None:
    found = speech_frames(without_offset(samples.astype(np.float32)))
    assert not found.speech.any()
    assert found.kept.tolist() == list(range(frame_count(3 * RATE)))
    assert found.spans_s(3.0) == ()


@pytest.mark.parametrize("level_db", [-60.0, -20.0, 0.0])
@pytest.mark.parametrize("seed", range(5))
def test_steady_noise_remains_whole(level_db: float, seed: int) -> None:
    found = speech_frames(without_offset(quiet(4.0, level_db, seed)))
    assert len(found.kept) == len(found.speech)


@pytest.mark.parametrize("count", [0, 1, 100, 639, 640, 799, 1600])
def test_almost_nothing(count: int) -> None:
    """Also 100 ms."""
    samples = without_offset(talk()[:count])
    assert len(samples) == count
    found = speech_frames(samples)
    assert len(found.speech) == len(found.kept) == frame_count(count)
    assert found.spans_s(count / RATE) == ()


@pytest.mark.parametrize("floor_db", FLOORS)
@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_quiet_ends_are_cut_to_five_frames(floor_db: float, seconds: float) -> None:
    speech = talk()
    samples = np.concatenate([quiet(seconds, floor_db), speech, quiet(seconds, floor_db, 1)])
    for cut in ("ends", "full"):
        found = speech_frames(samples, cut)
        spoken = np.flatnonzero(found.speech)
        assert found.kept[0] == spoken[0] - END_FRAMES and found.kept[-1] == spoken[-1] + END_FRAMES
        first, last = found.kept[0] * 160, found.kept[-1] * 160 + 640
        assert seconds * RATE - 2000 <= first <= seconds * RATE  # at most 5 frames and the smoothing's reach
        assert 0 <= last - seconds * RATE - len(speech) <= 2000


@pytest.mark.parametrize("floor_db", FLOORS)
@pytest.mark.parametrize("seconds", [0.5, 1.0, 3.0])
def test_a_long_pause_becomes_three_tenths(floor_db: float, seconds: float) -> None:
    samples = np.concatenate([talk(), quiet(seconds, floor_db), talk(seed=1)])
    found = speech_frames(samples)
    (pause,) = [(a, b) for a, b in runs(~found.speech).tolist() if a > 0 and b < len(found.speech)]
    assert cut_frames(found).tolist() == [pause[1] - pause[0] - 2 * HANGOVER_FRAMES]
    ((start_s, end_s),) = found.spans_s(len(samples) / RATE)
    assert 1.5 + 0.05 <= start_s < end_s <= 1.5 + seconds - 0.05
    assert len(speech_frames(samples, "ends").kept) == len(speech_frames(samples, "none").kept)


@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.2])
def test_a_short_pause_remains(seconds: float) -> None:
    samples = np.concatenate([talk(), quiet(seconds, -200), talk(seed=1)])
    assert len(cut_frames(speech_frames(samples))) == 0


@pytest.mark.parametrize("seconds", [0.05, 0.1])
def test_a_closure_is_speech(seconds: float) -> None:
    found = speech_frames(np.concatenate([talk(), quiet(seconds, -200), talk(seed=1)]))
    assert found.speech[140 : 150 + int(100 * seconds)].all()


@settings(max_examples=25, deadline=None)
@given(
    before=st.floats(0, 2),
    after=st.floats(0, 2),
    floor_db=st.floats(-110, -46),
    seed=st.integers(0, 20),
    digital=st.booleans(),
)
def test_the_same_speech_remains_whatever_quiet_surrounds_it(
    before: float, after: float, floor_db: float, seed: int, digital: bool
) -> None:
    """Quiet 20 dB and more under the voice, from which a 10 ms grid begins elsewhere."""
    speech = talk(2.0, seed)
    floor_db = -200.0 if digital else floor_db
    start, end = quiet(before, floor_db), quiet(after, floor_db, 1)
    alone, amid = speech_frames(speech), speech_frames(np.concatenate([start, speech, end]))
    shift = len(start) / 160
    own, other = np.flatnonzero(alone.speech), np.flatnonzero(amid.speech) - shift
    reach = 12  # a smoothed frame covers 8 hops: before the utterance there were none
    assert abs(own[0] - other[0]) <= reach and abs(own[-1] - other[-1]) <= reach
    inside = slice(reach, -reach)
    at = np.round(np.arange(len(alone.speech))[inside] + shift).astype(int)
    same = amid.speech[np.clip(at, 0, len(amid.speech) - 1)] == alone.speech[inside]
    assert (~same).sum() <= 2 * len(runs(alone.speech)) + 2


def test_offsets_vanish() -> None:
    time = np.arange(2 * RATE) / RATE
    for offset in (np.full(2 * RATE, 0.3), 0.3 * np.exp(-time / 0.15), 0.3 * np.exp(-time / 0.5)):
        rest = without_offset(offset.astype(np.float32))
        assert np.abs(rest).max() < 0.3 * 10 ** (-40 / 20)


@pytest.mark.parametrize("hertz", [5, 10, 20, 60, 80, 150, 440])
def test_the_filter_is_two_moving_means_with_phase_zero(hertz: int) -> None:
    """Against scipy's response of the same moving mean, applied twice and subtracted."""
    count = 4 * RATE
    made = np.sin(2 * np.pi * hertz * np.arange(count) / RATE)
    passed = without_offset(made.astype(np.float32))[RATE:-RATE]
    _, response = signal.freqz(np.full(801, 1 / 801), worN=[hertz], fs=RATE)
    expected = 1 - np.abs(response[0]) ** 2
    assert passed == pytest.approx(expected * made[RATE:-RATE], abs=1e-3)
    if hertz >= 80:
        assert abs(20 * np.log10(np.std(passed) / np.std(made[RATE:-RATE]))) < 0.1


def test_noise_does_not_swell_at_the_ends() -> None:
    """The last sample says nothing about the offset there."""
    first, last = [], []
    for seed in range(100):
        rest = without_offset(quiet(0.5, 0.0, seed))
        first.append(np.square(rest[:160]).mean())
        last.append(np.square(rest[-160:]).mean())
    assert 0.7 < np.mean(first) < 1.05 and 0.7 < np.mean(last) < 1.05


def test_offsets_are_means_over_what_lies_on_both_sides() -> None:
    values = np.random.default_rng(0).standard_normal(2000)

    def mean(values: np.ndarray) -> np.ndarray:
        reach = [min(400, n, len(values) - 1 - n) for n in range(len(values))]
        return np.array([values[n - r : n + r + 1].mean() for n, r in enumerate(reach)])

    for count in (2, 3, 4, 799, 800, 801, 802, 2000):
        own = values[:count].astype(np.float32)
        assert without_offset(own) == pytest.approx(own - mean(mean(own.astype(float))), abs=1e-5)


def frames_of(speech: str, kept: list[int]) -> SpeechFrames:
    return SpeechFrames(np.array([c == "s" for c in speech]), np.array(kept))


def test_weights_return_to_the_recording_by_hand() -> None:
    """64 frames are 4 steps; frames 8 to 23 and 40 to 55 remain, so 2 steps of 16 frames."""
    found = frames_of("." * 8 + "s" * 16 + "." * 16 + "s" * 8 + "." * 16, [*range(8, 24), *range(40, 56)])
    weights = np.array([0.4, 0.6])
    assert found.on_recording(weights) == pytest.approx([0.2, 0.2, 0.3, 0.3])
    assert found.on_speech(weights) == pytest.approx(0.4 + 0.3)
    assert found.spans_s(0.7) == (
        (0.0, pytest.approx(0.015 + 0.08)),
        (pytest.approx(0.015 + 0.24), pytest.approx(0.015 + 0.4)),
        (pytest.approx(0.015 + 0.56), 0.7),
    )


def test_weights_of_an_uncut_utterance_stay() -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(9))
    for total in (9 * 16, 9 * 16 + 15):
        found = frames_of("s" * total, [*range(total)])
        assert found.on_recording(weights) == pytest.approx(weights)
        assert found.on_speech(weights) == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=16, max_size=400), st.randoms(use_true_random=False))
def test_no_weight_is_lost(kept: list[bool], random) -> None:  # type: ignore[no-untyped-def]
    places = np.flatnonzero(kept)
    found = SpeechFrames(np.ones(len(kept), bool), places)
    weights = np.array([random.random() + 0.01 for _ in range(max(1, len(places) // 16))])
    weights /= weights.sum()
    back = found.on_recording(weights)
    if len(places):
        assert len(back) == max(1, len(kept) // 16)
        assert back.sum() == pytest.approx(1)
        assert found.on_speech(weights) == pytest.approx(1)

"""What degrades a waveform, each kind against scipy, formulas or what was put in."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from mlee_core.config.recipe import DEGRADED_BY, Augmentation
from mlee_core.training import waveform_augmentation as wave
from mlee_core.training.waveform_augmentation import WaveformAugmenter

RATE = 16_000


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return rng(seed).standard_normal(round(RATE * seconds), np.float32) * np.float32(0.1)


def speech() -> np.ndarray:
    """1.5 s in syllables of 0.2 s, with a gap 40 dB below them from 0.8 to 1 s."""
    sound = noise(1.5) * np.float32(0.5) ** (np.arange(24_000) // 3200 % 2)
    sound[12_800:16_000] *= np.float32(0.01)
    return sound.astype(np.float32)


def augmenter(seed: int = 0, **how: float) -> WaveformAugmenter:
    settings = Augmentation(**{"degraded": 1.0, **how})  # type: ignore[arg-type]
    return WaveformAugmenter(settings, rng(seed), lambda: noise(0.7, 9))


def power(samples: np.ndarray) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


# ---- quiet ------------------------------------------------------------------------------------------------


@given(st.integers(0, 500))
def test_quiet_is_added_around_and_inside_and_the_speech_stays(seed: int) -> None:
    """The speech is found again sample for sample, in one piece or in two that meet in its gap."""
    sound = speech()
    longer = wave.with_quiet(sound, rng(seed))
    added = len(longer) - len(sound)
    assert 0 <= added <= 2.8 * RATE
    first = scipy.signal.correlate(longer, sound[:4000], "valid").argmax()
    last = scipy.signal.correlate(longer, sound[-4000:], "valid").argmax() + 4000
    assert first <= RATE and len(longer) - last <= RATE
    pause = last - first - len(sound)
    assert pause == 0 or 0.1 * RATE <= pause <= 0.8 * RATE
    same = longer[first:last][: len(sound)] == sound
    at = len(sound) if same.all() else int(same.argmin())
    rest = first + at + pause
    assert np.array_equal(longer[first : first + at], sound[:at])
    assert np.array_equal(longer[rest:last], sound[at:])
    assert not pause or 12_800 <= at <= 16_000, "a pause is in the gap"
    quiet = np.concatenate([longer[:first], longer[first + at : rest], longer[last:]])
    if len(quiet) > 3200 and quiet.any():  # brown noise varies from one tenth of a second to the next
        below = 10 * np.log10(power(sound[:9600]) / power(quiet))
        assert 15 <= below <= 90


def test_every_length_of_quiet_occurs_as_often_as_measured() -> None:
    sound = speech()
    added = [wave.with_quiet(sound, rng(seed)) for seed in range(400)]
    ends = [scipy.signal.correlate(x, sound[:4000], "valid").argmax() for x in added]
    assert np.mean(np.array(ends) > 0) == pytest.approx(0.75, abs=0.07)
    silent = [not x[:end].any() for x, end in zip(added, ends, strict=True) if end]
    assert np.mean(silent) == pytest.approx(0.15, abs=0.06)


def test_a_pause_fits_into_sounds_of_any_kind() -> None:
    for sound in (np.zeros(900, np.float32), noise(0.01), np.zeros(320, np.float32), noise(0.05)):
        for seed in range(20):
            longer = wave.with_quiet(sound, rng(seed))
            assert len(longer) >= len(sound) and np.isfinite(longer).all()


# ---- rooms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("t60_s", [0.15, 0.3, 0.6, 1.0])
def test_a_room_decays_by_60_db_in_its_time(t60_s: float) -> None:
    """Schroeder's integration of the energy that is still to come, its slope from -5 to -25 dB (ISO 3382)."""
    response = wave.impulse_response(t60_s, 0.0, rng()).astype(np.float64)
    decay = np.cumsum(response[:0:-1] ** 2)[::-1]  # without the direct sound
    level = 10 * np.log10(decay / decay[0])
    start, end = np.flatnonzero(level <= -5)[0], np.flatnonzero(level <= -25)[0]
    assert 3 * (end - start) / RATE == pytest.approx(t60_s, rel=0.2)


@pytest.mark.parametrize("direct_db", [-3.0, 0.0, 12.0])
def test_the_direct_sound_has_its_share(direct_db: float) -> None:
    response = wave.impulse_response(0.4, direct_db, rng())
    assert response[0] == 1
    assert 10 * np.log10(response[0] ** 2 / (response[1:] ** 2).sum()) == pytest.approx(direct_db, abs=0.01)


def test_a_sound_in_a_room_is_scipys_convolution() -> None:
    sound, response = noise(1.1), wave.impulse_response(0.5, 0.0, rng(1))
    expected = scipy.signal.fftconvolve(sound.astype(np.float64), response)[: len(sound)]
    np.testing.assert_allclose(wave.in_room(sound, response), expected, atol=1e-5)


# ---- noise ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("snr_db", [5.0, 17.0, 30.0])
@pytest.mark.parametrize("pause_s", [0.0, 3.0])
def test_noise_is_below_the_speech_not_below_the_file(snr_db: float, pause_s: float) -> None:
    """However long the pause beside the speech is: speech is the steady noise that was put in."""
    loud = noise(1.0)
    sound = np.concatenate([loud, np.zeros(round(RATE * pause_s), np.float32)])
    added = wave.with_noise(sound, wave._stretch(wave._coloured("pink"), len(sound), rng(1)), snr_db) - sound
    assert 10 * np.log10(power(loud) / power(added)) == pytest.approx(snr_db, abs=0.5)


@pytest.mark.parametrize(("colour", "an_octave_db"), [("white", 0.0), ("pink", -3.01), ("brown", -6.02)])
def test_noises_have_their_colours(colour: str, an_octave_db: float) -> None:
    hz, density = scipy.signal.welch(wave._coloured(colour).astype(np.float64), RATE, nperseg=8192)
    inside = (hz > 100) & (hz < 6000)
    slope, _ = np.polyfit(np.log2(hz[inside]), 10 * np.log10(density[inside]), 1)
    assert slope == pytest.approx(an_octave_db, abs=0.2)
    assert power(wave._coloured(colour)) == pytest.approx(1, abs=1e-3)


def test_babble_is_the_sum_of_4_8_or_16_voices() -> None:
    """Voices that are all the number 1 show how many there are."""
    counting = WaveformAugmenter(
        Augmentation(degraded=1.0, noise=1.0), rng(), lambda: np.ones(50, np.float32)
    )
    made = [counting._noise(120) for _ in range(200)]
    babble = [x for x in made if np.ptp(x) == 0]
    assert {int(x[0]) for x in babble} == {4, 8, 16} and all(len(x) == 120 for x in made)
    assert len(babble) / len(made) == pytest.approx(0.25, abs=0.1)


def test_stretches_begin_anywhere_and_go_on_from_the_start() -> None:
    sound = np.arange(5, dtype=np.float32)
    made = [wave._stretch(sound, 12, rng(seed)) for seed in range(50)]
    assert {int(x[0]) for x in made} == {0, 1, 2, 3, 4}
    assert all(np.array_equal(np.diff(x) % 5, np.ones(11)) for x in made)


# ---- bands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low_db", "high_db"), [(18.0, 60.0), (60.0, 18.0), (30.0, 30.0)])
def test_a_band_falls_by_its_slopes(low_db: float, high_db: float) -> None:
    sound = noise(20.0)
    narrow = wave.filtered(sound, wave.band(400, 3000, low_db, high_db))
    hz, before = scipy.signal.welch(sound.astype(np.float64), RATE, nperseg=4096)
    _, after = scipy.signal.welch(narrow.astype(np.float64), RATE, nperseg=4096)
    gain = 10 * np.log10(after / before)
    near = {f: gain[np.abs(hz - f) < 6].mean() for f in (200, 600, 1000, 2000, 6000)}
    assert [near[f] for f in (600, 1000, 2000)] == pytest.approx([0, 0, 0], abs=0.1)
    assert near[200] == pytest.approx(-low_db, abs=1.0)  # an octave below
    assert near[6000] == pytest.approx(-high_db, abs=1.0)


def test_random_responses_are_within_12_db_and_telephones_cut_both_ends() -> None:
    hz = np.array([30, 62.5, 300, 1000, 2000, 4000, 7900], np.float32)
    for seed in range(50):
        assert np.abs(wave._equaliser(rng(seed))(hz)).max() <= 12
        cut = wave._telephone(rng(seed))(hz)
        assert cut[3] == cut[4] == 0 and cut[0] <= -18 and cut[-1] <= -16


# ---- amplifier and converter ------------------------------------------------------------------------------


def test_offsets_are_a_constant_and_one_that_settles() -> None:
    added = wave.with_offset(np.zeros(RATE, np.float32), 0.05, -0.3, 0.1)
    t = np.arange(RATE) / RATE
    np.testing.assert_allclose(added, 0.05 - 0.3 * np.exp(-t / 0.1), atol=1e-6)


@given(st.floats(0.001, 0.02))
def test_clipping_flattens_its_share(share: float) -> None:
    sound = noise()
    flat = wave.clipped(sound, share)
    limit = np.abs(flat).max()
    assert np.mean(np.abs(flat) == limit) == pytest.approx(share, abs=1e-4)
    kept = np.abs(sound) < limit
    assert np.array_equal(flat[kept], sound[kept]) and np.array_equal(np.sign(flat), np.sign(sound))


def test_a_gain_leaves_whole_steps_of_16_bits() -> None:
    for seed in range(20):
        quiet = augmenter(seed, gain=1.0).degrade(noise(), ("gain",))
        steps = quiet * 32768
        assert np.array_equal(steps, np.rint(steps))
        assert 10 ** (-50.1 / 20) <= np.abs(quiet).max() <= 10 ** (-0.9 / 20)


# ---- draws ------------------------------------------------------------------------------------------------


def test_clean_draws_and_kinds_have_their_shares() -> None:
    how = {"degraded": 0.4, "quiet": 0.6, "noise": 0.4, "band": 0.3, "room": 0.2, "gain": 0.1}
    drawing = augmenter(**how)
    drawn = [drawing.kinds() for _ in range(6000)]
    for kind in DEGRADED_BY:
        expected = 0.4 * how.get(kind, 0.0)
        assert np.mean([kind in kinds for kinds in drawn]) == pytest.approx(expected, abs=0.02)
    clean = 0.6 + 0.4 * (0.4 * 0.6 * 0.7 * 0.8 * 0.9)  # every kind may fail to happen
    assert np.mean([not kinds for kinds in drawn]) == pytest.approx(clean, abs=0.02)


@pytest.mark.parametrize("kinds", [*itertools.combinations(DEGRADED_BY, 1), DEGRADED_BY])
def test_the_same_generator_degrades_alike(kinds: tuple[str, ...]) -> None:
    sound = speech()
    before = sound.copy()
    first, again, other = (
        augmenter(seed, **dict.fromkeys(DEGRADED_BY, 1.0)).degrade(sound, kinds) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first.dtype == np.float32 and np.isfinite(first).all() and len(first) >= len(sound)
    assert np.array_equal(sound, before), "the stored samples themselves changed"


def test_silence_and_short_sounds_are_degraded_without_a_fault() -> None:
    for sound in (np.zeros(4000, np.float32), noise(0.02)):
        for seed in range(20):
            made = augmenter(seed, **dict.fromkeys(DEGRADED_BY, 1.0)).degrade(sound, DEGRADED_BY)
            assert np.isfinite(made).all() and len(made) >= len(sound)

"""Distance from a training set: statistics of damaged speech against known damage, rates on EmoDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal, stats

from mlee_core.audio import domain
from mlee_core.audio.domain import MEANINGS, DomainReference, SpeechStatistics
from tests.helpers.made_data import voice

RATE = 16_000
Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def measured(samples: np.ndarray) -> SpeechStatistics:
    found = SpeechStatistics.of(samples.astype(np.float32))
    assert found is not None
    return found


def telephone(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return signal.sosfilt(signal.butter(4, [300, 3400], "band", fs=RATE, output="sos"), samples)


def white_10_db(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise 10 dB under the mean power of the frames within 30 dB of the loudest."""
    powers = np.square(samples[: len(samples) // 320 * 320]).reshape(-1, 320).mean(1)
    speech = powers[powers > powers.max() / 1000].mean()
    return samples + np.sqrt(speech / 10) * rng.standard_normal(len(samples))


def room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An echo that falls by 60 dB in 0.6 s, 6 dB weaker in all than the direct sound."""
    count = int(0.72 * RATE)
    echo = rng.standard_normal(count) * 10 ** (-3 * np.arange(count) / (0.6 * RATE))
    echo *= 0.5 / np.linalg.norm(echo)
    echo[0] = 1
    return signal.fftconvolve(samples, echo)[: len(samples)]


def squashed(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.tanh(10 * samples)


@cache
def speech_of(emodb: Path, speaker: str) -> tuple[np.ndarray, ...]:
    files = sorted((emodb / "flac").glob(f"{speaker}*"))
    return tuple(soundfile.read(file, dtype="float32")[0] for file in files)


@cache
def studio(emodb: Path) -> DomainReference:
    """The domain of EmoDB's speakers 09 to 16, with the threshold from 08."""
    train = [measured(s) for number in range(9, 17) for s in speech_of(emodb, f"{number:02}")]
    return DomainReference.of(train, [measured(s) for s in speech_of(emodb, "08")])


def test_bands_of_speech_against_scipy() -> None:
    """Levels of bands by Welch's method, on speech whose frames are alike."""
    rng = np.random.default_rng(0)
    samples = signal.lfilter([1], [1, -0.7], rng.standard_normal(5 * RATE)).astype(np.float32)
    hertz, density = signal.welch(samples, RATE, "hann", 640)
    heard = (hertz >= 75) & (hertz < 4000)
    centroid = hertz[heard] @ density[heard] / density[heard].sum()
    found = measured(samples)
    assert found.brightness == pytest.approx(np.log2(centroid), abs=0.01)
    assert found.below_peak_db == pytest.approx(20 * np.log10(np.abs(samples).max() / samples.std()), abs=0.4)
    assert found.decay == pytest.approx(0, abs=0.1)  # noise has no direction in time
    wider = signal.lfilter(*signal.butter(1, 275 / (RATE / 2), "high"), samples)
    ratio = np.abs(signal.freqz(*signal.butter(1, 275 / (RATE / 2), "high"), worN=[160], fs=RATE)[1][0])
    assert measured(wider).low_db - found.low_db == pytest.approx(20 * np.log10(ratio), abs=1.0)


def test_noise_stands_where_chi_square_says() -> None:
    """Powers of white noise have a chi-square distribution with 2 degrees of freedom, so their quietest tenth
    lies this far below the mean."""
    noise = np.random.default_rng(1).standard_normal(5 * RATE)
    expected = -10 * np.log10(stats.chi2.ppf(0.1, 2) / 2)
    assert measured(noise).noise_db == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize(("gain", "offset"), [(0.05, 0.0), (1.0, 0.1), (1.0, -0.3)])
def test_neither_gain_nor_offset_counts(gain: float, offset: float) -> None:
    speech = voice(150.0, 3.0, 1)
    before, after = asdict(measured(speech)), asdict(measured(speech * gain + offset))
    assert after == pytest.approx(before, abs=0.02)


def test_quiet_around_and_within_the_speech_counts_little(emodb: Path) -> None:
    rng, reference = np.random.default_rng(0), studio(emodb)
    for samples in speech_of(emodb, "03")[::5]:
        middle, zeros = len(samples) // 2, np.zeros(RATE)
        faint = 1e-3 * np.abs(samples).max() * rng.standard_normal(2 * RATE)
        for changed in (
            np.concatenate([zeros, samples, zeros]),
            np.concatenate([faint, samples, faint]),
            np.concatenate([samples[:middle], zeros, samples[middle:]]),
        ):
            before = reference.of_recording(measured(samples)).distance
            assert reference.of_recording(measured(changed)).distance == pytest.approx(before, abs=1)


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(100), np.zeros(RATE), voice(150.0, 0.2, 1)])
def test_without_speech_there_are_no_statistics(samples: np.ndarray) -> None:
    assert SpeechStatistics.of(samples.astype(np.float32)) is None


def made(value: float, speech_s: float = 3.0) -> SpeechStatistics:
    return SpeechStatistics(speech_s, **dict.fromkeys(MEANINGS, value))


def test_reference_of_known_numbers() -> None:
    train = [made(value) for value in (0.0, 10.0, 14.0, 20.0, 100.0)]  # deviations 14, 4, 0, 6, 86
    dev = [made(14 + offset) for offset in range(101)]
    found = DomainReference.of(train, dev)
    assert set(found.medians.values()) == {14.0}
    assert list(found.spreads.values()) == pytest.approx([6 * stats.norm.ppf(0.75) ** -1] * 6, rel=1e-4)
    assert found.threshold == pytest.approx(98 / (6 * 1.4826), rel=1e-4)
    assert sum(bool(found.notes(one)) for one in dev) == 2
    assert DomainReference.from_json(json.loads(json.dumps(asdict(found)))) == found
    assert found.of_recording(made(14 - 6 * 1.4826)).distance == pytest.approx(1, rel=1e-3)
    shorter = found.of_recording(made(14 - 6 * 1.4826, 0.5))  # a quarter of 2 s
    assert shorter.distance == pytest.approx(0.5, rel=1e-3)


def test_alike_recordings_leave_some_room() -> None:
    found = DomainReference.of([made(1.0)] * 3, [made(1.0)])
    assert found.spreads == {name: meaning.least for name, meaning in MEANINGS.items()}
    assert found.threshold == domain.LEAST_THRESHOLD


def test_contradictions_are_refused() -> None:
    good = asdict(DomainReference.of([made(1.0)], [made(2.0)]))
    with pytest.raises(ValueError, match="training and development"):
        DomainReference.of([], [made(1.0)])
    with pytest.raises(ValueError, match="training and development"):
        DomainReference.of([made(1.0)], [])
    for wrong in (
        {"threshold": 0.0},
        {"threshold": float("nan")},
        {"spreads": good["spreads"] | {"decay": 0.0}},
        {"medians": good["medians"] | {"decay": float("inf")}},
    ):
        with pytest.raises(ValueError, match="finite"):
            DomainReference.from_json(good | wrong)
    with pytest.raises(ValueError, match="needs the statistics low_db, "):
        DomainReference.from_json(good | {"medians": {"low_db": 1.0}})


@pytest.mark.parametrize("name", MEANINGS)
def test_the_caveat_names_what_lies_farthest(name: str) -> None:
    found = DomainReference(dict.fromkeys(MEANINGS, 0.0), dict.fromkeys(MEANINGS, 2.0), 3.0)
    ordinary = made(1.0)
    assert found.notes(ordinary) == ()
    for value, words in ((-25.0, MEANINGS[name].less), (25.0, MEANINGS[name].more)):
        (note,) = found.notes(replace(ordinary, **{name: value}))
        assert note.startswith("Unlike the training recordings: " + words.split("{")[0])
        assert "25" in note or "12 times" in note
        assert note.endswith(", so the verdict is less reliable.")


def test_clean_speech_of_another_speaker_is_like_the_training_set(emodb: Path) -> None:
    reference = studio(emodb)
    speech = speech_of(emodb, "03")
    assert len(speech) == 49
    assert sum(bool(reference.notes(measured(s))) for s in speech) <= 2
    seconds = [s[len(s) // 3 :][:RATE] for s in speech]
    assert sum(bool(reference.notes(measured(s))) for s in seconds) <= 4


@pytest.mark.parametrize(
    ("damage", "words", "least"),
    [
        (telephone, "speech below 250 Hz is ", 44),
        (white_10_db, "less above its background", 46),
        (room, "sounds die away more slowly", 47),
        (squashed, "nearer to its peak", 46),
    ],
)
def test_damaged_speech_is_unlike_and_the_caveat_says_how(
    emodb: Path, damage: Damage, words: str, least: int
) -> None:
    rng, reference = np.random.default_rng(0), studio(emodb)
    noted = [reference.notes(measured(damage(s, rng))) for s in speech_of(emodb, "03")]
    assert sum(bool(notes) and words in notes[0] for notes in noted) >= least  # of 49

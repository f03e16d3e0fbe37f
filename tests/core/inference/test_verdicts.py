"""Headlines, cut quiet and attention on speech (SPEC.md "Quiet is cut before the network")."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from mlee_core.audio import quality
from mlee_core.audio.decoding import Recording
from mlee_core.audio.domain import Domain, DomainReference, SpeechStatistics
from mlee_core.errors import ModelError
from mlee_core.inference import model_file
from mlee_core.inference.analyzer import Analyzer
from mlee_core.inference.results import NO_SPEECH, NONE, Attention, Segment
from tests.helpers import made_data
from tests.helpers.analysis import analyze

QUIET_S = 1.5


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    path = made_data.model(tmp_path_factory.mktemp("model") / "cutting.safetensors", cut="full")
    return Analyzer(model_file.load(path))


def one(analyzer: Analyzer, samples: np.ndarray) -> Segment:
    segment = analyze(
        analyzer, Recording(Path("made.wav"), samples.astype(np.float32), 16_000, 1, (), "0")
    ).single
    assert segment is not None
    return segment


def quiet(seed: int, seconds: float = QUIET_S) -> np.ndarray:
    return 1e-3 * np.random.default_rng(seed).standard_normal(round(16_000 * seconds))


def segment(existence: tuple[float, ...] | None, predicted: str | None = "sad") -> Segment:
    dominant = {"hard": None, "soft": None, "fusion": (0.1, 0.1, 0.7, 0.1)}
    return Segment(
        0.0, 2.0, made_data.CLASSES, dominant, existence, predicted, "fusion", Attention(()), perhaps_from=0.2
    )


def test_quiet_around_speech_changes_nothing_and_is_not_attended(analyzer: Analyzer) -> None:
    voice = made_data.voice(150, 2.0, 1)
    tight = one(analyzer, voice)
    padded = one(analyzer, np.concatenate([quiet(1), voice, quiet(2)]))
    assert padded.headline == tight.headline
    assert padded.existence == pytest.approx(tight.existence, abs=0.05)
    (before, after) = padded.cut
    assert before == pytest.approx((0, QUIET_S), abs=0.1)
    assert after == pytest.approx((QUIET_S + 2.0, 2 * QUIET_S + 2.0), abs=0.1)
    assert padded.cut_s == pytest.approx(2 * QUIET_S, abs=0.2)
    times = np.array(padded.attention.times_s)
    outside = (times < QUIET_S - 0.2) | (times > QUIET_S + 2.2)
    for encoder, share in padded.attention_on_speech.items():
        weights = np.array(padded.attention.of(encoder))
        assert weights.sum() == pytest.approx(1, abs=1e-6)
        assert not weights[outside].any() and outside.sum() > 15
        assert share is not None and 0.8 < share <= 1


def test_a_model_trained_without_the_cut_keeps_the_pauses(tmp_path: Path) -> None:
    voice = made_data.voice(150, 1.0, 1)
    samples = np.concatenate([quiet(1), voice, quiet(2, 1.0), voice, quiet(3)])
    spans = one(
        Analyzer(model_file.load(made_data.model(tmp_path / "ends.safetensors", cut="ends"))), samples
    ).cut
    assert len(spans) == 2  # both ends
    spans = one(
        Analyzer(model_file.load(made_data.model(tmp_path / "full.safetensors", cut="full"))), samples
    ).cut
    assert len(spans) == 3 and spans[1][1] - spans[1][0] == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(32_000),
        np.random.default_rng(0).standard_normal(32_000) / 10,
        np.sin(np.arange(32_000) / 10) / 2,
        np.zeros(300),
    ],
    ids=["silence", "noise", "tone", "no frame"],
)
def test_without_speech_there_is_no_class_anywhere(analyzer: Analyzer, samples: np.ndarray) -> None:
    found = one(analyzer, samples)
    assert found.predicted is None and found.headline == NO_SPEECH == found.verdict()
    assert found.headline_text() == "no speech" and found.score() is None


@pytest.mark.parametrize(
    ("existence", "headline", "text"),
    [
        ((0.1, 0.1, 0.19, 0.1), NONE, "none of the four"),
        ((0.1, 0.1, 0.2, 0.1), "sad", "sad 0.70"),
        ((0.6, 0.1, 0.1, 0.1), "sad", "sad 0.70"),
        (None, "sad", "sad 0.70"),
    ],
)
def test_none_of_the_four_where_no_class_reaches_the_models_threshold(
    existence: tuple[float, ...] | None, headline: str, text: str
) -> None:
    found = segment(existence)
    assert found.headline == headline and found.headline_text() == text
    assert found.predicted == "sad"  # a choice among four, whatever exists
    assert ("none of the four" in found.verdict()) == (headline == NONE)


def test_nobody_speaks_whatever_exists() -> None:
    assert replace(segment((0.9,) * 4), predicted=None).headline == NO_SPEECH


def test_the_json_of_a_verdict_has_the_cut_and_the_headline(analyzer: Analyzer) -> None:
    samples = np.concatenate([quiet(1), made_data.voice(150, 2.0, 1)])
    recording = Recording(Path("made.wav"), samples.astype(np.float32), 16_000, 1, (), "0")
    value = analyze(analyzer, recording).to_json()
    assert value["cut_s"] == pytest.approx(QUIET_S, abs=0.1) and len(value["cut"]) == 1
    assert value["headline"] in (*value["classes"], NONE)
    assert set(value["attention_on_speech"]) == {"hard", "soft", "mlee"}


def test_the_json_says_how_far_a_recording_lies_from_the_training_set(tmp_path: Path) -> None:
    voice = made_data.voice(150, 3.0, 1)
    statistics = SpeechStatistics.of(voice)
    assert statistics is not None
    like = DomainReference.of([statistics], [statistics])
    strange = replace(like, medians={**like.medians, "high_db": like.medians["high_db"] + 25})
    found = {}
    for name, reference in (("like", like), ("strange", strange)):
        analyzer = Analyzer(
            model_file.load(made_data.model(tmp_path / f"{name}.safetensors", domain=asdict(reference)))
        )
        found[name] = one(analyzer, voice)
        assert one(analyzer, np.zeros(32_000)).domain is None
        speechless = Recording(Path("made.wav"), np.zeros(32_000, np.float32), 16_000, 1, (), "0")
        assert analyze(analyzer, speechless).to_json()["domain"] is None
    assert found["like"].domain == Domain(0.0, like.threshold)
    assert not any(note.startswith("Unlike") for note in found["like"].notes)
    assert found["strange"].domain == Domain(pytest.approx(25 / strange.spreads["high_db"]), like.threshold)
    assert found["strange"].notes[0] == (
        "Unlike the training recordings: speech above 3.4 kHz is 25 dB weaker than there (a telephone?), "
        "so the verdict is less reliable."
    )


def test_a_model_file_with_a_wrong_domain_is_refused(tmp_path: Path) -> None:
    path = made_data.model(
        tmp_path / "wrong.safetensors", domain={"medians": {}, "spreads": {}, "threshold": 1}
    )
    with pytest.raises(ModelError, match="damaged"):
        model_file.load(path)


@pytest.mark.parametrize(("lowest", "notes"), [(0.799, 1), (0.8, 0)])
def test_little_attention_on_speech_is_a_caveat(lowest: float, notes: int) -> None:
    found = list(quality.attention_notes({"hard": 0.9, "MLEE": lowest}))
    assert len(found) == notes
    if found:
        assert found[0] == "Attention off speech: only 79 % of that of MLEE lies on speech (under 80 %)."


def test_a_known_recording_is_recognised_with_quiet_around_it(tmp_path: Path) -> None:
    voice = np.rint(32768 * made_data.voice(150, 1.0, 1)) / 32768
    known = Recording(Path("known.wav"), voice.astype(np.float32), 16_000, 1, (), "0").digests()[1]
    model = made_data.model(tmp_path / "m.safetensors", made_data.HEADS, {known: "train"})
    analyzer = Analyzer(model_file.load(model))
    padded = np.concatenate([np.zeros(8_000), voice, quiet(1)]).astype(np.float32)
    assert analyze(analyzer, Recording(Path("a.wav"), padded, 16_000, 1, (), "1")).seen == "train"
    other = made_data.voice(150, 1.0, 2)
    assert analyze(analyzer, Recording(Path("b.wav"), other, 16_000, 1, (), "2")).seen is None

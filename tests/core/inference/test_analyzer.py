"""A recording and a model in, one frozen Analysis out: times, sums, rules, what was seen, long recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, logit, softmax

from mlee_core.audio.decoding import Recording
from mlee_core.audio.features import log_spectrogram
from mlee_core.audio.levels import AudioSignal
from mlee_core.errors import AudioError
from mlee_core.events import Progress
from mlee_core.inference import model_file
from mlee_core.inference.analyzer import Analyzer
from mlee_core.inference.results import Analysis, Segment
from mlee_core.nets import tensor_file
from tests.helpers import made_data
from tests.helpers.analysis import analyze


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    path = made_data.model(
        tmp_path_factory.mktemp("model") / "random.safetensors", seen={"abc": "train", "def": "dev"}
    )
    return Analyzer(model_file.load(path))


def recording(samples: np.ndarray, digest: str = "0") -> Recording:
    return Recording(Path("made.wav"), samples.astype(np.float32), 16_000, 1, (), digest)


def test_attention_has_a_weight_a_step_at_the_steps_centres(analyzer: Analyzer) -> None:
    one = analyze(analyzer, recording(made_data.voice(150, 2.0, 1))).single
    assert one is not None
    frames = 1 + (32_000 - 640) // 160
    steps = frames // 16
    assert one.attention.times_s == pytest.approx([0.16 * i + 0.095 for i in range(steps)])
    for encoder in ("hard", "soft", "mlee"):
        weights = one.attention.of(encoder)
        assert weights is not None and len(weights) == steps
        assert sum(weights) == pytest.approx(1, abs=1e-5) and min(weights) >= 0
    assert one.attention.edges_s()[0] == pytest.approx(0.015)
    assert len(one.attention.edges_s()) == steps + 1


def test_probabilities_are_the_networks_own(analyzer: Analyzer) -> None:
    """By hand through the networks: softmax for dominant, sigmoid for existence, fusion on soft and MLEE."""
    samples = made_data.voice(250, 1.5, 2)
    one = analyze(analyzer, recording(samples)).single
    assert one is not None and one.existence is not None
    features = log_spectrogram(samples / np.abs(samples).max())
    vectors = {}
    for head, (network, norm) in analyzer.bundle.members[0].networks.items():
        x = ((features - norm.mean) / norm.std)[None]
        with torch.no_grad():
            logits, _ = network(x, torch.tensor([x.shape[1]]))
            vectors[head], _ = network.encoder(x, torch.tensor([x.shape[1]]))
        expected = logits.sigmoid() if head == "mlee" else logits.softmax(1)
        got = one.existence if head == "mlee" else one.dominant[head]
        assert got == pytest.approx(expected[0].tolist(), abs=1e-4)
    (member,) = analyzer.bundle.members
    assert member.fusion is not None
    with torch.no_grad():
        fused = member.fusion(torch.cat([vectors["soft"], vectors["mlee"]], 1)).softmax(1)[0]
    assert one.dominant["fusion"] == pytest.approx(fused.tolist(), abs=1e-4)
    assert one.rule == "fusion" and one.predicted == one.classes[int(fused.argmax())]


def test_a_models_scaling_is_applied_to_each_heads_logits(analyzer: Analyzer, tmp_path: Path) -> None:
    """By hand: logits z become (z - offset) / temperature. Every head has its own."""
    degrees = {"hard": 1.0, "soft": 2.0, "mlee": 0.5, "fusion": 4.0}
    scalings = {head: {"temperature": t, "offset": 1.5 * (head == "mlee")} for head, t in degrees.items()}
    path = made_data.model(tmp_path / "random.safetensors", scalings=[scalings])
    sound = recording(made_data.voice(250, 1.5, 2))
    plain, scaled = (analyze(a, sound).single for a in (analyzer, Analyzer(model_file.load(path))))
    assert plain is not None and scaled is not None and plain.existence and scaled.existence
    assert scaled.dominant["hard"] == plain.dominant["hard"]
    for head in ("soft", "fusion"):
        before, after = (np.array(one.dominant[head]) for one in (plain, scaled))
        assert after == pytest.approx(softmax(np.log(before) / degrees[head]), abs=1e-5)
    assert scaled.existence == pytest.approx(expit((logit(plain.existence) - 1.5) / 0.5), abs=1e-5)


def test_an_ensemble_answers_the_mean_of_its_members(tmp_path: Path) -> None:
    """Against each member as a model of its own: probabilities and where they looked."""
    tensors, header = tensor_file.load(made_data.model(tmp_path / "both.safetensors", members=2))
    sound = recording(made_data.voice(250, 1.5, 2))
    alone = []
    for number in "01":
        own = {f"0.{n[2:]}": tensor for n, tensor in tensors.items() if n.startswith(f"{number}.")}
        path = tmp_path / f"{number}.safetensors"
        tensor_file.save(path, own, {**header, "scalings": header["scalings"][:1]})
        alone.append(analyze(Analyzer(model_file.load(path)), sound).single)
    both = analyze(Analyzer(model_file.load(tmp_path / "both.safetensors")), sound).single
    first, second = alone
    assert (
        both is not None and first is not None and second is not None and first.existence != second.existence
    )
    for head in ("hard", "soft", "fusion"):
        assert both.dominant[head] == pytest.approx(
            np.mean([one.dominant[head] for one in alone], 0), abs=1e-6
        )
    assert both.existence == pytest.approx(np.mean([first.existence, second.existence], 0), abs=1e-6)
    for encoder in ("hard", "soft", "mlee"):
        looked = [one.attention.of(encoder) for one in alone]
        assert both.attention.of(encoder) == pytest.approx(np.mean(looked, 0), abs=1e-6)


@pytest.mark.parametrize(
    ("heads", "rule"),
    [
        (("hard", "soft", "mlee"), "soft"),
        (("hard", "mlee"), "hard"),
        (("mlee",), "mlee"),
        (("hard",), "hard"),
    ],
)
def test_the_rule_is_the_best_head_there_is_and_absent_ones_are_null(
    heads: tuple[str, ...], rule: str, tmp_path: Path
) -> None:
    bundle = model_file.load(made_data.model(tmp_path / "some.safetensors", heads))
    analysis = analyze(Analyzer(bundle), recording(made_data.voice(150, 1.2, 3)))
    one = analysis.single
    assert one is not None and one.rule == rule and analysis.heads == heads
    value = analysis.to_json()
    assert value["dominant"]["fusion"] is None
    assert (value["existence"] is None) == ("mlee" not in heads)
    assert (value["attention"]["soft"] is None) == ("soft" not in heads)
    if rule == "mlee":
        assert one.existence is not None and one.predicted == one.classes[int(np.argmax(one.existence))]


def test_level_does_not_matter_when_scaled_to_peak(analyzer: Analyzer) -> None:
    samples = made_data.voice(150, 2.0, 4)
    loud, quiet = (analyze(analyzer, recording(samples * g)).single for g in (1.0, 0.05))
    assert loud is not None and quiet is not None
    assert loud.dominant["fusion"] == pytest.approx(quiet.dominant["fusion"], abs=1e-3)
    assert AudioSignal.of(samples * np.float32(0.05)).gain() == pytest.approx(
        20 * AudioSignal.of(samples).gain(), rel=1e-4
    )


@pytest.mark.parametrize("samples", [10, 639, 640, 2000, 2400, 3200])
def test_very_short_recordings_are_answered_with_a_note(analyzer: Analyzer, samples: int) -> None:
    one = analyze(analyzer, recording(made_data.voice(150, 1.0, 5)[:samples])).single
    assert one is not None
    assert any("short" in note.lower() for note in one.notes)
    assert sum(one.attention.mlee or ()) == pytest.approx(1, abs=1e-6)
    assert all(np.isfinite(one.dominant["fusion"] or ()))


def test_a_long_recording_has_segments_and_no_single_verdict(analyzer: Analyzer) -> None:
    """Three stretches of voice in 70 s; each segment's numbers are those of its own stretch."""
    silence = np.zeros(16_000 * 15, np.float32)
    voice = [made_data.voice(150 + 90 * i, 8.0, i) for i in range(3)]
    samples = np.concatenate([x for v in voice for x in (v, silence)]) + 1e-4 * np.random.default_rng(
        0
    ).standard_normal(3 * (16_000 * 15 + 128_000)).astype(np.float32)
    long = recording(samples)
    items = list(analyzer.analyze(long))
    analysis = items[-1]
    assert isinstance(analysis, Analysis) and analysis.single is None
    value = analysis.to_json()
    assert value["predicted"] is None and len(value["segments"]) == len(analysis.segments) >= 3
    assert [i for i in items if isinstance(i, Segment)] == list(analysis.segments)
    assert any(isinstance(i, Progress) and i.left_s is not None for i in items)
    assert all(s.end_s - s.start_s <= 30.0 for s in analysis.segments)
    first = analysis.segments[0]
    alone = [*analyzer.analyze(long, first.start_s, first.end_s)][-1]
    assert isinstance(alone, Analysis) and alone.single is not None
    assert alone.single.dominant["fusion"] == pytest.approx(first.dominant["fusion"], abs=1e-5)
    assert alone.single.attention.times_s == pytest.approx(first.attention.times_s)
    assert first.attention.times_s[0] == pytest.approx(first.start_s + 0.095)
    assert json.loads(json.dumps(value)) == value


def test_a_stretch_outside_the_recording_is_refused(analyzer: Analyzer) -> None:
    for start, end in ((1.0, 9.0), (-1.0, 1.0), (1.0, 1.0)):
        with pytest.raises(AudioError, match=r"lasts 2\.00 s"):
            list(analyzer.analyze(recording(made_data.voice(150, 2.0, 1)), start, end))


@pytest.mark.parametrize(
    ("digest", "speaker", "corpus", "seen"),
    [
        ("abc", None, None, "train"),
        ("def", None, None, "dev"),
        ("abc", "s0", "made", "train"),
        ("0", "s3", "made", "train"),
        ("0", "s1", "made", "dev"),
        ("0", "s0", "made", None),
        ("0", "s3", "another", None),
        ("0", None, None, None),
    ],
)
def test_seen_by_recording_or_by_speaker(
    analyzer: Analyzer, digest: str, speaker: str | None, corpus: str | None, seen: str | None
) -> None:
    sound = recording(made_data.voice(150, 1.0, 1), digest)
    analysis = analyze(analyzer, sound, speaker=speaker, corpus=corpus)
    assert analysis.seen == seen
    assert bool(analysis.seen_why) == (seen is not None)

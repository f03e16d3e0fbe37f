"""What an experiment leaves: each encoder once, fold-honest predictions of everybody, a model a fold."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core import cli
from mlee_core.config.recipe import Recipe
from mlee_core.config.run_config import Compute, RunConfig, Selection
from mlee_core.config.stages import LINES, TRAIN_SETS, Stage
from mlee_core.corpora import folds
from mlee_core.corpora.corpus import Corpus, Utterance
from mlee_core.experiments import cell_training
from mlee_core.experiments.engines.tasks import TrainingTask, training_tasks
from mlee_core.labels.votes import CLASSES, Votes
from mlee_core.nets import tensor_file
from mlee_core.runs.cells import Cell
from mlee_core.runs.run_folder import RunFolder
from mlee_core.training.feature_store import FeatureStore
from tests.helpers import made_data as made
from tests.helpers.run_folders import content, kept

pytestmark = pytest.mark.timeout(900)  # the first of them trains, which may wait for the machine

ENCODERS = {"dominant-hard", "dominant-soft-dominant", "dominant-soft-all", "mlee-dominant", "mlee-all"}
DENSE = {
    f"{row}-{label}-{part}"
    for row in ("pretrain", "fusion")
    for label in ("hard", "soft")
    for part in ("dominant", "all")
}


def whole(*names: str, seeds: int = 1) -> Selection:
    return Selection(tuple(LINES), TRAIN_SETS, names, seeds)


# ---- each encoder once ----------------------------------------------------------------------------------


def test_every_stage_is_trained_once_a_fold(straight: Path) -> None:
    """14 cells of the table a fold, of which dominant-hard is one for both train sets: 5 encoders, 8 rows."""
    stages, lines = ENCODERS | DENSE, list(RunFolder(straight).events())
    told = Counter((e["fold"], e["seed"], e["stage"], e["epoch"]) for e in lines if e["type"] == "epoch_done")
    assert told == {(fold, 0, stage, n): 1 for fold in ("s0", "s1") for stage in stages for n in (1, 2, 3)}
    begun = Counter(line["stage"] for line in lines if line["type"] == "started" and line["stage"])
    assert begun == dict.fromkeys(stages, 2)
    assert {folder.name for folder in (straight / "s0" / "seed-0").iterdir()} == stages
    assert lines[-1]["type"] == "finished"


def test_rows_on_encoders_hold_two_dense_layers_and_no_encoder(straight: Path) -> None:
    for fold in ("s0", "s1"):
        for file in (straight / fold).glob("seed-0/*/last.safetensors"):
            parts = {name.split(".")[1] for name in tensor_file.load(file)[0] if name.startswith("network.")}
            expected = {"encoder", "classifier"} if file.parent.name in ENCODERS else {"dense1", "dense2"}
            assert parts == expected, file


def test_rows_encode_with_each_encoder_once_and_taking_a_stage_over_changes_nothing(
    straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dominant-hard too, on which the fusion rows of both train sets stand."""
    run, encoded = RunFolder(straight), []
    config, fold = run.config(), run.folds().folds[0]
    original = cell_training.encode

    def counted(config, *arguments):  # type: ignore[no-untyped-def]
        encoded.append(config.stage.name)
        return original(config, *arguments)

    monkeypatch.setattr(cell_training, "encode", counted)
    before = {file: content(straight / file) for file in kept(straight, "s0")}
    *_, work = _with_return(cell_training.prepare(run, config, run.corpus(), tmp_path))
    list(cell_training.train_cells(work, fold, 0, whole("s0").stages))
    assert sorted(encoded) == sorted(ENCODERS)
    assert before == {file: content(straight / file) for file in kept(straight, "s0")}


def _with_return(generator):  # type: ignore[no-untyped-def]
    yield (yield from generator)


def test_jobs_are_one_encoder_or_all_rows_of_a_fold() -> None:
    corpus = _corpus([(name, Votes(votes)) for name in "abc" for votes in ({"neu": 1}, {"neu": 1, "sad": 1})])
    parts = folds.loso(corpus)
    every = training_tasks(_config(whole("a", "c", seeds=2)), parts, corpus, ())
    assert Counter((job.fold.name, job.seed) for job in every) == {(f, s): 6 for f in "ac" for s in (0, 1)}
    for job in every:
        names = {stage.name for stage in job.stages}
        assert names == DENSE or (len(names) == 1 and names <= ENCODERS)
        needed = {Cell(job.fold.name, job.seed, encoder) for s in job.stages for encoder in s.encoders}
        assert set(job.needs) == needed and len(needed) == (5 if names == DENSE else 0)


def test_encoders_whose_train_sets_admit_the_same_utterances_are_one_job() -> None:
    """Of b and c, who teach and develop where a tests, c alone has an utterance without a dominant class."""
    corpus = _corpus(
        [("a", Votes({"neu": 1, "sad": 1})), ("b", Votes({"neu": 1})), ("c", Votes({"other": 1}))]
    )
    every = training_tasks(_config(whole("a")), folds.loso(corpus), corpus, ())
    encoders = {tuple(stage.name for stage in job.stages) for job in every if not job.needs}
    soft = ("dominant-soft-dominant", "dominant-soft-all")
    assert encoders == {("dominant-hard",), soft, ("mlee-dominant",), ("mlee-all",)}


def test_jobs_that_are_done_are_left_out_when_a_selection_grows() -> None:
    corpus = _corpus([(name, Votes(votes)) for name in "abc" for votes in ({"neu": 1}, {"neu": 1, "sad": 1})])
    parts = folds.loso(corpus)
    done = [cell for job in training_tasks(_config(whole("a")), parts, corpus, ()) for cell in job.cells]
    assert training_tasks(_config(whole("a")), parts, corpus, done) == ()
    grown = training_tasks(_config(whole("a", "b")), parts, corpus, done)
    assert {job.fold.name for job in grown} == {"b"}
    seeds = training_tasks(_config(whole("a", seeds=2)), parts, corpus, done)
    assert {job.seed for job in seeds} == {1}
    rows = training_tasks(_config(replace(whole("a"), train_sets=("all",))), parts, corpus, done[1:])
    assert rows == (TrainingTask(parts.folds[0], 0, (done[0].stage,)),)


# ---- fold-honest ----------------------------------------------------------------------------------------

votes_st = st.dictionaries(st.sampled_from([*CLASSES, "other"]), st.integers(0, 3)).map(Votes)
talks_st = st.lists(st.tuples(st.sampled_from("abcdefg"), votes_st), min_size=3, max_size=25).filter(
    lambda talks: len({speaker for speaker, _ in talks}) >= 3
)


def _config(selection: Selection = made.SELECTION) -> RunConfig:
    return RunConfig(("made",), "table", (), "", Recipe(speeds=(1.0,)), Compute(), 0, selection=selection)


def _corpus(talks: list[tuple[str, Votes]]) -> Corpus:
    """One utterance a talk; speakers a and b share a session, c and d the next one, and so on."""
    return Corpus("made", "table", Path("/a"), tuple(
        Utterance(f"u{i}", Path(f"/a/{i}.wav"), speaker, votes, session=str((ord(speaker) - ord("a")) // 2))
        for i, (speaker, votes) in enumerate(talks)
    ))  # fmt: skip


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One frame an utterance; all its bins hold the utterance's number."""
    file = tmp_path_factory.mktemp("features") / "features.f16"
    file.write_bytes(np.repeat(np.arange(25, dtype=np.float16)[:, None], 400, axis=1).tobytes())
    return file


@settings(deadline=None, max_examples=25)
@given(talks=talks_st, data=st.data())
def test_no_stage_has_a_speaker_in_two_parts(features: Path, talks, data) -> None:  # type: ignore[no-untyped-def]
    corpus = _corpus(talks)
    ways = ["loso", str(data.draw(st.integers(3, len(corpus.speakers))))]
    ways += ["sessions"] if len({u.session for u in corpus.utterances}) >= 3 else []
    made = folds.make(corpus, data.draw(st.sampled_from(ways)))
    numbers = {u.id: n for n, u in enumerate(corpus.utterances)}
    spans = {(name, 1.0): (n, n + 1) for name, n in numbers.items()}
    store = FeatureStore(features, spans, {name: name for name in numbers}, {}, {})
    vectors = {item: torch.zeros(256) for item in spans}
    for fold in made.folds:
        for stage in whole("any").stages:
            cached = [vectors for _ in stage.encoders]
            config = _config().for_stage(stage)
            parts = cell_training.stage_data(config, corpus, fold, store, cached, [])
            train, dev, test = (
                {u.speaker for u in part}
                for part in (parts.train.utterances, parts.dev.utterances, parts.test)
            )
            assert not (train & dev or train & test or dev & test)
            assert train <= set(fold.train) and dev <= set(fold.dev) and test <= set(fold.test)
            tested = [u for u in corpus.utterances if u.speaker in fold.test and sum(u.votes.counts.values())]
            assert list(parts.test) == tested
            if parts.normalisation is not None:
                learnt = [numbers[u.id] for u in corpus.utterances if u in parts.train.utterances]
                assert parts.normalisation.mean[0].item() == pytest.approx(np.mean(learnt), abs=1e-5)


def test_every_annotated_utterance_is_predicted_once_by_a_model_that_never_met_its_speaker(
    straight: Path,
) -> None:
    """Those without a dominant class too; the one that nobody annotated is nobody's business."""
    run = RunFolder(straight)
    annotated = {
        f"{speaker}_{name}_{n}.wav"
        for speaker in ("s0", "s1")
        for name in (*CLASSES, "other")
        for n in (0, 1)
    } - {"s1_other_1.wav"}
    parts = {fold.name: fold for fold in run.folds().folds}
    speaker = {u.id: u.speaker for u in run.corpus().utterances}
    predicted: dict[tuple[Stage, int], Counter[str]] = {}
    for result in run.results():
        assert {speaker[name] for name in result.predictions} == set(parts[result.fold].test)
        predicted.setdefault((result.stage, result.seed), Counter()).update(result.predictions.keys())
    assert {stage.name for stage, _ in predicted} == ENCODERS | DENSE
    assert all(count == dict.fromkeys(annotated, 1) for count in predicted.values())


def test_predictions_are_probabilities_and_make_the_scores(straight: Path) -> None:
    for result in RunFolder(straight).results():
        rows = np.array(list(result.predictions.values()))
        assert rows.shape[1] == 4 and (rows >= 0).all() and (rows <= 1).all()
        sums_to_one = np.allclose(rows.sum(1), 1, atol=1e-5)
        assert sums_to_one == (result.stage.row != "mlee")
        right: dict[str, list[bool]] = {}
        for name, row in result.predictions.items():  # what is said is in the name of the file
            if (truth := name.split("_")[1]) in CLASSES:
                right.setdefault(truth, []).append(CLASSES[int(np.argmax(row))] == truth)
        assert result.wa == pytest.approx(
            np.mean([is_right for of_class in right.values() for is_right in of_class])
        )
        assert result.ua == pytest.approx(np.mean([np.mean(r) for r in right.values()]))
        best = min(result.curves, key=lambda point: point["dev_loss"])
        assert (result.epoch, result.dev_loss) == (best["epoch"], best["dev_loss"])


def test_a_folds_model_analyses_and_knows_whom_it_has_met(
    straight: Path, small_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(small_table.parent / f"{speaker}_sad_0.wav") for speaker in ("s0", "s1", "s2")]
    assert cli.main(["analyze", *files, "--model", str(straight / "s0"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seen"] for line in lines] == [None, "dev", "train"]
    assert set(lines[0]["heads"]) == {"hard", "soft", "mlee", "fusion"}
    folds_own = RunFolder(straight).result(Cell("s0", 0, Stage("mlee", None, "all")))
    assert folds_own is not None
    assert lines[0]["existence"] == pytest.approx(folds_own.predictions["s0_sad_0.wav"], abs=1e-3)

"""The loop: what it learns, its weights and order, shared encoders, cached vectors, and a real SIGKILL."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mlee_core.config.recipe import Recipe
from mlee_core.config.run_config import Compute, RunConfig, StageConfig
from mlee_core.config.stages import Stage
from mlee_core.corpora import folds, open_corpus
from mlee_core.corpora.corpus import Utterance
from mlee_core.errors import AudioError, ConfigError, RunError
from mlee_core.events import EpochDone, Event, Finished, Progress, StageDone, Started
from mlee_core.experiments import model_export
from mlee_core.experiments.cell_training import Work, encode, prepare, train_cells
from mlee_core.nets import tensor_file
from mlee_core.nets.network import Network
from mlee_core.nets.normalisation import Normalisation
from mlee_core.runs.cells import MODEL_FILE, Cell
from mlee_core.runs.run_folder import RunFolder
from mlee_core.training.batches import EncoderInputs, Examples, training_batches
from mlee_core.training.feature_store import FeatureStore, build_features, normalisation_of
from mlee_core.training.loop import History, build, load_network
from mlee_core.training.losses import loss_function
from tests.helpers import made_data
from tests.helpers.run_folders import content

FUSION = Stage("fusion", "soft", "all")
Run = tuple[RunFolder, Work, list[Event]]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def run(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One fold trained for real: fusion-soft, so dominant-soft and mlee too, then dominant-hard."""
    folder, corpus = RunFolder(tmp_path_factory.mktemp("runs") / "run"), open_corpus(table)
    config, events = _config(table, max_epochs=6), []
    _begin(folder, config)
    work = _returned(prepare(folder, config, corpus, tmp_path_factory.mktemp("features")))
    fold = folds.one(corpus, "s0")
    with folder.writing() as journal:
        for event in train_cells(work, fold, config.seed, [FUSION, Stage("dominant", "hard", "all")]):
            if not isinstance(event, Progress):
                assert journal.append(event)
                events.append(event)
        events.append(Finished("both"))
        assert journal.append(events[-1])
    model_export.export(folder, config, corpus, fold, folder.path / MODEL_FILE)
    return folder, work, events


def _begin(folder: RunFolder, config: RunConfig, *, resume: bool = False) -> None:
    corpus = open_corpus(Path(config.corpus[0]))
    folder.begin(config, corpus, folds.loso(corpus), resume=resume)


def _config(table: Path, **recipe: int) -> RunConfig:
    digest = open_corpus(table).data_hash()
    return RunConfig(
        (str(table),), "table", (), digest, Recipe(**recipe), Compute(), 0, selection=made_data.SELECTION
    )


def _store(table: Path, tmp_path: Path) -> FeatureStore:
    store = _returned(build_features(open_corpus(table).utterances, Recipe(), tmp_path / "features.f16"))
    assert isinstance(store, FeatureStore)
    return store


def _returned(generator):  # type: ignore[no-untyped-def]
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def test_every_stage_learns(run: Run) -> None:
    """Classes are pitches here: chance is 25 %, and the loss must fall."""
    _, _, events = run
    done = {e.stage: e for e in events if isinstance(e, StageDone)}
    assert set(done) == {"dominant-soft-all", "mlee-all", "fusion-soft-all", "dominant-hard"}
    for stage, end in done.items():
        epochs = [e for e in events if isinstance(e, EpochDone) and e.stage == stage]
        assert end.dev_loss == min(e.dev_loss for e in epochs)
        assert epochs[-1].train_loss < epochs[0].train_loss, stage
    for stage in ("dominant-hard", "dominant-soft-all"):
        wa, ua = done[stage].wa, done[stage].ua
        assert wa is not None and ua is not None and wa >= 0.6 and ua >= 0.6


def test_train_sets_that_admit_the_same_utterances_are_one_training(table: Path, tmp_path: Path) -> None:
    """Without minority votes both train sets have the same soft targets: trained once, two equal results."""
    unanimous = tmp_path / "unanimous.csv"
    head, *rows = table.read_text().splitlines()
    rows = [",".join([f"{table.parent}/{n}", s, *("3" if v == "3" else "0" for v in votes)])
            for n, s, *votes in (row.split(",") for row in rows)]  # fmt: skip
    unanimous.write_text("\n".join([head, *rows]))
    folder, corpus, config = (
        RunFolder(tmp_path / "run"),
        open_corpus(unanimous),
        _config(unanimous, max_epochs=1),
    )
    _begin(folder, config)
    work, fold = _returned(prepare(folder, config, corpus, tmp_path)), folds.one(corpus, "s0")
    twins = [Stage("dominant", "soft", "dominant"), Stage("dominant", "soft", "all")]
    events = list(train_cells(work, fold, 0, twins))
    assert [e.stage for e in events if isinstance(e, Started)] == ["dominant-soft-dominant"]
    ends = [e for e in events if isinstance(e, StageDone)]
    assert [(e.stage, e.reused) for e in ends] == [(twins[0].name, False), (twins[1].name, True)]
    first, second = (folder.result(Cell("s0", 0, stage)) for stage in twins)
    assert first is not None and second is not None and second.stage == twins[1]
    assert (first.key, first.predictions) == (second.key, second.predictions)
    for name in ("best.safetensors", "last.safetensors"):
        a, b = (content(folder.stage_folder(Cell("s0", 0, stage)) / name) for stage in twins)
        assert a == b
    other = replace(config, seed=1)
    again = list(
        train_cells(replace(work, config=other), fold, 1, twins[1:])
    )  # another seed is another training
    assert [e.stage for e in again if isinstance(e, Started)] == ["dominant-soft-all"]


def test_events_are_lines_of_json_with_a_type(run: Run) -> None:
    folder, _, events = run
    lines = list(folder.events())
    assert [line["type"] for line in lines] == [event.type for event in events]
    assert {"started", "epoch_done", "stage_done", "finished"} == {line["type"] for line in lines}
    assert all({"stage", "epoch"} <= line.keys() for line in lines if line["type"] == "epoch_done")


def test_a_finished_stage_is_taken_over(run: Run) -> None:
    folder, work, events = run
    files = {file: file.read_bytes() for file in folder.path.rglob("*.safetensors")}
    again = list(train_cells(work, folds.one(work.corpus, "s0"), 0, [FUSION]))
    done = [e for e in again if isinstance(e, StageDone)]
    assert len(done) == 3 and all(e.reused for e in done)
    told = {(e.stage, e.epoch): e.curve_point for e in events if isinstance(e, EpochDone)}
    retold = [e for e in again if isinstance(e, EpochDone)]
    assert all(e.seconds is None and told[e.stage, e.epoch] == e.curve_point for e in retold)
    with folder.writing() as journal:  # what a resumed run tells again is not written again
        assert not any(journal.append(e) for e in (*retold, *done))
    assert files == {file: file.read_bytes() for file in folder.path.rglob("*.safetensors")}
    first = {e.stage: (e.wa, e.ua, e.dev_loss) for e in events if isinstance(e, StageDone)}
    assert {e.stage: (e.wa, e.ua, e.dev_loss) for e in done}.items() <= first.items()


def test_cached_encoder_outputs_equal_the_full_forward_pass(run: Run) -> None:
    folder, work, _ = run
    store, utterances, stage = work.store, work.corpus.utterances, Stage("mlee", None, "all")
    best = folder.stage_folder(Cell("s0", 0, stage)) / "best.safetensors"
    vectors = _returned(encode(work.config.for_stage(stage), best, store, utterances))
    network = Network()
    tensors, _ = load_network(best, network)
    network.eval()
    norm = Normalisation(tensors["norm.mean"], tensors["norm.std"])
    assert len(vectors) == 3 * len(utterances)
    for utterance in utterances[::7]:
        for speed in (0.9, 1.0, 1.1):
            x = norm.apply(store.of(utterance.id, speed))[None]
            with torch.no_grad():
                alone, _ = network.encoder(x, torch.tensor([x.shape[1]]))
            torch.testing.assert_close(vectors[utterance.id, speed], alone[0], atol=1e-5, rtol=1e-4)


def test_fine_tuning_leaves_the_encoders_alone(run: Run) -> None:
    folder, _, _ = run
    dense, _ = tensor_file.load(folder.stage_folder(Cell("s0", 0, FUSION)) / "best.safetensors")
    assert {name for name in dense if name.startswith("network.")} == {
        "network.dense1.weight", "network.dense1.bias", "network.dense2.weight", "network.dense2.bias"
    }  # fmt: skip
    model, _ = tensor_file.load(folder.path / "model.safetensors")
    mlee = folder.stage_folder(Cell("s0", 0, FUSION.encoders[1]))
    trained, _ = tensor_file.load(mlee / "best.safetensors")
    for name, value in trained.items():
        stored = value.half() if name.startswith("network.") else value
        assert torch.equal(stored, model[f"0.mlee.{name}"]), name


def test_dominant_loss_by_hand() -> None:
    """Two utterances of neu, one each of the rest: w = 5/(4·2), 5/4, 5/4, 5/4; uniform p gives w·ln 4."""
    targets = [(1, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    config = StageConfig(Stage("dominant", "hard", "all"), Recipe(), Compute(), 0)
    loss = loss_function(config, targets)
    one = torch.tensor([[1.0, 0, 0, 0]])
    assert loss(torch.zeros(1, 4), one).item() == pytest.approx(5 / 8 * math.log(4))
    both = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    assert loss(torch.zeros(2, 4), both).item() == pytest.approx((5 / 8 + 5 / 4) / 2 * math.log(4))


def test_existence_loss_by_hand_and_by_torch() -> None:
    """Class 0 exists in 1 of 4: w₁ = 4/2 = 2, w₀ = 4/6; against torch's own binary cross entropy."""
    targets = [(1, 1, 0, 1), (0, 1, 1, 0), (0, 0, 1, 1), (0, 0, 0, 0)]
    config = StageConfig(Stage("mlee", None, "all"), Recipe(), Compute(), 0)
    loss = loss_function(config, targets)
    logits, q = torch.randn(4, 4), torch.tensor(targets, dtype=torch.float32)
    present = q.sum(0)
    weight = torch.where(q == 1, 4 / (2 * present), 4 / (2 * (4 - present)))
    expected = F.binary_cross_entropy_with_logits(logits, q, weight, reduction="sum") / 4
    torch.testing.assert_close(loss(logits, q), expected)
    only_first = torch.tensor([[1.0, 0, 0, 0]])
    absent = 4 / (2 * 2) * 3  # the three other classes exist in two of four: w₀ = 1 each
    assert loss(torch.zeros(1, 4), only_first).item() == pytest.approx((2 + absent) * math.log(2))


def test_an_epoch_holds_every_example_at_every_speed_in_an_order_of_its_own(
    table: Path, tmp_path: Path
) -> None:
    store = _store(table, tmp_path)
    examples = Examples.admitted(open_corpus(table).utterances, Stage("mlee", None, "all"))
    inputs = EncoderInputs(store, normalisation_of(store, examples.utterances, centred=False))
    epochs = [[b.ids for b in training_batches(inputs, examples, Recipe(), 0, epoch)] for epoch in (1, 1, 2)]
    assert epochs[0] == epochs[1] != epochs[2]
    for epoch in epochs:
        assert sorted(n for ids in epoch for n in ids) == sorted(3 * [u.id for u in examples.utterances])
    padded = real = 0
    for batch in training_batches(inputs, examples, Recipe(), 0, 1):
        x, lengths = batch.inputs
        padded, real = padded + x.shape[0] * x.shape[1], real + int(lengths.sum())
    assert padded / real < 1.15  # one pool, sorted by length; random batches of these waste about 1.3


def test_normalisation_is_of_the_unperturbed_admitted_utterances(table: Path, tmp_path: Path) -> None:
    store = _store(table, tmp_path)
    hard = Examples.admitted(open_corpus(table).utterances, Stage("dominant", "hard", "all")).utterances
    norm = normalisation_of(store, hard, centred=False)
    frames = np.concatenate([store.of(u.id).numpy().astype(np.float64) for u in hard])
    np.testing.assert_allclose(norm.mean.numpy(), frames.mean(0), atol=1e-4)
    np.testing.assert_allclose(norm.std.numpy(), frames.std(0), rtol=1e-4)
    assert len(hard) < len(open_corpus(table).utterances)  # other is not admitted


def test_early_stopping_waits_for_patience() -> None:
    config = StageConfig(FUSION, Recipe(max_epochs=50, patience=3), Compute(), 0)
    assert not History(epoch=12, best_epoch=10, best_loss=1.0).finished(config)
    assert History(epoch=13, best_epoch=10, best_loss=1.0).finished(config)
    assert History(epoch=50, best_epoch=50, best_loss=1.0).finished(config)


def test_seed_and_stage_decide_the_first_weights() -> None:
    def first(stage: Stage, seed: int) -> torch.Tensor:
        return next(build(StageConfig(stage, Recipe(), Compute(), seed)).parameters()).detach()

    hard, soft = Stage("dominant", "hard", "all"), Stage("dominant", "soft", "all")
    assert torch.equal(first(hard, 0), first(hard, 0))
    assert not torch.equal(first(hard, 0), first(hard, 1))
    assert not torch.equal(first(hard, 0), first(soft, 0))


def _train(table: Path, run: Path, *more: str) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "mlee_core.cli",
        "train",
        str(table),
        "--row",
        "fusion",
        "--label",
        "soft",
    ]
    return [*command, "--fold", "s0", "--max-epochs", "4", "--run", str(run), *more]


def test_killed_and_resumed_is_bit_identical(table: Path, tmp_path: Path) -> None:
    """SIGKILL in the first encoder's third epoch, and again later; the rest by --resume."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    subprocess.run(_train(table, straight), check=True, capture_output=True)
    _kill_after(_train(table, killed), killed, ("dominant-soft-all", 2))
    _kill_after(_train(table, killed, "--resume"), killed, ("mlee-all", 1))
    subprocess.run(_train(table, killed, "--resume"), check=True, capture_output=True)
    resumed = [line["stage"] for line in RunFolder(killed).events() if line["type"] == "resumed"]
    assert resumed[0] == "dominant-soft-all"
    assert [line["type"] for line in RunFolder(killed).events()][-1] == "finished"
    files = sorted([*straight.rglob("*.safetensors"), *straight.rglob("result.json")])
    assert len(files) == 3 * 3 + 1  # last, best and result of three stages, and the model
    for file in files:
        assert content(file) == content(killed / file.relative_to(straight)), file
    assert not list(killed.rglob(".*"))  # no temporary files left behind


def _kill_after(command: list[str], run: Path, moment: tuple[str, int]) -> None:
    """SIGKILL as soon as the epoch's event is there, so in the middle of the next one."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"{moment[0]} epoch {moment[1]}:"):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    last = run / "s0" / "seed-0" / moment[0] / "last.safetensors"
    assert tensor_file.load(last)[1]["history"]["epoch"] >= moment[1]


def test_a_run_goes_on_only_with_its_own_settings(table: Path, tmp_path: Path) -> None:
    config = _config(table)
    folder = RunFolder(tmp_path / "run")
    _begin(folder, config)
    _begin(folder, config, resume=True)
    with pytest.raises(RunError, match="--resume"):
        _begin(folder, config)
    with pytest.raises(RunError, match=r"recipe was .* and is now .*, patience 2;"):
        _begin(folder, _config(table, patience=2), resume=True)


def test_a_checkpoint_of_other_data_is_refused(run: Run) -> None:
    _, work, _ = run
    with pytest.raises(RunError, match="other data or settings"):
        list(train_cells(work, folds.Fold("s0", ("s2", "s3"), ("s0",), ("s1",)), 0, [FUSION]))


def test_one_writer_at_a_time(table: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    _begin(folder, _config(table))
    with folder.writing(), pytest.raises(RunError, match="another process"), RunFolder(folder.path).writing():
        pass


def test_a_half_line_of_a_killed_writer_is_cut_off(table: Path, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    _begin(folder, _config(table))
    folder.events_file.write_text(json.dumps({"type": "started"}) + '\n{"type": "epo')
    with folder.writing():
        assert folder.events_file.read_text() == '{"type": "started"}\n'


def test_what_killed_processes_leave_while_a_run_is_written_goes_at_its_end(
    table: Path, tmp_path: Path
) -> None:
    """And what ended it is told, even where the folder has been damaged meanwhile."""
    folder = RunFolder(tmp_path / "run")
    _begin(folder, _config(table))
    stage = folder.path / "s0" / "seed-0" / "mlee-all"
    stage.mkdir(parents=True)
    with pytest.raises(ValueError, match="the reason"), folder.writing():
        (stage / ".last.x.tmp.safetensors").touch()
        (stage / "last.safetensors").touch()
        (folder.path / "folds.json").unlink()
        raise ValueError("the reason")
    assert [file.name for file in stage.iterdir()] == ["last.safetensors"]


def test_a_damaged_line_of_events_is_named(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b'{"type": "started"}\n\xff\n')
    with pytest.raises(RunError, match=r"events\.jsonl, line 2 is damaged"):
        list(RunFolder(tmp_path).events())


def test_missing_audio_and_absent_classes_are_named(table: Path, tmp_path: Path) -> None:
    utterance = open_corpus(table).utterances[0]
    gone = Utterance(utterance.id, Path("/gone/a.wav"), utterance.speaker, utterance.votes)
    with pytest.raises(AudioError, match=r"/gone/a\.wav"):
        next(build_features([gone], Recipe(), tmp_path / "features.f16"))
    config = StageConfig(Stage("dominant", "hard", "all"), Recipe(), Compute(), 0)
    with pytest.raises(ConfigError, match="class sad, ang is dominant in no utterance"):
        loss_function(config, [(1, 0, 0, 0), (0, 1, 0, 0)])

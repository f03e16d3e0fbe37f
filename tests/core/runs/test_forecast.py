"""How long an experiment takes: frames by hand, epochs expected, time left as events come in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core.config.recipe import BINS, Augmentation, Recipe
from mlee_core.config.run_config import Compute, RunConfig, Selection
from mlee_core.config.stages import Stage
from mlee_core.corpora import folds
from mlee_core.corpora.corpus import Corpus, Utterance
from mlee_core.events import EpochDone, Resumed, StageDone
from mlee_core.labels.votes import Votes
from mlee_core.nets.network import Network
from mlee_core.runs import forecast, run_folder
from mlee_core.runs.cells import Cell
from mlee_core.runs.forecast import Forecast, Speed, Workload

SPEED = Speed(train_s=0.001, features_s=0.01, mean_duration_s=4.0, memory_bytes=1000)
HARD, MLEE = Stage("dominant", "hard", "all"), Stage("mlee", None, "all")


def corpus(duration_s: float | None = 2.0) -> Corpus:
    """Three speakers, each with one utterance of every class and one of another emotion."""
    labels = ("neu", "hap", "sad", "ang", "fear")
    made = [
        Utterance(f"{s}-{label}", Path(f"/{s}{label}.wav"), s, Votes({label: 1}), duration_s)
        for s in "abc"
        for label in labels
    ]
    return Corpus("made", "table", Path("/made"), tuple(made))


def config(rows: tuple[str, ...] = ("dominant-hard", "mlee"), seeds: int = 1, **recipe: int) -> RunConfig:
    selection = Selection(rows, ("all",), ("a", "b"), seeds)
    chosen = replace(Recipe(speeds=(1.0, 0.5)), **recipe)
    return RunConfig(("/made",), None, (), "0", chosen, Compute(), 0, selection=selection)


def ahead(asked: RunConfig, workers: int = 1, speed: Speed | None = SPEED) -> Forecast:
    parts = folds.loso(corpus())
    load = Workload(asked, corpus(), parts.folds, SPEED.mean_duration_s)
    return Forecast(asked, load, run_folder.cells(asked), workers, speed)


def test_an_encoder_that_its_twin_has_trained_costs_nothing() -> None:
    """One vote each: soft targets of both train sets admit the same four utterances of a speaker; an *other*
    is admitted by MLEE on all alone."""
    both = replace(config(), selection=Selection(("dominant-soft", "mlee"), ("dominant", "all"), ("a",)))
    load = Workload(both, corpus(), folds.loso(corpus()).folds, SPEED.mean_duration_s)
    frames = {s.name: load.epoch(Cell("a", 0, s)) for s in both.selection.stages}
    assert frames["dominant-soft-all"] == 0 < frames["dominant-soft-dominant"]
    assert frames["mlee-all"] == pytest.approx(5 / 4 * frames["mlee-dominant"])


def test_crops_and_one_speed_an_epoch_are_counted() -> None:
    """2 s at speeds 1 and ½ last 2 and 4 s: cropped to 3 s, one of them at random is 2.5 s on average."""
    asked = config(draw="one", augmentation=Augmentation(crop_frames=300))  # type: ignore[arg-type]
    load = Workload(asked, corpus(), folds.loso(corpus()).folds, SPEED.mean_duration_s)
    assert load.epoch(Cell("a", 0, HARD)) == pytest.approx(4 * 2.5 * 100)


def test_a_cycle_has_its_number_of_epochs() -> None:
    forecast = ahead(config(cycle=7))
    assert forecast.expected_epochs(Cell("a", 0, HARD)) == 7
    assert forecast.expected_epochs(Cell("a", 0, Stage("pretrain", "hard", "all"))) == 100


def epoch(cell: Cell, number: int, *, best: bool = True, seconds: float | None = None) -> EpochDone:
    values = (cell.stage.name, number, 1.0, 1.0, None, None, best, seconds)
    return EpochDone(*values, fold=cell.fold, seed=cell.seed)


def done(cell: Cell) -> StageDone:
    return StageDone(cell.stage.name, 1, 1.0, None, None, fold=cell.fold, seed=cell.seed)


@pytest.mark.parametrize(("duration_s", "each"), [(2.0, 2.0), (None, 4.0)])
def test_an_epoch_has_the_frames_of_what_the_stage_admits(duration_s: float | None, each: float) -> None:
    """One training speaker in each fold; speeds 1 and ½ make 3 seconds of each second."""
    load = Workload(config(), corpus(duration_s), folds.loso(corpus()).folds, SPEED.mean_duration_s)
    assert load.epoch(Cell("a", 0, HARD)) == pytest.approx(4 * each * 3 * 100)
    assert load.epoch(Cell("a", 0, MLEE)) == pytest.approx(5 * each * 3 * 100)
    assert load.audio_s == pytest.approx(15 * each)


def test_before_anything_is_known_encoders_take_a_usual_number_of_epochs() -> None:
    by_hand = 2 * (2400 + 3000) * forecast.EXPECTED_EPOCHS * SPEED.train_s  # two folds, two encoders
    assert ahead(config()).left_s() == pytest.approx(by_hand)
    assert ahead(config(), workers=2).left_s() == pytest.approx(by_hand / 2)
    assert ahead(config(), workers=9).left_s() == pytest.approx(3000 * 20 * 0.001)  # the longest one
    assert ahead(config(max_epochs=5)).left_s() == pytest.approx(by_hand / 4)
    assert ahead(config(), speed=None).left_s() is None


def test_measured_epochs_replace_the_trial() -> None:
    follow = ahead(config())
    follow.add(epoch(Cell("a", 0, HARD), 1, seconds=24.0))  # 2400 frames: ten times as slow as in the trial
    assert follow.left_s() == pytest.approx((2 * 5400 * 20 - 2400) * 0.01)


def test_a_finished_fold_tells_how_long_its_stages_take_elsewhere() -> None:
    follow, cell = ahead(config()), Cell("a", 0, HARD)
    for number in range(1, 16):
        follow.add(epoch(cell, number))
    follow.add(done(cell))
    assert follow.expected_epochs(Cell("b", 0, HARD)) == 15
    assert follow.expected_epochs(Cell("b", 0, MLEE)) == 15  # the only encoder known
    assert (follow.progress().done, follow.progress().total) == (1, 4)
    assert follow.left_s() == pytest.approx((2400 + 2 * 3000) * 15 * 0.001)


def test_a_stage_waits_for_its_patience() -> None:
    follow, cell = ahead(config(patience=10)), Cell("a", 0, HARD)
    for number in range(1, 29):
        follow.add(epoch(cell, number))
    assert follow.expected_epochs(cell) == 38
    follow.add(epoch(cell, 29, best=False))
    assert follow.expected_epochs(cell) == 38


def test_a_resumed_stage_has_its_epochs_behind_it() -> None:
    follow = ahead(config())
    follow.add(Resumed("dominant-hard", 15, fold="a", seed=0))
    assert follow.left_s() == pytest.approx((2 * 5400 * 20 - 15 * 2400) * 0.001)


def test_nothing_is_left_in_the_end_and_dense_layers_cost_little() -> None:
    asked = config(("fusion-soft",))
    follow = ahead(asked)
    encoders_only = ahead(config(("dominant-soft", "mlee"))).left_s()
    with_fusion = follow.left_s()
    assert encoders_only is not None and with_fusion is not None
    assert encoders_only < with_fusion < 1.25 * encoders_only
    for cell in run_folder.cells(asked):
        follow.add(done(cell))
    assert follow.left_s() == 0
    assert follow.progress().done == follow.progress().total == 6


@pytest.mark.parametrize("bins", BINS)
def test_networks_are_as_large_as_they_are(bins: int) -> None:
    assert forecast.network_bytes(Recipe(bins=bins)) == 4 * sum(p.numel() for p in Network(bins).parameters())
    averaged = Recipe(bins=bins, averaging=0.9)
    assert forecast.encoder_bytes(averaged) == 5 * forecast.network_bytes(averaged)


def test_an_ensemble_is_as_many_networks() -> None:
    asked = config(seeds=2, ensemble=3)
    cells = run_folder.cells(asked)
    assert [cell.seed for cell in cells[::2]] == [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]


def test_the_cost_counts_what_is_left() -> None:
    asked = config(seeds=2)
    cells = run_folder.cells(asked)
    load = Workload(asked, corpus(), folds.loso(corpus()).folds, 4.0)
    whole = forecast.cost(asked, load, cells, (), 2, SPEED)
    result = run_folder.CellResult("a", 0, HARD, "k", 1, 12, 1.0, None, None, (), {})
    rest = forecast.cost(asked, load, cells, (result,), 2, SPEED)
    assert (whole.cells, whole.done, rest.done) == (8, 0, 1)
    assert whole.features_bytes == 30 * 3 * 100 * 800  # 30 s of speech, three copies, float16 [T, 400]
    assert whole.disk_bytes - rest.disk_bytes == 4 * 4 * 1_068_956  # best, and last with two moments
    assert rest.seconds < whole.seconds < whole.most_seconds
    assert whole.memory_bytes == (2 * forecast.MEMORY_GROWTH + 1) * 1000

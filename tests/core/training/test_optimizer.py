"""Learning in one cycle: the rate's course, the running mean of the weights, going on after a stop."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from torch import nn

from mlee_core.config.recipe import RECIPES, Augmentation, Recipe
from mlee_core.config.run_config import Compute, RunConfig, StageConfig
from mlee_core.config.stages import Stage
from mlee_core.corpora import folds, open_corpus
from mlee_core.errors import RunError
from mlee_core.evaluation.calibration import Scaling
from mlee_core.events import EpochDone
from mlee_core.experiments.cell_training import stage_data
from mlee_core.training.batches import EncoderInputs, Examples, VectorInputs, epoch_size, training_batches
from mlee_core.training.feature_store import FeatureStore, build_features
from mlee_core.training.loop import StageData, Trained, train
from mlee_core.training.losses import existence_offset
from mlee_core.training.optimizer import Optimizer, cycle
from tests.helpers import made_data
from tests.helpers.run_folders import content

BEST = replace(
    RECIPES["best"],
    cycle=3,
    augmentation=Augmentation(48, off_centre=0.5, warp=0.1, mask_bins=20, mask_frames=8, mixup=0.4),
)
"""With everything that augments, on few epochs."""


def test_the_rate_rises_then_falls_along_half_a_cosine() -> None:
    assert [cycle(at) for at in (0.075, 0.15)] == pytest.approx([0.5, 1.0])
    assert cycle(0.15 + 0.85 / 2) == pytest.approx(0.5)
    assert cycle(0.15 + 0.85 / 3) == pytest.approx(0.75)  # (1 + cos 60°) / 2
    assert 0 < cycle(0.0) < 0.01 and 0 < cycle(1.0) < 0.01


def _optimizer(recipe: Recipe, network: nn.Module) -> Optimizer:
    return Optimizer(StageConfig(Stage("mlee", None, "all"), recipe, Compute(), 0), network)


def test_what_counts_is_the_running_mean_of_the_weights() -> None:
    """Against the formula, step by step: kept shares 1/10, 2/11, 3/12 and then the recipe's 1/4."""
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    optimizer = _optimizer(Recipe(averaging=0.25, learning_rate=0.1), network)
    mean = network.weight.detach().clone()  # [1, 3]
    for kept in (1 / 10, 2 / 11, 3 / 12, 1 / 4, 1 / 4):
        optimizer.schedule(0.5)
        optimizer.apply_gradients(network(torch.ones(3)).square().sum())
        mean = kept * mean + (1 - kept) * network.weight.detach()
        assert torch.allclose(optimizer.averaged.weight, mean)  # type: ignore[arg-type]
    assert not torch.equal(optimizer.averaged.weight, network.weight)  # type: ignore[arg-type]


def test_without_averaging_the_network_itself_counts() -> None:
    network = nn.Linear(3, 1)
    assert _optimizer(Recipe(), network).averaged is network


def test_weights_decay_without_a_gradient_by_the_rate() -> None:
    """Loshchilov and Hutter: w ← w (1 - rate · decay); Adam adds nothing where the gradient is 0."""
    network = nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    optimizer = _optimizer(Recipe(weight_decay=0.5, learning_rate=0.1), network)
    optimizer.schedule(0.5)
    optimizer.apply_gradients((network.weight * 0).sum())
    assert torch.allclose(network.weight, before * (1 - 0.1 * 0.5))


def test_dense_rows_keep_the_papers_rate_and_stop_early() -> None:
    dense = StageConfig(Stage("fusion", "soft", "all"), RECIPES["best"], Compute(), 0)
    encoder = replace(dense, stage=Stage("mlee", None, "all"))
    assert (dense.learning_rate, dense.cycled, dense.epochs) == (0.00005, False, 100)
    assert (encoder.learning_rate, encoder.cycled) == (RECIPES["best"].learning_rate, True)
    assert encoder.epochs == RECIPES["best"].cycle
    assert replace(encoder, recipe=replace(RECIPES["best"], max_epochs=2)).epochs == 2


# ---- a whole stage ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[StageConfig, StageData]:
    corpus = open_corpus(made_data.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, shortest_s=0.3))
    config = RunConfig(
        (str(corpus.root),),
        "table",
        (),
        corpus.data_hash(),
        BEST,
        Compute(),
        0,
        selection=made_data.SELECTION,
    )
    work = build_features(corpus.utterances, BEST, tmp_path_factory.mktemp("features") / "features.f16")
    store = _returned(work)
    assert isinstance(store, FeatureStore)
    stage = config.for_stage(Stage("dominant", "soft", "all"))
    return stage, stage_data(stage, corpus, folds.one(corpus, "s0"), store, [], [])


@pytest.fixture(scope="module")
def existence(data: tuple[StageConfig, StageData]) -> StageData:
    """The same speakers for MLEE; everybody's votes are unanimous."""
    _, learnt = data
    stage = Stage("mlee", None, "all")
    train_set, dev = (Examples.admitted(part.utterances, stage) for part in (learnt.train, learnt.dev))
    return replace(learnt, train=train_set, dev=dev)


def _returned(generator):  # type: ignore[no-untyped-def]
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def test_encoders_meet_one_speed_an_epoch_and_dense_layers_all(data: tuple[StageConfig, StageData]) -> None:
    _, learnt = data
    vectors = {(u.id, speed): torch.zeros(4) for u in learnt.train.utterances for speed in BEST.speeds}
    for inputs, times in ((learnt.inputs, 1), (VectorInputs(vectors), 3)):
        batches = training_batches(inputs, learnt.train, BEST, 0, 1)
        met = Counter(name for batch in batches for name in batch.ids)
        assert met == {u.id: times for u in learnt.train.utterances}
        assert met.total() == epoch_size(inputs, len(learnt.train), BEST)


def test_a_cycle_runs_to_its_end_whose_weights_count(
    data: tuple[StageConfig, StageData], tmp_path: Path
) -> None:
    config, learnt = data
    trained = _returned(train(config, learnt, tmp_path))
    assert isinstance(trained, Trained)
    assert trained.history.epoch == trained.history.best_epoch == 3
    assert trained.history.best_loss == trained.history.epochs[-1]["dev_loss"]
    assert 1 / 20 < trained.scaling.temperature < 20 and trained.scaling.temperature != 1.0
    assert trained.scaling.offset == 0  # of a softmax


def test_existence_is_scaled_and_its_argmax_stays(
    data: tuple[StageConfig, StageData], existence: StageData, tmp_path: Path
) -> None:
    """Beside the same training without calibration, whose logits are at hand that way."""
    config = replace(data[0], stage=Stage("mlee", None, "all"))
    loose = replace(config, recipe=replace(BEST, calibrated=False))
    folders = (tmp_path / "trained", tmp_path / "plain")
    for folder in folders:
        folder.mkdir()
    trained, plain = (
        _returned(train(how, existence, folder)) for how, folder in zip((config, loose), folders, strict=True)
    )
    assert plain.scaling == Scaling() and trained.scaling.offset == existence_offset(existence.train.targets)
    for name, said in trained.probabilities.items():
        logits = (logit(plain.probabilities[name]) - trained.scaling.offset) / trained.scaling.temperature
        assert said == pytest.approx(expit(logits), abs=1e-4)
        assert np.argmax(said) == np.argmax(plain.probabilities[name])


def test_batches_are_made_on_the_trainings_own_number_of_threads(
    data: tuple[StageConfig, StageData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two side by side, each making batches on as many threads as there are cores, take six times as long."""
    config, learnt = data
    seen, collate = set(), EncoderInputs.collate

    def counted(self, *arguments):  # type: ignore[no-untyped-def]
        seen.add(torch.get_num_threads())
        return collate(self, *arguments)

    monkeypatch.setattr(EncoderInputs, "collate", counted)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        _returned(train(replace(config, recipe=replace(BEST, cycle=1)), learnt, tmp_path))
        assert seen == {1} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_without_memory_a_smaller_batch_is_proposed(
    data: tuple[StageConfig, StageData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(Optimizer, "apply_gradients", full)
    with pytest.raises(RunError, match=r"cpu has no memory left for 8 utterances a step: .* --batch-size 4"):
        _returned(train(*data, tmp_path))


def test_another_fault_of_a_step_stays_itself(
    data: tuple[StageConfig, StageData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(Optimizer, "apply_gradients", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        _returned(train(*data, tmp_path))


def test_a_cycle_that_is_stopped_goes_on_bit_identically(
    data: tuple[StageConfig, StageData], tmp_path: Path
) -> None:
    config, learnt = data
    for folder in ("straight", "stopped"):
        (tmp_path / folder).mkdir()
    _returned(train(config, learnt, tmp_path / "straight"))
    for epoch in (1, 2):
        for event in train(config, learnt, tmp_path / "stopped"):
            if isinstance(event, EpochDone) and event.epoch == epoch:
                break  # and drop the generator: nothing but the disk remains
    _returned(train(config, learnt, tmp_path / "stopped"))
    for name in ("best.safetensors", "last.safetensors"):
        assert content(tmp_path / "stopped" / name) == content(tmp_path / "straight" / name)

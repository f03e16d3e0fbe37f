"""Steps that a GPU replays: what of them can be tried without one, and the rest where there is one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mlee_core.config.recipe import Augmentation, Recipe
from mlee_core.config.run_config import Compute, StageConfig
from mlee_core.config.stages import Stage
from mlee_core.errors import ConfigError
from mlee_core.nets import network as model
from mlee_core.nets import sequence_packing
from mlee_core.nets.network import Network, pad
from mlee_core.nets.normalisation import Normalisation
from mlee_core.training import devices, gpu_batches
from mlee_core.training.augmentation import Augmenter
from mlee_core.training.batches import Batch, EncoderInputs, moved
from mlee_core.training.cuda_graphs import COLUMNS, RecordedSteps, fixed_shape, undone
from mlee_core.training.feature_store import FeatureStore
from mlee_core.training.loop import build, train_step
from mlee_core.training.losses import loss_function
from mlee_core.training.optimizer import Optimizer

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

CYCLED = Recipe(cycle=3, averaging=0.9, weight_decay=0.01, batch_size=4)
MLEE = Stage("mlee", None, "all")


def batch(*lengths: int) -> Batch:
    generator = torch.Generator().manual_seed(sum(lengths))
    x, n = pad([torch.randn(length, 400, generator=generator) for length in lengths])
    return Batch((x, n), torch.eye(4)[: len(lengths)], tuple(map(str, lengths)))


def optimizer_of(config: StageConfig, network: nn.Module | None = None) -> Optimizer:
    return Optimizer(config, (network or build(config)).train())


def test_few_shapes_occur() -> None:
    shapes = {fixed_shape(batch(n, 40).inputs)[0].shape[1] for n in range(16, 1000, 7)}
    assert shapes == set(range(COLUMNS, 1000 + COLUMNS, COLUMNS))
    vectors = torch.randn(16, 512), torch.eye(4)
    assert all(torch.equal(a, b) for a, b in zip(fixed_shape(vectors), vectors, strict=True))


def test_a_step_in_a_fixed_shape_equals_the_ragged_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64, Adam and all: the weights afterwards are the same."""
    config = StageConfig(MLEE, CYCLED, Compute(), 0)
    optimizers = [optimizer_of(config, network.double()) for network in (build(config), build(config))]
    for lengths in ((40, 97, 7, 130), (30, 50, 64, 33)):
        x, n, q = (*batch(*lengths).inputs, batch(*lengths).targets)
        for optimizer, inputs, layout in (
            (optimizers[0], (x.double(), n), sequence_packing.laid_out),
            (optimizers[1], fixed_shape((x.double(), n)), sequence_packing.padded),
        ):
            monkeypatch.setattr(model, "laid_out", layout)
            optimizer.schedule(0.5)
            logits = optimizer.network(*inputs)[0]
            optimizer.apply_gradients(F.binary_cross_entropy_with_logits(logits, q.double()))
    for one, other in zip(optimizers[0].changing(), optimizers[1].changing(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-6)


def test_steps_that_warm_up_leave_no_trace() -> None:
    """What a step changes is all listed, so that it can be undone: the next one is as if it came first."""
    config = StageConfig(MLEE, CYCLED, Compute(), 0)
    straight, warmed = optimizer_of(config), optimizer_of(config)
    loss, given = loss_function(config, torch.eye(4).tolist()), batch(40, 97, 33, 64)
    warmed.schedule(0.3)
    before = [tensor.clone() for tensor in warmed.changing()]
    with undone(warmed.changing()):
        for _ in range(2):
            warmed.apply_gradients(loss(warmed.network(*given.inputs)[0], given.targets))
        assert not all(torch.equal(a, b) for a, b in zip(before, warmed.changing(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, warmed.changing(), strict=True))
    warmed.apply_gradients(loss(warmed.network(*given.inputs)[0], given.targets))
    train_step(config.compute, straight, loss, given, 0.3)
    assert all(torch.equal(a, b) for a, b in zip(straight.changing(), warmed.changing(), strict=True))
    assert all(torch.equal(value, warmed.state()[name]) for name, value in straight.state().items())


def test_graphs_are_for_a_gpu_and_no_part_of_what_is_trained() -> None:
    with pytest.raises(ConfigError, match="CUDA graphs on device cpu: they are for a GPU"):
        Compute(graphs=True)
    config = StageConfig(MLEE, Recipe(), Compute("cuda"), 0)
    assert replace(config, compute=Compute("cuda", graphs=True)).identity() == config.identity()
    assert replace(config, compute=Compute("cuda", "bf16")).identity() != config.identity()


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Three utterances at two speeds, of 40 to 90 frames."""
    rng, spans, start = np.random.default_rng(0), {}, 0
    for n, speed in ((n, speed) for n in range(3) for speed in (1.0, 0.9)):
        length = int((40 + 20 * n) / speed)
        spans[f"u{n}", speed] = (start, start + length)
        start += length
    rng.normal(-8, 3, (start, 400)).astype(np.float16).tofile(tmp_path / "features.f16")
    return FeatureStore(tmp_path / "features.f16", spans, {}, {}, {})


@pytest.mark.parametrize("centred", [0.0, 0.7])
def test_batches_gathered_on_a_device_are_the_hosts(store: FeatureStore, centred: float) -> None:
    norm = Normalisation(torch.linspace(-9, -7, 400), torch.linspace(2, 4, 400), centred)
    items = [("u1", 1.0), ("u2", 0.9), ("u0", 1.0)]
    for augmenter in (None, Augmenter(Augmentation(), np.random.default_rng(0))):
        x, lengths = gpu_batches.ResidentInputs(store, norm, "cpu").collate(items, augmenter)
        expected, ends = EncoderInputs(store, norm).collate(items)
        torch.testing.assert_close(x, expected, atol=1e-5, rtol=1e-5)
        assert torch.equal(lengths, ends) and torch.all(x[0, 60:] == 0)


def test_augmented_batches_come_from_the_host(store: FeatureStore) -> None:
    norm = Normalisation(torch.zeros(400), torch.ones(400))
    how = Augmentation(crop_frames=32)
    given = [Augmenter(how, np.random.default_rng(5)) for _ in range(2)]
    inputs = gpu_batches.ResidentInputs(store, norm, "cpu"), EncoderInputs(store, norm)
    x, expected = (made.collate([("u2", 1.0)], a)[0] for made, a in zip(inputs, given, strict=True))
    assert torch.equal(x, expected) and x.shape == (1, 32, 400)


def test_features_stay_on_the_host_where_a_gpu_has_no_room(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    norm, size = Normalisation(torch.zeros(400), torch.ones(400)), store.file.stat().st_size
    for free, kind in ((3 * size, gpu_batches.ResidentInputs), (3 * size - 3, EncoderInputs)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device, free=free: (free, 10 * size))
        assert type(gpu_batches.encoder_inputs(store, norm, "cuda")) is kind
    assert type(gpu_batches.encoder_inputs(store, norm, "cpu")) is EncoderInputs


def test_features_are_computed_where_the_gpu_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, expected in ((True, "cuda:1"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert devices.here("cuda:1") == expected and devices.here("cpu") == "cpu"


# ---- on a GPU -------------------------------------------------------------------------------------------


@pytest.fixture
def exact() -> Iterator[None]:
    """No TF32, and the same algorithms every time."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    torch.backends.cudnn.allow_tf32 = False
    devices.settle("cuda")
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = before


def on_gpu(graphs: bool = False) -> SimpleNamespace:
    """A learner on the GPU with two ways to take a step."""
    config = StageConfig(MLEE, CYCLED, Compute("cuda", graphs=graphs), 0)
    optimizer, loss = optimizer_of(config), loss_function(config, torch.eye(4).tolist())

    def whole(inputs: tuple[Tensor, ...]) -> Tensor:
        value = loss(optimizer.network(*inputs[:-1])[0], inputs[-1])
        optimizer.apply_gradients(value)
        return value

    recorded = RecordedSteps(whole, optimizer.changing)

    def replay(given: Batch, at: float) -> Tensor:
        optimizer.schedule(at)
        return recorded(fixed_shape(moved((*given.inputs, given.targets), "cuda"))).clone()

    def plain(given: Batch, at: float) -> Tensor:
        return train_step(config.compute, optimizer, loss, given, at)

    return SimpleNamespace(optimizer=optimizer, replay=replay, plain=plain, config=config)


BATCHES = [batch(*n) for n in ((40, 97, 7, 130), (30, 50, 60, 33), (41, 90, 8, 131), (200, 230, 190, 99))]


@gpu
def test_replayed_steps_are_the_plain_ones(exact: None) -> None:
    """Several shapes in turns, each met again after others were recorded."""
    plain, replayed = on_gpu(), on_gpu(graphs=True)
    for n, given in enumerate(BATCHES * 2):
        values = plain.plain(given, n / 8), replayed.replay(given, n / 8)
        torch.testing.assert_close(*values, atol=1e-4, rtol=1e-4)
    for one, other in zip(plain.optimizer.changing(), replayed.optimizer.changing(), strict=True):
        torch.testing.assert_close(one, other, atol=5e-3, rtol=5e-2)


@gpu
def test_a_gpus_network_is_the_processors(exact: None) -> None:
    torch.manual_seed(0)
    network = Network().eval()
    there = copy.deepcopy(network).cuda()
    with torch.no_grad():
        for given in BATCHES:
            expected = network(*given.inputs)[0]
            torch.testing.assert_close(
                there(*moved(given.inputs, "cuda"))[0].cpu(), expected, atol=1e-4, rtol=1e-3
            )


@gpu
@pytest.mark.parametrize("way", ["plain", "replay"])
def test_a_step_waits_for_nothing(exact: None, way: str) -> None:
    steps = on_gpu(graphs=way == "replay")
    take: Callable[[Batch, float], Tensor] = getattr(steps, way)
    for given in BATCHES:
        take(given, 0.1)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for given in BATCHES:
            take(given, 0.2)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@gpu
@pytest.mark.parametrize("way", ["plain", "replay"])
def test_going_on_is_bit_identical(exact: None, way: str) -> None:
    straight, resumed = on_gpu(graphs=way == "replay"), on_gpu(graphs=way == "replay")
    for n, given in enumerate(BATCHES):
        getattr(straight, way)(given, n / 8)
    kept = {name: value.clone() for name, value in straight.optimizer.state().items()}
    averaged = copy.deepcopy(straight.optimizer.averaged.state_dict())
    resumed.optimizer.averaged.load_state_dict(averaged)
    resumed.optimizer.restore(kept)
    for n, given in enumerate(BATCHES):
        for each in (straight, resumed):
            getattr(each, way)(given, 0.5 + n / 8)
    for one, other in zip(straight.optimizer.changing(), resumed.optimizer.changing(), strict=True):
        assert torch.equal(one, other)

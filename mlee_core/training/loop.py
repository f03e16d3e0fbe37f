"""One training loop for every stage: encoders on spectrograms, and dense layers on frozen encoders.

`train` is a generator of events; each yield is progress and a point where it can be stopped. After every
epoch the whole state (weights, Adam, history) is on disk, so that a killed run resumes bit-identically.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..config.run_config import Compute, StageConfig
from ..corpora.corpus import Utterance
from ..errors import ConfigError, RunError
from ..evaluation import calibration, scores
from ..evaluation.calibration import Scaling
from ..events import EpochDone, Event, Progress, Resumed, Started
from ..labels.votes import CLASSES, dominant
from ..nets import tensor_file
from ..nets.network import Classifier, Network
from ..nets.normalisation import Normalisation
from ..system.files import stable_hash
from ..system.provenance import stamp
from . import devices
from .batches import Arrays, Batch, Examples, Inputs, epoch_batches, epoch_size, moved, plain_batches
from .cuda_graphs import RecordedSteps, fixed_shape
from .devices import arithmetic
from .losses import Loss, existence_offset, loss_function
from .optimizer import Optimizer

Step = Callable[[Batch, float], Tensor]


@dataclass(frozen=True)
class StageData:
    """Data of a stage.

    train, dev: examples that its scheme admits.
    test: the test speakers' annotated utterances, with or without a dominant class.
    inputs: makes batches of all of them.
    normalisation: None for dense layers, whose encoders have their own.
    key: hash of data, targets, configuration and seed (SPEC.md "Training").
    """

    train: Examples
    dev: Examples
    test: tuple[Utterance, ...]
    inputs: Inputs
    normalisation: Normalisation | None
    key: str


@dataclass(frozen=True)
class History:
    """Course of a training so far; in the checkpoint's JSON."""

    epoch: int = 0
    best_epoch: int = 0
    best_loss: float = math.inf
    epochs: tuple[dict[str, Any], ...] = field(default=())

    def finished(self, config: StageConfig) -> bool:
        waited = self.epoch - self.best_epoch
        return self.epoch >= config.epochs or (self.epoch > 0 and waited >= config.recipe.patience)


@dataclass(frozen=True)
class Trained:
    """Result of a stage.

    probabilities: id -> [4] of the test utterances, by the best epoch's weights.
    development: the same for the development speakers' utterances that the stage admits.
    scaling: was applied to the logits of both.
    reused: nothing was left to train. early: a stop was requested before the end.
    """

    history: History
    probabilities: Mapping[str, tuple[float, ...]]
    development: Mapping[str, tuple[float, ...]]
    wa: float | None
    ua: float | None
    scaling: Scaling
    reused: bool
    early: bool


def build(config: StageConfig) -> Network | nn.Module:
    """A new network for a stage; its weights depend on seed, row and label only.

    Not on the train set, so that two train sets that admit the same utterances need one training.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(stable_hash([config.seed, config.stage.row, config.stage.label])[:15], 16))
        encoders = config.stage.encoders
        network: nn.Module = Classifier(len(encoders)) if encoders else Network(config.recipe.bins)
    if config.compute.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(config.compute.device)


def train(
    config: StageConfig, data: StageData, folder: Path, stop: Callable[[], bool] = lambda: False
) -> Generator[Event, None, Trained]:
    """Train one stage until its development loss stops falling, or for one cycle; yields events.

    Args:
        config: recipe, arithmetic and seed of the stage.
        data: its examples and their batches.
        folder: gets last.safetensors after every epoch and best.safetensors after every better one. Training
            resumes from a checkpoint in it, whose epochs are yielded again: a process that was killed between
            saving and reporting has not reported its last one.
        stop: called after every epoch; True ends the training there.

    Raises:
        ConfigError: a class without examples, or no training or development utterances.
        RunError: a checkpoint of other data or settings, or a loss that is not finite.
    """
    stage = config.stage.name
    refuse_empty(stage, data.train, data.dev)
    devices.settle(config.compute.device)
    optimizer = Optimizer(config, build(config))
    loss = loss_function(config, data.train.targets)
    history = _restore(folder / "last.safetensors", data.key, optimizer)
    reused = history.finished(config)
    if not reused:
        yield Resumed(stage, history.epoch) if history.epoch else Started("training", stage)
    for row in history.epochs:
        yield EpochDone(stage, **row, seconds=None)
    step = _steps(config, optimizer, loss)
    early = False
    while not (early or history.finished(config)):
        epoch, began = history.epoch + 1, time.monotonic()
        train_loss = yield from _epoch(config, data, optimizer, step, epoch)
        dev_loss, wa, ua = evaluate(config, data, optimizer.averaged, loss)
        if not (math.isfinite(train_loss) and math.isfinite(dev_loss)):
            raise RunError(
                f"{stage}: the loss is {train_loss} / {dev_loss} in epoch {epoch}, not a finite number."
            )
        better = config.cycled or dev_loss < history.best_loss  # a cycle's end counts
        done = EpochDone(stage, epoch, train_loss, dev_loss, wa, ua, better, time.monotonic() - began)
        history = replace(history, epoch=epoch, epochs=(*history.epochs, done.curve_point))
        if better:
            history = replace(history, best_epoch=epoch, best_loss=dev_loss)
        _save(folder, config, data, optimizer, history, better)
        yield done
        early = stop() and not history.finished(config)
    return _trained(config, data, optimizer.averaged, folder, history, reused=reused, early=early)


def _epoch(
    config: StageConfig, data: StageData, optimizer: Optimizer, step: Step, epoch: int
) -> Generator[Event, None, float]:
    """One pass over the training set; returns the mean loss."""
    examples = epoch_size(data.inputs, len(data.train), config.recipe)
    done, began = 0, time.monotonic()
    # read once, at the end: no synchronisation
    total = torch.zeros((), dtype=torch.float64, device=config.compute.device)
    optimizer.network.train()
    with closing(epoch_batches(data.inputs, data.train, config, epoch)) as batches:
        while done < examples:
            with arithmetic(config.compute):  # for augmentation too: more threads than cores slow each other
                batch = next(batches)
                at = (epoch - 1 + done / examples) / config.epochs
                with _explained_shortage(config):
                    total += step(batch, at).detach().double() * len(batch.ids)
            done += len(batch.ids)
            left = (time.monotonic() - began) / done * (examples - done)
            yield Progress(f"Epoch {epoch}", done, examples, left, config.stage.name, epoch)
    return total.item() / done


def _steps(config: StageConfig, optimizer: Optimizer, loss: Loss) -> Step:
    """The function (batch, share of the training that is done) -> the batch's loss after one step on it."""
    compute = config.compute
    step = partial(train_step, compute, optimizer, loss)
    if not compute.graphs:
        return step

    def whole(inputs: Arrays) -> Tensor:
        value = _loss(compute, optimizer.network, loss, inputs)
        optimizer.apply_gradients(value)
        return value

    def replayed(batch: Batch, at: float) -> Tensor:
        if len(batch.ids) < config.recipe.batch_size:  # an epoch's last: recording costs more than it saves
            return step(batch, at)
        optimizer.schedule(at)
        return recorded(fixed_shape(moved((*batch.inputs, batch.targets), compute.device)))

    recorded = RecordedSteps(whole, optimizer.changing)
    return replayed


@contextmanager
def _explained_shortage(config: StageConfig) -> Iterator[None]:
    """Raises: RunError, with a remedy, for an error that means too little memory."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        of_torch = any(text in str(error) for text in ("allocate memory", "not enough memory"))  # on the CPU
        if not of_torch and not isinstance(error, torch.OutOfMemoryError | MemoryError):
            raise
        size = config.recipe.batch_size
        smaller = f"--batch-size {size // 2}" if size > 1 else "shorter utterances"
        raise RunError(
            f"{config.stage.name}: {config.compute.device} has no memory left for {size} utterances a step: "
            f"start another run folder with {smaller}, or run fewer trainings at once (--jobs)."
        ) from error


def train_step(compute: Compute, optimizer: Optimizer, loss: Loss, batch: Batch, at: float) -> Tensor:
    """One step on one batch when a share `at` of the training is done; returns the batch's loss, a scalar."""
    value = _loss(compute, optimizer.network, loss, moved((*batch.inputs, batch.targets), compute.device))
    optimizer.schedule(at)
    optimizer.apply_gradients(value)
    return value


def _loss(compute: Compute, network: nn.Module, loss: Loss, batch: Arrays) -> Tensor:
    """Loss of a batch on the device: the network's inputs and, last, the targets [B, 4]."""
    return loss(_logits(network, batch[:-1], compute).float(), batch[-1])


def _logits(network: nn.Module, inputs: tuple[Tensor, ...], compute: Compute) -> Tensor:
    """[B, 4] of a Network (which also returns attention) or of a Classifier."""
    bf16 = network.training and compute.dtype == "bf16" and isinstance(network, Network)
    with torch.autocast(torch.device(compute.device).type, dtype=torch.bfloat16, enabled=bf16):
        out = network(*inputs)
    logits: Tensor = out[0] if isinstance(out, tuple) else out
    return logits


def predict(config: StageConfig, inputs: Inputs, network: nn.Module, examples: Examples) -> dict[str, Tensor]:
    """Utterance id -> logits [4], fp32, in eval mode; unperturbed."""
    network.eval()
    found: dict[str, Tensor] = {}
    with torch.inference_mode(), arithmetic(config.compute):
        for batch in plain_batches(inputs, examples):
            batch_inputs = moved(batch.inputs, config.compute.device)
            logits = _logits(network, batch_inputs, config.compute).float().cpu()  # [B, 4]
            found.update(zip(batch.ids, logits, strict=True))
    return found


def evaluate(
    config: StageConfig, data: StageData, network: nn.Module, loss: Loss
) -> tuple[float, float | None, float | None]:
    """The development part's loss, and WA and UA of its utterances that have a dominant class."""
    predicted = predict(config, data.inputs, network, data.dev)
    logits = torch.stack([predicted[u.id] for u in data.dev.utterances])  # [N, 4]
    device = config.compute.device
    value = loss(logits.to(device), torch.tensor(data.dev.targets, device=device)).item()
    return value, *score(predicted, data.dev.utterances)


def score(logits: Mapping[str, Tensor], utterances: Sequence[Utterance]) -> tuple[float | None, float | None]:
    """WA and UA over the utterances that `hard` admits (SPEC.md); None without any.

    argmax of logits is equation 1 for a dominant model and equation 7 for MLEE.
    """
    pairs = [(CLASSES.index(name), logits[u.id]) for u in utterances if (name := dominant(u.votes))]
    truth, predicted = [k for k, _ in pairs], [int(values.argmax()) for _, values in pairs]
    return scores.wa(truth, predicted), scores.ua(truth, predicted)


def _trained(
    config: StageConfig,
    data: StageData,
    network: nn.Module,
    folder: Path,
    history: History,
    *,
    reused: bool,
    early: bool,
) -> Trained:
    """Score the best epoch on the test speakers, with a scaling from the development speakers."""
    load_network(folder / "best.safetensors", network)
    dev = predict(config, data.inputs, network, data.dev)
    scaling = _scaling(config, data, dev) if config.recipe.calibrated else Scaling()
    without_targets = Examples(data.test, tuple((0.0,) * len(CLASSES) for _ in data.test))
    test = predict(config, data.inputs, network, without_targets)

    def probabilities(logits: Mapping[str, Tensor]) -> dict[str, tuple[float, ...]]:
        existence = config.stage.scheme == "existence"
        scaled = {name: scaling.of(z) for name, z in logits.items()}
        return {
            name: tuple((z.sigmoid() if existence else z.softmax(0)).tolist()) for name, z in scaled.items()
        }

    wa, ua = score(test, data.test)
    return Trained(history, probabilities(test), probabilities(dev), wa, ua, scaling, reused, early)


def _scaling(config: StageConfig, data: StageData, dev: Mapping[str, Tensor]) -> Scaling:
    """Of a stage's logits; the temperature is fitted to the votes on the development speakers."""
    logits = [dev[u.id].tolist() for u in data.dev.utterances]  # [N, 4]
    if config.stage.scheme == "existence":
        offset = existence_offset(data.train.targets)
        shifted = Scaling(offset=offset).of(np.array(logits))  # [N, 4]
        return Scaling(calibration.temperature(shifted, data.dev.targets), offset)
    names = [dominant(u.votes) for u in data.dev.utterances]
    pairs = [(values, CLASSES.index(name)) for values, name in zip(logits, names, strict=True) if name]
    return Scaling(calibration.temperature([values for values, _ in pairs], [k for _, k in pairs]))


def refuse_empty(stage: str, train_set: Examples, dev_set: Examples) -> None:
    """Raises: ConfigError when a stage admits nothing of a part."""
    for part, examples in (("training", train_set), ("development", dev_set)):
        if not len(examples):
            raise ConfigError(
                f"{stage}: no utterance of the {part} speakers is admitted; at least one is needed."
            )


def _save(
    folder: Path,
    config: StageConfig,
    data: StageData,
    optimizer: Optimizer,
    history: History,
    better: bool,
) -> None:
    """Save best, then last: a kill between the two repeats the epoch and writes the same best again."""
    tensors = {f"network.{name}": value for name, value in optimizer.averaged.state_dict().items()}
    if data.normalisation is not None:
        tensors |= {"norm.mean": data.normalisation.mean, "norm.std": data.normalisation.std}
    meta = {"key": data.key, "config": config.to_json(), "history": asdict(history), "stamp": stamp()}
    if better:
        tensor_file.save(folder / "best.safetensors", tensors, meta)
    tensor_file.save(folder / "last.safetensors", tensors | optimizer.state(), meta)


def _restore(path: Path, key: str, optimizer: Optimizer) -> History:
    """Load a checkpoint's state into the optimizer; an empty History without a checkpoint."""
    if not path.exists():
        return History()
    tensors, meta = load_network(path, optimizer.averaged)
    if meta.get("key") != key:
        raise RunError(
            f"{path} was trained on other data or settings (key {meta.get('key')}, now {key}): "
            "use another run folder, or the corpus and settings that it was started with."
        )
    optimizer.restore(tensors)
    history = meta["history"]
    return History(**{**history, "epochs": tuple(history["epochs"])})


def load_network(path: Path, network: nn.Module) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Load `network` from a stage's checkpoint; returns all of its tensors and its JSON data."""
    tensors, meta = tensor_file.load(path, RunError)
    try:
        network.load_state_dict(tensor_file.under("network.", tensors))
    except RuntimeError as error:
        raise RunError(f"{path} holds another network than the requested one.") from error
    return tensors, meta

"""Features of utterances (feature_store.py) -> normalised, length-bucketed, padded batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..config.recipe import Recipe
from ..config.run_config import StageConfig
from ..config.stages import Stage
from ..corpora.corpus import Utterance
from ..labels.targets import ANY_VOTE, ExistsFrom, admits, target
from ..nets.network import pad
from ..nets.normalisation import Normalisation
from .augmentation import Augmenter, Draws
from .feature_store import FeatureStore

Arrays = tuple[Tensor, ...]
"""Inputs of a network: features and their lengths, or vectors."""

POOL_BATCHES = 50
"""Lengths are sorted within pools of so many batches: 1.10 × the real work instead of 2.5 × (FACTS.md)."""

AHEAD = 2
"""Batches that are made in advance."""


@dataclass(frozen=True)
class Batch:
    """inputs: of the network. targets: float32 [B, 4]. ids: of the B utterances."""

    inputs: Arrays
    targets: Tensor
    ids: tuple[str, ...]


def moved(inputs: Arrays, device: str) -> Arrays:
    """Copy to a device, without waiting for a GPU: it reads pinned memory by itself."""
    if device == "cpu":
        return inputs
    return tuple(x if x.is_cuda else x.pin_memory().to(device, non_blocking=True) for x in inputs)


@dataclass(frozen=True)
class Examples:
    """The utterances of some speakers that a stage admits, with targets [N, 4]."""

    utterances: tuple[Utterance, ...]
    targets: tuple[tuple[float, ...], ...]

    @classmethod
    def admitted(
        cls, utterances: Sequence[Utterance], stage: Stage, exists_from: ExistsFrom = ANY_VOTE
    ) -> Examples:
        chosen = tuple(u for u in utterances if admits(stage.scheme, stage.train_set, u.votes))
        return cls(chosen, tuple(target(stage.scheme, u.votes, exists_from) for u in chosen))

    def __len__(self) -> int:
        return len(self.utterances)


@dataclass(frozen=True)
class EncoderInputs:
    """Batches of padded features for a Network: inputs are x [B, T, 400] and lengths [B]."""

    store: FeatureStore
    normalisation: Normalisation

    def size(self, utterance: str, speed: float) -> int:
        return self.store.length(utterance, speed)

    def collate(self, items: Sequence[tuple[str, float]], augmenter: Augmenter | None = None) -> Arrays:
        """x [B, T, 400] and lengths [B]."""
        if augmenter is None:
            return pad([self.normalisation.apply(self.store.of(*item)) for item in items])
        source = augmenter.draws or self.store
        spectra = [augmenter.spectrum(source.of(*item)) for item in items]  # [t, 400] each
        scores = [self.normalisation.apply(spectrum, augmenter.off_centre()) for spectrum in spectra]
        return pad([augmenter.masked(x) for x in scores])


@dataclass(frozen=True)
class VectorInputs:
    """Batches of cached encoder outputs for a Classifier: the input is [B, 256 · encoders]."""

    vectors: Mapping[tuple[str, float], Tensor]

    def size(self, utterance: str, speed: float) -> int:
        return 1

    def collate(self, items: Sequence[tuple[str, float]]) -> Arrays:
        """[B, 256 · encoders]."""
        return (torch.stack([self.vectors[item] for item in items]),)


Inputs = EncoderInputs | VectorInputs


def training_batches(
    inputs: Inputs, examples: Examples, recipe: Recipe, seed: int, epoch: int
) -> Generator[Batch]:
    """Every example once at every speed, or at one of them, in an order that depends on seed and epoch only.

    Examples are shuffled, sorted by length within pools of 50 batches, and the batches shuffled again, so
    that a resumed epoch has the same batches, and each epoch different ones. Dense layers, which cost little,
    get every speed and no augmentation.
    """
    rng = np.random.default_rng((seed, epoch))
    items = _epoch_items(inputs, len(examples), recipe, rng)
    sizes = [inputs.size(examples.utterances[n].id, speed) for n, speed in items]
    augmenter = _augmenter(inputs, examples, recipe, rng) if isinstance(inputs, EncoderInputs) else None
    for chosen in bucketed(sizes, recipe.batch_size, rng):
        yield _batch(inputs, examples, [items[i] for i in chosen], augmenter)


def _augmenter(
    inputs: EncoderInputs, examples: Examples, recipe: Recipe, rng: np.random.Generator
) -> Augmenter:
    if not recipe.augmentation.degraded:
        return Augmenter(recipe.augmentation, rng)
    store, voices = inputs.store, tuple(utterance.id for utterance in examples.utterances)
    assert store.waves is not None, "the store was built by a recipe that degrades nothing"
    return Augmenter(recipe.augmentation, rng, Draws(store, store.waves, recipe, voices, rng))


def epoch_batches(inputs: Inputs, examples: Examples, config: StageConfig, epoch: int) -> Generator[Batch]:
    """The training batches of an epoch; degraded ones, which take long, are made in advance."""
    batches = training_batches(inputs, examples, config.recipe, config.seed, epoch)
    degrades = config.recipe.augmentation.degraded and isinstance(inputs, EncoderInputs)
    return prefetched(batches, config.compute.threads) if degrades else batches


def prefetched(batches: Iterator[Batch], threads: int) -> Generator[Batch]:
    """The same batches, made by a thread that is at most AHEAD of them; it ends with the generator.

    threads: of torch in that thread, which has its own number: another one gives different bits.
    """
    maker = ThreadPoolExecutor(1, "batches", torch.set_num_threads, (threads,))
    try:
        coming = deque(maker.submit(next, batches, None) for _ in range(AHEAD))
        while (batch := coming.popleft().result()) is not None:
            coming.append(maker.submit(next, batches, None))
            yield batch
    finally:
        maker.shutdown(cancel_futures=True)


def epoch_size(inputs: Inputs, examples: int, recipe: Recipe) -> int:
    """Number of utterances in an epoch, each speed counted."""
    return examples * (1 if _draws_one(inputs, recipe) else len(recipe.speeds))


def _epoch_items(
    inputs: Inputs, examples: int, recipe: Recipe, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """The examples of an epoch, by number, each with its speed."""
    if _draws_one(inputs, recipe):
        return [(n, recipe.speeds[i]) for n, i in enumerate(rng.integers(len(recipe.speeds), size=examples))]
    return [(n, speed) for n in range(examples) for speed in recipe.speeds]


def _draws_one(inputs: Inputs, recipe: Recipe) -> bool:
    return recipe.draw == "one" and isinstance(inputs, EncoderInputs)


def bucketed(sizes: Sequence[int], batch_size: int, rng: np.random.Generator) -> list[list[int]]:
    """Indices of `sizes` in batches of similar size, in random order."""
    shuffled = rng.permutation(len(sizes)).tolist()
    pool = POOL_BATCHES * batch_size
    batches: list[list[int]] = []
    for start in range(0, len(shuffled), pool):
        near = sorted(shuffled[start : start + pool], key=lambda i: sizes[i])
        batches += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def plain_batches(inputs: Inputs, examples: Examples, size: int = 16) -> Iterator[Batch]:
    """Every example once, unperturbed, ordered by length for little padding."""
    order = sorted(range(len(examples)), key=lambda n: inputs.size(examples.utterances[n].id, 1.0))
    for start in range(0, len(order), size):
        yield _batch(inputs, examples, [(n, 1.0) for n in order[start : start + size]])


def _batch(
    inputs: Inputs, examples: Examples, items: Sequence[tuple[int, float]], augmenter: Augmenter | None = None
) -> Batch:
    ids = tuple(examples.utterances[n].id for n, _ in items)
    targets = torch.tensor([examples.targets[n] for n, _ in items])  # [B, 4]
    keys = [(name, speed) for name, (_, speed) in zip(ids, items, strict=True)]
    if augmenter is None or not isinstance(inputs, EncoderInputs):
        return Batch(inputs.collate(keys), targets, ids)
    x, lengths = inputs.collate(keys, augmenter)  # [B, T, 400], [B]
    x, lengths, targets = augmenter.mixed(x, lengths, targets)
    return Batch((x, lengths), targets, ids)

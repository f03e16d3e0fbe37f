"""Utterances -> features on disk -> normalised, length-bucketed, padded batches.

Features are computed once per run and kept as float16 (rms error 3.4e-4 against a feature s.d. of 1.29,
FACTS.md) in one file that all training processes map: the page cache holds what fits, once.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .audio import Decoder, Recording, change_speed
from .augment import Augmenter
from .config import Stage
from .corpora.base import Utterance
from .events import Progress
from .features import BINS, log_spectrogram, peak_gain
from .labels import admits, target
from .model import pad
from .quality import Levels, measure
from .recipe import Level, Recipe

Arrays = tuple[Tensor, ...]
"""What a network takes: features or vectors first, then, for features, the lengths."""

POOL_BATCHES = 50
"""Lengths are sorted within pools of so many batches: 1.10 × the real work instead of 2.5 × (FACTS.md)."""


@dataclass(frozen=True)
class FeatureStore:
    """Log spectrograms of a corpus at every speed; it can be sent to another process.

    file: float16 [ΣT, 400]; spans: (utterance id, speed) -> (first frame, frame behind the last);
    digests: utterance id -> digest of its decoded samples; levels: utterance id -> measured levels.
    """

    file: Path
    spans: Mapping[tuple[str, float], tuple[int, int]]
    digests: Mapping[str, str]
    levels: Mapping[str, Levels]

    @cached_property
    def frames(self) -> NDArray[np.float16]:
        """[ΣT, 400], mapped from the file."""
        return np.memmap(self.file, np.float16, "r").reshape(-1, BINS)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "frames"}  # a map stays here

    def of(self, utterance: str, speed: float = 1.0) -> Tensor:
        """Log power, float32 [T, 400]."""
        start, stop = self.spans[utterance, speed]
        return torch.from_numpy(self.frames[start:stop].astype(np.float32))  # [T, 400]

    def length(self, utterance: str, speed: float = 1.0) -> int:
        """T, frames."""
        start, stop = self.spans[utterance, speed]
        return stop - start


def gain_for(level: Level, samples: NDArray[np.float32]) -> float:
    """The factor on the samples that a recipe's level asks for (SPEC.md "Level")."""
    return peak_gain(samples) if level == "peak" else 1.0


def build_features(
    utterances: Sequence[Utterance], recipe: Recipe, file: Path, device: str = "cpu"
) -> Generator[Progress, None, FeatureStore]:
    """Decode every utterance, perturb its speed, write features into `file`; returns the FeatureStore.

    device: where spectra are computed; samples are read and resampled on the processor.
    Raises: AudioError for a recording that is missing or refused.
    """
    spans: dict[tuple[str, float], tuple[int, int]] = {}
    digests: dict[str, str] = {}
    levels: dict[str, Levels] = {}
    began, total = time.monotonic(), 0
    with open(file, "wb") as out, Decoder() as decoder:
        for done, utterance in enumerate(utterances):
            recording = decoder.load(utterance.file)
            digests[utterance.id], levels[utterance.id] = recording.digest, measure(recording.samples)
            for speed in recipe.speeds:
                features = _features(recording, speed, recipe.level, device)  # [T, 400]
                out.write(features.tobytes())
                spans[utterance.id, speed] = (total, total + len(features))
                total += len(features)
            left = (time.monotonic() - began) / (done + 1) * (len(utterances) - done - 1)
            yield Progress("Computing features", done + 1, len(utterances), left)
    return FeatureStore(file, spans, digests, levels)


def _features(recording: Recording, speed: float, level: Level, device: str) -> NDArray[np.float16]:
    samples = recording.samples if speed == 1.0 else change_speed(recording.samples, speed)
    wave = torch.from_numpy(np.require(samples, requirements="W")).to(device)  # [N]
    return log_spectrogram(wave, gain_for(level, samples)).half().cpu().numpy()  # [T, 400]


@dataclass(frozen=True)
class Normalisation:
    """z-normalisation per frequency bin. mean, std: float32 [400], stored with the encoder they belong to.

    centred: the share of the utterance's own mean that is taken off as well (recipe.Recipe.centred).
    """

    mean: Tensor
    std: Tensor
    centred: float = 0.0

    def apply(self, features: Tensor, off: float = 0.0) -> Tensor:
        """Log power of one utterance [T, 400] -> z-scores [T, 400]. off: added to the share `centred`."""
        scores = (features - self.mean) / self.std  # [T, 400]
        share = self.centred + off
        return scores - share * scores.mean(0) if share and len(scores) else scores


def normalisation_of(
    store: FeatureStore, utterances: Sequence[Utterance], *, centred: float
) -> Normalisation:
    """From the unperturbed utterances that an encoder's own training set admits (reading)."""
    count, total, squares = 0, torch.zeros(BINS).double(), torch.zeros(BINS).double()
    for utterance in utterances:
        features = store.of(utterance.id).double()  # [T, 400]
        count += len(features)
        total += features.sum(0)
        squares += features.square().sum(0)
    mean = total / count  # [400]
    variance = (squares / count - mean.square()).clamp_min(1e-8)  # [400]; a constant bin stays finite
    return Normalisation(mean.float(), variance.sqrt().float(), centred)


@dataclass(frozen=True)
class Batch:
    """inputs: what the network takes. targets: float32 [B, 4]. ids: the utterances, B of them."""

    inputs: tuple[Tensor, ...]
    targets: Tensor
    ids: tuple[str, ...]


def moved(inputs: Arrays, device: str) -> Arrays:
    """On a device, without waiting for a GPU: from pinned memory it fetches them by itself."""
    if device == "cpu":
        return inputs
    return tuple(x if x.is_cuda else x.pin_memory().to(device, non_blocking=True) for x in inputs)


@dataclass(frozen=True)
class Examples:
    """The utterances that a stage admits from some speakers, with targets [N, 4]."""

    utterances: tuple[Utterance, ...]
    targets: tuple[tuple[float, ...], ...]

    @classmethod
    def admitted(cls, utterances: Sequence[Utterance], stage: Stage) -> Examples:
        chosen = tuple(u for u in utterances if admits(stage.scheme, stage.train_set, u.votes))
        return cls(chosen, tuple(target(stage.scheme, u.votes) for u in chosen))

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
        spectra = [augmenter.spectrum(self.store.of(*item)) for item in items]  # [t, 400] each
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
) -> Iterator[Batch]:
    """Every example at every speed once, or at one of them, in an order that depends on seed and epoch alone.

    Shuffled, sorted by length within pools of 50 batches, and the batches shuffled again; so a resumed
    epoch sees the same batches, and each epoch other ones. Dense layers, whose work is small, meet
    every speed and no augmentation.
    """
    rng = np.random.default_rng((seed, epoch))
    items = _drawn(inputs, len(examples), recipe, rng)
    sizes = [inputs.size(examples.utterances[n].id, speed) for n, speed in items]
    augmenter = Augmenter(recipe.augmentation, rng) if isinstance(inputs, EncoderInputs) else None
    for chosen in bucketed(sizes, recipe.batch_size, rng):
        yield _batch(inputs, examples, [items[i] for i in chosen], augmenter)


def drawn(inputs: Inputs, examples: int, recipe: Recipe) -> int:
    """How many utterances an epoch goes through."""
    return examples * (1 if _draws_one(inputs, recipe) else len(recipe.speeds))


def _drawn(
    inputs: Inputs, examples: int, recipe: Recipe, rng: np.random.Generator
) -> list[tuple[int, float]]:
    """The examples of an epoch, each with its speed."""
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
    """Every example once, unperturbed, ordered by length to waste little padding."""
    order = sorted(range(len(examples)), key=lambda n: inputs.size(examples.utterances[n].id, 1.0))
    for start in range(0, len(order), size):
        yield _batch(inputs, examples, [(n, 1.0) for n in order[start : start + size]])


def _batch(
    inputs: Inputs, examples: Examples, items: Sequence[tuple[int, float]], augmenter: Augmenter | None = None
) -> Batch:
    ids = tuple(examples.utterances[n].id for n, _ in items)
    targets = torch.tensor([examples.targets[n] for n, _ in items])  # [B, 4]
    named = [(name, speed) for name, (_, speed) in zip(ids, items, strict=True)]
    if augmenter is None or not isinstance(inputs, EncoderInputs):
        return Batch(inputs.collate(named), targets, ids)
    x, lengths = inputs.collate(named, augmenter)  # [B, T, 400], [B]
    x, lengths, targets = augmenter.mixed(x, lengths, targets)
    return Batch((x, lengths), targets, ids)

"""Random changes of an utterance each time it is trained on (recipe.Augmentation sets how large they are).

All randomness comes from one generator, so that a resumed epoch gets the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..audio.levels import AudioSignal, Samples, from_decibel
from ..config.recipe import Augmentation, Recipe
from .feature_store import FeatureStore, SampleStore, change_speed, features_of
from .waveform_augmentation import WaveformAugmenter

MASKS = 2
"""Number of masked bands, and of masked spans of time."""

MIXED = 0.5
"""Share of the batches that mixup mixes."""


@dataclass(frozen=True)
class Draws:
    """Features of utterances as an epoch meets them: from the store, or of a degraded copy.

    waves: samples of the same utterances as in the store.
    voices: ids of the training utterances, which babble is made of.
    """

    store: FeatureStore
    waves: SampleStore
    recipe: Recipe
    voices: Sequence[str]
    rng: np.random.Generator

    def of(self, utterance: str, speed: float) -> Tensor:
        """Log power, float32 [T, 400]."""
        augmenter = WaveformAugmenter(self.recipe.augmentation, self.rng, lambda: self._voice(utterance))
        kinds = augmenter.kinds()
        if not kinds:
            return self.store.of(utterance, speed)
        samples = self.waves.of(utterance)  # [N]
        if speed != 1.0:
            samples = change_speed(samples, speed)  # [N / speed]
        return features_of(AudioSignal.of(augmenter.degrade(samples, kinds)), self.recipe)  # [T, 400]

    def _voice(self, utterance: str) -> Samples:
        """Samples [M] with a speech power of 1, of another utterance unless this is the only one."""
        place = int(self.rng.integers(len(self.voices)))
        if self.voices[place] == utterance:
            place = (place + 1) % len(self.voices)
        other = self.voices[place]
        amplitude = np.sqrt(from_decibel(self.store.levels[other].speech_db))
        return self.waves.of(other) / np.float32(amplitude)


@dataclass(frozen=True)
class Augmenter:
    """Augmentation with its random generator. draws: where features come from; None: the store."""

    settings: Augmentation
    rng: np.random.Generator
    draws: Draws | None = None

    def spectrum(self, features: Tensor) -> Tensor:
        """Log power [T, 400] -> a piece of it with stretched frequencies, [t, 400], t ≤ T."""
        if 0 < self.settings.crop_frames < len(features):
            start = int(self.rng.integers(len(features) - self.settings.crop_frames + 1))
            features = features[start : start + self.settings.crop_frames]  # [t, 400]
        return _stretched(features, self._share(self.settings.warp)) if self.settings.warp else features

    def off_centre(self) -> float:
        """Random change of the share of its mean that is subtracted from an utterance."""
        return self._share(self.settings.off_centre) if self.settings.off_centre else 0.0

    def masked(self, x: Tensor) -> Tensor:
        """z-scores [t, 400] with random bands and spans of time at 0, the training mean."""
        if self.settings.mask_bins or self.settings.mask_frames:
            x = x.clone()
        for _ in range(MASKS if self.settings.mask_bins else 0):
            first, end = self._span(self.settings.mask_bins, x.shape[1])
            x[:, first:end] = 0
        for _ in range(MASKS if self.settings.mask_frames else 0):
            first, end = self._span(min(self.settings.mask_frames, len(x) // 4), len(x))
            x[first:end] = 0
        return x  # [t, 400]

    def mixed(self, x: Tensor, lengths: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mixup: a padded batch x [B, T, 400] with lengths [B] and targets [B, K], mixed with itself in
        another order, or unchanged. The larger share of a mixed utterance is at least half."""
        if not self.settings.mixup or self.rng.random() >= MIXED:
            return x, lengths, targets
        share = float(self.rng.beta(self.settings.mixup, self.settings.mixup))
        share, other = max(share, 1 - share), torch.from_numpy(self.rng.permutation(len(x)))  # [B]
        x, targets = (share * both + (1 - share) * both[other] for both in (x, targets))
        return x, torch.maximum(lengths, lengths[other]), targets  # [B, T, 400], [B], [B, K]

    def _share(self, most: float) -> float:
        """A uniform random number from -most to most."""
        return float(self.rng.uniform(-most, most))

    def _span(self, most: int, length: int) -> tuple[int, int]:
        """(start, end) of a random span of 0 to `most` within `length`."""
        width = int(self.rng.integers(most + 1))
        first = int(self.rng.integers(length - width + 1))
        return first, first + width


def _stretched(features: Tensor, share: float) -> Tensor:
    """[T, 400] with frequency f taken from f (1 + share), linear between bins, constant above the last."""
    last = features.shape[1] - 1
    at = (torch.arange(last + 1) * (1 + share)).clamp(max=last)  # [400], in bins
    below = at.long().clamp(max=last - 1)  # [400]
    weight = at - below  # [400], 0 … 1
    return torch.lerp(features[:, below], features[:, below + 1], weight)  # [T, 400]

"""What an utterance goes through each time it is learnt from (recipe.Augmentation says how much).

All chance comes from one generator, so that an epoch that is resumed meets the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..config.recipe import Augmentation

MASKS = 2
"""Bands and stretches that are masked, each."""

MIXED = 0.5
"""Share of the batches that mixup mixes."""


@dataclass(frozen=True)
class Augmenter:
    """Augmentation with its chance."""

    how: Augmentation
    rng: np.random.Generator

    def spectrum(self, features: Tensor) -> Tensor:
        """Log power [T, 400] -> [t, 400], t ≤ T: a piece of it, its frequencies stretched."""
        if 0 < self.how.crop_frames < len(features):
            start = int(self.rng.integers(len(features) - self.how.crop_frames + 1))
            features = features[start : start + self.how.crop_frames]  # [t, 400]
        return _stretched(features, self._share(self.how.warp)) if self.how.warp else features

    def off_centre(self) -> float:
        """What the share of its mean that an utterance loses is off by."""
        return self._share(self.how.off_centre) if self.how.off_centre else 0.0

    def masked(self, x: Tensor) -> Tensor:
        """z-scores [t, 400] -> the same with bands and stretches at 0, the training mean."""
        if self.how.mask_bins or self.how.mask_frames:
            x = x.clone()
        for _ in range(MASKS if self.how.mask_bins else 0):
            first, behind = self._span(self.how.mask_bins, x.shape[1])
            x[:, first:behind] = 0
        for _ in range(MASKS if self.how.mask_frames else 0):
            first, behind = self._span(min(self.how.mask_frames, len(x) // 4), len(x))
            x[first:behind] = 0
        return x  # [t, 400]

    def mixed(self, x: Tensor, lengths: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A padded batch x [B, T, 400] with lengths [B] and targets [B, K], or one mixed of it and of itself
        in another order. The larger share of a mixed utterance is never below half."""
        if not self.how.mixup or self.rng.random() >= MIXED:
            return x, lengths, targets
        share = float(self.rng.beta(self.how.mixup, self.how.mixup))
        share, other = max(share, 1 - share), torch.from_numpy(self.rng.permutation(len(x)))  # [B]
        x, targets = (share * both + (1 - share) * both[other] for both in (x, targets))
        return x, torch.maximum(lengths, lengths[other]), targets  # [B, T, 400], [B], [B, K]

    def _share(self, most: float) -> float:
        """Evenly from -most to most."""
        return float(self.rng.uniform(-most, most))

    def _span(self, most: int, length: int) -> tuple[int, int]:
        """A stretch of 0 to `most` within `length`."""
        width = int(self.rng.integers(most + 1))
        first = int(self.rng.integers(length - width + 1))
        return first, first + width


def _stretched(features: Tensor, share: float) -> Tensor:
    """[T, 400] with frequency f read at f (1 + share), between bins linearly; above the last, that one."""
    last = features.shape[1] - 1
    at = (torch.arange(last + 1) * (1 + share)).clamp(max=last)  # [400], in bins
    below = at.long().clamp(max=last - 1)  # [400]
    weight = at - below  # [400], 0 … 1
    return torch.lerp(features[:, below], features[:, below + 1], weight)  # [T, 400]

"""Features that stay on a GPU: uploaded once in a process; batches are gathered and normalised there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..audio.frames import BINS
from ..config.recipe import Augmentation
from ..nets.normalisation import Normalisation
from .augmentation import Augmenter
from .batches import Arrays, EncoderInputs, moved
from .feature_store import FeatureStore

_SHARE = 3
"""Features use at most a third of a GPU's free memory; larger ones are read from the host."""

_PIECE = 1 << 18
"""Frames that are uploaded at a time."""


def encoder_inputs(store: FeatureStore, normalisation: Normalisation, device: str) -> EncoderInputs:
    """Inputs of an encoder on `device`; features stay on it where it is a GPU with enough free memory."""
    if device == "cpu" or store.file.stat().st_size > torch.cuda.mem_get_info(device)[0] // _SHARE:
        return EncoderInputs(store, normalisation)
    return ResidentInputs(store, normalisation, device)


@dataclass(frozen=True)
class ResidentInputs(EncoderInputs):
    """EncoderInputs whose batches are made on a device; augmented ones are made on the host."""

    device: str

    def collate(self, items: Sequence[tuple[str, float]], augmenter: Augmenter | None = None) -> Arrays:
        """x [B, T, 400] and lengths [B], on the device; T is the longest utterance's."""
        if augmenter is not None and augmenter.settings != Augmentation():
            return super().collate(items, augmenter)
        spans = [self.store.spans[item] for item in items]
        longest = max(stop - start for start, stop in spans)
        bounds = torch.tensor([[start, stop - start] for start, stop in spans])  # [B, 2]
        starts, lengths = moved((bounds,), self.device)[0].unbind(1)  # [B], [B]
        frames = uploaded(self.store.file, self.device)  # [ΣT, 400]
        steps = torch.arange(longest, device=self.device)
        rows = (starts[:, None] + steps).clamp_max(len(frames) - 1)  # [B, T]
        mean, std = self._scale
        x = (frames[rows].float() - mean) / std  # [B, T, 400]
        padding = (steps >= lengths[:, None])[:, :, None]  # [B, T, 1]
        if self.normalisation.centred:
            own = x.masked_fill(padding, 0).sum(1) / lengths[:, None].clamp_min(1)  # [B, 400]
            x = x - self.normalisation.centred * own[:, None]
        return x.masked_fill(padding, 0), lengths

    @cached_property
    def _scale(self) -> tuple[Tensor, Tensor]:
        return self.normalisation.mean.to(self.device), self.normalisation.std.to(self.device)


@lru_cache(maxsize=1)
def uploaded(file: Path, device: str) -> Tensor:
    """The features of a run, float16 [ΣT, 400], on a device."""
    mapped = np.memmap(file, np.float16, "r").reshape(-1, BINS)
    frames = torch.empty(mapped.shape, dtype=torch.float16, device=device)
    for start in range(0, len(mapped), _PIECE):
        piece = np.array(mapped[start : start + _PIECE])  # a copy: torch has no read-only tensors
        frames[start : start + len(piece)] = torch.from_numpy(piece)
    return frames

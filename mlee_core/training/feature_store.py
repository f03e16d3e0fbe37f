"""Features of a corpus, computed once per run and kept as float16 in one file.

All training processes map that file, so the page cache holds what fits, once. float16 costs an rms error of
3.4e-4 against a feature s.d. of 1.29 (FACTS.md).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..audio.decoding import Decoder, Recording, change_speed
from ..audio.domain import SpeechStatistics
from ..audio.features import utterance_features
from ..audio.frames import BINS
from ..audio.levels import AudioSignal
from ..config.recipe import Recipe
from ..corpora.corpus import Utterance
from ..events import Progress
from ..nets.normalisation import Normalisation


@dataclass(frozen=True)
class FeatureStore:
    """Log spectrograms of a corpus at every speed; it can be sent to another process.

    file: float16 [ΣT, 400].
    spans: (utterance id, speed) -> (start, end) of its frames.
    digests: utterance id -> digest of its decoded samples.
    statistics: utterance id -> those of its speech, where it holds any.
    """

    file: Path
    spans: Mapping[tuple[str, float], tuple[int, int]]
    digests: Mapping[str, str]
    statistics: Mapping[str, SpeechStatistics]

    @cached_property
    def frames(self) -> NDArray[np.float16]:
        """[ΣT, 400], mapped from the file."""
        return np.memmap(self.file, np.float16, "r").reshape(-1, BINS)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "frames"}  # no memory map

    def of(self, utterance: str, speed: float = 1.0) -> Tensor:
        """Log power, float32 [T, 400]."""
        start, stop = self.spans[utterance, speed]
        return torch.from_numpy(self.frames[start:stop].astype(np.float32))  # [T, 400]

    def length(self, utterance: str, speed: float = 1.0) -> int:
        """T, frames."""
        start, stop = self.spans[utterance, speed]
        return stop - start


def build_features(
    utterances: Sequence[Utterance], recipe: Recipe, file: Path, device: str = "cpu"
) -> Generator[Progress, None, FeatureStore]:
    """Decode every utterance, perturb its speed, and write the features into `file`; returns the
    FeatureStore.

    device: computes the spectra; samples are read and resampled on the CPU.
    Raises: AudioError for a recording that is missing or refused.
    """
    spans: dict[tuple[str, float], tuple[int, int]] = {}
    digests: dict[str, str] = {}
    statistics: dict[str, SpeechStatistics] = {}
    began, total = time.monotonic(), 0
    with open(file, "wb") as out, Decoder() as decoder:
        for done, utterance in enumerate(utterances):
            recording = decoder.load(utterance.file)
            digests[utterance.id] = recording.digest
            measured = SpeechStatistics.of(recording.samples)
            if measured is not None:
                statistics[utterance.id] = measured
            for speed in recipe.speeds:
                signal = _at_speed(recording, speed)
                features = features_of(signal, recipe, device).half().cpu().numpy()  # [T, 400]
                out.write(features.tobytes())
                spans[utterance.id, speed] = (total, total + len(features))
                total += len(features)
            left = (time.monotonic() - began) / (done + 1) * (len(utterances) - done - 1)
            yield Progress("Computing features", done + 1, len(utterances), left)
    return FeatureStore(file, spans, digests, statistics)


def features_of(signal: AudioSignal, recipe: Recipe, device: str = "cpu") -> Tensor:
    """Log power of the frames of an utterance that a recipe keeps, float32 [T, 400]."""
    return utterance_features(signal, recipe.level, "full" if recipe.cut else "none", device).values


def _at_speed(recording: Recording, speed: float) -> AudioSignal:
    return recording.signal if speed == 1.0 else AudioSignal.of(change_speed(recording.samples, speed))


def normalisation_of(
    store: FeatureStore, utterances: Sequence[Utterance], *, centred: float
) -> Normalisation:
    """Mean and s.d. over the unperturbed utterances of an encoder's own training set (reading)."""
    count, total, squares = 0, torch.zeros(BINS).double(), torch.zeros(BINS).double()
    for utterance in utterances:
        features = store.of(utterance.id).double()  # [T, 400]
        count += len(features)
        total += features.sum(0)
        squares += features.square().sum(0)
    mean = total / count  # [400]
    variance = (squares / count - mean.square()).clamp_min(1e-8)  # [400]; a constant bin stays finite
    return Normalisation(mean.float(), variance.sqrt().float(), centred)

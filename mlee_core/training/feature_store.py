"""Features of a corpus, computed once per run and kept as float16 in one file; its samples beside them where
the recipe degrades recordings.

All training processes map these files, so the page cache holds what fits, once. float16 costs an rms error of
3.4e-4 against a feature s.d. of 1.29 (FACTS.md).
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..audio.decoding import Decoder
from ..audio.domain import SpeechStatistics
from ..audio.features import utterance_features
from ..audio.frames import BINS
from ..audio.levels import AudioSignal, Samples, speech_digest
from ..config.recipe import Recipe
from ..config.run_config import Compute
from ..corpora.corpus import Utterance
from ..events import Progress
from ..nets.normalisation import Normalisation
from .devices import arithmetic

if TYPE_CHECKING:
    from torchaudio.transforms import Resample

ONE_THREAD = Compute()


@dataclass(frozen=True)
class SampleStore:
    """Decoded samples of a corpus, in 16 bits; it can be sent to another process.

    file: int16 [ΣN].
    spans: utterance id -> (start, end) of its samples.
    scales: utterance id -> what a step of its samples stands for.
    """

    file: Path
    spans: dict[str, tuple[int, int]]
    scales: dict[str, float]

    @cached_property
    def samples(self) -> NDArray[np.int16]:
        """[ΣN], mapped from the file."""
        return np.memmap(self.file, np.int16, "r")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "samples"}  # no memory map

    def of(self, utterance: str) -> Samples:
        """Float32 [N]."""
        start, stop = self.spans[utterance]
        return self.samples[start:stop] * np.float32(self.scales[utterance])


@dataclass(frozen=True)
class FeatureStore:
    """Log spectrograms of a corpus at every speed; it can be sent to another process.

    file: float16 [ΣT, 400].
    spans: (utterance id, speed) -> (start, end) of its frames.
    digests: utterance id -> digest of its decoded samples; speech_digests: of its speech.
    statistics: utterance id -> those of its speech, where it holds any.
    waves: the samples, where the recipe degrades recordings.
    """

    file: Path
    spans: Mapping[tuple[str, float], tuple[int, int]]
    digests: Mapping[str, str]
    speech_digests: Mapping[str, str]
    statistics: Mapping[str, SpeechStatistics]
    waves: SampleStore | None = None

    @cached_property
    def frames(self) -> NDArray[np.float16]:
        """[ΣT, 400], mapped from the file."""
        return np.memmap(self.file, np.float16, "r").reshape(-1, BINS)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "frames"}  # no memory map

    def arrays(self) -> tuple[NDArray[Any], ...]:
        """The contents of its files, for a machine without them."""
        return (np.asarray(self.frames), *(() if self.waves is None else (np.asarray(self.waves.samples),)))

    def attach(self, arrays: Sequence[NDArray[Any]]) -> None:
        """Use the contents of another machine's files, as if they had been mapped here."""
        vars(self)["frames"] = arrays[0]
        if self.waves is not None:
            vars(self.waves)["samples"] = arrays[1]

    def of(self, utterance: str, speed: float = 1.0) -> Tensor:
        """Log power, float32 [T, 400]."""
        start, stop = self.spans[utterance, speed]
        return torch.from_numpy(self.frames[start:stop].astype(np.float32))  # [T, 400]

    def length(self, utterance: str, speed: float = 1.0) -> int:
        """T, frames."""
        start, stop = self.spans[utterance, speed]
        return stop - start


def build_features(
    utterances: Sequence[Utterance], recipe: Recipe, file: Path, compute: Compute = ONE_THREAD
) -> Generator[Progress, None, FeatureStore]:
    """Decode every utterance, perturb its speed, and write the features into `file`, with the samples beside
    it where the recipe degrades recordings; returns the FeatureStore.

    compute: its device computes the spectra, its threads the rest: more threads than free cores would slow
    each other down.
    Raises: AudioError for a recording that is missing or refused.
    """
    spans: dict[tuple[str, float], tuple[int, int]] = {}
    digests: dict[str, str] = {}
    speech: dict[str, str] = {}
    statistics: dict[str, SpeechStatistics] = {}
    waves = SampleStore(file.with_suffix(".i16"), {}, {}) if recipe.augmentation.degraded else None
    began, total = time.monotonic(), 0
    with ExitStack() as files:
        out, decoder = files.enter_context(open(file, "wb")), files.enter_context(Decoder())
        kept = files.enter_context(open(waves.file, "wb")) if waves else None
        for done, utterance in enumerate(utterances):
            recording = decoder.load(utterance.file)
            digests[utterance.id] = recording.digest
            speech[utterance.id] = speech_digest(recording.samples)
            measured = SpeechStatistics.of(recording.samples)
            if measured is not None:
                statistics[utterance.id] = measured
            if waves and kept:
                _keep(utterance.id, recording.signal, waves, kept)
            for speed in recipe.speeds:
                with arithmetic(compute):
                    signal = recording.signal
                    if speed != 1.0:
                        signal = AudioSignal.of(change_speed(recording.samples, speed))
                    features = features_of(signal, recipe, compute.device).half().cpu().numpy()  # [T, 400]
                out.write(features.tobytes())
                spans[utterance.id, speed] = (total, total + len(features))
                total += len(features)
            left = (time.monotonic() - began) / (done + 1) * (len(utterances) - done - 1)
            yield Progress("Computing features", done + 1, len(utterances), left)
    return FeatureStore(file, spans, digests, speech, statistics, waves)


def features_of(signal: AudioSignal, recipe: Recipe, device: str = "cpu") -> Tensor:
    """Log power of the frames of an utterance that a recipe keeps, float32 [T, 400]."""
    return utterance_features(signal, recipe.level, "full" if recipe.cut else "none", device).values


def change_speed(samples: Samples, factor: float) -> Samples:
    """Speed perturbation by resampling: factor 1.1 is faster and higher. float32 [N] -> [⌈N / factor⌉].

    factor: a number of thousandths, as in a recipe.
    """
    wave = torch.from_numpy(np.require(samples, requirements="W"))  # [N]
    changed: Samples = _resampler(round(1000 * factor))(wave).numpy()  # [⌈N / factor⌉]
    return changed


@lru_cache
def _resampler(thousandths: int) -> Resample:
    """What `torchaudio.transforms.Speed` consists of. Speed itself truncates 16,000 · 1.13 to 18,079, which
    has no factor in common with 16,000: its filters then fill 1 GB."""
    from torchaudio.transforms import Resample  # 60 ms, which analysis need not wait for

    return Resample(thousandths, 1000)


def _keep(utterance: str, signal: AudioSignal, waves: SampleStore, file: BinaryIO) -> None:
    """Write an utterance's samples to the end of the file of `waves`, and note its place and scale."""
    start = file.tell() // 2
    scale = signal.peak / 32767 or 1.0  # of silence
    file.write(np.rint(signal.samples / np.float32(scale)).astype(np.int16).tobytes())
    waves.spans[utterance] = (start, start + len(signal))
    waves.scales[utterance] = scale


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

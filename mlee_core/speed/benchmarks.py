"""Speed as ratios to a plain baseline, measured alternately in the same run: ratios vary less than times.

`ratio` = ours / baseline, lower is better. Names and baselines are those of SPEC.md; where bf16 is no faster
than fp32, the bf16 values are None.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..audio.features import log_spectrogram
from ..audio.frames import BINS, DFT, FRAME, FRAMES_PER_SECOND, HOP, SAMPLE_RATE
from ..audio.levels import AudioSignal
from ..config.recipe import RECIPES, Recipe
from ..config.run_config import Compute, StageConfig
from ..config.stages import Stage
from ..nets.network import Network, pad
from ..nets.sequence_packing import Rows
from ..training.batches import bucketed
from ..training.devices import dtype
from ..training.feature_store import features_of
from ..training.waveform_augmentation import WaveformAugmenter
from . import table3_cost
from .reference_network import ReferenceNetwork

REPEATS = 7


@dataclass(frozen=True)
class Measurement:
    """value and baseline in `unit`; ratio = value / baseline. None where not available."""

    name: str
    value: float | None
    unit: str
    baseline: float | None = None
    ratio: float | None = None


def features() -> list[Measurement]:
    """`features_60s`: our blocks against torch.stft over the whole file."""
    wave = torch.randn(60 * SAMPLE_RATE, generator=_generator()) * 0.1  # [N]
    window = torch.hamming_window(FRAME)

    def stft() -> None:
        spectrum = torch.stft(wave, DFT, HOP, FRAME, window, center=False, return_complex=True)
        torch.view_as_real(spectrum[:BINS]).square().sum(-1).clamp_min(1e-10).log()  # [400, T]

    return [_compare("features_60s", lambda: log_spectrogram(wave), stft)]


def inference() -> list[Measurement]:
    """`forward_30s` and `forward_30s_bf16`: one encoder and its classifier, against eager fp32."""
    torch.manual_seed(0)
    plain = ReferenceNetwork().eval()
    ours = Network()
    ours.load_state_dict(plain.state_dict())
    ours.fold()
    batch = pad([torch.randn(30 * FRAMES_PER_SECOND, BINS, generator=_generator())])

    def forward(network: nn.Module, bf16: bool = False) -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            network(*batch)

    exact = _compare("forward_30s", lambda: forward(ours), lambda: forward(plain))
    if dtype("cpu") != "bf16":
        return [exact, Measurement("forward_30s_bf16", None, "ms")]
    return [exact, _compare("forward_30s_bf16", lambda: forward(ours, True), lambda: forward(plain))]


def training() -> list[Measurement]:
    """`train_step` on a ragged batch of 16, against the same masked model in plain eager fp32; `padding`;
    `degraded_50`; GFLOP/s of the step and of a plain matrix product; the time of an experiment of IEMOCAP's
    size."""
    frames = _durations(table3_cost.BATCH)
    batch = table3_cost.batch_of(*pad([torch.randn(int(n), BINS, generator=_generator()) for n in frames]))
    fast = Compute(dtype=dtype("cpu"), threads=torch.get_num_threads())
    plain = Compute(dtype="fp32", channels_last=False, threads=torch.get_num_threads())
    stage = Stage("dominant", "hard", "all")
    ours = table3_cost.training_steps(StageConfig(stage, Recipe(), fast, 0), [batch])
    baseline = table3_cost.training_steps(StageConfig(stage, Recipe(), plain, 0), [batch], ReferenceNetwork())
    step = _compare("train_step", ours, baseline, repeats=5)
    return [step, _padding(), _degraded(), *_limits(step, int(frames.sum())), *_scale()]


def _limits(step: Measurement, frames: int) -> list[Measurement]:
    """GFLOP/s of our step, and the peak of plain products in the same run."""
    assert step.value is not None
    ours = 3 * table3_cost.FORWARD_GFLOP * frames / FRAMES_PER_SECOND / (step.value / 1e3)
    fp32, bf16 = table3_cost.products([torch.float32, torch.bfloat16])
    native = bf16 if dtype("cpu") == "bf16" else None
    figures = {"train_step_speed": ours, "product_fp32": fp32, "product_bf16": native}
    return [Measurement(name, value, "GFLOP/s") for name, value in figures.items()]


def _scale() -> list[Measurement]:
    compute = Compute(dtype=dtype("cpu"), threads=1)
    frames = _durations(table3_cost.BATCH * table3_cost.BATCHES).tolist()
    encoder, dense = table3_cost.seconds_an_epoch(frames, compute)
    hours = table3_cost.whole_table_h(encoder, dense)
    figures = [("epoch_encoder", encoder, "s"), ("epoch_dense", dense, "s"), ("table3_iemocap", hours, "h")]
    return [Measurement(*figure) for figure in figures]


def _padding() -> Measurement:
    """Frames of batches, gaps included, over real frames, for a corpus of 4784 utterances at three speeds."""
    sizes = _durations(3 * 4784)
    batches = bucketed(sizes.tolist(), Recipe().batch_size, np.random.default_rng(0))
    rows = [Rows.of(sizes[batch].tolist()) for batch in batches]
    padded = sum(each.count * each.columns for each in rows)
    real = int(sizes.sum())
    return Measurement("padding", float(padded), "frames", float(real), padded / real)


def _degraded() -> Measurement:
    """50 utterances of 3 s degraded as in the recipe best, and their features, against the features alone."""
    recipe, rng = RECIPES["best"], np.random.default_rng(0)
    clean = rng.standard_normal(3 * SAMPLE_RATE, np.float32) * np.float32(0.1)  # [N]
    augmenter = WaveformAugmenter(replace(recipe.augmentation, degraded=1.0), rng, lambda: clean)

    def features(degrade: bool) -> None:
        for _ in range(50):
            samples = augmenter.degrade(clean, augmenter.kinds()) if degrade else clean
            features_of(AudioSignal.of(samples), recipe)

    return _compare("degraded_50", lambda: features(True), lambda: features(False))


def _durations(count: int) -> NDArray[np.int64]:
    """Frames of utterances with lognormal durations, median 3.75 s, σ = 0.6 (SPEC.md)."""
    seconds = 3.75 * np.exp(0.6 * np.random.default_rng(0).standard_normal(count))
    return np.maximum((seconds * FRAMES_PER_SECOND).astype(np.int64), 16)


def _compare(
    name: str, ours: Callable[[], object], baseline: Callable[[], object], repeats: int = REPEATS
) -> Measurement:
    """Medians in ms, measured alternately, so that other load on the machine affects both."""
    times: dict[str, list[float]] = {"ours": [], "baseline": []}
    for repeat in range(repeats + 1):
        for which, work in (("ours", ours), ("baseline", baseline)):
            began = time.perf_counter()
            work()
            if repeat:  # the first of each warms up
                times[which].append(1e3 * (time.perf_counter() - began))
    value, base = (statistics.median(times[which]) for which in ("ours", "baseline"))
    return Measurement(name, value, "ms", base, value / base)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)

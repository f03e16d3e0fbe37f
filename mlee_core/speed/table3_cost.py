"""Time of the paper's experiment at IEMOCAP's size, extrapolated from steps, and the machine's limit.

Steps are those of the training loop, on ragged batches of 16 with SPEC.md's durations; each training has one
thread, as the folds run in parallel. Reading batches, scoring and saving are not included.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..audio.frames import BINS, FRAMES_PER_SECOND
from ..config.recipe import Recipe
from ..config.run_config import Compute, StageConfig
from ..config.stages import Stage
from ..nets.network import VECTOR, pad
from ..runs.forecast import EXPECTED_EPOCHS
from ..training.batches import Batch
from ..training.devices import arithmetic
from ..training.loop import build, train_step
from ..training.losses import loss_function
from ..training.optimizer import Optimizer

UTTERANCES, MEAN_S, FOLDS = 4784, 4.5, 10
TRAIN_SHARE = 0.8
"""Share of the utterances in the training set: 8 of 10 speakers."""

ENCODERS, DENSE_ROWS = 5, 8
DENSE_EPOCHS = 50
"""Of a dense row: on EmoDB 5 to 100, 53 on average (BENCHMARKS.md)."""

BATCH, BATCHES = 16, 4
SIDE = 2048
"""Size of the square matrices whose product is the limit."""

FORWARD_GFLOP = 0.292
"""Of one encoder for a second of audio (FACTS.md); a training step needs three times that."""

HOW = (
    f"table3_iemocap: {FOLDS} folds, each {ENCODERS} encoders of {EXPECTED_EPOCHS} epochs and "
    f"{DENSE_ROWS} dense rows of {DENSE_EPOCHS}; {UTTERANCES} utterances of {MEAN_S} s, 80 % to train on, at "
    "three speeds; one training a core; an epoch is extrapolated from measured steps."
)


def products(dtypes: Sequence[torch.dtype]) -> list[float]:
    """GFLOP/s of a plain matrix product on all threads, for each dtype."""
    found = []
    for dtype in dtypes:
        a, b = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(2))  # [SIDE, SIDE]
        seconds = _seconds(lambda a=a, b=b: a @ b, 5)  # type: ignore[misc]
        found.append(2e-9 * SIDE**3 / seconds)
    return found


def seconds_an_epoch(frames: Sequence[int], compute: Compute) -> tuple[float, float]:
    """Seconds of an epoch: of one encoder, and of one dense row on two encoders' vectors.

    frames: lengths of utterances in an epoch, at least 16 · BATCHES of them.
    """
    copies = sum(1 / speed for speed in Recipe().speeds)
    real = UTTERANCES * TRAIN_SHARE * MEAN_S * copies * FRAMES_PER_SECOND
    examples = UTTERANCES * TRAIN_SHARE * len(Recipe().speeds)
    lengths = sorted(frames[: BATCH * BATCHES])
    ragged = [lengths[i : i + BATCH] for i in range(0, len(lengths), BATCH)]
    batches = [batch_of(*pad([torch.randn(n, BINS) for n in group])) for group in ragged]
    steps = training_steps(StageConfig(Stage("mlee", None, "all"), Recipe(), compute, 0), batches)
    encoder = _seconds(steps, 2) / sum(lengths) * real
    dense = [batch_of(torch.randn(BATCH, 2 * VECTOR)) for _ in range(BATCHES)]
    steps = training_steps(StageConfig(Stage("fusion", "soft", "all"), Recipe(), compute, 0), dense)
    return encoder, _seconds(steps, 20) / (BATCH * BATCHES) * examples


def whole_table_h(encoder_s: float, dense_s: float) -> float:
    """Hours of the whole Table 3 on all cores."""
    fold_s = ENCODERS * EXPECTED_EPOCHS * encoder_s + DENSE_ROWS * DENSE_EPOCHS * dense_s
    return FOLDS * fold_s / (os.cpu_count() or 1) / 3600


def batch_of(*inputs: Tensor) -> Batch:
    """A batch of BATCH utterances with inputs of a network, and targets of all classes."""
    targets = torch.eye(4).repeat(BATCH // 4, 1)  # [B, 4]
    return Batch(inputs, targets, tuple(map(str, range(BATCH))))


def training_steps(
    config: StageConfig, batches: Sequence[Batch], network: nn.Module | None = None
) -> Callable[[], object]:
    """A function that makes one step of the training loop on each batch. network: ours if None."""
    optimizer = Optimizer(config, (network or build(config)).train())
    loss = loss_function(config, batches[0].targets.tolist())

    def run() -> None:
        with arithmetic(config.compute):
            for batch in batches:
                train_step(config.compute, optimizer, loss, batch, 0.0)

    return run


def _seconds(work: Callable[[], object], repeats: int) -> float:
    """The minimum of `repeats` runs, after one to warm up."""
    least = float("inf")
    work()
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        least = min(least, time.perf_counter() - began)
    return least

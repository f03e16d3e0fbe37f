"""How long an experiment takes: before it starts, and while it runs. No torch in here.

Work is counted in frames that pass through an encoder's training step; a short measured trial
(experiments/speed_trial.py) or the epochs done so far give the time of a frame. How many epochs a stage needs
is known only afterwards.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..audio.frames import BINS, FRAMES_PER_SECOND, SAMPLE_RATE
from ..config.recipe import Recipe
from ..config.run_config import RunConfig
from ..config.stages import Stage
from ..corpora.corpus import Corpus, Utterance
from ..corpora.folds import Fold
from ..events import Dropped, EpochDone, Event, Progress, Resumed, StageDone
from ..labels.targets import admits
from .cells import Cell, CellResult

USUAL_S = 4.5
"""Of an utterance whose duration neither its corpus nor a trial gives: IEMOCAP's mean. Affects shares
only."""

EXPECTED_EPOCHS = 20
"""Of an encoder, until the run has finished one: 25 of them on EmoDB took 19 on average (BENCHMARKS.md)."""

DENSE_SHARE = 0.01
"""An epoch of dense layers on cached vectors, beside an encoder's (FACTS.md: 0.27 s beside 20 s and more)."""

ENCODE_SHARE = 0.35
"""Encoding a frame beside training on it: forward alone, but in fp32."""

MEMORY_GROWTH = 2.5
"""A process after many epochs beside one after a trial: torch keeps buffers for every shape of batch (EmoDB,
45 minutes: 2.5 GB beside 1.0 GB)."""

FRAME_BYTES = 2 * BINS
DENSE_BYTES = 600_000


@dataclass(frozen=True)
class Speed:
    """What a trial measured on this machine, with as many processes at once as will run.

    train_s: seconds a frame in a training step. features_s: seconds of decoding and features for a second
    of audio at all speeds. mean_duration_s: of the sampled utterances. memory_bytes: of one process.
    """

    train_s: float
    features_s: float
    mean_duration_s: float
    memory_bytes: int


class Workload:
    """Frames of an epoch of each cell of an experiment.

    mean_duration_s: of utterances whose corpus does not state their duration.
    """

    def __init__(
        self, config: RunConfig, corpus: Corpus, folds: Iterable[Fold], mean_duration_s: float
    ) -> None:
        self._recipe, self._corpus, self._mean = config.recipe, corpus, mean_duration_s
        self._stages = config.selection.stages
        self._folds = {fold.name: fold for fold in folds}
        self._epochs: dict[tuple[str, str], float] = {}

    @cached_property
    def audio_s(self) -> float:
        """Seconds of annotated speech, unperturbed."""
        return sum(self._seconds(u) for u in self._corpus.utterances if u.votes.total > 0)

    def copies(self) -> float:
        """Seconds of training material for each second of speech: all speeds together."""
        return sum(1 / speed for speed in self._recipe.speeds)

    @property
    def store_bytes(self) -> float:
        """The features at all speeds, and the samples where the recipe degrades recordings."""
        samples = 2 * SAMPLE_RATE if self._recipe.augmentation.degraded else 0
        return self.audio_s * (self.copies() * FRAMES_PER_SECOND * FRAME_BYTES + samples)

    def epoch(self, cell: Cell) -> float:
        """Frames of one epoch of an encoder; for dense layers the equivalent in such frames."""
        known, stage = self._epochs.get((cell.fold, cell.stage.name)), cell.stage
        if known is None:
            admitted = self._admitted(cell.fold, stage)
            twin = replace(stage, train_set="dominant")
            trained_already = stage.train_set == "all" and not stage.encoders and twin in self._stages
            if trained_already and self._admitted(cell.fold, twin) == admitted:
                admitted = []  # its twin's networks are reused
            frames = sum(self._epoch_s(u) for u in admitted) * FRAMES_PER_SECOND
            known = self._epochs[cell.fold, stage.name] = frames * (DENSE_SHARE if stage.encoders else 1.0)
        return known

    def encoding(self, cell: Cell) -> float:
        """Encoding the whole corpus for a dense stage, in equivalent frames; each encoder serves two."""
        return len(cell.stage.encoders) / 2 * self.audio_s * self.copies() * FRAMES_PER_SECOND * ENCODE_SHARE

    def _admitted(self, fold: str, stage: Stage) -> list[Utterance]:
        train_set = self._corpus.of_speakers(self._folds[fold].train)
        return [u for u in train_set if admits(stage.scheme, stage.train_set, u.votes)]

    def _epoch_s(self, utterance: Utterance) -> float:
        """Seconds that an utterance adds to an epoch, at the speeds and with the crop of the recipe."""
        crop_s = self._recipe.augmentation.crop_frames / FRAMES_PER_SECOND or math.inf
        copies = [min(self._seconds(utterance) / speed, crop_s) for speed in self._recipe.speeds]
        return sum(copies) if self._recipe.draw == "every" else statistics.fmean(copies)

    def _seconds(self, utterance: Utterance) -> float:
        return self._mean if utterance.duration_s is None else utterance.duration_s


class Forecast:
    """Computes from a run's events how much of it is done and how long the rest takes."""

    def __init__(
        self, config: RunConfig, workload: Workload, cells: Iterable[Cell], workers: int, speed: Speed | None
    ) -> None:
        self._config, self._workload, self._workers = config, workload, workers
        self._cells = tuple(cells)
        self._epochs: dict[Cell, int] = {}  # done so far, of cells in work
        self._best: dict[Cell, int] = {}
        self._finished: dict[Cell, int] = {}  # epochs of finished cells
        self._seconds = self._frames = 0.0  # of epochs timed in this run
        self._speed = speed

    def take_over(self, results: Iterable[CellResult]) -> None:
        """Count cells that an earlier run has finished."""
        self._finished |= {result.cell: result.epochs for result in results}

    def add(self, event: Event) -> None:
        cell = self.cell_of(event)
        if cell is None:
            return
        if isinstance(event, Dropped):
            for known in (self._epochs, self._best, self._finished):
                known.pop(cell, None)
        elif isinstance(event, EpochDone):
            self._epochs[cell] = event.epoch
            if event.best:
                self._best[cell] = event.epoch
            if event.seconds is not None and not cell.stage.encoders:
                self._seconds += event.seconds
                self._frames += self._workload.epoch(cell)
        elif isinstance(event, Resumed):
            self._epochs[cell] = event.epoch
        elif isinstance(event, StageDone):
            self._finished[cell] = self._epochs.get(cell, event.epoch)

    def progress(self) -> Progress:
        """Stages done of all, and seconds left for the whole, None while nothing was measured."""
        done = sum(cell in self._finished for cell in self._cells)
        return Progress("stages", done, len(self._cells), self.left_s())

    def left_s(self) -> float | None:
        """Remaining frames at the measured pace, shared by the processes; the longest cell's at least."""
        return self._seconds_for(self.expected_epochs)

    def most_s(self) -> float | None:
        """The same if no stage stops early."""
        return self._seconds_for(lambda cell: self._config.for_stage(cell.stage).epochs)

    def left_in_s(self, cell: Cell, share: float) -> float | None:
        """Seconds left in a cell whose epoch is done to a share; None while nothing was measured."""
        pace = self._pace()
        left = self._left(cell, self.expected_epochs(cell)) - share * self._workload.epoch(cell)
        return None if pace is None else pace * max(left, 0.0)

    def expected_epochs(self, cell: Cell) -> int:
        """Mean of the same stage in other folds, else of the same kind of stage, else a usual number."""
        stage = self._config.for_stage(cell.stage)
        if stage.cycled:
            return stage.epochs
        same = [n for other, n in self._finished.items() if other.stage == cell.stage]
        dense = bool(cell.stage.encoders)
        alike = [n for other, n in self._finished.items() if bool(other.stage.encoders) == dense]
        usual = stage.epochs if cell.stage.encoders else EXPECTED_EPOCHS
        expected = round(statistics.fmean(same or alike or [usual]))
        at_least = self._best.get(cell, 1) + stage.recipe.patience
        return min(max(expected, at_least), stage.epochs)

    def _seconds_for(self, epochs: Callable[[Cell], int]) -> float | None:
        pace = self._pace()
        left = [self._left(cell, epochs(cell)) for cell in self._cells if cell not in self._finished]
        return None if pace is None else pace * max(sum(left) / self._workers, max(left, default=0.0))

    def _left(self, cell: Cell, epochs: int) -> float:
        """Remaining frames of a cell."""
        encoding = 0.0 if cell in self._epochs else self._workload.encoding(cell)
        return max(epochs - self._epochs.get(cell, 0), 0) * self._workload.epoch(cell) + encoding

    def _pace(self) -> float | None:
        """Seconds a frame in one process."""
        if self._frames:
            return self._seconds / self._frames
        return None if self._speed is None else self._speed.train_s

    def cell_of(self, event: Event) -> Cell | None:
        """The experiment's cell that an event is about, None for another."""
        wanted = (event.fold, event.seed, getattr(event, "stage", None))
        return next((c for c in self._cells if (c.fold, c.seed, c.stage.name) == wanted), None)


@dataclass(frozen=True)
class Cost:
    """What an experiment takes. seconds: if stages stop as early as usual; most_seconds: if none does.
    features_bytes: on disk while it runs; disk_bytes: what it leaves; both on the run folder's disk."""

    cells: int
    done: int
    workers: int
    usual_epochs: int
    seconds: float
    most_seconds: float
    features_bytes: int
    disk_bytes: int
    memory_bytes: int


def network_bytes(recipe: Recipe) -> int:
    """Size of an encoder's weights in single precision; the BLSTM's input weights grow with the bins."""
    return 4 * (249_756 + 2048 * recipe.bins)


def encoder_bytes(recipe: Recipe) -> int:
    """Size of an encoder's checkpoints: the best, and the last with Adam's two moments and, where weights are
    averaged, the trained weights beside their mean."""
    return (5 if recipe.averaging else 4) * network_bytes(recipe)


def cost(
    config: RunConfig,
    workload: Workload,
    cells: Sequence[Cell],
    results: Sequence[CellResult],
    workers: int,
    speed: Speed,
) -> Cost:
    """The cost of the cells that have no result yet."""
    forecast = Forecast(config, workload, cells, workers, speed)
    forecast.take_over(results)
    usual, most = forecast.left_s(), forecast.most_s()
    assert usual is not None and most is not None, "a trial gives a pace"
    left = set(cells) - {result.cell for result in results}
    features_s = workload.audio_s * speed.features_s
    folds = {(cell.fold, cell.seed) for cell in left}
    return Cost(
        cells=len(cells),
        done=len(results),
        workers=workers,
        usual_epochs=min(config.recipe.cycle or EXPECTED_EPOCHS, config.recipe.max_epochs),
        seconds=usual + features_s,
        most_seconds=most + features_s,
        features_bytes=round(workload.store_bytes),
        disk_bytes=sum(DENSE_BYTES if cell.stage.encoders else encoder_bytes(config.recipe) for cell in left)
        + 3 * network_bytes(config.recipe) // 2 * len(folds),  # models, in half precision
        memory_bytes=round((workers * MEMORY_GROWTH + 1) * speed.memory_bytes),
    )

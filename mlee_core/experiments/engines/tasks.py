"""What one process trains in one go: the stages of an experiment grouped into tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...config.run_config import RunConfig, Selection
from ...config.stages import Stage
from ...corpora.corpus import Corpus
from ...corpora.folds import Fold, Folds
from ...labels.targets import admits
from ...runs.cells import Cell

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class TrainingTask:
    """What one process trains in one go: stages of one fold and seed, once their encoders are there.

    An encoder is a job of its own, together with its twin on the other train set where both admit the same
    utterances, so that they are trained once; all rows that stand on encoders are one, so that the encoders'
    outputs are computed once (SPEC.md, "Experiments").
    """

    fold: Fold
    seed: int
    stages: tuple[Stage, ...]

    @property
    def cells(self) -> tuple[Cell, ...]:
        return tuple(Cell(self.fold.name, self.seed, stage) for stage in self.stages)

    @property
    def needs(self) -> tuple[Cell, ...]:
        """The encoders that must be trained before."""
        encoders = dict.fromkeys(encoder for stage in self.stages for encoder in stage.encoders)
        return tuple(Cell(self.fold.name, self.seed, encoder) for encoder in encoders)


def training_tasks(
    config: RunConfig, selection: Selection, folds: Folds, corpus: Corpus, done: Collection[Cell]
) -> tuple[TrainingTask, ...]:
    """The jobs of an experiment that are not done, in the order in which they should begin."""
    chosen = [fold for fold in folds.folds if fold.name in selection.folds]
    together = {fold: (*_encoders(selection, fold, corpus), _dense(selection)) for fold in chosen}
    every = [
        TrainingTask(fold, seed, stages)
        for seeds in config.ensembles(selection.seeds)
        for fold in chosen
        for seed in seeds
        for stages in together[fold]
        if stages
    ]
    return tuple(job for job in every if not set(job.cells) <= set(done))


def restricted_to(
    training_tasks: Sequence[TrainingTask], wanted: Collection[Cell]
) -> tuple[TrainingTask, ...]:
    """The jobs with the wanted cells alone."""
    chosen = set(wanted)
    kept = (
        replace(job, stages=tuple(cell.stage for cell in job.cells if cell in chosen))
        for job in training_tasks
    )
    return tuple(job for job in kept if job.stages)


def _encoders(selection: Selection, fold: Fold, corpus: Corpus) -> list[tuple[Stage, ...]]:
    """The encoders, each with its twin."""
    learnt = corpus.of_speakers((*fold.train, *fold.dev))
    groups: dict[tuple[object, ...], tuple[Stage, ...]] = {}
    for stage in (stage for stage in selection.stages if not stage.encoders):
        admitted = frozenset(u.id for u in learnt if admits(stage.scheme, stage.train_set, u.votes))
        key = (stage.row, stage.label, admitted)
        groups[key] = (*groups.get(key, ()), stage)
    return list(groups.values())


def _dense(selection: Selection) -> tuple[Stage, ...]:
    return tuple(stage for stage in selection.stages if stage.encoders)

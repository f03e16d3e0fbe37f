"""The stages of an experiment, grouped into tasks that one process trains."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ...config.run_config import RunConfig
from ...config.stages import Stage
from ...corpora.corpus import Corpus
from ...corpora.folds import Fold, Folds
from ...labels.targets import admits
from ...runs.cells import Cell


@dataclass(frozen=True)
class TrainingTask:
    """Stages of one fold and seed that one process trains, after their encoders.

    An encoder is a task of its own, together with its twin on the other train set where both admit the same
    utterances, so that they are trained once; all rows that use encoders are one task, so that the encoders'
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
        """The encoders that must be trained first."""
        encoders = dict.fromkeys(encoder for stage in self.stages for encoder in stage.encoders)
        return tuple(Cell(self.fold.name, self.seed, encoder) for encoder in encoders)


def training_tasks(
    config: RunConfig, folds: Folds, corpus: Corpus, done: Collection[Cell]
) -> tuple[TrainingTask, ...]:
    """The tasks of an experiment that are not done, in the order in which they should start."""
    stages = config.selection.stages
    chosen = [fold for fold in folds.folds if fold.name in config.selection.folds]
    dense = tuple(stage for stage in stages if stage.encoders)
    together = {fold: (*_encoders(stages, fold, corpus), dense) for fold in chosen}
    every = [
        TrainingTask(fold, seed, stages)
        for seeds in config.ensembles
        for fold in chosen
        for seed in seeds
        for stages in together[fold]
        if stages
    ]
    return tuple(task for task in every if not set(task.cells) <= set(done))


def restricted_to(tasks: Sequence[TrainingTask], wanted: Collection[Cell]) -> tuple[TrainingTask, ...]:
    """The tasks, reduced to the wanted cells."""
    wanted = set(wanted)
    kept = (replace(task, stages=tuple(c.stage for c in task.cells if c in wanted)) for task in tasks)
    return tuple(task for task in kept if task.stages)


def _encoders(stages: Sequence[Stage], fold: Fold, corpus: Corpus) -> list[tuple[Stage, ...]]:
    """The encoders, each with its twin."""
    utterances = corpus.of_speakers((*fold.train, *fold.dev))
    groups: dict[tuple[object, ...], tuple[Stage, ...]] = {}
    for stage in (stage for stage in stages if not stage.encoders):
        admitted = frozenset(u.id for u in utterances if admits(stage.scheme, stage.train_set, u.votes))
        key = (stage.row, stage.label, admitted)
        groups[key] = (*groups.get(key, ()), stage)
    return list(groups.values())

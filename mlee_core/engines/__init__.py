"""Where the cells of an experiment are trained: jobs, and engines that work them off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..config import RunConfig, Selection, Stage
from ..folds import Fold, Folds
from ..runs import Cell


@dataclass(frozen=True)
class Job:
    """What one process trains in one go: stages of one fold and seed, once their encoders are there.

    An encoder is a job of its own; all rows that stand on encoders are one, so that the encoders' outputs
    are computed once (SPEC.md, "Experiments").
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


def jobs(config: RunConfig, selection: Selection, folds: Folds, done: Collection[Cell]) -> tuple[Job, ...]:
    """The jobs of an experiment that are not done, in the order in which they should begin."""
    encoders = [(stage,) for stage in selection.stages if not stage.encoders]
    dense = tuple(stage for stage in selection.stages if stage.encoders)
    seeds = range(config.seed, config.seed + selection.seeds)
    chosen = [fold for fold in folds.folds if fold.name in selection.folds]
    every = [
        Job(fold, seed, stages)
        for seed in seeds
        for fold in chosen
        for stages in (*encoders, dense)
        if stages
    ]
    return tuple(job for job in every if not set(job.cells) <= set(done))

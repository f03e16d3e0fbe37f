"""Where the cells of an experiment are trained: jobs, and engines that work them off."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from ..config import Compute, RunConfig, Selection, Stage
from ..corpora.base import Corpus
from ..errors import ConfigError
from ..events import Event
from ..folds import Fold, Folds
from ..labels import admits
from ..runs import Cell

if TYPE_CHECKING:
    from ..experiment import Work
    from .ray_nodes import Cluster

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True)
class Engine:
    """Where jobs run. local: processes of this machine. ray: tasks of the Ray cluster at an address,
    HOST:PORT; None is a Ray of our own on this machine."""

    name: EngineName = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ConfigError(f"engine {self.name!r}: allowed are {' and '.join(ENGINES)}.")
        if self.address is None:
            return
        if self.name != "ray":
            raise ConfigError(
                f"address {self.address} with engine {self.name}: it is for engine ray (--engine ray)."
            )
        if self.address.startswith("ray://"):
            raise ConfigError(
                f"address {self.address} is for Ray clients, which cannot be used: make this machine a node "
                "of the cluster (`ray start --address=HOST:PORT`) and give that HOST:PORT."
            )
        host, _, port = self.address.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ConfigError(
                f"address {self.address!r}: allowed is HOST:PORT, as `ray start --head` prints it."
            )

    @property
    def place(self) -> str:
        """In words, for messages."""
        if self.name == "local":
            return "this machine"
        return "Ray on this machine" if self.address is None else f"the Ray cluster at {self.address}"

    @property
    def is_here(self) -> bool:
        """Whether all of it runs on this machine."""
        return self.address is None


LOCAL = Engine()

ON_A_GPU = 2
"""Trainings on one GPU at once: while one prepares a batch or scores, the other's steps run. Not measured."""


def slots_here(compute: Compute) -> int:
    """Trainings that fit side by side on this machine."""
    cores = max(1, (os.cpu_count() or 1) // compute.threads)
    return cores if compute.device == "cpu" else min(cores, ON_A_GPU)


def cluster_of(engine: Engine, device: str, *, ask_dtype: bool) -> Cluster | None:
    """What the engine's cluster offers, None where all runs on this machine.

    ask_dtype: also in which arithmetic its nodes are fast. Raises: ConfigError where Ray cannot be used.
    """
    if engine.name != "ray":
        return None
    from . import ray_cluster

    ray_cluster.refuse_absence()
    if device not in ("cpu", "cuda"):
        raise ConfigError(
            f"device {device!r} with engine ray, which hands out the GPUs: allowed are cpu and cuda."
        )
    return None if engine.address is None else ray_cluster.look(engine.address, device, ask_dtype=ask_dtype)


def run(
    engine: Engine, work: Work, jobs: Sequence[Job], done: Collection[Cell], workers: int
) -> Generator[Event]:
    """Train all jobs, at most `workers` at a time (`work.work_off`). Closing the generator stops the work."""
    if engine.name == "ray":
        from . import ray_cluster

        return ray_cluster.run(work, jobs, done, workers, engine.address)
    from . import local

    return local.run(work, jobs, done, workers)


@dataclass(frozen=True)
class Job:
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


def jobs(
    config: RunConfig, selection: Selection, folds: Folds, corpus: Corpus, done: Collection[Cell]
) -> tuple[Job, ...]:
    """The jobs of an experiment that are not done, in the order in which they should begin."""
    chosen = [fold for fold in folds.folds if fold.name in selection.folds]
    together = {fold: (*_encoders(selection, fold, corpus), _dense(selection)) for fold in chosen}
    every = [
        Job(fold, seed, stages)
        for seeds in config.ensembles(selection.seeds)
        for fold in chosen
        for seed in seeds
        for stages in together[fold]
        if stages
    ]
    return tuple(job for job in every if not set(job.cells) <= set(done))


def part(jobs: Sequence[Job], wanted: Collection[Cell]) -> tuple[Job, ...]:
    """The jobs with the wanted cells alone."""
    chosen = set(wanted)
    kept = (replace(job, stages=tuple(cell.stage for cell in job.cells if cell in chosen)) for job in jobs)
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

"""Engines train the tasks of an experiment: in local processes or in a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Sequence
from typing import TYPE_CHECKING

from ...config.experiment_spec import Engine
from ...config.run_config import Compute
from ...errors import ConfigError
from ...events import Event
from ...runs.cells import Cell
from .tasks import TrainingTask

if TYPE_CHECKING:
    from ..cell_training import Work
    from .ray.nodes import Cluster


ON_A_GPU = 2
"""Trainings on one GPU at once: while one prepares a batch or scores, the other trains. Not measured."""


def slots_here(compute: Compute) -> int:
    """Trainings that fit side by side on this machine."""
    cores = max(1, (os.cpu_count() or 1) // compute.threads)
    return cores if compute.device == "cpu" else min(cores, ON_A_GPU)


def cluster_of(engine: Engine, device: str, *, ask_dtype: bool) -> Cluster | None:
    """The resources of the engine's cluster, None where everything runs on this machine.

    ask_dtype: query the fast arithmetic of its nodes too. Raises: ConfigError where Ray cannot be used.
    """
    if engine.name != "ray":
        return None
    from .ray import driver_process
    from .ray import engine as ray_engine

    driver_process.refuse_absence()
    if device not in ("cpu", "cuda"):
        raise ConfigError(
            f"device {device!r} with engine ray, which assigns the GPUs itself: allowed are cpu and cuda."
        )
    return None if engine.address is None else ray_engine.look(engine.address, device, ask_dtype=ask_dtype)


def run(
    engine: Engine, work: Work, tasks: Sequence[TrainingTask], done: Collection[Cell], workers: int
) -> Generator[Event]:
    """Train all tasks, at most `workers` at a time (`scheduler.run_tasks`). Closing the generator stops
    them."""
    if engine.name == "ray":
        from .ray import engine as ray_engine

        return ray_engine.run(work, tasks, done, workers, engine.address)
    from . import local

    return local.run(work, tasks, done, workers)

"""The local engine: jobs run side by side in processes of this machine.

A process that fails or dies takes its own job with it and no other; what stands on that job's encoder is
told as not trained. The processes hold no state that is not on disk, so ending them at any time is safe.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from ..errors import MleeError, WorkerDied
from ..events import Event, Failed, Progress
from ..experiment import Work, train_cells
from ..processes import Child, Connection, wait_for
from ..runs import Cell
from . import Job

PROGRESS_EVERY_S = 0.2


def run(work: Work, jobs: Sequence[Job], done: Collection[Cell], workers: int) -> Iterator[Event]:
    """Train all jobs, at most `workers` at a time. Closing the generator ends the processes.

    done: cells that are trained already. Failed events carry fold, seed and stage; the rest goes on.
    """
    waiting, finished, lost = list(jobs), set(done), set[Cell]()
    idle: list[Child] = []
    numbers = itertools.count(1)
    busy: dict[Child, _Progress] = {}
    try:
        while waiting or busy:
            yield from _refuse_orphans(waiting, lost)
            for job in [job for job in waiting if set(job.needs) <= finished]:
                if len(busy) == workers:
                    break
                child = idle.pop() if idle else _start(work, next(numbers))
                waiting.remove(job)
                busy[child] = _Progress(job)
                child.send(job)
            for child in wait_for(list(busy)):
                event = _next_event(child, busy[child])
                if event is not None:
                    busy[child].event = event
                    yield event
                if event is None or isinstance(event, Failed):
                    job = busy.pop(child).job
                    (lost if isinstance(event, Failed) else finished).update(job.cells)
                    if child.alive:
                        idle.append(child)
    finally:
        for child in (*idle, *busy):
            child.kill()


class _Progress:
    """A job in work and the last that was heard of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.event: Event | None = None


def _start(work: Work, number: int) -> Child:
    return Child("training process", serve, work, log=work.run / "logs" / f"worker-{number}.log")


def _next_event(child: Child, progress: _Progress) -> Event | None:
    """What the child says; None at a job's end; Failed, with its last log lines, when it has died."""
    try:
        event: Event | None = child.receive()
    except WorkerDied as error:
        job = progress.job
        stage = getattr(progress.event, "stage", None) or job.stages[0].name
        return Failed(str(error), stage, fold=job.fold.name, seed=job.seed)
    return event


def _refuse_orphans(waiting: list[Job], lost: set[Cell]) -> Iterator[Event]:
    """Drop jobs that stand on an encoder which failed, and say so."""
    for job in [job for job in waiting if set(job.needs) & lost]:
        waiting.remove(job)
        lost.update(job.cells)
        missing = next(cell.stage.name for cell in job.needs if cell in lost)
        for stage in job.stages:
            message = f"{stage.name} of fold {job.fold.name} was not trained: its encoder {missing} failed."
            yield Failed(message, stage.name, fold=job.fold.name, seed=job.seed)


# ---- the process's side ----------------------------------------------------------------------------------


def serve(connection: Connection, work: Work) -> None:
    """Train one job after the other; each ends with None, or with Failed."""
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        connection.send(_trained(connection, work, job))


def _trained(connection: Connection, work: Work, job: Job) -> Failed | None:
    told_at, stage = 0.0, job.stages[0].name
    try:
        for event in train_cells(work, job.fold, job.seed, job.stages):
            stage = getattr(event, "stage", None) or stage
            if not isinstance(event, Progress) or time.monotonic() - told_at > PROGRESS_EVERY_S:
                told_at = time.monotonic()
                connection.send(event)
    except (MleeError, OSError) as error:
        return Failed(_sentence(error, work.run), stage, fold=job.fold.name, seed=job.seed)
    return None


def _sentence(error: MleeError | OSError, run: Path) -> str:
    if isinstance(error, MleeError):
        return str(error)
    return f"{run} cannot be written: {error.strerror or error}; what was saved before is whole."

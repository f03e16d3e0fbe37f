"""The local engine: jobs run side by side in processes of this machine.

A stage that fails, or in which a process dies, takes no other with it but those that stand on it, which are
told as not trained. The processes hold no state that is not on disk, so ending them at any time is safe.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..config import Stage
from ..errors import MleeError, WorkerDied
from ..events import Event, Failed, Progress, StageDone
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
    busy: dict[Child, _InWork] = {}
    try:
        while waiting or busy:
            yield from _refuse_orphans(waiting, lost)
            for job in [job for job in waiting if set(job.needs) <= finished]:
                if len(busy) == workers:
                    break
                idle = [child for child in idle if child.alive]  # one may have been killed meanwhile
                child = idle.pop() if idle else _start(work, next(numbers))
                waiting.remove(job)
                busy[child] = _InWork(job)
                child.send(job)
            for child in wait_for(list(busy)):
                event = _next_event(child, busy[child])
                if event is not None:
                    busy[child].heard(event)
                    yield event
                if event is None or isinstance(event, Failed):
                    ended = busy.pop(child)
                    finished.update(ended.trained)
                    if isinstance(event, Failed):
                        lost.add(ended.current)
                        waiting += ended.rest
                    if child.alive:
                        idle.append(child)
    finally:
        for child in (*idle, *busy):
            child.kill()


class _InWork:
    """A job in work: its stages end one after the other."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._ended = 0

    def heard(self, event: Event) -> None:
        if isinstance(event, StageDone) and event.stage == self.stage.name:  # an encoder's is only retold
            self._ended += 1

    @property
    def stage(self) -> Stage:
        """The one in work, the last one at the job's end."""
        return self.job.stages[min(self._ended, len(self.job.stages) - 1)]

    @property
    def trained(self) -> tuple[Cell, ...]:
        return self.job.cells[: self._ended]

    @property
    def current(self) -> Cell:
        return Cell(self.job.fold.name, self.job.seed, self.stage)

    @property
    def rest(self) -> list[Job]:
        """What is left of the job without the stage in work."""
        stages = self.job.stages[self._ended + 1 :]
        return [replace(self.job, stages=stages)] if stages else []

    def failed(self, message: str) -> Failed:
        return Failed(message, self.stage.name, fold=self.job.fold.name, seed=self.job.seed)


def _start(work: Work, number: int) -> Child:
    return Child("training process", serve, work, log=work.run / "logs" / f"worker-{number}.log")


def _next_event(child: Child, in_work: _InWork) -> Event | None:
    """What the child says; None at a job's end; Failed, with its last log lines, when it has died."""
    try:
        event: Event | None = child.receive()
    except WorkerDied as error:
        return in_work.failed(str(error))
    return event


def _refuse_orphans(waiting: list[Job], lost: set[Cell]) -> Iterator[Event]:
    """Take out of the jobs the stages that stand on an encoder which failed, and say so."""
    for number, job in enumerate(waiting):
        for cell in job.cells:
            missing = [e.name for e in cell.stage.encoders if replace(cell, stage=e) in lost]
            if missing:
                lost.add(cell)
                name = cell.stage.name
                message = f"{name} of fold {cell.fold} was not trained: its encoder {missing[0]} failed."
                yield Failed(message, name, fold=cell.fold, seed=cell.seed)
        waiting[number] = replace(job, stages=tuple(c.stage for c in job.cells if c not in lost))
    waiting[:] = [job for job in waiting if job.stages]


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
    told_at, in_work = 0.0, _InWork(job)
    try:
        for event in train_cells(work, job.fold, job.seed, job.stages):
            in_work.heard(event)
            if not isinstance(event, Progress) or time.monotonic() - told_at > PROGRESS_EVERY_S:
                told_at = time.monotonic()
                connection.send(event)
    except (MleeError, OSError) as error:
        return in_work.failed(_sentence(error, work.run))
    return None


def _sentence(error: MleeError | OSError, run: Path) -> str:
    if isinstance(error, MleeError):
        return str(error)
    return f"{run} cannot be written: {error.strerror or error}; what was saved before is whole."

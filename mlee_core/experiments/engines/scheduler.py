"""What all engines share: in which order jobs are worked off, and what is told of them."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ...config.stages import Stage
from ...errors import MleeError, WorkerDied
from ...events import Event, Failed, Progress, StageDone
from ...runs.cells import Cell
from ...runs.control_requests import ControlRequests
from ...system import sigterm
from .tasks import TrainingTask

if TYPE_CHECKING:
    from ..cells import Work

PROGRESS_EVERY_S = 0.2


class Pool(Protocol):
    """Where jobs are trained side by side."""

    def start(self, job: TrainingTask) -> None:
        """Begin a job."""

    def heard(self) -> Sequence[tuple[TrainingTask, Event | MleeError | None]]:
        """What the jobs in work have told; waits for it, but may come back with nothing after a while.

        A job ends with None, with Failed, or with the error that ended it from outside.
        """


def work_off(
    pool: Pool, jobs: Sequence[TrainingTask], done: Collection[Cell], workers: int, asks: ControlRequests
) -> Generator[Event]:
    """Train all jobs, at most `workers` at a time; what is asked meanwhile is heeded.

    done: cells that are trained already. Failed events carry fold, seed and stage; a stage that fails takes
    no other with it but those that stand on it, which are told as not trained. What is skipped, and what
    stands on it, is left out without a word.
    """
    waiting, finished, lost = list(jobs), set(done), set[Cell]()
    busy: dict[TrainingTask, InWork] = {}
    while True:
        yield from _refuse_orphans(waiting, lost)
        asked = asks.now()
        while asked.ask is None and len(busy) < workers and (job := _taken(waiting, finished, asked.skip)):
            busy[job] = InWork(job)
            pool.start(job)
        if not busy:
            return
        sigterm.check()
        for job, told in pool.heard():
            event = busy[job].failed_by(told) if isinstance(told, MleeError) else told
            if event is not None:
                yield busy[job].heard(event)
            if event is None or isinstance(event, Failed):
                ended = busy.pop(job)
                finished.update(ended.trained)
                if isinstance(event, Failed):
                    lost.add(ended.current)
                waiting += ended.rest(without_current=isinstance(event, Failed))


def _taken(
    waiting: list[TrainingTask], finished: Collection[Cell], skip: Collection[str]
) -> TrainingTask | None:
    """Take out of the jobs the first that may begin: its stages that are not to be skipped, and stand on none
    that is. What is left of it waits on."""
    skipped = {name for name in skip if name not in {cell.name for cell in finished}}
    for number, job in enumerate(waiting):
        chosen = [
            cell.stage
            for cell in job.cells
            if skipped.isdisjoint(cell.name for cell in (cell, *_encoders(cell)))
        ]
        part = replace(job, stages=tuple(chosen))
        if chosen and set(part.needs) <= set(finished):
            left = tuple(stage for stage in job.stages if stage not in chosen)
            waiting[number : number + 1] = [replace(job, stages=left)] if left else []
            return part
    return None


def _encoders(cell: Cell) -> list[Cell]:
    return [replace(cell, stage=encoder) for encoder in cell.stage.encoders]


class InWork:
    """A job in work: its stages end one after the other."""

    def __init__(self, job: TrainingTask) -> None:
        self.job = job
        self._ended = 0

    def heard(self, event: Event) -> Event:
        """Take it in. Progress that names no stage of this job, encoding say, is made on the one in work."""
        if isinstance(event, StageDone) and event.stage == self.stage.name:  # an encoder's is only retold
            self._ended += 1
        if isinstance(event, Progress) and event.fold is not None:
            return replace(event, stage=self.stage.name)
        return event

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

    def rest(self, *, without_current: bool) -> list[TrainingTask]:
        """What is left of the job, with the stage in work or without."""
        stages = self.job.stages[self._ended + without_current :]
        return [replace(self.job, stages=stages)] if stages else []

    def failed(self, message: str, log: str = "") -> Failed:
        return Failed(message, self.stage.name, log, fold=self.job.fold.name, seed=self.job.seed)

    def failed_by(self, error: MleeError) -> Failed:
        return self.failed(str(error), error.log if isinstance(error, WorkerDied) else "")


def _refuse_orphans(waiting: list[TrainingTask], lost: set[Cell]) -> Iterator[Event]:
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


def trained(work: Work, job: TrainingTask, place: str) -> Iterator[Event]:
    """Train one job in this process; a stage that cannot be trained ends it with Failed.

    Progress is told a few times a second. place: what cannot be written when an OSError says so.
    """
    from ..cells import train_cells

    told_at, in_work = 0.0, InWork(job)
    try:
        for event in train_cells(work, job.fold, job.seed, job.stages):
            in_work.heard(event)
            if not isinstance(event, Progress) or time.monotonic() - told_at > PROGRESS_EVERY_S:
                told_at = time.monotonic()
                yield event
    except MleeError as error:
        yield in_work.failed(str(error))
    except OSError as error:
        yield in_work.failed(cannot_be_written(place, error))


def cannot_be_written(place: str, error: OSError) -> str:
    return f"{place} cannot be written: {error.strerror or error}; what was saved before is whole."

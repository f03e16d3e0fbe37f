"""What all engines share: the order in which tasks start, and the events of a run."""

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
    from ..cell_training import Work

PROGRESS_EVERY_S = 0.2

Received = list[tuple[TrainingTask, Event | MleeError | None]]
"""Tasks with their events. A task ends with None, with Failed, or with the error that ended it from
outside."""


class Pool(Protocol):
    """Trains tasks side by side."""

    def start(self, task: TrainingTask) -> None:
        """Start a task."""

    def receive(self) -> Received:
        """Wait for events of the running tasks; may return none after a while."""


def run_tasks(
    pool: Pool,
    tasks: Sequence[TrainingTask],
    done: Collection[Cell],
    workers: int,
    requests: ControlRequests,
) -> Generator[Event]:
    """Train all tasks, at most `workers` at a time, and obey the requests.

    Failed events carry fold, seed and stage. A stage that fails takes only those with it that use its
    outputs; an event says of each that it was not trained. Skipped cells, and those that use their outputs,
    are left out without an event.

    Args:
        pool: where tasks run.
        tasks: in the order in which they should start.
        done: cells that are trained already.
        workers: number of tasks at once.
        requests: to the run, read before each start.
    """
    waiting, finished, lost = list(tasks), set(done), set[Cell]()
    running: dict[TrainingTask, RunningTask] = {}
    while True:
        yield from _fail_orphans(waiting, lost)
        request = requests.now()
        while (
            request.ask is None
            and len(running) < workers
            and (task := _next_task(waiting, finished, request.skip))
        ):
            running[task] = RunningTask(task)
            pool.start(task)
        if not running:
            return
        sigterm.check()
        for task, received in pool.receive():
            event = running[task].failed_by(received) if isinstance(received, MleeError) else received
            if event is not None:
                yield running[task].add(event)
            if event is None or isinstance(event, Failed):
                ended = running.pop(task)
                finished.update(ended.trained)
                if isinstance(event, Failed):
                    lost.add(ended.current)
                waiting += ended.rest(without_current=isinstance(event, Failed))


def _next_task(
    waiting: list[TrainingTask], finished: Collection[Cell], skip: Collection[str]
) -> TrainingTask | None:
    """Remove the first task that may start: its stages that are not skipped and need no skipped encoder. Its
    other stages keep waiting."""
    skipped = set(skip) - {cell.name for cell in finished}
    for number, task in enumerate(waiting):
        used = {cell.stage: {c.name for c in (cell, *_encoders(cell))} for cell in task.cells}
        chosen = [stage for stage, names in used.items() if skipped.isdisjoint(names)]
        part = replace(task, stages=tuple(chosen))
        if chosen and set(part.needs) <= set(finished):
            others = tuple(stage for stage in task.stages if stage not in chosen)
            waiting[number : number + 1] = [replace(task, stages=others)] if others else []
            return part
    return None


def _encoders(cell: Cell) -> list[Cell]:
    return [replace(cell, stage=encoder) for encoder in cell.stage.encoders]


class RunningTask:
    """A task in work: its stages end one after the other."""

    def __init__(self, task: TrainingTask) -> None:
        self.task = task
        self._ended = 0

    def add(self, event: Event) -> Event:
        """Count a finished stage; returns the event. Progress of other stages, such as encoding, counts as
        progress of the current one."""
        if isinstance(event, StageDone) and event.stage == self.stage.name:  # an encoder's is a repetition
            self._ended += 1
        if isinstance(event, Progress) and event.fold is not None:
            return replace(event, stage=self.stage.name)
        return event

    @property
    def stage(self) -> Stage:
        """The current one; the last one at the task's end."""
        return self.task.stages[min(self._ended, len(self.task.stages) - 1)]

    @property
    def trained(self) -> tuple[Cell, ...]:
        return self.task.cells[: self._ended]

    @property
    def current(self) -> Cell:
        return Cell(self.task.fold.name, self.task.seed, self.stage)

    def rest(self, *, without_current: bool) -> list[TrainingTask]:
        """The task with its remaining stages, with the current one or without."""
        stages = self.task.stages[self._ended + without_current :]
        return [replace(self.task, stages=stages)] if stages else []

    def failed(self, message: str, log: str = "") -> Failed:
        return Failed(message, self.stage.name, log, fold=self.task.fold.name, seed=self.task.seed)

    def failed_by(self, error: MleeError) -> Failed:
        return self.failed(str(error), error.log if isinstance(error, WorkerDied) else "")


def _fail_orphans(waiting: list[TrainingTask], lost: set[Cell]) -> Iterator[Event]:
    """Remove the stages from the tasks whose encoder failed; yields Failed for each."""
    for number, task in enumerate(waiting):
        for cell in task.cells:
            missing = [encoder.stage.name for encoder in _encoders(cell) if encoder in lost]
            if missing:
                lost.add(cell)
                name = cell.stage.name
                message = f"{name} of fold {cell.fold} was not trained: its encoder {missing[0]} failed."
                yield Failed(message, name, fold=cell.fold, seed=cell.seed)
        waiting[number] = replace(task, stages=tuple(c.stage for c in task.cells if c not in lost))
    waiting[:] = [task for task in waiting if task.stages]


def train_task(work: Work, task: TrainingTask, place: str) -> Iterator[Event]:
    """Train one task in this process; a stage that cannot be trained ends it with Failed.

    Yields Progress a few times a second. place: names what an OSError says cannot be written.
    """
    from ..cell_training import train_cells

    yielded_at, running = 0.0, RunningTask(task)
    try:
        for event in train_cells(work, task.fold, task.seed, task.stages):
            running.add(event)
            if not isinstance(event, Progress) or time.monotonic() - yielded_at > PROGRESS_EVERY_S:
                yielded_at = time.monotonic()
                yield event
    except MleeError as error:
        yield running.failed(str(error))
    except OSError as error:
        yield running.failed(cannot_be_written(place, error))


def cannot_be_written(place: str, error: OSError) -> str:
    return f"{place} cannot be written: {error.strerror or error}; what was saved before is complete."

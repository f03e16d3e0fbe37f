"""The local engine: tasks run side by side in processes of this machine.

The processes hold no state that is not on disk, so ending them at any time is safe.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Generator, Sequence
from dataclasses import replace

from ...errors import MleeError, WorkerDied
from ...events import Event, Failed
from ...runs.cells import Cell
from ...runs.control_requests import ControlRequests
from ...system.child_process import Child, Connection, wait_for
from ..cell_training import Work
from .scheduler import Received, run_tasks, train_task
from .tasks import TrainingTask

WAIT_S = 0.5
"""Longest wait for an event, so that requests are obeyed while processes start and send none."""


def run(work: Work, tasks: Sequence[TrainingTask], done: Collection[Cell], workers: int) -> Generator[Event]:
    """Train all tasks, at most `workers` at a time (`run_tasks`). Closing the generator ends the
    processes."""
    pool = _Processes(work)
    try:
        yield from run_tasks(pool, tasks, done, workers, ControlRequests(work.run))
    finally:
        pool.close()


class _Processes:
    """The training processes: an idle one takes the next task."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._numbers = itertools.count(1)
        self._idle: list[Child] = []
        self._busy: dict[Child, TrainingTask] = {}

    def start(self, task: TrainingTask) -> None:
        self._idle = [child for child in self._idle if child.alive]  # one may have been killed
        child = self._idle.pop() if self._idle else self._started()
        self._busy[child] = task
        child.send(task)

    def _started(self) -> Child:
        log = self._work.run / "logs" / f"worker-{next(self._numbers)}.log"
        return Child("training process", serve, self._work, log=log)

    def receive(self) -> Received:
        return [self._received(child) for child in wait_for(list(self._busy), WAIT_S)]

    def _received(self, child: Child) -> tuple[TrainingTask, Event | MleeError | None]:
        """The child's next event; an error with its last log line when it has died."""
        task = self._busy[child]
        event: Event | MleeError | None
        try:
            event = child.receive()
        except WorkerDied as error:
            event = error
        if isinstance(event, Failed):
            event = replace(event, log=child.log_name)
        if event is None or isinstance(event, Failed | MleeError):
            del self._busy[child]
            if child.alive:
                self._idle.append(child)
        return task, event

    def close(self) -> None:
        for child in (*self._idle, *self._busy):
            child.kill()


def serve(connection: Connection, work: Work) -> None:
    """The process's side: train one task after the other; each ends with None, or with Failed."""
    while True:
        try:
            task: TrainingTask = connection.recv()
        except EOFError:
            return
        event: Event | None = None
        for event in train_task(work, task, str(work.run)):
            connection.send(event)
        if not isinstance(event, Failed):
            connection.send(None)

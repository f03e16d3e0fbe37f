"""The local engine: jobs run side by side in processes of this machine.

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
from ..cells import Work
from .scheduler import trained, work_off
from .tasks import TrainingTask

LISTEN_S = 0.5
"""So often somebody may be heard who ends it all, while processes start, say, and tell nothing."""


def run(work: Work, jobs: Sequence[TrainingTask], done: Collection[Cell], workers: int) -> Generator[Event]:
    """Train all jobs, at most `workers` at a time (`work_off`). Closing the generator ends the processes."""
    pool = _Processes(work)
    try:
        yield from work_off(pool, jobs, done, workers, ControlRequests(work.run))
    finally:
        pool.close()


class _Processes:
    """The training processes: an idle one takes the next job."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._numbers = itertools.count(1)
        self._idle: list[Child] = []
        self._busy: dict[Child, TrainingTask] = {}

    def start(self, job: TrainingTask) -> None:
        self._idle = [child for child in self._idle if child.alive]  # one may have been killed meanwhile
        child = self._idle.pop() if self._idle else self._started()
        self._busy[child] = job
        child.send(job)

    def _started(self) -> Child:
        log = self._work.run / "logs" / f"worker-{next(self._numbers)}.log"
        return Child("training process", serve, self._work, log=log)

    def heard(self) -> list[tuple[TrainingTask, Event | MleeError | None]]:
        return [self._next(child) for child in wait_for(list(self._busy), LISTEN_S)]

    def _next(self, child: Child) -> tuple[TrainingTask, Event | MleeError | None]:
        """What the child says; an error, with its last log line, when it has died."""
        job = self._busy[child]
        told: Event | MleeError | None
        try:
            told = child.receive()
        except WorkerDied as error:
            told = error
        if isinstance(told, Failed):
            told = replace(told, log=child.log_name)
        if told is None or isinstance(told, Failed | MleeError):
            del self._busy[child]
            if child.alive:
                self._idle.append(child)
        return job, told

    def close(self) -> None:
        for child in (*self._idle, *self._busy):
            child.kill()


def serve(connection: Connection, work: Work) -> None:
    """The process's side: train one job after the other; each ends with None, or with Failed."""
    while True:
        try:
            job: TrainingTask = connection.recv()
        except EOFError:
            return
        event: Event | None = None
        for event in trained(work, job, str(work.run)):
            connection.send(event)
        if not isinstance(event, Failed):
            connection.send(None)

"""The driver of the Ray engine: a process of ours that hands out jobs, keeps what comes back and tells of it.

It talks to its parent through a pipe, and ends when that is closed.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....config.run_config import Compute
from ....errors import MleeError, RunError, WorkerDied
from ....events import EpochDone, Event, Failed, Progress, Started
from ....runs.control_requests import ControlRequests
from ....system.child_process import Connection
from ....system.files import atomic_path
from ...cells import Work
from ..scheduler import cannot_be_written
from ..tasks import TrainingTask
from .connection import ConnectionLost, with_ray
from .control_relay import RequestSender, may_not_begin
from .nodes import on_a_worker, refuse_other_mlee
from .worker import Files, Shared, files_for

ATTEMPTS = 4
"""How often a job is begun without an epoch in between, before its stage fails."""

POLL_S = 0.2
WAITING_EVERY_S = 1.0
QUIET_S = 10.0
"""So long without a word from the workers, and the cluster is asked whether it still lives."""

GRACE_S = 2.0
"""Tasks may take so long to stop by themselves, which removes their temporary folders."""

UNREAD_EVENTS = 16
"""A task that has told so much more than was read pauses: checkpoints would fill the cluster's memory."""


def serve(connection: Connection, address: str | None, work: Work, workers: int, version: str) -> None:
    """Train the jobs that come through the pipe, at most `workers` of them at once. Sends (job, what it told)
    as a Pool does, events that are of no job, and the MleeError that ended it all."""

    def train(ray: Any) -> None:
        connection.send(Progress("Putting the features into Ray's memory", 0.0))
        tasks = _Tasks(ray, work, workers, version)
        try:
            while True:
                while connection.poll(0 if tasks.running else None):
                    tasks.start(connection.recv())
                for told in tasks.heard():
                    connection.send(told)
        except (EOFError, BrokenPipeError):
            tasks.cancel()

    with_ray(connection, address, workers * work.config.compute.threads, train)


# ---- jobs as tasks ----------------------------------------------------------------------------------------


@dataclass
class _Attempt:
    """A job in work. node, pid: its worker, once it has one. stage: the last one it told of, once it has.
    failures: in a row, without an epoch in between."""

    job: TrainingTask
    node: str | None = None
    pid: int | None = None
    stage: str | None = None
    failures: int = 0

    @property
    def place(self) -> dict[str, Any]:
        return {"fold": self.job.fold.name, "seed": self.job.seed}

    @property
    def worker(self) -> str:
        return "a worker" if self.node is None else f"the worker on {self.node}, process {self.pid},"

    def waiting(self) -> Progress:
        again = f"Attempt {self.failures + 1} of {ATTEMPTS}: " if self.failures else ""
        what = "waiting for the cluster" if self.node is None else f"starting on {self.node}"
        return Progress(f"{again}{what}", 0.0, **self.place)


class _Tasks:
    """A Pool of Ray tasks, each a generator of events with the files that belong to them.

    Ray's own retries are off: only the driver knows the last checkpoint.
    """

    def __init__(self, ray: Any, work: Work, workers: int, version: str) -> None:
        self._ray, self._run, self._version = ray, work.run, version
        self._node = ray.get_runtime_context().get_node_id()
        frames = np.asarray(work.store.frames)  # [ΣT, 400]
        self._shared = [ray.put(pickle.dumps(Shared.of(work))), ray.put(frames)]
        self._needs = needs(ray.cluster_resources(), work.config.compute, workers)
        self._train = ray.remote(on_a_worker(version)[1])
        self._asks, self._teller = ControlRequests(work.run), RequestSender()
        self.running: dict[Any, _Attempt] = {}
        self._heard_at = self._waiting_told_at = time.monotonic()

    def start(self, job: TrainingTask) -> None:
        self._submit(_Attempt(job))

    def _submit(self, attempt: _Attempt) -> None:
        job = attempt.job
        task = self._train.options(
            name=f"mlee {job.fold.name} {job.stages[0].name}",
            num_returns="streaming",
            max_retries=0,
            _generator_backpressure_num_objects=UNREAD_EVENTS,
            **self._needs,
        ).remote(pickle.dumps((job, files_for(self._run, job))), self._shared)
        self.running[task] = attempt

    def heard(self) -> list[tuple[TrainingTask, Event | MleeError | None]]:
        if left := self._unwanted():
            return left
        tasks = list(self.running)
        ready, _ = self._ray.wait(tasks, timeout=POLL_S)
        if not ready:
            return self._nothing_heard()
        self._heard_at = time.monotonic()
        ready, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
        return [(attempt.job, told) for task in ready for attempt, told in self._next(task)]

    def _unwanted(self) -> list[tuple[TrainingTask, Event | MleeError | None]]:
        """Jobs that have not begun and need not any more; those in work are told, and end by themselves."""
        asked = self._asks.now()
        self._teller.tell(asked)
        unwanted = [task for task, attempt in self.running.items() if attempt.node is None]
        unwanted = [task for task in unwanted if may_not_begin(self.running[task].job, asked)]
        for task in unwanted:
            self._ray.cancel(task)
        return [(self.running.pop(task).job, None) for task in unwanted]

    def _nothing_heard(self) -> list[tuple[TrainingTask, Event | MleeError | None]]:
        """Progress all the same, so that whoever follows it can stop the work."""
        now = time.monotonic()
        if now - self._heard_at > QUIET_S:
            self._heard_at = now
            self._refuse_lost_connection()
        if now - self._waiting_told_at < WAITING_EVERY_S:
            return []
        self._waiting_told_at = now
        return [(attempt.job, attempt.waiting()) for attempt in self.running.values() if not attempt.stage]

    def _next(self, task: Any) -> Iterator[tuple[_Attempt, Event | MleeError | None]]:
        """What a task told next: where it runs (kept), an event, or its end."""
        attempt = self.running.pop(task)
        exceptions = self._ray.exceptions
        try:
            told = self._ray.get(next(task))
        except StopIteration:
            yield attempt, None
            return
        except exceptions.RayTaskError as error:
            yield attempt, WorkerDied(f"Training in {attempt.worker} ended with {_one_line(error.cause)}.")
            return
        except exceptions.RayError as error:
            yield attempt, self._again(attempt, error)
            return
        if isinstance(told, dict):
            refuse_other_mlee(told, self._version, RunError)
            attempt.node, attempt.pid = told["node"], told["pid"]
            self.running[task] = attempt
            return
        event, files = told
        try:
            self._keep(files)
        except OSError as error:
            self._ray.cancel(task)
            yield attempt, RunError(cannot_be_written(str(self._run), error))
            return
        attempt.stage = getattr(event, "stage", None) or attempt.stage
        if isinstance(event, EpochDone) and event.seconds is not None:
            attempt.failures = 0
        if not isinstance(event, Failed):
            self.running[task] = attempt
        yield attempt, event

    def _keep(self, files: Files) -> None:
        for name, content in files.items():
            (self._run / name).parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._run / name) as neighbour:
                neighbour.write_bytes(content)

    def _again(self, attempt: _Attempt, error: Exception) -> Event | MleeError:
        """Begin a job anew whose worker is gone, from what was kept."""
        self._refuse_lost_connection()
        attempt.failures += 1
        what = f"{attempt.worker} {_what_happened(error)}"
        if attempt.failures == ATTEMPTS:
            return WorkerDied(f"Training was given up: {what}, {ATTEMPTS} times without an epoch in between.")
        what += f"; attempt {attempt.failures + 1} of {ATTEMPTS} begins, from the last checkpoint"
        event = Started(what, attempt.stage, **attempt.place)
        attempt.node = attempt.stage = None
        self._submit(attempt)
        return event

    def _refuse_lost_connection(self) -> None:
        """Raises: ConnectionLost when Ray has ended here, which mostly ends this process as well."""
        if not any(node["Alive"] and node["NodeID"] == self._node for node in self._ray.nodes()):
            raise ConnectionLost("Ray has ended on this machine.")

    def cancel(self) -> None:
        """Stop what still runs: in kindness first, then by force."""
        for task in self.running:
            self._ray.cancel(task)
        deadline = time.monotonic() + GRACE_S
        while self.running and time.monotonic() < deadline:
            for task in self._ray.wait(list(self.running), timeout=POLL_S)[0]:
                try:
                    self._ray.get(next(task))  # told before it was stopped: nobody listens any more
                except (StopIteration, self._ray.exceptions.RayError):
                    del self.running[task]
        for task in self.running:
            self._ray.cancel(task, force=True)


def needs(resources: Mapping[str, float], compute: Compute, workers: int) -> dict[str, float]:
    """What one training takes of a node; more workers than the cluster has GPUs share them."""
    if compute.device == "cpu":
        return {"num_cpus": compute.threads, "num_gpus": 0}
    share = math.ceil(workers / max(1, resources.get("GPU", 0)))
    return {"num_cpus": compute.threads, "num_gpus": math.floor(1e4 / share) / 1e4}  # Ray counts so finely


def _what_happened(error: Exception) -> str:
    known = {
        "NodeDiedError": "was lost with its node",
        "OutOfMemoryError": "was ended since its node ran out of memory",
        "WorkerCrashedError": "died",
    }
    return known.get(type(error).__name__, f"ended ({_one_line(error)})")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(":. ")

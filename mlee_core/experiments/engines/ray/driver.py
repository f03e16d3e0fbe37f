"""The driver of the Ray engine: a child process that submits tasks to Ray and saves their files.

It talks to its parent through a pipe, and ends when that is closed.
"""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....config.run_config import Compute
from ....errors import MleeError, RunError, WorkerDied
from ....events import EpochDone, Event, Failed, Progress, Started
from ....runs.control_requests import ControlRequests
from ....system.child_process import Connection
from ....system.files import atomic_path
from ...cell_training import Work
from ..scheduler import Received, cannot_be_written
from ..tasks import TrainingTask
from .connection import ConnectionLost, with_ray
from .control_relay import RequestSender, may_not_begin
from .nodes import on_a_worker, refuse_other_mlee
from .worker import Files, files_for

ATTEMPTS = 4
"""Starts of a task without an epoch in between, before its stage fails."""

POLL_S = 0.2
PROGRESS_EVERY_S = 1.0
QUIET_S = 10.0
"""Without an event from the workers, after which the connection to the cluster is checked."""

GRACE_S = 2.0
"""For tasks to stop by themselves, which removes their temporary folders."""

UNREAD_EVENTS = 16
"""A task with so many unread events pauses: checkpoints would fill the cluster's memory."""


def serve(connection: Connection, address: str | None, work: Work, workers: int, version: str) -> None:
    """Train the tasks that come through the pipe, at most `workers` at once. Sends what a Pool receives,
    events that belong to no task, and the MleeError that ended the work."""

    def train(ray: Any) -> None:
        connection.send(Progress("Putting the features into Ray's memory", 0.0))
        tasks = _Tasks(ray, work, workers, version)
        try:
            while True:
                while connection.poll(0 if tasks.running else None):
                    tasks.start(connection.recv())
                for received in tasks.receive():
                    connection.send(received)
        except (EOFError, BrokenPipeError):
            tasks.cancel()

    with_ray(connection, address, workers * work.config.compute.threads, train)


# ---- training tasks as Ray tasks --------------------------------------------------------------------------


@dataclass
class _Attempt:
    """A task in work. node, pid: its worker, once it has one. stage: of its last event. failures: in a row,
    without an epoch in between."""

    task: TrainingTask
    node: str | None = None
    pid: int | None = None
    stage: str | None = None
    failures: int = 0

    @property
    def place(self) -> dict[str, Any]:
        return {"fold": self.task.fold.name, "seed": self.task.seed}

    @property
    def worker(self) -> str:
        return "a worker" if self.node is None else f"the worker on {self.node}, process {self.pid},"

    def waiting(self) -> Progress:
        attempt = f"Attempt {self.failures + 1} of {ATTEMPTS}: " if self.failures else ""
        what = "waiting for the cluster" if self.node is None else f"starting on {self.node}"
        return Progress(f"{attempt}{what}", 0.0, **self.place)


class _Tasks:
    """A Pool of Ray tasks, each a stream (a generator of Ray's) of events with the files that belong to them.

    Ray's own retries are off: only the driver knows the last checkpoint.
    """

    def __init__(self, ray: Any, work: Work, workers: int, version: str) -> None:
        self._ray, self._run, self._version = ray, work.run, version
        self._node = ray.get_runtime_context().get_node_id()
        self._shared = [ray.put(pickle.dumps(work)), *(ray.put(array) for array in work.store.arrays())]
        self._needs = needs(ray.cluster_resources(), work.config.compute, workers)
        self._train = ray.remote(on_a_worker(version)[1])
        self._requests, self._sender = ControlRequests(work.run), RequestSender()
        self.running: dict[Any, _Attempt] = {}
        self._received_at = self._progress_at = time.monotonic()

    def start(self, task: TrainingTask) -> None:
        self._submit(_Attempt(task))

    def _submit(self, attempt: _Attempt) -> None:
        task = attempt.task
        stream = self._train.options(
            name=f"mlee {task.fold.name} {task.stages[0].name}",
            num_returns="streaming",
            max_retries=0,
            _generator_backpressure_num_objects=UNREAD_EVENTS,
            **self._needs,
        ).remote(pickle.dumps((task, files_for(self._run, task))), self._shared)
        self.running[stream] = attempt

    def receive(self) -> Received:
        if unwanted := self._cancel_unwanted():
            return unwanted
        streams = list(self.running)
        ready, _ = self._ray.wait(streams, timeout=POLL_S)
        if not ready:
            return self._waiting()
        self._received_at = time.monotonic()
        ready, _ = self._ray.wait(streams, num_returns=len(streams), timeout=0)
        return [(attempt.task, event) for stream in ready for attempt, event in self._next(stream)]

    def _cancel_unwanted(self) -> Received:
        """Cancel tasks that have not started and are not needed any more; running ones get the request and
        end by themselves."""
        request = self._requests.now()
        self._sender.send(request)
        ended: Received = []
        for stream, attempt in list(self.running.items()):
            if attempt.node is None and may_not_begin(attempt.task, request):
                self._ray.cancel(stream)
                ended.append((self.running.pop(stream).task, None))
        return ended

    def _waiting(self) -> Received:
        """Progress of tasks without an event so far, so that a caller can stop the work."""
        now = time.monotonic()
        if now - self._received_at > QUIET_S:
            self._received_at = now
            self._refuse_lost_connection()
        if now - self._progress_at < PROGRESS_EVERY_S:
            return []
        self._progress_at = now
        return [(attempt.task, attempt.waiting()) for attempt in self.running.values() if not attempt.stage]

    def _next(self, stream: Any) -> Iterator[tuple[_Attempt, Event | MleeError | None]]:
        """The next value of a stream: its node (which is stored), an event, or its end."""
        attempt = self.running.pop(stream)
        exceptions = self._ray.exceptions
        try:
            value = self._ray.get(next(stream))
        except StopIteration:
            yield attempt, None
            return
        except exceptions.RayTaskError as error:
            yield attempt, WorkerDied(f"Training in {attempt.worker} ended with {_one_line(error.cause)}.")
            return
        except exceptions.RayError as error:
            yield attempt, self._restart(attempt, error)
            return
        if isinstance(value, dict):
            refuse_other_mlee(value, self._version, RunError)
            attempt.node, attempt.pid = value["node"], value["pid"]
            self.running[stream] = attempt
            return
        event, files = value
        try:
            self._save(files)
        except OSError as error:
            self._ray.cancel(stream)
            yield attempt, RunError(cannot_be_written(str(self._run), error))
            return
        attempt.stage = getattr(event, "stage", None) or attempt.stage
        if isinstance(event, EpochDone) and event.seconds is not None:
            attempt.failures = 0
        if not isinstance(event, Failed):
            self.running[stream] = attempt
        yield attempt, event

    def _save(self, files: Files) -> None:
        for name, content in files.items():
            (self._run / name).parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(self._run / name) as neighbour:
                neighbour.write_bytes(content)

    def _restart(self, attempt: _Attempt, error: Exception) -> Event | MleeError:
        """Restart a task whose worker is gone, from its last checkpoint."""
        self._refuse_lost_connection()
        attempt.failures += 1
        what = f"{attempt.worker} {_what_happened(error)}"
        if attempt.failures == ATTEMPTS:
            return WorkerDied(f"Training has failed: {what}, {ATTEMPTS} times without an epoch in between.")
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
        """Stop the running tasks: first by a request, then by force."""
        for stream in self.running:
            self._ray.cancel(stream)
        deadline = time.monotonic() + GRACE_S
        while self.running and time.monotonic() < deadline:
            for stream in self._ray.wait(list(self.running), timeout=POLL_S)[0]:
                try:
                    self._ray.get(next(stream))  # sent before it was stopped; not needed any more
                except (StopIteration, self._ray.exceptions.RayError):
                    del self.running[stream]
        for stream in self.running:
            self._ray.cancel(stream, force=True)


def needs(resources: Mapping[str, float], compute: Compute, workers: int) -> dict[str, float]:
    """Resources of one training on a node; more workers than the cluster has GPUs share them."""
    if compute.device == "cpu":
        return {"num_cpus": compute.threads, "num_gpus": 0}
    share = math.ceil(workers / max(1, resources.get("GPU", 0)))
    return {"num_cpus": compute.threads, "num_gpus": math.floor(1e4 / share) / 1e4}  # Ray's resolution


def _what_happened(error: Exception) -> str:
    known = {
        "NodeDiedError": "was lost with its node",
        "OutOfMemoryError": "was ended since its node ran out of memory",
        "WorkerCrashedError": "died",
    }
    return known.get(type(error).__name__, f"ended ({_one_line(error)})")


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(":. ")

"""The parent's side of the Ray engine: a pool of tasks that outlives the drivers which submit them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .... import __version__
from ....config.experiment_spec import Engine
from ....errors import MleeError, RunError, WorkerDied
from ....events import Event, Failed, Progress, Started
from ....runs.control_requests import ControlRequests
from ..scheduler import Received
from ..tasks import TrainingTask
from .connection import ConnectionLost
from .control_relay import may_not_begin
from .driver import serve
from .driver_process import END_S, Driver

if TYPE_CHECKING:
    from ...cell_training import Work

POLL_S = 0.2
PROGRESS_EVERY_S = 1.0
RETRY_S = 5.0
"""Between two attempts to reach a lost cluster."""

LOSSES = 4
"""Times in a row that a cluster may be reached and lost again before a task has sent an event of its
stage."""


class RayPool:
    """A Pool of tasks on a Ray cluster. Raises: ConfigError when nothing answers at the address.

    When the cluster at an address is lost later, the running tasks start again from their last checkpoints as
    soon as it answers. Losing a Ray that was started here is an error.
    """

    def __init__(self, work: Work, workers: int, address: str | None) -> None:
        self._work, self._workers, self._address = work, workers, address
        self._place = Engine("ray", address).place
        self._log = work.run / "logs" / "ray.log"
        self._requests = ControlRequests(work.run)
        self._busy: list[TrainingTask] = []
        self._losses = 0
        self._retry_at, self._reason = 0.0, ""
        self._driver: Driver | None = self._connected()

    def _connected(self) -> Driver:
        return Driver(serve, self._address, self._work, self._workers, __version__, log=self._log)

    def start(self, task: TrainingTask) -> None:
        self._busy.append(task)
        self._send(task)

    def _send(self, task: TrainingTask) -> None:
        try:
            if self._driver is not None:
                self._driver.send(task)
        except WorkerDied:
            pass  # `receive` notices, and the next driver gets all running tasks

    def receive(self) -> Received:
        if self._driver is None:
            return self._reconnect()
        try:
            if not self._driver.poll(POLL_S):
                return []
            message = self._driver.receive()
            if isinstance(message, ConnectionLost):
                raise message
        except (WorkerDied, ConnectionLost) as error:
            return self._lost(self._driver, error)
        if isinstance(message, MleeError):
            raise message
        if isinstance(message, Event):
            return self._of_all(message)
        task, event = message
        if getattr(event, "stage", None) is not None:
            self._losses = 0
        if event is None or isinstance(event, Failed | MleeError):
            self._busy.remove(task)
        return [(task, event)]

    def _of_all(self, event: Event) -> Received:
        """An event of no task in particular."""
        return [(task, event) for task in self._busy[:1]]

    def _lost(self, driver: Driver, error: MleeError) -> Received:
        driver.stop()
        self._driver = None
        self._losses += 1
        if self._address is None or self._losses == LOSSES:
            raise RunError(
                f"the connection to {self._place} was lost; what was saved before is complete, and --resume "
                f"continues from there (details: {self._log})."
            ) from error
        self._retry_at, self._reason = time.monotonic() + RETRY_S, ""
        return self._of_all(Started(f"the connection to {self._place} was lost, trying again"))

    def _reconnect(self) -> Received:
        """Try to reach the cluster, or wait for a moment; yields Progress meanwhile, so that a caller can
        stop."""
        if unwanted := [task for task in self._busy if may_not_begin(task, self._requests.now())]:
            self._busy = [task for task in self._busy if task not in unwanted]
            return [(task, None) for task in unwanted]
        left_s = self._retry_at - time.monotonic()
        if left_s > 0:
            time.sleep(min(left_s, PROGRESS_EVERY_S))
            what = f"connection to {self._place} lost{self._reason}, trying again"
            return self._of_all(Progress(what, 0.0))
        try:
            self._driver = self._connected()
        except MleeError as error:
            self._reason = f": {str(error).partition(': ')[0].rstrip('.')}"
            self._retry_at = time.monotonic() + RETRY_S
            return []
        for task in self._busy:
            self._send(task)
        return self._of_all(Started(f"connected to {self._place} again"))

    def close(self) -> None:
        if self._driver is not None:
            self._driver.stop(END_S)

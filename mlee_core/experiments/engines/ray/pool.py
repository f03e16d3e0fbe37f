"""mlee's side of the Ray engine: a pool of jobs that outlives the drivers which hand them out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .... import __version__
from ....config.experiment_spec import Engine
from ....errors import MleeError, RunError, WorkerDied
from ....events import Event, Failed, Progress, Started
from ....runs.control_requests import ControlRequests
from ..tasks import TrainingTask
from .connection import ConnectionLost
from .control_relay import may_not_begin
from .driver import serve
from .driver_process import END_S, Driver

if TYPE_CHECKING:
    from ...cells import Work

POLL_S = 0.2
TOLD_EVERY_S = 1.0
AGAIN_S = 5.0
"""A cluster that was lost is asked so often whether it is there again."""

LOSSES = 4
"""So often in a row a cluster may answer and be lost again before a task has told of its stage."""

Heard = list[tuple[TrainingTask, Event | MleeError | None]]


class RayPool:
    """A Pool of jobs on a Ray cluster. Raises: ConfigError when nothing answers at the address.

    When the cluster at an address is lost later, what was in work begins again from what was kept, as soon
    as it answers; a Ray of our own that is lost has failed.
    """

    def __init__(self, work: Work, workers: int, address: str | None) -> None:
        self._work, self._workers, self._address = work, workers, address
        self._place = Engine("ray", address).place
        self._log = work.run / "logs" / "ray.log"
        self._asks = ControlRequests(work.run)
        self._busy: list[TrainingTask] = []
        self._losses = 0
        self._try_at, self._why = 0.0, ""
        self._driver: Driver | None = self._connected()

    def _connected(self) -> Driver:
        return Driver(serve, self._address, self._work, self._workers, __version__, log=self._log)

    def start(self, job: TrainingTask) -> None:
        self._busy.append(job)
        self._send(job)

    def _send(self, message: TrainingTask) -> None:
        try:
            if self._driver is not None:
                self._driver.send(message)
        except WorkerDied:
            pass  # `heard` notices, and all that is in work is sent to the next one

    def heard(self) -> Heard:
        if self._driver is None:
            return self._again()
        try:
            if not self._driver.poll(POLL_S):
                return []
            told = self._driver.receive()
            if isinstance(told, ConnectionLost):
                raise told
        except (WorkerDied, ConnectionLost) as error:
            return self._lost(self._driver, error)
        if isinstance(told, MleeError):
            raise told
        if isinstance(told, Event):
            return self._of_all(told)
        job, event = told
        if getattr(event, "stage", None) is not None:
            self._losses = 0
        if event is None or isinstance(event, Failed | MleeError):
            self._busy.remove(job)
        return [(job, event)]

    def _of_all(self, event: Event) -> Heard:
        """Told for no job in particular."""
        return [(job, event) for job in self._busy[:1]]

    def _lost(self, driver: Driver, error: MleeError) -> Heard:
        driver.stop()
        self._driver = None
        self._losses += 1
        if self._address is None or self._losses == LOSSES:
            raise RunError(
                f"the connection to {self._place} was lost; what was saved before is whole, and --resume "
                f"goes on from there (details: {self._log})."
            ) from error
        self._try_at, self._why = time.monotonic() + AGAIN_S, ""
        return self._of_all(Started(f"the connection to {self._place} was lost, trying again"))

    def _again(self) -> Heard:
        """Try to reach the cluster, or wait for a moment; tells which, so that it can be stopped."""
        if unwanted := [job for job in self._busy if may_not_begin(job, self._asks.now())]:
            self._busy = [job for job in self._busy if job not in unwanted]
            return [(job, None) for job in unwanted]
        left_s = self._try_at - time.monotonic()
        if left_s > 0:
            time.sleep(min(left_s, TOLD_EVERY_S))
            return self._of_all(Progress(f"connection to {self._place} lost{self._why}, trying again", 0.0))
        try:
            self._driver = self._connected()
        except MleeError as error:
            self._why = f": {str(error).partition(': ')[0].rstrip('.')}"
            self._try_at = time.monotonic() + AGAIN_S
            return []
        for job in self._busy:
            self._send(job)
        return self._of_all(Started(f"connected to {self._place} again"))

    def close(self) -> None:
        if self._driver is not None:
            self._driver.stop(END_S)

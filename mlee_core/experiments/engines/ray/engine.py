"""The Ray engine: tasks of a Ray cluster, on one machine or many.

    mlee (pool.py)  <-pipe->  driver, a child process (driver.py)  <-Ray->  workers (worker.py)

- The driver is a process of its own because Ray ends a process that loses its cluster, writes to its stderr
  and handles its signals; here each of these becomes one sentence. Only the driver writes cells into the run
  folder.
- When the cluster at an address is lost, another driver starts as soon as it answers again.
- A Ray that MLEE starts is a session of processes that the driver leads, so that all of them end with it.
- The features are computed once, on the driver's machine, and put into Ray's object store as one array that
  each node fetches once and all its workers map. So workers need neither the corpus nor a shared file system,
  and all train on the same bits. IEMOCAP at three speeds is 5 GB; Ray keeps what exceeds a node's memory on
  its disk.
- A Ray task is a generator: every event comes with the files that were written before it. If its worker dies,
  the task restarts from them on another.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from .... import __version__
from ....errors import MleeError
from ....events import Event
from ....runs.cells import Cell
from ....runs.control_requests import ControlRequests
from ..tasks import TrainingTask
from .driver_process import END_S, Driver
from .nodes import Cluster
from .nodes import look as _look

if TYPE_CHECKING:
    from ...cell_training import Work


def look(address: str, device: str, *, ask_dtype: bool) -> Cluster:
    """The resources of the cluster at an address. Raises: ConfigError where it cannot be used."""
    driver = Driver(_look, address, device, __version__, ask_dtype)
    try:
        answer = driver.receive()
    finally:
        driver.stop(END_S)
    if isinstance(answer, MleeError):
        raise answer
    assert isinstance(answer, Cluster)
    return answer


def run(
    work: Work, tasks: Sequence[TrainingTask], done: Collection[Cell], workers: int, address: str | None
) -> Generator[Event]:
    """Train all tasks, at most `workers` at a time (`run_tasks`). Closing the generator stops them.

    address: of a running Ray; None starts one on this machine, and stops it at the end. Raises: MleeError
    when Ray cannot be used, or when a started one is lost.
    """
    from ..scheduler import run_tasks
    from .pool import RayPool

    with closing(RayPool(work, workers, address)) as pool:
        yield from run_tasks(pool, tasks, done, workers, ControlRequests(work.run))

"""The Ray engine: jobs run as tasks of a Ray cluster, on one machine or many.

    mlee (ray_pool.py)  <-pipe->  driver, a process of ours (ray_driver.py)  <-Ray->  workers (ray_worker.py)

- The driver is a process of its own because Ray ends a process that loses its cluster, writes to its stderr
  and keeps its signals; here all of that becomes one sentence. It alone writes cells into the run folder.
- When the cluster at an address is lost, another driver follows as soon as it answers again.
- A Ray of our own is a session of processes that the driver leads, so that all of it ends with it.
- The data is shipped: the features are computed once, on the driver's machine, and put into Ray's object
  store as one array that each node fetches once and all its workers map. So workers need neither the corpus
  nor a shared file system and cannot lack them, and all train on the same bits. IEMOCAP at three speeds is
  5 GB; what does not fit into a node's memory Ray keeps on its disk.
- A task is a generator: every event comes with the files that were written before it. If its worker dies,
  the job begins again from them on another.
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
    from ...cells import Work


def look(address: str, device: str, *, ask_dtype: bool) -> Cluster:
    """What the cluster at an address offers. Raises: ConfigError, one sentence, where it cannot be used."""
    driver = Driver(_look, address, device, __version__, ask_dtype)
    try:
        told = driver.receive()
    finally:
        driver.stop(END_S)
    if isinstance(told, MleeError):
        raise told
    assert isinstance(told, Cluster)
    return told


def run(
    work: Work, jobs: Sequence[TrainingTask], done: Collection[Cell], workers: int, address: str | None
) -> Generator[Event]:
    """Train all jobs, at most `workers` at a time (`work_off`). Closing the generator stops all tasks.

    address: of a Ray that runs; None starts one on this machine, and ends it. Raises: MleeError when Ray
    cannot be used, or one of our own is lost on the way.
    """
    from ..scheduler import work_off
    from .pool import RayPool

    with closing(RayPool(work, workers, address)) as pool:
        yield from work_off(pool, jobs, done, workers, ControlRequests(work.run))

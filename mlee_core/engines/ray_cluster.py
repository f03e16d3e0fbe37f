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

import importlib.util
import socket
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import ConfigError, MleeError, RunError, WorkerDied
from ..events import Event
from ..jobs.asking import Asks
from ..processes import GRACE_S, Child, Outcome
from ..runs import Cell
from . import Job, ray_session
from .ray_joining import host_of
from .ray_nodes import Cluster
from .ray_nodes import look as _look

if TYPE_CHECKING:
    from ..experiment import Work

PROBE_S = 5.0
IMPORT_S = 60.0
JOIN_S = 15.0
START_S = 60.0
"""Ray of our own starts half a dozen processes."""

END_S = 4.0
"""The driver may take so long to stop its tasks, and the Ray that it has started: whoever ends mlee itself
waits for five seconds."""


class Driver(Child):
    """A process of ours that is connected to Ray at an address; None is one of its own.

    target: target(connection, address, *more), which goes through `ray_joining.with_ray`. Raises: MleeError
    when Ray cannot be used, ConfigError when nothing answers at the address in time.
    """

    def __init__(
        self, target: Callable[..., None], address: str | None, *more: Any, log: Path | None = None
    ) -> None:
        refuse_absence()
        if address is not None:
            _refuse_silence(address)
        super().__init__("Ray driver", target, address, *more, log=log)
        self._own_session = self.pid if address is None else None
        try:
            if not self.poll(IMPORT_S):
                raise RunError(f"Ray could not be imported within {IMPORT_S:.0f} s.")
            self.receive()
            self._await_joined(address)
        except BaseException:
            self.kill()
            raise

    def _await_joined(self, address: str | None) -> None:
        """Raises: the MleeError that the driver says, or one when it takes too long or ends."""
        timeout_s = JOIN_S if address else START_S
        if not self.poll(timeout_s):
            raise _not_let_in(address, f"not within {timeout_s:.0f} s")
        try:
            told = self.receive()
        except WorkerDied as error:
            raise _not_let_in(address, str(error).rstrip(".")) from error
        if isinstance(told, MleeError):
            raise told

    def stop(self, grace_s: float = GRACE_S) -> Outcome:
        """End it, and wait until nothing of its own Ray is left."""
        outcome = super().stop(grace_s)
        if self._own_session is not None:
            ray_session.end(self._own_session)
            self._own_session = None
        return outcome


def refuse_absence() -> None:
    """Raises: ConfigError where Ray is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            '--engine ray needs Ray, which is not installed: pip install "mlee-speech[ray]" brings it.'
        )


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
    work: Work, jobs: Sequence[Job], done: Collection[Cell], workers: int, address: str | None
) -> Generator[Event]:
    """Train all jobs, at most `workers` at a time (`work_off`). Closing the generator stops all tasks.

    address: of a Ray that runs; None starts one on this machine, and ends it. Raises: MleeError when Ray
    cannot be used, or one of our own is lost on the way.
    """
    from .ray_pool import RayPool
    from .work import work_off

    with closing(RayPool(work, workers, address)) as pool:
        yield from work_off(pool, jobs, done, workers, Asks(work.run))


def _refuse_silence(address: str) -> None:
    port = int(address.rpartition(":")[2])
    try:
        socket.create_connection((host_of(address).strip("[]"), port), PROBE_S).close()
    except OSError as error:
        raise ConfigError(
            f"no Ray answers at {address} ({error.strerror or error}): `ray start --head` prints the address "
            "of one; without --address MLEE starts Ray on this machine."
        ) from error


def _not_let_in(address: str | None, how: str) -> MleeError:
    if address is None:
        return RunError(f"Ray did not start on this machine ({how}).")
    return ConfigError(
        f"what answers at {address} did not let this machine in ({how}): is it Ray, is this machine one of "
        f"its nodes (`ray start --address={address}`), and does it ask for a token (RAY_AUTH_MODE=token)?"
    )

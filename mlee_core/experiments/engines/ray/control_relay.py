"""What is asked of a run, handed by the driver to its workers: the run folder is out of their sight.

It travels through the store of keys and values that every Ray cluster has, under the driver's own number.
"""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

from ....runs.status_files import ControlRequest
from ..tasks import TrainingTask

EVERY_S = 1.0
ANSWER_S = 5.0


def may_not_begin(job: TrainingTask, asked: ControlRequest) -> bool:
    """As it is: without the cells that are skipped it may."""
    return asked.ask is not None or any(cell.name in asked.skip for cell in job.cells)


class RequestSender:
    """The driver's side."""

    def __init__(self) -> None:
        self._told = ControlRequest()

    def tell(self, asked: ControlRequest) -> None:
        """Raises: RayError when the cluster does not take it."""
        if asked != self._told:
            store, key = _store()
            store.internal_kv_put(key, pickle.dumps(asked), True, None)
            self._told = asked


class RequestReceiver:
    """A worker's side: keeps asked.json in its temporary run folder, by a thread: training waits for no
    cluster whose head is away."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._heard: bytes | None = None
        self._over = threading.Event()
        self._listen()
        self._thread = threading.Thread(target=self._listen_on, name="asked", daemon=True)
        self._thread.start()

    def _listen_on(self) -> None:
        while not self._over.wait(EVERY_S):
            self._listen()

    def _listen(self) -> None:
        from ray.exceptions import RayError

        store, key = _store()
        try:
            heard = store.internal_kv_get(key, None, timeout=ANSWER_S)
        except RayError:  # the head is away: nothing is asked for the moment
            return
        if heard is not None and heard != self._heard:
            self._heard = heard
            asked: ControlRequest = pickle.loads(heard)
            asked.save(self._run)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


def _store() -> tuple[Any, bytes]:
    """The cluster's store, and the key that the processes of this driver share."""
    import ray
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    return internal_kv_get_gcs_client(), f"mlee asked {ray.get_runtime_context().get_job_id()}".encode()

"""Passes requests to a run from the driver to its workers, which cannot read the run folder.

They travel through the key-value store of every Ray cluster, under the driver's own number.
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


def may_not_begin(task: TrainingTask, request: ControlRequest) -> bool:
    """Whether the run is to end, or some of the task's cells are skipped (its others may start without
    them)."""
    return request.ask is not None or any(cell.name in request.skip for cell in task.cells)


class RequestSender:
    """The driver's side."""

    def __init__(self) -> None:
        self._sent = ControlRequest()

    def send(self, request: ControlRequest) -> None:
        """Raises: RayError when the cluster does not accept it."""
        if request != self._sent:
            store, key = _store()
            store.internal_kv_put(key, pickle.dumps(request), True, None)
            self._sent = request


class RequestReceiver:
    """A worker's side: updates asked.json in its temporary run folder, in a thread, so that training does not
    wait for an unreachable cluster head."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._received: bytes | None = None
        self._over = threading.Event()
        self._update()
        self._thread = threading.Thread(target=self._poll, name="requests", daemon=True)
        self._thread.start()

    def _poll(self) -> None:
        while not self._over.wait(EVERY_S):
            self._update()

    def _update(self) -> None:
        from ray.exceptions import RayError

        store, key = _store()
        try:
            received = store.internal_kv_get(key, None, timeout=ANSWER_S)
        except RayError:  # the head is unreachable for the moment
            return
        if received is not None and received != self._received:
            self._received = received
            request: ControlRequest = pickle.loads(received)
            request.save(self._run)

    def close(self) -> None:
        self._over.set()
        self._thread.join()


def _store() -> tuple[Any, bytes]:
    """The cluster's store, and the key that the processes of this driver share."""
    import ray
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    return internal_kv_get_gcs_client(), f"mlee asked {ray.get_runtime_context().get_job_id()}".encode()

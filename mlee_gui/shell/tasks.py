"""Short work in a thread, its result on the GUI thread. Long work runs in a process of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal


@dataclass(frozen=True)
class _Task:
    work: Callable[[], Any]
    then: Callable[[Any], None]
    failed: Callable[[Exception], None]


class Tasks(QObject):
    """One thread, started at the first task; tasks run in order.

    The thread is a daemon, since a driver that never returns must not keep the program running.
    """

    _returned = Signal(object, object, object)  # task, result, error

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._returned.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self, work: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[Exception], None]
    ) -> None:
        """Call `work` in the thread, then `then(result)` or `failed(error)` on the GUI thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=f"mlee-{self._name}", daemon=True)
            self._thread.start()
        self._queue.put(_Task(work, then, failed))

    def stop(self, wait_s: float = 2.0) -> None:
        """Deliver no more results and wait at most wait_s for the queued tasks to finish."""
        self._stopped = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(wait_s)
            self._thread = None

    def _loop(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                result = task.work()
            except Exception as error:  # noqa: BLE001  any error goes to the caller's `failed`
                self._return(task, None, error)
            else:
                self._return(task, result, None)

    def _return(self, task: _Task, result: Any, error: Exception | None) -> None:
        if not self._stopped:
            self._returned.emit(task, result, error)

    def _deliver(self, task: _Task, result: Any, error: Exception | None) -> None:
        if self._stopped:
            return
        if error is not None:
            task.failed(error)
        else:
            task.then(result)

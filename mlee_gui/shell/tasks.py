"""Short work in a thread, its result on the GUI thread. Long work runs in a process of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal

Work = Callable[[], Any]
Then = Callable[[Any], None]
Failed = Callable[[Exception], None]


class Tasks(QObject):
    """One thread, started at the first task; tasks run in order.

    The thread is a daemon, since a driver that never returns must not keep the program running.
    """

    _returned = Signal(object, object)  # then or failed, and what it takes

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._queue: queue.SimpleQueue[tuple[Work, Then, Failed] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._returned.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self, work: Work, then: Then, failed: Failed) -> None:
        """Call `work` in the thread, then `then(result)` or `failed(error)` on the GUI thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=f"mlee-{self._name}", daemon=True)
            self._thread.start()
        self._queue.put((work, then, failed))

    def stop(self, wait_s: float = 2.0) -> None:
        """Deliver no more results and wait at most wait_s for the queued tasks to finish."""
        self._stopped = True
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(wait_s)
            self._thread = None

    def _loop(self) -> None:
        while (task := self._queue.get()) is not None:
            work, then, failed = task
            outcome: tuple[Callable[[Any], None], Any]
            try:
                outcome = then, work()
            except Exception as error:  # noqa: BLE001  any error goes to the caller's `failed`
                outcome = failed, error
            if not self._stopped:
                self._returned.emit(*outcome)

    def _deliver(self, report: Callable[[Any], None], outcome: Any) -> None:
        if not self._stopped:
            report(outcome)

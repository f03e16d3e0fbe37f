"""Several runs read and compared by a process of its own, which a timer listens to: nothing here waits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from mlee_core.errors import WorkerDied
from mlee_core.system.child_process import Child, Connection

LISTEN_MS = 30


class ComparisonClient(QObject):
    """done(SideBySide) or failed(str) comes once after `start`; `stop` ends it at once."""

    done = Signal(object)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._child: Child | None = None
        self._timer = QTimer(self, interval=LISTEN_MS)
        self._timer.timeout.connect(self._listen)

    def start(self, runs: Sequence[Path]) -> None:
        self.stop()
        self._child = Child("comparison", compare, tuple(runs))
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _listen(self) -> None:
        assert self._child is not None, "the timer runs while there is a child"
        try:
            if not self._child.poll():
                return
            found = self._child.receive()
        except WorkerDied as error:
            self.stop()
            self.failed.emit(str(error))
        else:
            self.stop()
            self.done.emit(found)


def compare(connection: Connection, runs: Sequence[Path]) -> None:
    """The child's side: sends one SideBySide."""
    from mlee_core.report.run_comparison import side_by_side

    connection.send(side_by_side(runs))

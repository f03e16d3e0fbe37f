"""What the window with jobs goes through while it is measured (jobs_probe.py)."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication

from ..app import Application
from .stall_watch import StallWatch

if TYPE_CHECKING:
    from ..training.page import TrainingPage

STEP_MS = 250
STEPS_A_RUN = 8
PATIENCE_S = 600.0
_KEYS = (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Up)


class JobsSteps(QObject):
    """Goes from cell to cell and from run to run by the keys; prints what was measured and closes."""

    def __init__(self, application: Application, seconds: float) -> None:
        super().__init__(application)
        self._application, self._seconds = application, seconds
        self._watch = StallWatch(self)
        self._began = time.monotonic()
        self._measured_from: float | None = None
        self._steps = self._epochs = 0
        self._timer = QTimer(self, interval=STEP_MS)
        self._timer.timeout.connect(self._step)
        self._timer.start()

    def _step(self) -> None:
        training = self._application.lazy_page.training
        if self._measured_from is None:
            self._begin_when_ready(training)
        elif time.monotonic() - self._measured_from > self._seconds:
            self._end()
        elif training is not None:
            self._steps += 1
            to_queue = self._steps % STEPS_A_RUN == 0
            key = Qt.Key.Key_Up if to_queue else _KEYS[self._steps % len(_KEYS)]
            press(training.queue.table if to_queue else training.grid.table, key)
            self._epochs = max(self._epochs, len(training.cell.curves.rows))

    def _begin_when_ready(self, training: TrainingPage | None) -> None:
        """Not while the shipped recording of a first start is still analysed."""
        entries = self._application.session.entries()
        at_rest = bool(entries) and all(entry.state in ("done", "failed") for entry in entries)
        if training is not None:
            self._application.window.show_page("training")
            if at_rest and training.grid.model.rowCount():
                self._measured_from = time.monotonic()
                self._watch.start()
                return
        if time.monotonic() - self._began > PATIENCE_S:
            self._tell({"failed": "no grid was shown"})

    def _end(self) -> None:
        stall = asdict(self._watch.stop())
        platform = QGuiApplication.platformName()
        self._tell({"stall": stall, "platform": platform, "steps": self._steps, "epochs": self._epochs})

    def _tell(self, end: dict[str, object]) -> None:
        self._timer.stop()
        print(json.dumps(end), flush=True)
        self._application.window.close()


def press(widget: QObject, key: Qt.Key) -> None:
    """A key, as if it were typed."""
    for kind in (QKeyEvent.Type.KeyPress, QKeyEvent.Type.KeyRelease):
        QApplication.sendEvent(widget, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier))

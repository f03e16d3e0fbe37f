"""What the measured window goes through (window.py): start-up and paging, or a page of jobs that report."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import cycle
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QApplication

from ..app import Application
from ..shell.first_paint import NextFrame
from .stall_watch import StallWatch

if TYPE_CHECKING:
    from ..training.page import TrainingPage

PAGE_MS = 40
MOST_PAGING_S = 60.0
"""Paging ends once the long recording is analysed, or after so long."""

PAGES = (
    *("fit", *["zoom_in"] * 5, *["pan_right"] * 40, *["zoom_in"] * 4, *["pan_left"] * 20),
    *("home", *["pan_right"] * 20, "end", *["zoom_out"] * 9),
)
"""Commands of the Time axis menu: into the recording, page by page, and out again."""

STEP_MS = 250
STEPS_A_RUN = 8
PATIENCE_S = 600.0
_KEYS = (Qt.Key.Key_Right, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Up)


class _Steps(QObject):
    """Goes through steps on a timer; at the end prints a line of JSON and closes the window."""

    def __init__(self, application: Application, interval_ms: int, step: Callable[[], None]) -> None:
        super().__init__(application)
        self._application = application
        self._watch = StallWatch(self)
        self._timer = QTimer(self, interval=interval_ms)
        self._timer.timeout.connect(step)

    def _end(self, **results: object) -> None:
        """Print results beside the longest stall and the platform; "failed" gives why it ended early."""
        self._timer.stop()
        stall, platform = asdict(self._watch.stop()), QGuiApplication.platformName()
        print(json.dumps({"stall": stall, "platform": platform, **results}), flush=True)
        self._application.window.close()


class StartupSteps(_Steps):
    """The first frame, an analysis, paging: prints "painted", "analysed" and the results.

    more: a recording that is opened after the analysis and paged through while it is analysed, or [].
    """

    def __init__(self, application: Application, more: list[str]) -> None:
        super().__init__(application, PAGE_MS, self._step)
        self._session, self._more = application.session, more
        self._commands = self._through_the_long_one()
        self._paging = False
        self._watch.start()
        NextFrame(application.timeline.plots, self._painted)

    def _painted(self) -> None:
        print("painted", flush=True)
        self._session.entry_changed.connect(self._on_entry_changed)

    def _on_entry_changed(self) -> None:
        entry = self._session.current()
        if entry is None:
            return
        if entry.state == "failed":
            self._end(failed=entry.message)
        elif entry.opened is not None and entry.state == "done":
            self._session.entry_changed.disconnect(self._on_entry_changed)
            NextFrame(self._application.timeline.plots, self._analysed)

    def _analysed(self) -> None:
        print("analysed", flush=True)
        if self._more:
            self._application.commands.open(self._more)
            self._timer.start()
        else:
            self._end()

    def _step(self) -> None:
        """Trigger the next command, once the long recording is read."""
        entry = self._session.current()
        if not self._paging and entry is not None and entry.path == self._more[0]:
            if entry.state == "failed":
                self._end(failed=entry.message)
                return
            self._paging = entry.opened is not None
        if self._paging:
            command = next(self._commands, None)
            if command is not None:
                self._application.window.actions_by_name[command].trigger()
            else:
                self._end()

    def _through_the_long_one(self) -> Iterator[str]:
        """Commands: its pages over and over while it is analysed, then to the short recording and back."""
        until = time.monotonic() + MOST_PAGING_S
        for command in cycle(PAGES):
            yield command
            entry = self._session.current()
            if entry is None or entry.state != "analysing" or time.monotonic() > until:
                break
        yield from ("previous", "next", "fit")


class JobsSteps(_Steps):
    """Goes from cell to cell and from run to run by the keys, for `seconds` from the first filled grid on."""

    def __init__(self, application: Application, seconds: float) -> None:
        super().__init__(application, STEP_MS, self._step)
        self._seconds = seconds
        self._began = time.monotonic()
        self._measured_from: float | None = None
        self._steps = self._epochs = 0
        self._timer.start()

    def _step(self) -> None:
        training = self._application.lazy_page.training
        if self._measured_from is None:
            self._begin_when_ready(training)
        elif time.monotonic() - self._measured_from > self._seconds:
            self._end(steps=self._steps, epochs=self._epochs)
        elif training is not None:
            self._steps += 1
            to_queue = self._steps % STEPS_A_RUN == 0
            key = Qt.Key.Key_Up if to_queue else _KEYS[self._steps % len(_KEYS)]
            _press(training.queue.table if to_queue else training.grid.table, key)
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
            self._end(failed="no grid was shown")


def _press(widget: QObject, key: Qt.Key) -> None:
    """Press and release a key, as a user would."""
    for kind in (QKeyEvent.Type.KeyPress, QKeyEvent.Type.KeyRelease):
        QApplication.sendEvent(widget, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier))

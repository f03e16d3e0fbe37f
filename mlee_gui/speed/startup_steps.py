"""What the measured window goes through (start_probe.py): its first frame, an analysis, paging."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import cycle

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QGuiApplication

from ..app import Application
from ..shell.first_paint import NextFrame
from .stall_watch import StallWatch

PAGE_MS = 40
MOST_PAGING_S = 60.0
"""Paging ends once the long recording is analysed, or after so long."""

PAGES = (
    *("fit", *["zoom_in"] * 5, *["pan_right"] * 40, *["zoom_in"] * 4, *["pan_left"] * 20),
    *("home", *["pan_right"] * 20, "end", *["zoom_out"] * 9),
)
"""Commands of the Time axis menu: into the recording, page by page, and out again."""


class StartupSteps(QObject):
    """Prints "painted", "analysed", and at the end a line of JSON: the longest stall, the platform.

    more: a recording that is opened after the analysis and paged through while it is analysed, or [].
    """

    def __init__(self, application: Application, more: list[str]) -> None:
        super().__init__(application)
        self._application, self._session, self._more = application, application.session, more
        self._watch = StallWatch(self)
        self._commands = self._through_the_long_one()
        self._paging = False
        self._pager = QTimer(self, interval=PAGE_MS)
        self._pager.timeout.connect(self._turn)
        self._watch.start()
        NextFrame(application.timeline.plots, self._painted)

    def _painted(self) -> None:
        _tell("painted")
        self._session.entry_changed.connect(self._look)

    def _look(self) -> None:
        entry = self._session.current()
        if entry is None:
            return
        if entry.state == "failed":
            self._end(failed=entry.message)
        elif entry.opened is not None and entry.state == "done":
            self._session.entry_changed.disconnect(self._look)
            NextFrame(self._application.timeline.plots, self._analysed)

    def _analysed(self) -> None:
        _tell("analysed")
        if self._more:
            self._application.commands.open(self._more)
            self._pager.start()
        else:
            self._end()

    def _turn(self) -> None:
        """The next command, once the long recording is read."""
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

    def _end(self, **failed: str) -> None:
        self._pager.stop()
        stall = self._watch.stop()
        _tell(json.dumps({"stall": asdict(stall), "platform": QGuiApplication.platformName(), **failed}))
        self._application.window.close()


def _tell(line: str) -> None:
    print(line, flush=True)

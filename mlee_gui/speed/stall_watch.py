"""The longest time for which the GUI thread did not run its event loop, and what it did meanwhile."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from PySide6.QtCore import QObject, Qt, QTimer

BEAT_MS = 2
_SAMPLE_MS = 4
_LATE_MS = 12
"""The watching thread samples the GUI thread's stack once the last beat is so old."""

_FRAMES = 5
_HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Stall:
    """ms: between two beats. computing_ms: the GUI thread's own processor time in it; the rest it waited for
    a core, a lock or a disk. where: the most frequent of its sampled stacks, innermost call first, or ().
    """

    ms: float
    computing_ms: float
    where: tuple[str, ...]


class StallWatch(QObject):
    """Finds the longest time between two beats of a timer on the GUI thread, from `start` to `stop`.

    A beat is late by all that the loop did since the last one, be it one slow slot or many quick ones, and by
    what kept the whole process waiting. So a stall is never measured shorter than it was, and at most BEAT_MS
    longer. A thread samples the GUI thread's stack meanwhile.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._worst = Stall(0.0, 0.0, ())
        self._stacks: list[tuple[str, ...]] = []
        self._gui_thread = threading.get_ident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="mlee-stalls", daemon=True)
        self._timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last = self._computed = 0.0

    def start(self) -> None:
        self._last, self._computed = time.perf_counter(), time.thread_time()
        self._timer.start()
        self._thread.start()

    def stop(self) -> Stall:
        """The longest stall, the time since the last beat included; none if never started."""
        if self._timer.isActive():
            self._beat()
            self._timer.stop()
            self._ended.set()
            self._thread.join()
        return self._worst

    def _beat(self) -> None:
        now, computed = time.perf_counter(), time.thread_time()
        late_ms, computing_ms = (now - self._last) * 1e3, (computed - self._computed) * 1e3
        if late_ms > self._worst.ms:
            where = Counter(self._stacks).most_common(1)
            self._worst = Stall(late_ms, computing_ms, where[0][0] if where else ())
        self._stacks.clear()
        self._last, self._computed = now, computed

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_MS / 1e3):
            beat = self._last
            if (time.perf_counter() - beat) * 1e3 < _LATE_MS:
                continue
            calls = tuple(_calls(sys._current_frames().get(self._gui_thread))) or ("Qt's own code",)
            if self._last == beat:  # else it was another stall's
                self._stacks.append(calls)


def _calls(frame: FrameType | None) -> Iterator[str]:
    """The innermost calls, such as "mlee_gui/listening/presenter.py:82 _show", down to the event loop's."""
    for _ in range(_FRAMES):
        if frame is None or "exec" in frame.f_code.co_names:
            return
        file = Path(frame.f_code.co_filename)
        name = file.relative_to(_HERE) if file.is_relative_to(_HERE) else Path(file.name)
        yield f"{name}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back

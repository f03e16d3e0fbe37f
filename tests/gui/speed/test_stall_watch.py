"""What watches the event loop sees it blocked, says for how long and where; the next frame is told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from mlee_gui import app
from mlee_gui.app import Application
from mlee_gui.shell.first_paint import NextFrame
from mlee_gui.speed.stall_watch import Stall, StallWatch
from tests.helpers.windows import Make

STALL_S = 0.15


def dawdle() -> None:
    """A slot that computes for too long."""
    until = time.perf_counter() + STALL_S
    while time.perf_counter() < until:
        sum(range(100))


def doze() -> None:
    """A slot that waits for something."""
    threading.Event().wait(STALL_S)


def watched(qtbot: QtBot, slot: Callable[[], None]) -> Stall:
    """The longest stall of an event loop that calls `slot` once, amid other things to do."""
    watch = StallWatch()
    ended: list[bool] = []
    watch.start()
    for then in (lambda: None, slot, lambda: ended.append(True)):
        QTimer.singleShot(0, then)
    qtbot.waitUntil(lambda: bool(ended))
    return watch.stop()


def test_a_slow_slot_is_measured_and_named(qtbot: QtBot) -> None:
    stall = watched(qtbot, dawdle)
    assert stall.ms >= STALL_S * 1000
    assert stall.where and stall.where[0].startswith("tests/gui/speed/test_stall_watch.py:")
    assert stall.where[0].endswith(" dawdle")


def test_waiting_is_told_apart_from_computing(qtbot: QtBot) -> None:
    stall = watched(qtbot, doze)
    assert stall.ms >= STALL_S * 1000 > 2 * stall.computing_ms
    assert any(call.endswith(" doze") for call in stall.where)


def test_a_stall_that_lasts_until_the_end_counts(qtbot: QtBot) -> None:
    watch = StallWatch()
    watch.start()
    dawdle()
    assert watch.stop().ms >= STALL_S * 1000


class Paints(QObject):
    """Counts how often a widget is painted."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


@pytest.fixture
def widget(qtbot: QtBot) -> QWidget:
    made = QWidget()
    qtbot.addWidget(made)
    return made


def test_the_next_frame_is_told_once_after_it_was_painted(qtbot: QtBot, widget: QWidget) -> None:
    paints, told = Paints(widget), []
    NextFrame(widget, lambda: told.append(paints.count))
    assert told == []
    widget.show()
    qtbot.waitUntil(lambda: bool(told))
    widget.update()
    qtbot.waitUntil(lambda: paints.count > told[0])
    assert len(told) == 1 and told[0] >= 1


def test_a_window_that_is_not_painted_need_not_wait_for_ever(qtbot: QtBot, widget: QWidget) -> None:
    paints, told = Paints(widget), []
    NextFrame(widget, lambda: told.append(paints.count), 1)
    qtbot.waitUntil(lambda: bool(told))
    assert told == [0]


def test_nothing_starts_before_the_first_frame(
    qtbot: QtBot, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "UNPAINTED_MS", 60_000)
    painted: list[int] = []
    build, start = Application._place, Application.start

    def place(self: Application) -> None:
        build(self)
        self.paints = Paints(self.timeline.plots)  # type: ignore[attr-defined]

    def begin(self: Application) -> None:
        painted.append(self.paints.count)  # type: ignore[attr-defined]
        start(self)

    monkeypatch.setattr(Application, "_place", place)
    monkeypatch.setattr(Application, "start", begin)
    application = make()
    assert len(painted) == 1 and painted[0] >= 1
    assert application.workers[0].prepared == [application.session.model_name]  # type: ignore[attr-defined]

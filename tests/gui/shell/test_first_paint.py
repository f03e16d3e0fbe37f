"""A callback after the next frame, or none where the window is deleted before."""

from __future__ import annotations

import pytest
import shiboken6
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from mlee_gui.shell.first_paint import NextFrame


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    """A shown window with a label in it."""
    window = QWidget()
    QVBoxLayout(window).addWidget(QLabel("text"))
    window.show()
    qtbot.waitExposed(window)
    return window


def label_of(window: QWidget) -> QLabel:
    label = window.findChild(QLabel)
    assert isinstance(label, QLabel)
    return label


def test_called_once_after_the_next_frame(qtbot: QtBot, window: QWidget) -> None:
    calls: list[str] = []
    frame = NextFrame(label_of(window), lambda: calls.append("painted"), timeout_ms=60_000)
    assert not calls
    qtbot.waitUntil(lambda: not shiboken6.isValid(frame))
    label_of(window).repaint()
    qtbot.wait(20)
    assert calls == ["painted"]
    window.close()
    window.deleteLater()


def test_called_after_the_timeout_where_nothing_is_painted(qtbot: QtBot, window: QWidget) -> None:
    window.hide()
    calls: list[str] = []
    frame = NextFrame(label_of(window), lambda: calls.append("timeout"), timeout_ms=10)
    qtbot.waitUntil(lambda: not shiboken6.isValid(frame))
    assert calls == ["timeout"]
    window.deleteLater()


@pytest.mark.parametrize("painted", [False, True], ids=["before the frame", "after the frame"])
@pytest.mark.parametrize("whole_window", [False, True], ids=["view", "window"])
def test_not_called_where_the_widget_is_deleted_first(
    qtbot: QtBot, window: QWidget, painted: bool, whole_window: bool
) -> None:
    calls: list[str] = []
    label = label_of(window)
    NextFrame(label, lambda: calls.append("called"), timeout_ms=10)
    if painted:
        label.repaint()  # the frame is there, the callback is due in the next turn of the event loop
    shiboken6.delete(window if whole_window else label)
    qtbot.wait(30)  # an exception in the event loop fails the test
    assert not calls
    if not whole_window:
        window.deleteLater()


def test_the_callback_may_delete_the_window(qtbot: QtBot, window: QWidget) -> None:
    NextFrame(label_of(window), lambda: shiboken6.delete(window))
    qtbot.waitUntil(lambda: not shiboken6.isValid(window))


def test_the_callback_may_end_in_an_event_loop_of_its_own(qtbot: QtBot, window: QWidget) -> None:
    calls: list[str] = []

    def nested() -> None:
        QTimer.singleShot(5, lambda: calls.append("inner"))
        qtbot.waitUntil(lambda: bool(calls))

    NextFrame(label_of(window), nested)
    qtbot.waitUntil(lambda: bool(calls))
    window.deleteLater()

"""Functions for applications with fakes under them (see the fixture `make`)."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from mlee_gui.app import Application

Make = Callable[..., Application]


def done(application: Application) -> bool:
    entries = application.session.entries()
    return bool(entries) and all(e.state == "done" and e.analysis is not None for e in entries)


def opened(application: Application) -> bool:
    current = application.session.current()
    return done(application) and current is not None and current.opened is not None


def press(qtbot: QtBot, application: Application, key: Qt.Key, **how: object) -> None:
    qtbot.keyClick(application.timeline, key, **how)

"""Fixtures of the window's tests, each of which must leave nothing behind (Qt warnings fail a test, too)."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QSettings, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlee_core.audio import zoom_pyramid
from mlee_core.audio.levels import AudioSignal
from mlee_core.audio.microphone import InputDevice
from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_gui.app import Application, Factories, StartOptions, show
from mlee_gui.listening.timeline import Timeline
from tests.helpers.fake_sound import MICROPHONES, FakeBackend, FakeRecorder
from tests.helpers.fakes import MODEL, FakeWorker, tone
from tests.helpers.windows import Make


@pytest.fixture(autouse=True)
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, recordings and caches of a test are in a folder of its own, never in the tester's home."""
    home = tmp_path / "home"
    home.mkdir()
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        folder = home / name.lower()
        folder.mkdir()
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("HOME", str(home))
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(home / "xdg_config_home"))
    return home


@pytest.fixture(autouse=True)
def training_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The training page is loaded only when it is shown."""
    monkeypatch.setattr("mlee_gui.training.lazy_page.LATER_MS", 3_600_000)


@pytest.fixture
def training_at_once(training_later: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The training page is loaded without the usual delay."""
    monkeypatch.setattr("mlee_gui.training.lazy_page.LATER_MS", 0)


@cache
def _freeze_earlier_objects() -> None:
    """Objects that exist before the first test are left out of the search at each test's end, once."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def nothing_left_behind(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a thread, a running timer or a top-level widget.

    Set up before qtbot (autouse fixtures come first), so it checks after qtbot has closed its widgets.
    """
    _freeze_earlier_objects()
    threads = set(threading.enumerate())
    widgets = set(QApplication.topLevelWidgets())
    yield
    for _ in range(3):  # a deleted widget may delete others
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()
    gc.collect()
    remaining = [
        t.name for t in set(threading.enumerate()) - threads if not isinstance(t, threading._DummyThread)
    ]
    running = [t for t in gc.get_objects() if type(t) is QTimer and shiboken6.isValid(t) and t.isActive()]
    timers = [f"{t.interval()} ms, parent {t.parent()!r}" for t in running]
    for timer in running:
        timer.stop()  # else the next test would fail too
    tops = [repr(w) for w in set(QApplication.topLevelWidgets()) - widgets]
    assert not remaining, f"threads still running: {remaining}"
    assert not timers, f"timers still running: {timers}"
    assert not tops, f"top-level widgets left: {tops}"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pyramid of two seconds."""
    folder = tmp_path_factory.mktemp("pyramid")
    for _ in zoom_pyramid.build(AudioSignal.of(np.array(tone(2.0))), folder):
        pass
    return folder


@pytest.fixture
def make(qtbot: QtBot, drawn: Path) -> Iterator[Make]:
    """Builds and shows applications; `worker` of each is the fake under it."""
    made: list[Application] = []

    def make_application(
        *paths: str, sound: FakeBackend | None = None, answering: bool = True, **options: bool
    ) -> Application:
        workers: list[FakeWorker] = []

        def worker() -> FakeWorker:
            workers.append(FakeWorker(answering, 2.0, drawn))
            return workers[-1]

        def devices(rescan: bool) -> tuple[InputDevice, ...]:
            return MICROPHONES

        factories = Factories(
            worker=worker,
            find_model=lambda name: MODEL,
            shipped_models=lambda: (MODEL,),
            sound=lambda: sound or FakeBackend(),  # type: ignore[arg-type,return-value]
            recorder=FakeRecorder,
            find_devices=devices,
        )
        application = Application(StartOptions(paths, **options), factories)  # type: ignore[arg-type]
        application.workers = workers  # type: ignore[attr-defined]
        made.append(application)
        qtbot.addWidget(application.window, before_close_func=lambda _: application.close())
        show(application)
        qtbot.waitUntil(lambda: bool(workers) and "Searching" not in application.player.unavailable)
        qtbot.waitUntil(lambda: not application.record.unavailable)
        return application

    yield make_application
    for application in made:
        application.close()


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[np.ndarray], Pyramid]:
    def build(samples: np.ndarray) -> Pyramid:
        folder = tmp_path_factory.mktemp("pyramid")
        for _ in zoom_pyramid.build(AudioSignal.of(samples.astype(np.float32)), folder):
            pass
        return Pyramid.open(folder)

    return build


@pytest.fixture(scope="module")
def quiet(build: Callable[[np.ndarray], Pyramid]) -> Pyramid:
    """Four seconds of silence: everything bright in the spectrogram was drawn over it."""
    return build(np.zeros(4 * 16_000))


@pytest.fixture(scope="module")
def minutes(build: Callable[[np.ndarray], Pyramid]) -> Pyramid:
    """Two minutes of faint noise with a click at 75 s."""
    samples = 1e-4 * np.random.default_rng(0).uniform(-1, 1, 120 * 16_000)
    samples[75 * 16_000] = 0.5
    return build(samples)


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    made = Timeline()
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    qtbot.waitExposed(made)
    return made

"""The window over the real worker process: real decoding, a real network (random weights), real crashes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PySide6.QtGui import QImage
from pytestqt.qtbot import QtBot

from mlee_core.inference.worker import start_worker
from mlee_core.system.service import ServiceProcess
from mlee_gui.app import Application, Factories, StartOptions, show
from tests.gui.conftest import nothing_left_behind, private_home
from tests.helpers import made_data as made

__all__ = ["nothing_left_behind", "private_home"]  # fixtures, used by every test here

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 60_000
"""Importing torch in the worker takes seconds, more on a busy machine."""

Make = Callable[..., Application]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.model(tmp_path_factory.mktemp("model") / "random.safetensors")


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of noise that swells, as a file."""
    file = tmp_path_factory.mktemp("audio") / "noise.wav"
    rng = np.random.default_rng(7)
    soundfile.write(file, rng.normal(0, 0.1, 32_000) * np.linspace(0, 1, 32_000), 16_000)
    return file


@pytest.fixture
def make(qtbot: QtBot, model: Path, tmp_path: Path) -> Iterator[Make]:
    made: list[Application] = []

    def make_application(*paths: Path) -> Application:
        workers: list[ServiceProcess] = []

        def worker() -> ServiceProcess:
            workers.append(start_worker(tmp_path / "worker.log"))
            return workers[-1]

        def silent() -> object:
            raise OSError("no sound in this test")

        options = StartOptions(tuple(str(p) for p in paths), str(model), True, str(tmp_path / "settings.ini"))
        application = Application(options, Factories(worker=worker, sound=silent))  # type: ignore[arg-type]
        application.workers = workers  # type: ignore[attr-defined]
        made.append(application)
        qtbot.addWidget(application.window, before_close_func=lambda _: application.close())
        show(application)
        return application

    yield make_application
    for application in made:
        application.close()


def state(application: Application, row: int = 0) -> str:
    entries = application.session.entries()
    return entries[row].state if len(entries) > row else "not listed"


def settled(application: Application) -> bool:
    entry = application.session.current()
    return entry is not None and entry.opened is not None and entry.state == "done"


def test_window_shows_the_numbers_of_the_command_line(
    qtbot: QtBot, make: Make, model: Path, speech: Path
) -> None:
    app = make(speech)
    qtbot.waitUntil(lambda: settled(app), timeout=PATIENCE_MS)
    shown = app.presenter.analysis
    assert shown is not None and app.timeline.view_range() == (0.0, 2.0)
    command = [sys.executable, "-m", "mlee_core.cli", "analyze", str(speech), "--json", "--model", str(model)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    printed = json.loads(run.stdout)
    ours = shown.to_json()
    assert printed["predicted"] == ours["predicted"] and printed["notes"] == ours["notes"]
    for head in ("hard", "soft", "fusion"):
        np.testing.assert_allclose(printed["dominant"][head], ours["dominant"][head], atol=1e-6)
    np.testing.assert_allclose(printed["existence"], ours["existence"], atol=1e-6)
    for encoder in ("hard", "soft", "mlee"):
        np.testing.assert_allclose(printed["attention"][encoder], ours["attention"][encoder], atol=1e-6)
        assert sum(ours["attention"][encoder]) == pytest.approx(1.0, abs=1e-5)


def test_killed_worker_is_a_message_and_the_next_analysis_works(
    qtbot: QtBot, make: Make, speech: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, np.random.default_rng(1).normal(0, 0.1, 16_000 * 600), 16_000)
    app = make(long)
    qtbot.waitUntil(lambda: state(app) == "analysing", timeout=PATIENCE_MS)
    worker: ServiceProcess = app.workers[0]  # type: ignore[attr-defined]
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: state(app) == "failed")
    text = app.window.message_bar.text()
    assert "SIGKILL" in text and "long.wav" in text and "Traceback" not in text
    assert app.window.isVisible()
    app.session.add_paths([str(speech)])
    qtbot.waitUntil(lambda: settled(app), timeout=PATIENCE_MS)
    assert state(app) == "failed" and state(app, 1) == "done"
    assert len(app.workers) == 2  # type: ignore[attr-defined]


def test_bad_files_are_messages_and_the_good_one_is_analysed(
    qtbot: QtBot, make: Make, speech: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not a sound\n")
    bad = [tmp_path / "empty.wav", tmp_path / "text.wav", tmp_path / "missing.wav"]
    app = make(*bad, speech)
    states = ["failed"] * 3 + ["done"]
    qtbot.waitUntil(lambda: [e.state for e in app.session.entries()] == states, timeout=PATIENCE_MS)
    text = app.window.message_bar.details()
    for path, entry in zip(bad, app.session.entries(), strict=False):
        assert path.name in text and entry.message in text and "\n" not in entry.message


def test_selection_overtakes_a_long_analysis_and_stop_ends_it(
    qtbot: QtBot, make: Make, tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"
    soundfile.write(long, np.random.default_rng(1).normal(0, 0.1, 16_000 * 900), 16_000)
    app = make(long)
    qtbot.waitUntil(lambda: state(app) == "analysing", timeout=PATIENCE_MS)
    app.session.set_selection((1.0, 2.0))
    app.session.selection_analysis_requested.emit()
    qtbot.waitUntil(
        lambda: app.session.entries()[0].selection_analysis is not None or state(app) != "analysing",
        timeout=PATIENCE_MS,
    )
    assert state(app) == "analysing"  # the rest still runs
    assert app.presenter.segment is not None and (
        app.presenter.segment.start_s,
        app.presenter.segment.end_s,
    ) == (
        1.0,
        2.0,
    )
    app.window.status.stop.click()
    assert state(app) == "cancelled"
    qtbot.waitUntil(lambda: not app.inference.busy)


def test_figure_is_drawn_by_another_process(qtbot: QtBot, make: Make, speech: Path, tmp_path: Path) -> None:
    app = make(speech)
    qtbot.waitUntil(lambda: settled(app), timeout=PATIENCE_MS)
    out = tmp_path / "figure.svg"
    app.commands.export_to(out)
    qtbot.waitUntil(lambda: str(out) in app.window.message_bar.text(), timeout=PATIENCE_MS)
    assert out.read_text().lstrip().startswith("<?xml")
    app.commands.export_to(tmp_path / "nowhere" / "figure.svg")
    qtbot.waitUntil(lambda: "cannot be written" in app.window.message_bar.text(), timeout=PATIENCE_MS)


def program(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m mlee_gui` in a process of its own, in a folder and a home of its own."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    home = {name: str(cwd) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    return subprocess.run(
        [sys.executable, "-m", "mlee_gui", *arguments],
        cwd=cwd,
        env={**kept, **home, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_MS / 1000,
        check=False,
    )


def test_screenshot_prints_the_result(tmp_path: Path, model: Path, speech: Path) -> None:
    run = program(str(speech), "--model", str(model), "--screenshot", "a.png", "--dark", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert "noise.wav" in run.stdout and "no speech" in run.stdout
    picture = QImage(str(tmp_path / "a.png"))
    assert (picture.width(), picture.height()) == (1400, 900)
    assert picture.pixelColor(3, 3).lightness() < 80


@pytest.mark.parametrize("environment", [{}, {"DISPLAY": ":987"}, {"QT_QPA_PLATFORM": "offscreen"}])
def test_without_a_display_it_draws_a_picture_and_exits_with_0(
    tmp_path: Path, model: Path, speech: Path, environment: dict[str, str]
) -> None:
    run = program(str(speech), "--model", str(model), cwd=tmp_path, **environment)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("No display (") and "no speech" in run.stdout
    assert not QImage(str(tmp_path / "build" / "mlee-window.png")).isNull()


def test_refused_file_ends_with_2_and_one_line(tmp_path: Path, model: Path) -> None:
    run = program("missing.wav", "--model", str(model), "--screenshot", "a.png", cwd=tmp_path)
    assert run.returncode == 2 and (tmp_path / "a.png").is_file()
    assert run.stderr.startswith("mlee: ") and run.stderr.count("\n") == 1 and "missing.wav" in run.stderr


def test_torch_is_never_in_the_windows_process(tmp_path: Path, model: Path, speech: Path) -> None:
    code = (
        "import sys; from mlee_gui.__main__ import main\n"
        f"status = main([{str(speech)!r}, '--model', {str(model)!r}, '--screenshot', 'a.png'])\n"
        "print('torch' in sys.modules, 'matplotlib' in sys.modules, status)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "False False 0"

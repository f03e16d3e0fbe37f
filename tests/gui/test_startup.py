"""Starting: with or without a display, light imports, the command line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mlee_gui.__main__ import main
from mlee_gui.shell import display

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)


def test_no_variable_no_display() -> None:
    assert display.why_no_display()
    assert "neither DISPLAY nor WAYLAND_DISPLAY" in (display.why_no_display() or "")


def test_dead_display_is_noticed_without_qt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":987")
    why = display.why_no_display()
    assert why is not None and ":987" in why


@pytest.mark.parametrize("platform", ["offscreen", "minimal", "offscreen:size=1x1"])
def test_platform_without_windows_counts_as_no_display(
    monkeypatch: pytest.MonkeyPatch, platform: str
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", platform)
    assert platform.split(":")[0] in (display.why_no_display() or "")


def test_platform_that_needs_no_server_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "vnc")
    assert display.why_no_display() is None


def test_wayland_counts_only_if_it_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert display.why_no_display()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        monkeypatch.chdir(tmp_path)  # a socket's path must be short
        server.bind("wayland-0")
        server.listen()
        monkeypatch.setenv("XDG_RUNTIME_DIR", ".")
        assert display.why_no_display() is None


def test_other_systems_have_a_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert display.why_no_display() is None


def fresh(code: str) -> set[str]:
    """Names of the modules after running `code` in a process of its own."""
    return last_line(f"{code}\nimport sys; print(*sys.modules, file=sys.stderr)")


def last_line(code: str) -> set[str]:
    """The words of the last line that `code` prints on stderr in a process of its own."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return set(run.stderr.splitlines()[-1].split())


def test_program_imports_little_since_helpers_import_it_again() -> None:
    names = fresh("import mlee_gui.__main__")
    assert "mlee_gui.__main__" in names
    assert not {n for n in names if n.split(".")[0] in ("PySide6", "numpy", "torch", "mlee_core")}


def test_help_imports_next_to_nothing() -> None:
    names = fresh("from mlee_core.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass")
    assert "mlee_core.cli" in names
    heavy = {"PySide6", "numpy", "torch", "soundfile", "pandas", "matplotlib", "multiprocessing", "ctypes"}
    assert not {n.split(".")[0] for n in names} & heavy
    assert {n for n in names if n.startswith("mlee_")} <= {
        *("mlee_core", "mlee_core.cli", "mlee_core.cli.parser", "mlee_core.errors")
    }


FIRST_FRAME = """
import sys
from mlee_gui.__main__ import open_window

def begin(application):
    from mlee_gui.shell.first_paint import NextFrame

    def report():
        print(*sys.modules, file=sys.stderr)
        application.window.close()

    NextFrame(application.timeline.plots, report)  # called before the application starts

open_window([], begin=begin)
"""


def test_until_the_first_frame_nothing_is_imported_that_it_does_not_show() -> None:
    names = last_line(FIRST_FRAME)
    assert (
        "mlee_gui.shell.mainwindow" in names
        and "PySide6.QtWidgets" in names
        and "mlee_core.inference.worker" in names
    )
    assert (
        not {"torch", "matplotlib", "scipy", "pandas", "psutil", "sounddevice", "soundfile", "soxr"} & names
    )
    late = {
        "mlee_core.audio.decoding",
        "mlee_core.corpora",
        "mlee_core.runs.run_folder",
        "mlee_core.inference.service",
        "mlee_core.system.provenance",
    }
    assert not late & names


def test_wrong_argument_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--dark", "--light"])
    assert ended.value.code == 2 and "not allowed with" in capsys.readouterr().err

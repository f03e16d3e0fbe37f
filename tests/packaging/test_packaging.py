"""Set-up decisions, the desktop entry, icons and samples. Nothing here fetches anything."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import soundfile
from PySide6.QtGui import QImage

from mlee_core.system import package_data, system_libraries

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    """packaging/NAME.py as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"packaging_{name}", ROOT / "packaging" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with an empty virtual environment."""
    root = tmp_path_factory.mktemp("checkout")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    return root


@pytest.fixture
def setup(environment: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """setup.py at home in `environment`, finished from what pyproject.toml and the constraints say there."""
    module = script("setup")
    monkeypatch.setattr(module, "ROOT", environment)
    monkeypatch.setattr(module, "VENV", environment / ".venv")
    monkeypatch.setattr(module, "PYTHON", environment / ".venv" / "bin" / "python")
    monkeypatch.setattr(module, "STAMP", environment / ".venv" / "mlee-setup.json")
    monkeypatch.setattr(module, "CONSTRAINTS", environment / "constraints.txt")
    (environment / "pyproject.toml").write_text("[project]\n")
    (environment / "constraints.txt").write_text("numpy==2.4.6\n")
    module.STAMP.unlink(missing_ok=True)
    module.write_stamp(module.wanted())
    return module


def test_a_finished_environment_is_left_alone(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "make_environment", lambda _replace: pytest.fail("made again"))
    monkeypatch.setattr(system_libraries, "missing", lambda: ())
    assert setup.main([]) == 0
    assert setup.main(["--replace"]) == 0  # it was made with this very Python


@pytest.mark.parametrize("change", ["pins", "project", "unfinished", "moved", "damaged stamp", "no python"])
def test_what_makes_an_environment_stale(
    setup: ModuleType, environment: Path, change: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert setup.is_current(setup.read_stamp(), False)
    match change:
        case "pins":
            setup.CONSTRAINTS.write_text("numpy==2.4.7\n")
        case "project":
            (environment / "pyproject.toml").write_text("[project]\nname = 'x'\n")
        case "unfinished":
            setup.STAMP.unlink()
        case "moved":
            setup.write_stamp({"root": "/elsewhere"})
        case "damaged stamp":
            setup.STAMP.write_text('{"sources": ')
        case "no python":
            monkeypatch.setattr(setup, "PYTHON", tmp_path / "python")
    assert not setup.is_current(setup.read_stamp(), False)


def test_an_environment_of_another_place_is_not_ours(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert setup.environment_fits(False)
    monkeypatch.setattr(setup, "VENV", Path("/elsewhere/.venv"))  # copied here, its programs point there
    assert not setup.environment_fits(False)


def test_root_gets_missing_libraries_installed_once(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(
        system_libraries, "missing", lambda: (system_libraries.LIBRARIES[-1], system_libraries.FONT)
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/apt-get")
    monkeypatch.setattr(setup, "apt_install", asked.append)
    for _ in range(3):  # no network: they stay missing, and later starts do not wait for apt again
        setup.report_libraries(setup.read_stamp())
    assert asked == [["libportaudio2", "fonts-dejavu-core"]]
    said = capsys.readouterr().err.splitlines()
    assert said.count(said[-1]) == 3
    assert said[-1].endswith("until you run: apt-get install libportaudio2 fonts-dejavu-core")


def test_other_users_get_the_command(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system_libraries, "missing", lambda: (system_libraries.LIBRARIES[-1],))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(setup, "apt_install", lambda _names: pytest.fail("apt was called"))
    setup.report_libraries(setup.read_stamp())
    expected = "mlee: recording is off until you run: sudo apt-get install libportaudio2\n"
    assert capsys.readouterr().err == expected


def test_too_small_a_disk_is_reported_before_anything_is_fetched(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 3.21e9})())
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_options: None)
    monkeypatch.setattr(setup, "environment_fits", lambda _replace: False)
    assert setup.main([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("mlee: 3.2 GB are free")
    assert "needs about 9 GB" in said


@pytest.mark.parametrize("arguments", [[], ["./old-python"]])
def test_a_python_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    for name in ("python3", "python3.13", "python3.12", "python3.11", "old-python"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "dirname").symlink_to(shutil.which("dirname") or "")
    command = ["/bin/sh", str(ROOT / "packaging" / "setup.sh"), *arguments]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "3.11, 3.12 or 3.13" in line


def test_the_desktop_entry_starts_this_environment(tmp_path: Path) -> None:
    desktop = script("desktop")
    written = desktop.install(tmp_path, Path("/opt/my mlee/bin/mlee-gui"))
    entry = (tmp_path / "applications" / "mlee.desktop").read_text()
    assert 'Exec="/opt/my mlee/bin/mlee-gui" %F' in entry.splitlines()
    assert "Icon=mlee" in entry.splitlines()
    for file in written[1:]:
        image = QImage(str(file))
        assert not image.isNull()
        folder = file.parents[1].name  # "48x48", or "scalable"
        if file.suffix == ".png":
            assert f"{image.width()}x{image.height()}" == folder
    assert sorted(desktop.remove(tmp_path, Path())) == sorted(written)
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_the_samples_are_what_their_readme_says() -> None:
    readme = (package_data.root() / "samples" / "README.md").read_text(encoding="utf-8")
    files = sorted((package_data.root() / "samples").glob("*.flac"))
    assert len(files) == 5
    for file in files:
        assert f"`{file.name}`" in readme
        info = soundfile.info(file)
        assert (info.samplerate, info.channels) == (16_000, 1)
        assert 2.0 < info.duration < 5.0

"""`mlee doctor` on this machine and on machines that lack something; the list of system libraries."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlee_core.cli import doctor as command
from mlee_core.cli import doctor_checks, main
from mlee_core.cli.doctor_checks import Finding
from mlee_core.system import system_libraries

ROOT = Path(__file__).resolve().parents[3]


def report(tmp_path: Path, **modules: str) -> tuple[int, dict[str, Any], str]:
    """`mlee doctor --json` on a machine where these modules are replaced: status, report, stderr."""
    for name, text in modules.items():
        (tmp_path / f"{name}.py").write_text(text)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "mlee_core.cli", "doctor", "--json"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["works"] is True
    values = {finding["topic"]: finding["value"] for finding in found["findings"]}
    for name in ("numpy", "soxr", "safetensors", "torch"):
        assert values[name].startswith(importlib.metadata.version(name))
    assert {"microphone", "libraries", "processor", "gpu", "bf16", "window", "working folder"} <= set(values)
    lacking = [f for f in found["findings"] if f["state"] in ("missing", "broken")]
    assert all(finding["remedy"] for finding in lacking)


def test_a_machine_that_lacks_much_is_described_to_the_end(tmp_path: Path) -> None:
    status, found, stderr = report(
        tmp_path,
        torch='raise OSError("libc10_cuda.so: cannot open shared object file")',
        sounddevice='raise OSError("PortAudio library not found")',
        PySide6='raise ImportError("libGL.so.1: cannot open shared object file")',
    )
    assert status == 1
    assert found["works"] is False
    assert "Traceback" not in stderr
    by_topic = {finding["topic"]: finding for finding in found["findings"]}
    assert by_topic["torch"]["state"] == "broken"
    assert "libc10_cuda.so" in by_topic["torch"]["value"]
    assert by_topic["microphone"]["state"] == "missing"
    assert "libportaudio2" in by_topic["microphone"]["remedy"]
    assert by_topic["window"]["state"] == "missing"
    assert "libGL.so.1" in by_topic["window"]["value"]
    assert by_topic["soundfile"]["state"] == "ok"


def test_missing_libraries_come_with_the_line_that_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"libEGL.so.1", "libgthread-2.0.so.0", "libglib-2.0.so.0", "libportaudio.so.2"}
    monkeypatch.setattr(system_libraries, "loads", lambda soname: soname not in gone)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(doctor_checks, "CHECKS", (doctor_checks._system_libraries,))
    (finding,) = doctor_checks.examine()
    assert finding.state == "missing"
    assert finding.remedy == "sudo apt-get install libglib2.0-0 libegl1 libportaudio2"
    assert finding.value.startswith("the window cannot be drawn; recording is off")


def test_a_package_that_is_not_installed_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "PACKAGES", ("numpy", "no-such-distribution"))
    monkeypatch.setattr(doctor_checks, "CHECKS", (doctor_checks._versions,))
    *others, last = doctor_checks.examine()
    assert (last.topic, last.state) == ("no-such-distribution", "broken")
    assert doctor_checks.works(others)
    assert not doctor_checks.works([*others, last])


def test_an_unwritable_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data" / "deep"))
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != tmp_path)
    monkeypatch.setattr(doctor_checks, "CHECKS", (doctor_checks._folders,))
    unwritable = [finding for finding in doctor_checks.examine() if finding.state != "ok"]
    assert [finding.topic for finding in unwritable] == ["recordings"]
    assert unwritable[0].remedy == f"make {tmp_path} writable"


def test_each_finding_is_printed_before_the_next_is_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    def slow() -> Iterator[Finding]:
        yield Finding("numpy", "2.4")
        assert "numpy" in capsys.readouterr().out
        yield Finding("torch", "gone", "broken", "run `make setup`")

    assert [finding.topic for finding in command._printed(slow())] == ["numpy", "torch"]
    assert "→ run `make setup`" in capsys.readouterr().out


def test_the_loader_is_asked() -> None:
    assert system_libraries.loads("libc.so.6")
    assert not system_libraries.loads("libmlee-none.so.7")


def test_a_font_is_looked_for(tmp_path: Path) -> None:
    assert not system_libraries.has_font([tmp_path, tmp_path / "none"])
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "DejaVuSans.TTF").touch()
    assert system_libraries.has_font([tmp_path])


def linked(library: Path) -> dict[str, Path]:
    """What the dynamic loader brings in for a file, as `ldd` tells it: soname -> path."""
    done = subprocess.run(["ldd", library], capture_output=True, text=True, check=True)
    pairs = (line.split(" => ") for line in done.stdout.splitlines() if " => " in line)
    return {soname.strip(): Path(rest.split(" (")[0].strip()) for soname, rest in pairs}


@pytest.mark.parametrize(
    ("file", "needs"),
    [
        ("plugins/platforms/libqoffscreen.so", {"window"}),
        ("lib/libQt6Widgets.so.6", {"window"}),
        ("lib/libQt6Svg.so.6", {"window"}),
        ("plugins/platforms/libqxcb.so", {"window", "display"}),
    ],
)
def test_every_library_that_qt_links_to_is_on_the_list(file: str, needs: set[str]) -> None:
    """Oracle: ldd. A library counts as listed if it is, or if a listed one links to it."""
    distribution = importlib.metadata.distribution("PySide6_Essentials")
    qt = Path(str(distribution.locate_file("PySide6/Qt"))).resolve()
    from_system = {name: path for name, path in linked(qt / file).items() if not path.is_relative_to(qt)}
    listed = {library.soname for library in system_libraries.LIBRARIES if library.need in needs}
    covered = listed | {name for soname in listed & set(from_system) for name in linked(from_system[soname])}
    c_library = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1"}
    assert set(from_system) - covered - c_library == set()
    assert listed & set(from_system), "the file links to nothing of the list: is it the right one?"

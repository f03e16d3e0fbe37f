"""`mlee gui` and `mlee bench gui` find the window by its entry points, or exit with 2."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import pytest

from mlee_core import cli
from tests.helpers.entry_points import install_window


@pytest.mark.parametrize("command", [["gui"], ["gui", "a.wav"], ["bench", "gui"], ["bench", "gui", "--json"]])
def test_without_a_window_it_ends_with_2_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: importlib.metadata.EntryPoints(()))
    assert cli.main(command) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("mlee: No window is installed") and printed.err.count("\n") == 1
    assert "mlee.window" in printed.err and not printed.out


def test_each_entry_point_of_the_project_is_a_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = install_window(tmp_path, monkeypatch)
    found = {p.name: p.load() for p in importlib.metadata.entry_points(group="mlee.window")}
    assert set(points) == {"main", "benchmark"} <= set(found)
    assert all(callable(found[name]) for name in points)


def test_the_window_gets_the_files_and_gives_its_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_window(tmp_path, monkeypatch)
    opened: list[str] = []

    def main(files: Sequence[str]) -> int:
        opened.extend(files)
        return 7

    monkeypatch.setattr("mlee_gui.__main__.main", main)
    assert cli.main(["gui", "a.wav", "folder"]) == 7
    assert opened == ["a.wav", "folder"]

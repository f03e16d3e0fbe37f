"""The entry points of pyproject.toml, installed for one test."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
GROUP = "mlee.window"


def install_window(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Put a distribution on sys.path that has the entry points of the window, which it returns."""
    points: dict[str, str] = tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"][GROUP]
    about = folder / "mlee_window-0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mlee-window\nVersion: 0.0\n")
    lines = [f"{name} = {target}\n" for name, target in points.items()]
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{''.join(lines)}")
    monkeypatch.syspath_prepend(folder)
    return points

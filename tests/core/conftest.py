"""Fixtures shared by tests of the core."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlee_core.runs.cells import Cell
from mlee_core.runs.run_folder import RunFolder
from tests.helpers import job_folders


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """An experiment of which nothing is trained, for tests that follow a run folder."""
    return job_folders.planned(tmp_path / "run")


@pytest.fixture
def cells(run: RunFolder) -> tuple[Cell, ...]:
    return run.cells()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 26 MB: the features (1 or 2 MB) of a small corpus, an encoder's best (4 MB) and
    last (13 MB) fit, a second last does not."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=26m", "mlee-test", str(folder)]
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk is mounted for this test, which needs root")
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)

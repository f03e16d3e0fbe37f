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
from tests.helpers import job_folders, made, run_folders


@pytest.fixture(scope="session")
def small_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three speakers, ten short utterances each; one of s1's, an *other*, was annotated by nobody."""
    table = made.corpus(tmp_path_factory.mktemp("small"), speakers=3, shortest_s=0.25)
    rows = table.read_text().splitlines()
    rows = ["s1_other_1.wav,s1,0,0,0,0,0" if row.startswith("s1_other_1") else row for row in rows]
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.fixture(scope="session")
def straight(small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder of all rows of Table 3 on two of the three folds, three epochs each, trained by one process
    without interruption. Read-only: the files in `tests.conftest.GROUPS` share it."""
    run = tmp_path_factory.mktemp("experiment") / "straight"
    options = ("--only", "s0", "s1", "--max-epochs", run_folders.EPOCHS, "--jobs", 1)
    run_folders.finished(run_folders.table3(small_table, run, *options))
    return run


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

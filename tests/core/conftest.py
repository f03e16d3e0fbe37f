"""Fixtures that several of the core's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import made
from tests.core import run_folders


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
    """Run folder of all rows of Table 3 on two of the three folds, three epochs each, trained straight
    through by one process. Not to be changed."""
    run = tmp_path_factory.mktemp("experiment") / "straight"
    options = ("--only", "s0", "s1", "--max-epochs", run_folders.EPOCHS, "--jobs", 1)
    run_folders.finished(run_folders.table3(small_table, run, *options))
    return run

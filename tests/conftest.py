"""Shared fixtures: real data where it is at hand, made audio everywhere else. How tests share two workers."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import hypothesis
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# a shell starts background processes with Ctrl-C ignored, and their children inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

IN_WORKER = "PYTEST_XDIST_WORKER" in os.environ
if IN_WORKER:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # there are as many workers as cores

# how long an example takes depends on what else the machine does
hypothesis.settings.register_profile("mlee", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("mlee")

GROUPS = (
    (  # jobs, Ray and other trees of real processes: never beside each other
        "tests/core/experiments/test_ray.py",
        "tests/core/experiments/test_ray_refused.py",
        "tests/core/jobs/test_jobs_trained.py",
        "tests/end_to_end/test_training.py",
    ),
    (  # read the experiment `straight`, which is trained once
        "tests/core/experiments/test_experiment.py",
        "tests/core/experiments/test_interrupted.py",
        "tests/core/experiments/test_refused.py",
        "tests/packaging/test_ablation.py",
    ),
)
"""With `-n`: files whose tests run in one worker, the longest groups first. Any other file is a group of its
own, so that its module fixtures are made once."""


def group_of(file: str) -> int:
    """Place of a test file's group; that of all other files is the last."""
    return next((place for place, files in enumerate(GROUPS) if file in files), len(GROUPS))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if IN_WORKER:
        items.sort(key=lambda item: group_of(item.nodeid.split("::")[0]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Not xdist's own `--dist loadgroup`: xdist 3.8 needs `Item._nodeid`, which pytest 9.2 no longer has, and
    then groups nothing without any error."""
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return next((files[0] for files in GROUPS if file in files), file)

    gone = [file for files in GROUPS for file in files if not (ROOT / file).exists()]
    if gone:
        raise pytest.UsageError(f"tests/conftest.py names files that do not exist: {', '.join(gone)}")
    config.option.loadscopereorder = False  # in the order of GROUPS
    return Groups(config, log)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real recordings (emodb/) and real votes (cremad/), or a skip."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data not at hand: {SHARED_DATA} does not exist")
    return SHARED_DATA


@pytest.fixture(scope="session")
def emodb(shared_data: Path) -> Path:
    return shared_data / "emodb"


@pytest.fixture(scope="session")
def small_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three speakers, ten short utterances each; one of s1's, an *other*, was annotated by nobody."""
    from tests.helpers import made_data

    table = made_data.corpus(tmp_path_factory.mktemp("small"), speakers=3, shortest_s=0.25)
    rows = table.read_text().splitlines()
    rows = ["s1_other_1.wav,s1,0,0,0,0,0" if row.startswith("s1_other_1") else row for row in rows]
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.fixture(scope="session")
def straight(small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run folder of all rows of Table 3 on two of the three folds, three epochs each, trained by one process
    without interruption. Read-only: the files of a group in GROUPS share it."""
    from tests.helpers import run_folders

    run = tmp_path_factory.mktemp("experiment") / "straight"
    options = ("--only", "s0", "s1", "--max-epochs", run_folders.EPOCHS, "--jobs", 1)
    run_folders.finished(run_folders.table3(small_table, run, *options))
    return run

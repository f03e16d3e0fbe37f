"""Deleting a run: what MLEE wrote goes without a trace, what it did not write stays."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.errors import RunError
from mlee_core.jobs import control
from mlee_core.report import write
from mlee_core.runs.heartbeat import Heartbeat
from mlee_core.runs.spec_file import write_spec
from mlee_core.runs.status_files import ControlRequest, JobStatus
from mlee_core.system.process_identity import ProcessIdentity
from tests.helpers.job_folders import planned
from tests.helpers.report_runs import made_run, small_corpus


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all that MLEE ever writes into it; what was being written when it was killed too."""
    path = tmp_path_factory.mktemp("whole") / "run"
    folder = made_run(path, small_corpus())
    for _ in write(folder):
        pass
    write_spec(path, ExperimentSpec(path, run=path))
    JobStatus(replace(ProcessIdentity.own(), start=1), 0.0, "cancelled").save(path)
    ControlRequest(skip=("x",)).save(path)
    Heartbeat(0.0, 0, 1, None).save(path)
    told = ["events.jsonl", "asked.lock", "window.lock", ".heartbeat.tmp.json", ".config.a_9zk3b1.tmp.json"]
    told += ["logs/job.log", "logs/ray.log", "logs/worker-12.log"]
    told += ["A/recordings.json", "A/model.safetensors", "A/.model.abcd1234.tmp.safetensors", "A/.tmpAbC9xY"]
    for cell in folder.cells():
        told += [f"{cell.name}/{name}.safetensors" for name in ("last", "best")]
    told += [f"{cell.name}/.tmpq2W3e4", "mlee-scratch-x1/lock", "mlee-scratch-x1/features.f16"]
    for name in told:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text("\n")
    return path


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def test_a_run_is_deleted_without_a_trace(run: Path, tmp_path: Path) -> None:
    assert control.delete(run) == 0 and not list(tmp_path.iterdir())


def test_a_link_to_a_run_is_deleted_with_it(run: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(run)
    assert control.delete(link) == 0 and not list(tmp_path.iterdir())


def test_what_waits_is_deleted_too(tmp_path: Path) -> None:
    write_spec(tmp_path / "run", ExperimentSpec(tmp_path, run=tmp_path / "run"))
    assert control.delete(tmp_path / "run") == 0 and not list(tmp_path.iterdir())


def test_deleting_a_run_leaves_what_is_not_of_mlee(run: Path) -> None:
    """A run in a corpus's folder: foreign files at every level, some called almost as ours."""
    foreign = ["a1.wav", "poetry.lock", "model.safetensors", ".env.tmp.json", "wav/config.json"]
    foreign += ["A/a1.wav", "A/best.safetensors", "A/seed-0/thesis.tex", "A/seed-x/mlee-all/result.json"]
    foreign += ["D/model.safetensors", "D/seed-0/mlee-all/last.safetensors", "A/seed-0/mlee-all/notes.txt"]
    foreign += ["logs/mine.log", "report/mine.html", "report/pictures/mine.svg"]
    foreign += ["tensorboard/A/seed-0/mlee-all/mine.txt"]
    for name in foreign:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(name)
    (run / "empty").mkdir()
    assert control.delete(run) == len(foreign)
    left = [path for path in run.rglob("*") if not path.is_dir()]
    assert sorted(path.relative_to(run).as_posix() for path in left) == sorted(foreign)
    assert all(path.read_text() == path.relative_to(run).as_posix() for path in left)
    assert (run / "empty").is_dir() and not (run / "B").exists() and not (run / "report/tensorboard").exists()
    with pytest.raises(RunError, match="is no run folder"):
        control.delete(run)


@pytest.mark.parametrize(
    "name",
    ["A", "B/seed-0", "A/model.safetensors", "logs", "report", "events.jsonl", "mlee-scratch-a", "lock"],
)
def test_links_are_removed_and_not_followed(run: Path, tmp_path: Path, name: str) -> None:
    beside = tmp_path / "beside"
    own = run / name
    own.rename(beside) if own.exists() else beside.mkdir()
    (run / name).symlink_to(beside)
    (run / "mine").symlink_to(beside)
    before = sorted(beside.rglob("*"))
    assert control.delete(run) == 1
    assert sorted(beside.rglob("*")) == before and beside.exists()
    assert list(run.iterdir()) == [run / "mine"]


def test_a_run_whose_folds_are_unreadable_keeps_what_may_be_foreign(tmp_path: Path) -> None:
    run = planned(tmp_path / "run").path
    (run / "A").mkdir()
    (run / "A" / "model.safetensors").touch()
    (run / "folds.json").write_text('{"folds": [{"name": ')
    assert control.delete(run) == 1
    assert [path.name for path in run.iterdir()] == ["A"]

"""On a file system without locks: one sentence where a lock is needed, nothing where it is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mlee_core.audio.wav_writer import WavWriter, recover
from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.errors import RunError
from mlee_core.jobs import control
from mlee_core.jobs.monitor import Monitor, WatchedRun
from mlee_core.jobs.queue import QueueFile
from mlee_core.jobs.runner import ensure_runner
from mlee_core.system import package_data
from mlee_core.system.process_identity import ProcessIdentity
from mlee_core.system.temporary_folders import TemporaryFolder, sweep
from tests.helpers import job_folders, no_locks

ROOT = Path(__file__).parents[3]
SENTENCE = "its file system supports no file locks, use a folder on a local disk"


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    no_locks.simulate(folder, monkeypatch.setattr)
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that is being written, copied to a file system without locks."""
    made = job_folders.planned(tmp_path / "share" / "run")
    job_folders.job(made.path, ProcessIdentity.own())
    no_locks.simulate(tmp_path / "share", monkeypatch.setattr)
    return made.path


def test_writing_a_run_needs_a_lock(share: Path) -> None:
    with pytest.raises(RunError) as refused:
        job_folders.planned(share / "run")
    assert str(refused.value) == f"{share / 'run'} cannot be written: {SENTENCE}."


def test_a_queue_needs_a_lock(share: Path, tmp_path: Path) -> None:
    queue = QueueFile(share / "queue")
    for write in (
        lambda: queue.add(ExperimentSpec(tmp_path, run=tmp_path / "run")),
        lambda: queue.set_paused(True),
        lambda: ensure_runner(queue.folder),
    ):
        with pytest.raises(RunError) as refused:
            write()
        assert str(refused.value) == f"{queue.folder} cannot be written: {SENTENCE}."
    assert queue.read().items == ()


def test_a_run_is_read_but_not_controlled(run: Path, tmp_path: Path) -> None:
    monitor = Monitor(QueueFile(tmp_path / "queue"))
    news = monitor.look(WatchedRun(run)).runs[run]
    assert news.state == "running" and not news.fault
    assert news.looking_only == f"{run} cannot be written ({SENTENCE}): it is opened read-only."
    with pytest.raises(RunError, match=SENTENCE):
        control.pause(run)
    monitor.close()


def test_a_recording_needs_no_lock(share: Path) -> None:
    take = WavWriter(share / "takes", 16_000, 1)
    take.append(np.zeros((160, 1), np.int16))
    assert recover(share / "takes") == [], "it may still be recorded"
    take.finish()
    assert take.path.stat().st_size == 44 + 2 * 160 and recover(share / "takes") == []


def test_a_temporary_folder_needs_no_lock_and_is_not_swept(share: Path) -> None:
    folder = TemporaryFolder(share)
    (folder.path / "samples.f32").touch()
    assert sweep(share) == 0 and (folder.path / "samples.f32").exists()
    folder.remove()
    assert not folder.path.exists()


def test_a_recording_is_analysed_with_temporary_files_there(share: Path, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(no_locks.SITE)
    sample = next((package_data.root() / "samples").glob("*.flac"))
    path = os.pathsep.join(map(str, (tmp_path / "site", ROOT)))
    environment = {"TMPDIR": str(share), "NO_LOCKS": str(share), "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-m", "mlee_core.cli", "analyze", "--json", str(sample)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) and not done.stderr
    assert list(share.iterdir()) == []

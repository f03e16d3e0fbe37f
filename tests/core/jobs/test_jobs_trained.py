"""Experiments that detached processes train: asked, cancelled and killed they end as if nothing had been."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core.errors import RunError
from mlee_core.jobs import control
from mlee_core.jobs.queue import Item
from mlee_core.jobs.runner import ensure_runner
from mlee_core.runs.heartbeat import Heartbeat
from mlee_core.runs.run_folder import RunFolder
from mlee_core.runs.status_files import ControlRequest, JobStatus
from tests.helpers import made_data
from tests.helpers.child_side import running, wait_until
from tests.helpers.job_queue import EPOCHS, MARK, PATIENCE_S, JobQueue
from tests.helpers.run_folders import content, epoch, finished, kept, table3, told

pytestmark = pytest.mark.timeout(600)  # many processes, which may have to wait for the machine

HARD, MLEE, FUSION = (f"s0/seed-0/{stage}" for stage in ("dominant-hard", "mlee-all", "fusion-hard-all"))
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tiny_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.corpus(tmp_path_factory.mktemp("tiny"), speakers=3, each=1, shortest_s=0.25)


@pytest.fixture(scope="module")
def unasked(tiny_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of what a desk orders, trained in a terminal without any queue. Not to be changed."""
    run = tmp_path_factory.mktemp("unasked") / "run"
    options = (
        "--rows",
        "fusion-hard",
        "--train-sets",
        "all",
        "--only",
        "s0",
        "--max-epochs",
        EPOCHS,
        "--jobs",
        1,
    )
    finished(table3(tiny_table, run, *options))
    return run


@pytest.fixture
def jobs(tiny_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobQueue]:
    monkeypatch.setenv(MARK, str(tmp_path))
    jobs = JobQueue(tmp_path, tiny_table)
    yield jobs
    jobs.clear()


def same(run: Path, unasked: Path) -> None:
    files = list(kept(unasked))
    assert len(files) == 3 * 3 + 1
    assert files == list(kept(run))
    for file in files:
        assert content(run / file) == content(unasked / file), file
    assert told(run) == told(unasked)


def types(item: Item) -> list[str]:
    return [line["type"] for line in RunFolder(item.run).events()]


def results(item: Item) -> set[str]:
    return {str(file.parent.relative_to(item.run)) for file in item.run.rglob("result.json")}


# ---- killed ---------------------------------------------------------------------------------------------


def test_a_job_outlives_its_submitter_and_its_runner_and_the_next_runner_takes_it_over(
    jobs: JobQueue, unasked: Path
) -> None:
    """Queued by a process that has ended; a second runner for the same queue is refused."""
    jobs.queue.add(jobs.spec("run"))
    script = "import sys; from mlee_core.jobs.runner import ensure_runner; ensure_runner(sys.argv[1])"
    subprocess.run([sys.executable, "-c", script, str(jobs.queue.folder)], cwd=ROOT, check=True)
    item = jobs.queue.read().items[0]
    jobs.until_told(item, epoch("s0", "dominant-hard"))
    second = [sys.executable, "-m", "mlee_core.jobs.runner", str(jobs.queue.folder)]
    refused = subprocess.run(second, cwd=ROOT, capture_output=True, text=True, check=False)
    assert refused.returncode == 3 and "Another process already runs" in refused.stderr
    job = jobs.now(item).process
    runner = jobs.runner()
    os.kill(runner, signal.SIGKILL)
    wait_until(lambda: not running(runner), "the runner to end")
    assert job is not None and job.alive
    assert ensure_runner(jobs.queue.folder) and not ensure_runner(jobs.queue.folder)
    assert jobs.until(item, "finished").process == job
    jobs.until_idle()
    assert types(item).count("started") == 1 + 3  # the experiment and its cells: nobody began again
    same(item.run, unasked)


def test_a_job_that_is_killed_or_cancelled_resumes_bit_identical(jobs: JobQueue, unasked: Path) -> None:
    item = jobs.started(jobs.spec("run"))
    jobs.until_told(item, epoch("s0", "dominant-hard"))
    process = jobs.now(item).process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    # at once, though its runner has not written it down yet
    wait_until(lambda: jobs.now(item).state == "interrupted", "the death to be seen", 2.0)
    assert "ended unexpectedly" in jobs.now(item).message
    assert JobStatus.load(item.run).state == "running"  # type: ignore[union-attr]
    jobs.until_idle()  # its training processes too

    jobs.again(item)
    jobs.until_told(item, epoch("s0", "mlee-all", 2))
    assert control.cancel(item.run)
    jobs.until(item, "cancelled")
    jobs.until_idle()
    assert types(item)[-1] == "cancelled" and JobStatus.load(item.run).state == "cancelled"  # type: ignore[union-attr]
    assert not list(item.run.glob("mlee-scratch-*"))
    assert not control.cancel(item.run) and not control.pause(item.run)  # nobody trains

    jobs.again(item)
    jobs.until(item, "finished")
    resumed = [line["stage"] for line in RunFolder(item.run).events() if line["type"] == "resumed"]
    assert "dominant-hard" in resumed or "mlee-all" in resumed
    same(item.run, unasked)


# ---- asked ----------------------------------------------------------------------------------------------


def test_a_cell_that_is_requested_while_others_train_is_trained_once_the_job_has_ended(
    jobs: JobQueue,
) -> None:
    item = jobs.started(jobs.spec("run"))
    jobs.until_told(item, epoch("s0", "mlee-all"))  # dominant-hard is done by then
    again = "s0/seed-0/dominant-hard"
    first = jobs.now(item).process
    jobs.again(item, cells=(again,), redo=(again,))
    assert jobs.now(item).state == "running" and jobs.now(item).later == (again,)
    wait_until(lambda: jobs.now(item).process not in (None, first), "the second job", PATIENCE_S)
    jobs.until(item, "finished")
    jobs.until_idle()
    dropped = [line["stage"] for line in RunFolder(item.run).events() if line["type"] == "dropped"]
    assert dropped == ["dominant-hard", "fusion-hard-all"]  # and what stands on it
    assert jobs.now(item).later == () and types(item).count("finished") == 2
    assert results(item) == {again, "s0/seed-0/mlee-all"}  # that alone was asked for


@pytest.mark.slow
def test_a_run_that_is_paused_with_a_cell_skipped_and_retrained_ends_as_an_undisturbed_one(
    jobs: JobQueue, unasked: Path
) -> None:
    jobs.queue.add(jobs.spec("run"))
    ControlRequest("stop").save(jobs.folder / "run")  # from long ago: harms no new start
    ensure_runner(jobs.queue.folder)
    item = jobs.queue.read().items[0]
    jobs.until_told(item, epoch("s0", "dominant-hard"))
    assert control.pause(item.run)
    jobs.until(item, "paused")  # after the cell in work
    assert results(item) == {HARD} and types(item)[-1] == "cancelled"
    beat = Heartbeat.load(item.run)
    assert beat is not None and (beat.done, beat.total, beat.cells) == (1, 3, ())

    jobs.again(item)
    jobs.until_told(item, epoch("s0", "mlee-all"))
    control.skip(item.run, MLEE)
    jobs.until(item, "finished")  # at once, and no failure, though fusion stands on it
    assert results(item) == {HARD} and "failed" not in types(item)
    assert (item.run / MLEE / "last.safetensors").exists()

    control.skip(item.run, MLEE, on=False)
    jobs.again(item)
    jobs.until(item, "finished")
    same(item.run, unasked)

    untouched = {file: file.stat().st_mtime_ns for file in (item.run / HARD).iterdir()}
    jobs.again(item, redo=(MLEE,))
    jobs.until(item, "finished")
    dropped = [line["stage"] for line in RunFolder(item.run).events() if line["type"] == "dropped"]
    assert dropped == ["mlee-all", "fusion-hard-all"]
    assert {file: file.stat().st_mtime_ns for file in (item.run / HARD).iterdir()} == untouched
    assert ControlRequest.load(item.run) == ControlRequest()
    twice = {line for line, count in told(item.run).items() if count == 2}
    assert twice == {line for line in told(unasked) if '"dominant-hard"' not in line}
    for file in kept(unasked):
        assert content(item.run / file) == content(unasked / file), file


LEAVING = """
import os, subprocess, sys
if "mlee_core.jobs.job" in sys.orig_argv and os.fork() == 0:
    os.setsid()
    subprocess.Popen(["sleep", "600"])
    os._exit(0)
"""


def test_stop_keeps_the_best_model_after_the_epoch_and_nothing_of_the_job_stays(
    jobs: JobQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither does what it has started in a session of its own."""
    (tmp_path / "sitecustomize.py").write_text(LEAVING)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    item = jobs.started(jobs.spec("run", max_epochs=500, patience=500))
    jobs.until_told(item, epoch("s0", "dominant-hard", 2))
    (left,) = (pid for pid in jobs.processes() if Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
    assert os.getsid(left) != jobs.now(item).process.pid  # type: ignore[union-attr]
    assert control.stop_and_keep(item.run)
    jobs.until(item, "stopped")
    jobs.until_idle()
    assert not running(left)
    assert results(item) == {HARD}
    (result,) = RunFolder(item.run).results()
    assert result.early and 2 <= result.epochs < 500 and result.predictions
    assert (item.run / HARD / "best.safetensors").exists()
    done = [line for line in RunFolder(item.run).events() if line["type"] == "stage_done"]
    assert [line["early"] for line in done] == [True]


# ---- what cannot be trained -----------------------------------------------------------------------------


def test_a_failure_is_one_sentence_and_the_queue_continues(jobs: JobQueue) -> None:
    """The corpus is gone; the run folder cannot be written; a GPU is asked for that is not there."""
    moved = jobs.queue.add(replace(jobs.spec("moved"), corpus=jobs.folder / "gone" / "table.csv"))
    closed = jobs.queue.add(jobs.spec("closed"))
    shutil.rmtree(closed.run)
    closed.run.write_text("a file is where the folder was")
    gpu = jobs.queue.add(jobs.spec("gpu", device="cuda:99"))
    ensure_runner(jobs.queue.folder)
    jobs.until(gpu, "failed")
    jobs.until_idle()
    messages = {item.run.name: item.message for item in jobs.queue.read().items if item.state == "failed"}
    assert f"{jobs.folder}/gone/table.csv" in messages["moved"]
    assert messages["closed"] == f"{closed.run} cannot be written: File exists."
    assert (
        "'cuda:99' is not available on this machine" in messages["gpu"]
        and "allowed are cpu" in messages["gpu"]
    )
    for item in (moved, gpu):
        job = JobStatus.load(item.run)
        assert job is not None and (job.state, job.message) == ("failed", messages[item.run.name])
    assert all("\n" not in message and message.endswith(".") for message in messages.values())


def test_a_failure_pauses_the_queue_unless_it_is_to_keep_going(jobs: JobQueue) -> None:
    jobs.queue.set_keep_going(False)
    failing = jobs.queue.add(replace(jobs.spec("moved"), corpus=jobs.folder / "gone.csv"))
    waiting = jobs.queue.add(jobs.spec("last"))
    ensure_runner(jobs.queue.folder)
    jobs.until(failing, "failed")
    jobs.until_idle()
    assert jobs.queue.read().paused and jobs.now(waiting).state == "waiting"


def test_a_full_disk_and_a_read_only_one_are_reported(jobs: JobQueue, small_disk: Path) -> None:
    item = jobs.started(replace(jobs.spec("run"), run=small_disk / "run"))
    failed = jobs.until(item, "failed")
    job = JobStatus.load(item.run)
    assert job is not None and job.message == failed.message
    assert "No space left on device" in failed.message and str(item.run) in failed.message
    jobs.until_idle()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(RunError, match="cannot be written: Read-only file system"):
        jobs.queue.again(item.id)
    assert jobs.now(item).state == "failed"


# ---- nothing stays --------------------------------------------------------------------------------------


@pytest.mark.slow  # packaging/soak_jobs.py does the same, at more length
def test_ten_starts_and_cancels_leave_nothing(tmp_path: Path) -> None:
    """As the soak command counts: no process after five seconds, no descriptor, no temporary file."""
    command = [sys.executable, ROOT / "packaging" / "soak_jobs.py", "--cycles", "10", "--longest", "1.2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing stays" in done.stdout and "'cancelled': 10" in done.stdout

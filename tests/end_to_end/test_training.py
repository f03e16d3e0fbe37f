"""Training from the window with real processes: killed windows, killed jobs, and results that do not care."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.runs.run_folder import RunFolder
from mlee_core.runs.status_files import JobStatus
from mlee_gui.app import Application, StartOptions, show
from mlee_gui.training.jobs_client import JobsClient
from mlee_gui.training.page import TrainingPage
from tests.core.conftest import small_table
from tests.gui.conftest import nothing_left_behind, private_home, training_at_once, training_later
from tests.helpers.child_side import wait_until
from tests.helpers.job_queue import MARK, JobQueue
from tests.helpers.run_folders import content, epoch, finished, kept, table3, told
from tests.helpers.training_side import fakes

__all__ = [
    "nothing_left_behind",
    "private_home",
    "small_table",
    "training_at_once",
    "training_later",
]  # fixtures

ROOT = Path(__file__).parents[2]
PATIENCE_MS = 120_000
EPOCHS = 6
STAGE = "dominant-soft-all"
CHOSEN = ("--rows", "dominant-soft", "--train-sets", "all", "--only", "s0", "s1", "--max-epochs", EPOCHS)

pytestmark = [pytest.mark.timeout(400), pytest.mark.usefixtures("training_at_once")]
Open = Callable[[], Application]


@pytest.fixture(scope="module")
def alone(small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same experiment, trained in a terminal without a window."""
    run = tmp_path_factory.mktemp("alone") / "run"
    finished(table3(small_table, run, *CHOSEN))
    return run


@pytest.fixture
def job_queue(
    private_home: Path, small_table: Path, monkeypatch: pytest.MonkeyPatch, nothing_left_behind: None
) -> Iterator[JobQueue]:
    """Knows all processes that a test started, and ends them."""
    monkeypatch.setenv(MARK, str(private_home))
    made = JobQueue(private_home, small_table)
    made.queue = type(made.queue)()  # the user's, in the private home
    yield made
    made.clear()


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[Open]:
    made: list[Application] = []

    def opened() -> Application:
        application = Application(StartOptions(), fakes())
        made.append(application)
        qtbot.addWidget(application.window, before_close_func=lambda _: application.close())
        show(application)
        qtbot.waitUntil(lambda: application.lazy_page.training is not None, timeout=PATIENCE_MS)
        application.window.show_page("training")
        return application

    yield opened
    for application in made:
        application.close()


def parts(application: Application) -> tuple[JobsClient, TrainingPage]:
    assert application.lazy_page.jobs is not None and application.lazy_page.training is not None
    return application.lazy_page.jobs, application.lazy_page.training


def state(application: Application) -> str:
    """Of the first experiment, as the list shows it."""
    training = parts(application)[1]
    items = training.queue.model.queue.items
    return items[0].state if items else ""


def spec(job_queue: JobQueue, run: Path) -> ExperimentSpec:
    rows = {"rows": ("dominant-soft",), "train_sets": ("all",), "only": ("s0", "s1")}
    return ExperimentSpec(job_queue.table, run=run, max_epochs=EPOCHS, **rows)  # type: ignore[arg-type]


def equal(run: Path, other: Path) -> bool:
    same = [content(run / file) == content(other / file) for file in kept(other)]
    return list(kept(run)) == list(kept(other)) and all(same) and told(run) == told(other)


def test_a_killed_window_hurts_no_training_and_the_next_one_shows_it_whole(
    qtbot: QtBot, window: Open, job_queue: JobQueue, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "mine"
    command = [sys.executable, "-m", "tests.helpers.training_side", job_queue.table, run, EPOCHS]
    first = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    said = first.stdout.readline()
    assert said.startswith("queued mlee table3 ") and "--only s0 s1" in said, "nothing was queued"
    wait_until(lambda: any(map(epoch("s0", STAGE), events(run))), "the first epoch", 120.0)
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    job = JobStatus.load(run)
    assert job is not None and job.writer.alive and job.state == "running"

    again = window()
    _, training = parts(again)
    qtbot.waitUntil(lambda: state(again) == "running", timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: state(again) == "finished", timeout=PATIENCE_MS)
    assert job.writer == loaded(run).writer, "it was the same job all the time"
    cells = RunFolder(run).cells()
    qtbot.waitUntil(lambda: all(view.state == "done" for view in training.grid.model.views()))
    for cell in cells:
        training.grid.choose(cell)
        result = RunFolder(run).result(cell)
        assert result is not None
        curve = [dict(row) for row in result.curves]
        qtbot.waitUntil(lambda curve=curve: [dict(row) for row in training.cell.curves.rows] == curve)
    assert equal(run, alone)


def test_a_killed_job_is_told_within_two_seconds_and_resume_ends_as_if_nothing_had_been(
    qtbot: QtBot, window: Open, job_queue: JobQueue, alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "runs" / "mine"
    application = window()
    jobs, training = parts(application)
    jobs.submit(spec(job_queue, run))
    qtbot.waitUntil(lambda: any(map(epoch("s0", STAGE, 2), events(run))), timeout=PATIENCE_MS)
    os.kill(loaded(run).writer.pid, signal.SIGKILL)
    began = time.monotonic()
    qtbot.waitUntil(lambda: state(application) == "interrupted", timeout=PATIENCE_MS)
    assert time.monotonic() - began < 2.0
    qtbot.waitUntil(lambda: "interrupted" in training.run.state.text())
    assert application.window.message_bar.isVisible()
    training.queue.table.setFocus()
    qtbot.keyClick(training.queue.table, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: state(application) == "finished", timeout=PATIENCE_MS)
    assert equal(run, alone)


def test_a_second_window_only_looks(qtbot: QtBot, window: Open, job_queue: JobQueue, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "mine"
    first = window()
    parts(first)[0].submit(spec(job_queue, run))
    qtbot.waitUntil(lambda: any(map(epoch("s0", STAGE), events(run))), timeout=PATIENCE_MS)
    second = window()
    training = parts(second)[1]
    actions = second.window.actions_by_name
    qtbot.waitUntil(lambda: "only looks" in training.run.read_only.text(), timeout=PATIENCE_MS)
    assert not actions["cancel_run"].isEnabled() and "only looks" in actions["cancel_run"].toolTip()
    assert first.window.actions_by_name["cancel_run"].isEnabled()
    first.window.close()
    qtbot.waitUntil(actions["cancel_run"].isEnabled, timeout=10_000)  # it has the run now
    actions["cancel_run"].trigger()
    qtbot.waitUntil(lambda: state(second) == "cancelled", timeout=PATIENCE_MS)
    assert loaded(run).state == "cancelled"


def test_what_fails_is_told_once_and_the_rest_goes_on(
    qtbot: QtBot, window: Open, job_queue: JobQueue, tmp_path: Path
) -> None:
    application = window()
    jobs, training = parts(application)
    lost = tmp_path / "gone.csv"
    jobs.submit(ExperimentSpec(lost, run=tmp_path / "runs" / "lost"))
    jobs.submit(spec(job_queue, tmp_path / "runs" / "well"))
    qtbot.waitUntil(lambda: len(jobs.queue.items) == 2, timeout=PATIENCE_MS)
    qtbot.waitUntil(lambda: jobs.queue.items[1].state == "finished", timeout=PATIENCE_MS)
    assert jobs.queue.items[0].state == "failed" and str(lost) in jobs.queue.items[0].message
    assert str(lost) in application.window.message_bar.details()
    training.queue.table.selectRow(0)
    qtbot.waitUntil(training.failure.isVisible)
    assert str(lost) in training.failure.report()


def events(run: Path) -> list[dict[str, object]]:
    return list(RunFolder(run).events()) if (run / "events.jsonl").exists() else []


def loaded(run: Path) -> JobStatus:
    job = JobStatus.load(run)
    assert job is not None
    return job

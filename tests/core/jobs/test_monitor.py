"""What a window reads of a queue and of runs, and that only one of two windows may change them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlee_core.jobs.monitor import Monitor, WatchedRun
from mlee_core.jobs.queue import QueueFile
from mlee_core.system.process_identity import ProcessIdentity
from tests.helpers import job_folders


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """An experiment at work, two epochs into its first cell."""
    made = job_folders.planned(tmp_path / "run")
    cell = made.cells()[0]
    job_folders.job(made.path, ProcessIdentity.own())
    job_folders.tell(made.path, job_folders.epoch(cell, 1), job_folders.epoch(cell, 2))
    job_folders.beat(made.path, job_folders.work(cell))
    return made.path


def test_what_runs_and_what_is_watched_is_seen(tmp_path: Path, run: Path) -> None:
    queue = QueueFile(tmp_path / "queue")
    monitor = Monitor(queue)
    assert monitor.look(WatchedRun()).runs == {}
    item = queue.adopt(run)
    assert item.state == "running"
    seen = monitor.look(WatchedRun())
    assert [known.run for known in seen.queue.items] == [run]
    news = seen.runs[run]
    first = next(iter(news.cells.values()))
    assert (news.state, first.state, first.epoch, news.curve) == ("running", "running", 3, ())
    watched = monitor.look(WatchedRun(run, first.cell)).runs[run]
    assert [row["epoch"] for row in watched.curve] == [1, 2]
    monitor.close()


def test_a_run_that_has_not_started_waits_and_a_damaged_one_says_why(tmp_path: Path, run: Path) -> None:
    monitor = Monitor(QueueFile(tmp_path / "queue"))
    empty = tmp_path / "not begun"
    empty.mkdir()
    assert monitor.look(WatchedRun(empty)).runs[empty].state == "queued"
    (run / "config.json").write_text("{}")
    news = monitor.look(WatchedRun(run)).runs[run]
    assert "config.json" in (news.fault or news.message)
    monitor.close()


def test_the_second_of_two_windows_is_read_only_until_the_first_is_closed(tmp_path: Path, run: Path) -> None:
    first, second = Monitor(QueueFile(tmp_path / "a")), Monitor(QueueFile(tmp_path / "b"))
    assert first.look(WatchedRun(run)).runs[run].looking_only == ""
    assert "read-only" in second.look(WatchedRun(run)).runs[run].looking_only
    first.close()
    assert second.look(WatchedRun(run)).runs[run].looking_only == ""
    second.close()


def test_a_run_without_a_job_file_is_added_in_the_state_of_its_events(tmp_path: Path) -> None:
    made = job_folders.planned(tmp_path / "old")
    queue = QueueFile(tmp_path / "queue")
    job_folders.tell(made.path, job_folders.epoch(made.cells()[0], 1))
    assert queue.adopt(made.path).state == "interrupted"
    queue.remove(queue.read().items[0].id)
    job_folders.tell(made.path, *(job_folders.done(cell) for cell in made.cells()))
    assert queue.adopt(made.path).state == "finished"

"""What a follower says of a run folder: written by this process, by another, by one that was killed."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core.events import Cancelled, Dropped, Failed, Finished, Resumed, Started
from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import Follower
from mlee_core.runs.heartbeat import SILENT_S
from mlee_core.runs.run_folder import RunFolder
from mlee_core.runs.status_files import ControlRequest
from mlee_core.system.process_identity import ProcessIdentity
from tests.helpers.child_side import wait_until
from tests.helpers.job_folders import (
    ELSEWHERE,
    NOBODY,
    beat,
    done,
    epoch,
    job,
    planned,
    polled,
    states,
    tell,
    where,
    work,
)
from tests.helpers.report_runs import result, save

# ---- the run --------------------------------------------------------------------------------------------


def test_a_run_that_nobody_has_begun_is_queued(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    follower = Follower(run.path)
    assert follower.poll()
    assert follower.state == "queued" and tuple(follower.cells) == cells
    assert states(follower.cells.values()) == ["queued"] * 6
    assert (follower.progress.done, follower.progress.total) == (0, 6)
    assert not follower.poll()


def test_a_folder_that_is_not_there_yet_is_seen_when_it_is(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "run")
    assert not follower.poll() and follower.state == "queued" and not follower.cells
    planned(tmp_path / "run")
    assert follower.poll() and len(follower.cells) == 6


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled", "stopped", "paused"])
def test_how_a_job_ended_is_its_own_word(run: RunFolder, state: str) -> None:
    job(run.path, NOBODY, state, "It did so.")  # type: ignore[arg-type]
    follower = polled(run)
    assert (follower.state, follower.message) == (state, "It did so.")


def test_a_run_from_before_jobs_told_of_themselves(run: RunFolder) -> None:
    for event, state in (
        (Started("6 stages"), "interrupted"),
        (Finished("6 stages"), "finished"),
        (Cancelled("6 stages"), "cancelled"),
        (Failed("The disk is full."), "failed"),
    ):
        tell(run.path, event)
        assert polled(run).state == state
    assert polled(run).message == "The disk is full."


def test_a_living_writer_is_running_and_its_progress_is_told(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    job(run.path, ProcessIdentity.own())
    tell(run.path, done(cells[0]))
    beat(run.path, work(cells[1]), left_s=90.0)
    follower = polled(run)
    assert follower.state == "running" and follower.message == ""
    shown = follower.progress
    assert (shown.what, shown.done, shown.total, shown.left_s) == ("stages", 1, 6, 90.0)
    beat(run.path, what="waiting for the cluster")
    assert follower.poll() and follower.what == "waiting for the cluster"
    assert (follower.progress.what, follower.progress.left_s) == ("stages", 60.0)


def test_a_number_that_is_another_process_by_now_is_not_taken_for_the_writer(run: RunFolder) -> None:
    own = ProcessIdentity.own()
    for writer in (replace(own, start=own.start + 1), replace(own, boot="another boot"), NOBODY):
        job(run.path, writer)
        assert polled(run).state == "interrupted"
    assert str(NOBODY.pid) in polled(run).message


def test_a_zombie_is_dead(run: RunFolder) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    writer = ProcessIdentity.of(process.pid)
    assert writer is not None
    job(run.path, writer)
    follower = polled(run)
    assert follower.state == "running"
    process.kill()
    wait_until(lambda: "Z" in _stat(process.pid), "it to become a zombie")  # nobody waits for it
    assert follower.poll() and follower.state == "interrupted"
    process.communicate()


def _stat(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_job_that_ends_in_good_order_between_two_looks_is_not_interrupted(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    job(run.path, NOBODY)

    def ended(identity: ProcessIdentity) -> bool:
        job(run.path, NOBODY, "finished")
        return False

    monkeypatch.setattr(ProcessIdentity, "alive", property(ended))
    assert polled(run).state == "finished"


def test_another_machines_writer_is_believed_while_its_heart_beats(run: RunFolder) -> None:
    job(run.path, ELSEWHERE, age_s=SILENT_S + 9)
    beat(run.path)
    follower = polled(run)
    assert follower.state == "running"
    beat(run.path, age_s=SILENT_S + 1)
    assert follower.poll() and follower.state == "interrupted" and "another-machine" in follower.message
    beat(run.path)
    assert follower.poll() and follower.state == "running"


# ---- a real process that is killed ----------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from mlee_core.system.process_identity import ProcessIdentity
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.job_folders import beat, epoch, job, tell, work
run = RunFolder(Path(sys.argv[1]))
cell, number = run.cells()[0], 0
job(run.path, ProcessIdentity.own())
while True:
    number += 1
    tell(run.path, epoch(cell, number))
    beat(run.path, work(cell, number + 1))
    print(number, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writer(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """A process that writes the run, an epoch for each line that it is sent."""
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", WRITER, str(run.path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        yield process
        process.kill()


def test_a_writer_that_is_killed_is_noticed_at_the_next_poll(
    run: RunFolder, cells: tuple[Cell, ...], writer: subprocess.Popen[str]
) -> None:
    assert writer.stdin is not None and writer.stdout is not None
    follower = Follower(run.path)
    for number in range(1, 4):
        assert writer.stdout.readline() == f"{number}\n"
        assert follower.poll() and follower.state == "running"
        view = follower.cells[cells[0]]
        assert (view.state, view.epoch, view.share, view.left_s) == ("running", number + 1, 0.5, 42.0)
        assert [row["epoch"] for row in follower.curve(cells[0])] == list(range(1, number + 1))
        if number < 3:
            writer.stdin.write("\n")
            writer.stdin.flush()
    os.kill(writer.pid, signal.SIGKILL)
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # dead, and a zombie
    assert follower.poll() and follower.state == "interrupted"
    view = follower.cells[cells[0]]
    assert (view.state, view.epoch, view.left_s) == ("stopped", 3, None)
    assert follower.progress.left_s is None


# ---- its cells ------------------------------------------------------------------------------------------


def test_what_a_cell_goes_through(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    job(run.path, ProcessIdentity.own())
    follower, cell = polled(run), cells[0]

    def state() -> str:
        assert follower.poll()
        return follower.cells[cell].state

    tell(run.path, epoch(cell, 1))
    assert follower.poll() and follower.cells[cell].state == "queued"  # it waits to go on
    beat(run.path, work(cell, None))
    assert state() == "running" and follower.cells[cell].message == "encoding"
    failed = Failed("No memory.", cell.stage.name, "worker-2.log", **where(cell), at=time.time() + 5)
    tell(run.path, failed)
    assert state() == "failed"
    assert (follower.cells[cell].message, follower.cells[cell].log) == ("No memory.", "worker-2.log")
    ControlRequest(skip=(cell.name,)).save(run.path)
    beat(run.path)
    assert state() == "skipped"
    ControlRequest().save(run.path)
    assert state() == "failed"
    tell(run.path, Resumed(cell.stage.name, 1, **where(cell)))
    assert state() == "queued"
    job(run.path, NOBODY, "cancelled")
    assert state() == "stopped"
    tell(run.path, epoch(cell, 2), epoch(cell, 3, best=False), done(cell))
    assert state() == "done"
    view = follower.cells[cell]
    assert (view.wa, view.ua, view.best, view.epoch, view.message) == (0.75, 0.5, 2, 3, "")
    tell(run.path, Dropped(cell.stage.name, **where(cell)))
    assert state() == "undone" and follower.curve(cell) == () and follower.cells[cell].epoch is None


def test_a_cell_that_was_stopped_and_kept_is_done_early(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    tell(run.path, replace(done(cells[0]), early=True), done(cells[1]))
    follower = polled(run)
    assert [follower.cells[cell].early for cell in cells[:2]] == [True, False]


def test_epochs_of_a_cell_in_work_outrun_its_heartbeat(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    job(run.path, ProcessIdentity.own())
    beat(run.path, work(cells[0], 2, 0.9))
    tell(run.path, *(epoch(cells[0], n) for n in (1, 2, 3)))
    view = polled(run).cells[cells[0]]
    assert (view.epoch, view.share, view.of_epochs) == (3, None, run.config().recipe.max_epochs)


def test_a_cell_that_is_in_work_no_longer_waits(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    job(run.path, ProcessIdentity.own())
    beat(run.path, work(cells[0]), work(cells[1]))
    follower = polled(run)
    beat(run.path, work(cells[1]), work(cells[2]))
    assert follower.poll()
    assert states(follower.cells.values())[:4] == ["queued", "running", "running", "queued"]


def test_ten_runs_that_report_much_cost_little(tmp_path: Path) -> None:
    """A look at 20 new events of each of ten runs; of this thread's own time, the median of many looks."""
    runs = [planned(tmp_path / f"run-{k}", seeds=9) for k in range(10)]
    followers, told = [polled(run) for run in runs], runs[0].cells()[:20]
    for run in runs:
        job(run.path, ProcessIdentity.own())
    took = []
    for number in range(1, 22):
        for run in runs:
            tell(run.path, *(epoch(cell, number) for cell in told))
        began = time.thread_time()
        assert all(follower.poll() for follower in followers)
        took.append(time.thread_time() - began)
    assert statistics.median(took) < 0.05  # a few milliseconds, where nothing else runs


def test_results_that_nobody_has_told_of_are_found_when_the_run_rests(
    run: RunFolder, cells: tuple[Cell, ...]
) -> None:
    save(run, result(cells[3], {"b1": (0.7, 0.1, 0.1, 0.1)}))
    folder = run.stage_folder(cells[4])
    folder.mkdir(parents=True)
    (folder / "result.json").write_text("{")
    job(run.path, ProcessIdentity.own())
    follower = polled(run)
    assert follower.cells[cells[3]].state == "queued"
    job(run.path, NOBODY, "cancelled")
    assert follower.poll()
    view = follower.cells[cells[3]]
    assert (view.state, view.wa, view.ua, view.best, view.epoch) == ("done", 0.5, None, 2, 3)
    assert len(follower.curve(cells[3])) == 3
    assert "is damaged" in follower.cells[cells[4]].message


def test_the_curve_is_that_of_the_result(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    made = result(cells[0], {})
    tell(run.path, *made.events())
    assert polled(run).curve(cells[0]) == made.curves
    assert polled(run).curve(cells[1]) == ()


def test_a_selection_that_grows_brings_cells_and_what_was_told_of_them(
    run: RunFolder, cells: tuple[Cell, ...]
) -> None:
    more = replace(cells[0], seed=1)
    tell(run.path, epoch(more, 1))
    follower = polled(run)
    assert more not in follower.cells
    config = run.config()
    run.begin(
        replace(config, selection=replace(config.selection, seeds=2)), run.corpus(), run.folds(), resume=True
    )
    assert follower.poll() and len(follower.cells) == 12
    assert follower.cells[more].state == "stopped" and follower.cells[more].epoch == 1


def test_the_mapping_of_cells_is_another_one_only_when_something_changed(
    run: RunFolder, cells: tuple[Cell, ...]
) -> None:
    follower = polled(run)
    before = follower.cells
    follower.poll()
    assert follower.cells is before
    tell(run.path, done(cells[0]))
    follower.poll()
    assert follower.cells is not before and before[cells[0]].state == "queued"

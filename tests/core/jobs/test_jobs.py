"""The queue in its file, what is asked of a run, who is alive, the heartbeat: without any training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.stages import TRAIN_SETS, Stage
from mlee_core.corpora.folds import Fold
from mlee_core.errors import RunError
from mlee_core.events import Dropped, EpochDone, Event, Progress, StageDone, Started
from mlee_core.experiments.engines.scheduler import run_tasks
from mlee_core.experiments.engines.tasks import TrainingTask as Training
from mlee_core.jobs import control, runner
from mlee_core.jobs.queue import QueueFile, usual_folder
from mlee_core.runs import control_requests, heartbeat
from mlee_core.runs.cells import RESULT, Cell
from mlee_core.runs.control_requests import ControlRequests
from mlee_core.runs.event_log import EventLog
from mlee_core.runs.forecast import Forecast, Workload
from mlee_core.runs.heartbeat import Heartbeat
from mlee_core.runs.retrain import drop
from mlee_core.runs.status_files import Ask, ControlRequest, JobStatus
from mlee_core.system.process_identity import ProcessIdentity
from tests.helpers.child_side import wait_until
from tests.helpers.job_folders import known, planned, sleeper
from tests.helpers.report_runs import made_run, result, save, small_corpus

__all__ = ["sleeper"]  # a fixture

# ---- the queue --------------------------------------------------------------------------------------------


@pytest.fixture
def queue(tmp_path: Path) -> QueueFile:
    return QueueFile(tmp_path / "queue")


def names(queue: QueueFile) -> list[str]:
    return [item.run.name for item in queue.read().items]


def test_a_queue_is_read_by_another_as_it_was_written(queue: QueueFile, tmp_path: Path) -> None:
    specs = [
        ExperimentSpec(Path("corpus.csv"), run=tmp_path / name, rows=("mlee",), seeds=2) for name in "abc"
    ]
    items = [queue.add(spec) for spec in specs]
    queue.set_paused(True)
    queue.set_keep_going(False)
    other = QueueFile(queue.folder).read()
    assert other.items == tuple(items) and (other.paused, other.keep_going) == (True, False)
    assert items[0].spec == replace(specs[0], corpus=Path("corpus.csv").absolute())
    assert all(item.state == "waiting" and (item.run / "order.json").is_file() for item in items)


def test_items_are_moved_and_removed(queue: QueueFile, tmp_path: Path) -> None:
    first, second, _ = [queue.add(ExperimentSpec(tmp_path, run=tmp_path / name)) for name in "abc"]
    queue.move(first.id, 1)
    assert names(queue) == ["b", "a", "c"]
    queue.move(second.id, 9)
    assert names(queue) == ["a", "c", "b"]
    queue.move(second.id, -9)
    assert names(queue) == ["b", "a", "c"]
    queue.remove(first.id)
    assert names(queue) == ["b", "c"] and first.run.exists()
    with pytest.raises(RunError, match="no longer in the queue"):
        queue.remove(first.id)


def test_a_run_folder_is_queued_once_and_not_taken_from_another_run(queue: QueueFile, tmp_path: Path) -> None:
    queue.add(ExperimentSpec(tmp_path, run=tmp_path / "a"))
    with pytest.raises(RunError, match="already in the queue"):
        queue.add(ExperimentSpec(tmp_path, run=tmp_path / "a"))
    made_run(tmp_path / "b", small_corpus())
    with pytest.raises(RunError, match="already holds a run"):
        queue.add(ExperimentSpec(tmp_path, run=tmp_path / "b"))
    assert names(queue) == ["a"]


def test_again_resumes_a_run_and_requests_cells_to_retrain(queue: QueueFile, tmp_path: Path) -> None:
    item = queue.add(ExperimentSpec(tmp_path, run=tmp_path / "a", smoke=True, seeds=3, max_epochs=9))
    planned(tmp_path / "a")
    ControlRequest("stop", ("x", "y"), ("z",)).save(item.run)
    queue.edit(lambda was: was.with_item(replace(item, state="failed", message="why")))
    queue.again(item.id, cells=("x",), redo=("u",))
    again = queue.read().items[0]
    assert (again.state, again.message) == ("waiting", "")
    assert again.spec == ExperimentSpec(
        tmp_path, run=tmp_path / "a", cells=("x",), resume=True
    )  # as it was begun
    assert ControlRequest.load(item.run) == ControlRequest(None, ("y",), ("z", "u"))


def test_resuming_the_queue_requeues_paused_items_in_their_places(queue: QueueFile, tmp_path: Path) -> None:
    first, second = (queue.add(ExperimentSpec(tmp_path, run=tmp_path / name)) for name in "ab")
    queue.set_paused(True)
    queue.edit(lambda was: was.with_item(replace(first, state="paused")))
    assert [item.state for item in queue.read().items] == ["paused", "waiting"]
    queue.set_paused(False)
    assert [(item.id, item.state) for item in queue.read().items] == [
        (first.id, "waiting"),
        (second.id, "waiting"),
    ]


@pytest.mark.parametrize(("paused", "then"), [(True, "paused"), (False, "waiting")])
def test_a_job_that_pauses_waits_if_the_queue_is_resumed_already(
    queue: QueueFile, tmp_path: Path, paused: bool, then: str
) -> None:
    item = queue.add(ExperimentSpec(tmp_path, run=tmp_path / "a"))
    running = replace(item, state="running", process=ProcessIdentity.own())
    was = replace(queue.read().with_item(running), paused=paused)
    assert runner.closed(was, running, "paused", "").item(item.id).state == then


def test_the_end_of_a_job_does_not_change_an_item_that_was_removed_or_queued_again(
    queue: QueueFile, tmp_path: Path
) -> None:
    item = queue.add(ExperimentSpec(tmp_path, run=tmp_path / "a"))
    running = replace(item, state="running", process=ProcessIdentity.own())
    was = queue.read()  # the item waits again
    assert runner.closed(was, running, "failed", "It did.") == was
    gone = replace(was, items=())
    assert runner.closed(gone, running, "failed", "It did.") == gone


def test_what_a_newer_version_adds_to_an_item_is_ignored(queue: QueueFile, tmp_path: Path) -> None:
    item = queue.add(ExperimentSpec(tmp_path, run=tmp_path / "a"))
    file = queue.folder / "queue.json"
    stored = json.loads(file.read_text())
    stored["items"][0]["mood"] = "good"
    file.write_text(json.dumps(stored))
    assert queue.read().items == (item,)


def test_what_runs_is_neither_removed_nor_queued_again_nor_deleted(
    queue: QueueFile, tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    run = made_run(tmp_path / "run", small_corpus()).path
    JobStatus(known(sleeper), time.time()).save(run)
    item = queue.adopt(run)
    assert item.state == "running" and item.spec.resume and queue.adopt(run) == item
    for refused in (
        lambda: queue.remove(item.id),
        lambda: queue.again(item.id),
        lambda: control.delete(run),
    ):
        with pytest.raises(RunError, match="is being trained"):
            refused()
    sleeper.kill()
    sleeper.wait()
    assert queue.read().items[0].state == "interrupted"
    queue.remove(item.id)
    assert control.delete(run) == 0
    assert not run.exists()
    with pytest.raises(RunError, match="is no run folder: nothing was deleted"):
        control.delete(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"items": [1]}', '{"items": [{"id": "a"}]}', "\x00"])
def test_a_damaged_queue_is_named(queue: QueueFile, text: str) -> None:
    queue.folder.mkdir()
    (queue.folder / "queue.json").write_text(text)
    with pytest.raises(RunError, match=r"queue\.json cannot be read"):
        queue.read()


def test_the_users_own_queue_lies_with_the_state_of_programs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert usual_folder() == tmp_path / "mlee" / "queue" and QueueFile().folder == usual_folder()


EDITS = """
import sys
from dataclasses import replace
from pathlib import Path
from mlee_core.jobs import control
from mlee_core.jobs.queue import QueueFile
from mlee_core.config.experiment_spec import ExperimentSpec
name, run, queue = sys.argv[1], Path(sys.argv[2]), QueueFile(Path(sys.argv[3]))
for number in range(10):
    control.skip(run, f"{name}{number}")
for number in range(10):
    queue.add(ExperimentSpec(run, run=run / f"{name}{number}"))
"""


def test_several_processes_edit_at_once_and_nothing_is_lost(queue: QueueFile, tmp_path: Path) -> None:
    command = [sys.executable, "-c", EDITS]
    editors = [subprocess.Popen([*command, name, tmp_path, queue.folder]) for name in "abc"]
    assert [editor.wait() for editor in editors] == [0, 0, 0]
    expected = {f"{name}{number}" for name in "abc" for number in range(10)}
    assert set(ControlRequest.load(tmp_path).skip) == set(names(queue)) == expected
    assert len(names(queue)) == 30


# ---- asked ------------------------------------------------------------------------------------------------

HARD, MLEE, FUSION = (
    Stage("dominant", "hard", "dominant"),
    Stage("mlee", None, "all"),
    Stage("fusion", "hard", "all"),
)
FOLD = Fold("A", ("B",), ("C",), ("A",))
TRAININGS = [Training(FOLD, 0, (stage,)) for stage in (HARD, MLEE, FUSION)]


class Pool:
    """Trains a stage in three events, and asks something of the run before one of them."""

    def __init__(self, run: Path, at: int, asked: ControlRequest) -> None:
        self._run, self._at, self._asked = run, at, asked
        self._busy: list[tuple[Training, list[Event]]] = []
        self.started: list[str] = []

    def start(self, job: Training) -> None:
        self.started += [stage.name for stage in job.stages]
        where: dict[str, Any] = {"fold": job.fold.name, "seed": job.seed}
        events: list[Event] = []
        for stage in job.stages:
            done = StageDone(stage.name, 1, 1.0, None, None, **where)
            events += [Started("training", stage.name, **where), Progress("", 1, **where), done]
        self._busy.append((job, events))

    def receive(self) -> list[tuple[Training, Event | None]]:
        if self._at == 0:
            self._asked.save(self._run)
        self._at -= 1
        job, events = self._busy[0]
        if events:
            return [(job, events.pop(0))]
        self._busy.pop(0)
        return [(job, None)]


def worked_off(run: Path, at: int, asked: ControlRequest) -> list[str]:
    pool = Pool(run, at, asked)
    list(run_tasks(pool, TRAININGS, (), 1, ControlRequests(run)))
    return pool.started


@pytest.mark.parametrize("ask", ["pause", "stop"])
def test_no_cell_is_started_once_the_end_of_a_run_is_requested(tmp_path: Path, ask: Ask) -> None:
    assert worked_off(tmp_path, 1, ControlRequest(ask)) == ["dominant-hard"]


def test_what_is_skipped_is_left_out_with_what_stands_on_it(tmp_path: Path) -> None:
    everything = ["dominant-hard", "mlee-all", "fusion-hard-all"]
    mlee = Cell("A", 0, MLEE).name
    assert worked_off(tmp_path, 1, ControlRequest(skip=(mlee,))) == ["dominant-hard"]
    assert worked_off(tmp_path, 99, ControlRequest()) == ["dominant-hard"]  # still asked
    control_requests.edit(tmp_path, lambda asked: replace(asked, skip=()))
    assert worked_off(tmp_path, 99, ControlRequest()) == everything
    assert worked_off(tmp_path, 7, ControlRequest(skip=(mlee,))) == everything  # too late: it is done
    control_requests.edit(tmp_path, lambda asked: replace(asked, skip=("A/seed-0/fusion-hard-all",)))
    assert worked_off(tmp_path, 99, ControlRequest()) == everything[:2]


def test_a_stage_that_is_skipped_keeps_the_others_of_its_job(tmp_path: Path) -> None:
    soft = Stage("pretrain", "soft", "all")
    dense = Training(FOLD, 0, (Stage("pretrain", "hard", "all"), soft))
    ControlRequest(skip=(Cell("A", 0, soft).name,)).save(tmp_path)
    pool = Pool(tmp_path, 99, ControlRequest())
    list(run_tasks(pool, [dense], [Cell("A", 0, MLEE)], 1, ControlRequests(tmp_path)))
    assert pool.started == ["pretrain-hard-all"]


def test_requests_are_read_at_once_and_a_damaged_file_requests_nothing(tmp_path: Path) -> None:
    asks = ControlRequests(tmp_path)
    assert asks.now() == ControlRequest()
    for asked in (ControlRequest("pause"), ControlRequest("stop", ("a",)), ControlRequest()):
        asked.save(tmp_path)
        assert asks.now() == asked and asks.stop() == (asked.ask == "stop")
    (tmp_path / "asked.json").write_text('{"ask": ')
    assert asks.now() == ControlRequest()


# ---- trained anew -----------------------------------------------------------------------------------------


def test_a_journal_forgets_what_is_dropped(tmp_path: Path) -> None:
    def epoch(stage: str) -> EpochDone:
        return EpochDone(stage, 1, 1.0, 1.0, None, None, True, 1.0, fold="A", seed=0)

    journal = EventLog(tmp_path / "events.jsonl")
    assert [journal.append(epoch(stage)) for stage in ("mlee-all", "mlee-all", "dominant-hard")] == [1, 0, 1]
    dropped = Dropped("mlee-all", fold="A", seed=0)
    for again in (journal, EventLog(tmp_path / "events.jsonl")):
        assert again.append(dropped)
        assert [again.append(epoch(stage)) for stage in ("mlee-all", "mlee-all", "dominant-hard")] == [
            1,
            0,
            0,
        ]


def test_dropped_are_a_cell_its_twin_what_stands_on_them_and_their_model(tmp_path: Path) -> None:
    run = planned(tmp_path / "run", rows=("fusion-hard",))
    both = replace(run.config(), selection=replace(run.config().selection, train_sets=TRAIN_SETS))
    (run.path / "config.json").write_text(json.dumps(both.to_json()))
    for cell in run.cells():
        key = f"{cell.fold} {cell.stage.row} {cell.stage.encoders and cell.stage.train_set}"
        save(run, replace(result(cell, {}), key=key))  # both of mlee are the same training
    for fold in "AB":
        (run.path / fold / "model.safetensors").write_text("a model")
    before = {str(file.parent.relative_to(run.path)) for file in run.path.rglob(RESULT)}
    dropped = [f"{e.fold}/seed-{e.seed}/{e.stage}" for e in drop(run, [Cell("A", 0, MLEE).name, "nobody"])]
    stages = ("mlee-dominant", "mlee-all", "fusion-hard-dominant", "fusion-hard-all")
    assert set(dropped) == {f"A/seed-0/{stage}" for stage in stages}
    after = {str(file.parent.relative_to(run.path)) for file in run.path.rglob(RESULT)}
    assert before - after == set(dropped)
    assert [model.parent.name for model in run.path.rglob("model.safetensors")] == ["B"]
    assert list(drop(run, ())) == []


# ---- the heartbeat ----------------------------------------------------------------------------------------


@pytest.fixture
def ahead(tmp_path: Path) -> Forecast:
    run = planned(tmp_path / "run")
    config = run.config()
    return Forecast(config, Workload(config, run.corpus(), run.folds().folds, 4.5), run.cells(), 1, None)


def test_heartbeats_are_written_without_events_and_never_wait_for_the_disk(
    tmp_path: Path, ahead: Forecast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: int) -> None:
        raise AssertionError("a heartbeat was synced to the disk")

    run = tmp_path / "run"
    monkeypatch.setattr(heartbeat, "HEARTBEAT_S", 0.01)
    monkeypatch.setattr(os, "fsync", never)
    with heartbeat.HeartbeatWriter(run, ahead):
        wait_until(lambda: Heartbeat.load(run) is not None, "the first beat")
        first = Heartbeat.load(run)
        wait_until(lambda: Heartbeat.load(run) != first, "another beat")
    last = Heartbeat.load(run)
    monkeypatch.undo()
    assert last is not None and (last.cells, last.what) == ((), "")


def test_a_heartbeat_says_what_is_in_work_how_far_and_how_long(tmp_path: Path, ahead: Forecast) -> None:
    cell = Cell("A", 0, MLEE)
    where: dict[str, Any] = {"fold": "A", "seed": 0}
    heart = heartbeat.HeartbeatWriter(tmp_path / "run", ahead)
    heart.add(Progress("Computing features", 12, 30))
    assert heart.now().what == "Computing features 12 of 30" and heart.now().cells == ()
    heart.add(Started("training", "mlee-all", **where))
    (work,) = heart.now().cells
    assert (work.cell, work.epoch, work.share, work.what) == (cell.name, None, None, "training")
    heart.add(EpochDone("mlee-all", 1, 1.0, 1.0, None, None, True, 10.0, **where))
    heart.add(Progress("Epoch 2", 5, 10, 3.0, "mlee-all", 2, **where))
    (work,) = heart.now().cells
    assert (work.epoch, work.share, work.what) == (2, 0.5, "")
    epochs = ahead.expected_epochs(cell)
    assert work.left_s == pytest.approx(10.0 * (epochs - 1.5))  # ten seconds an epoch
    heart.add(EpochDone("dominant-hard", 3, 1.0, 1.0, None, None, True, None, **where))  # is only told again
    assert len(heart.now().cells) == 1
    control.skip(tmp_path / "run", cell.name)  # it ends without a word
    assert heart.now().cells == ()
    heart.add(StageDone("mlee-all", 1, 1.0, None, None, **where))
    assert (heart.now().done, heart.now().total) == (1, len(planned(tmp_path / "other").cells()))

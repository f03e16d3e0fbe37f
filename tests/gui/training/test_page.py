"""The commands of the page on existing runs, in a paused queue: nothing is trained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.jobs.queue import Item, QueueFile
from mlee_core.runs.cells import Cell
from mlee_core.runs.run_folder import RunFolder
from mlee_core.runs.status_files import ControlRequest
from mlee_core.system.process_identity import ProcessIdentity
from mlee_gui.app import Application
from mlee_gui.shell.desktop_notifications import DesktopNotifications
from mlee_gui.training.jobs_client import JobsClient
from mlee_gui.training.page import TrainingPage
from tests.helpers import job_folders
from tests.helpers.windows import Make

pytestmark = pytest.mark.usefixtures("training_at_once")

Page = tuple[Application, JobsClient, TrainingPage]


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Cancelled after one cell and an epoch of another."""
    made = job_folders.planned(tmp_path / "runs" / "mine")
    first, second, *_ = made.cells()
    job_folders.tell(made.path, job_folders.epoch(first, 1), job_folders.done(first))
    job_folders.tell(made.path, job_folders.epoch(second, 1))
    job_folders.job(made.path, ProcessIdentity.own(), "cancelled")
    return made


@pytest.fixture
def page(qtbot: QtBot, make: Make, run: RunFolder) -> Iterator[Page]:
    QueueFile().set_paused(True)
    application: Application = make("/x/a.wav")
    qtbot.waitUntil(lambda: application.lazy_page.training is not None)
    jobs, training = application.lazy_page.jobs, application.lazy_page.training
    assert jobs is not None and training is not None
    application.window.show_page("training")
    jobs.adopt(run.path)
    qtbot.waitUntil(lambda: training.grid.model.rowCount() > 0)
    yield application, jobs, training


def queued(jobs: JobsClient, run: Path) -> Item:
    return next(item for item in jobs.queue.items if item.run == run)


def choose(qtbot: QtBot, training: TrainingPage, cell: Cell) -> None:
    training.grid.table.setFocus()
    training.grid.choose(cell)
    qtbot.waitUntil(lambda: training.grid.chosen is not None and training.grid.chosen.cell == cell)


def test_a_single_cell_is_resumed_rerun_or_skipped(qtbot: QtBot, page: Page, run: RunFolder) -> None:
    _, jobs, training = page
    first, second, third, *_ = run.cells()
    choose(qtbot, training, second)
    qtbot.keyClick(training.grid.table, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: queued(jobs, run.path).spec.cells == (second.name,))
    assert queued(jobs, run.path).state == "waiting" and queued(jobs, run.path).spec.resume
    training.grid.rerun.emit(first)
    qtbot.waitUntil(lambda: ControlRequest.load(run.path).redo == (first.name,))
    qtbot.waitUntil(lambda: queued(jobs, run.path).spec.cells == (second.name, first.name))
    choose(qtbot, training, third)
    qtbot.keyClick(training.grid.table, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: ControlRequest.load(run.path).skip == (third.name,))


def test_a_smaller_batch_is_a_run_of_its_own(qtbot: QtBot, page: Page, run: RunFolder) -> None:
    _, jobs, training = page
    training.failure.smaller_batch.emit(8)
    qtbot.waitUntil(lambda: len(jobs.queue.items) == 2)
    other = next(item for item in jobs.queue.items if item.run != run.path)
    assert other.spec.batch_size == 8 and not other.spec.resume
    assert other.run.parent == run.path.parent and other.run.name.startswith("mine-batch-8-")


def test_what_can_be_done_depends_on_the_state(qtbot: QtBot, page: Page, run: RunFolder) -> None:
    application, jobs, _ = page
    actions = application.window.actions_by_name
    assert actions["resume"].isEnabled() and actions["delete_run"].isEnabled()
    assert not actions["cancel_run"].isEnabled() and not actions["stop_and_keep"].isEnabled()
    assert "is not running" in actions["cancel_run"].toolTip()
    actions["resume"].trigger()
    qtbot.waitUntil(lambda: queued(jobs, run.path).state == "waiting")
    qtbot.waitUntil(lambda: not actions["resume"].isEnabled())


def test_delete_asks_and_only_then_removes(qtbot: QtBot, page: Page, run: RunFolder) -> None:
    application, jobs, _ = page
    delete = application.window.actions_by_name["delete_run"]
    delete.trigger()
    [question] = application.window.findChildren(QMessageBox)
    assert str(run.path) in question.text() and "cannot be undone" in question.text()
    with qtbot.waitSignal(question.destroyed):
        question.button(QMessageBox.StandardButton.Cancel).click()
    assert run.path.exists()
    delete.trigger()
    [question] = application.window.findChildren(QMessageBox)
    next(button for button in question.buttons() if "Delete" in button.text()).click()
    qtbot.waitUntil(lambda: not run.path.exists() and jobs.queue.items == ())


def test_a_model_is_used_once_its_fold_has_one(qtbot: QtBot, page: Page, run: RunFolder) -> None:
    application, _, training = page
    action, cell = application.window.actions_by_name["use_model"], run.cells()[0]
    assert not action.isEnabled() and "Choose a cell" in action.toolTip()
    choose(qtbot, training, cell)
    qtbot.waitUntil(lambda: "has no model until" in action.toolTip())
    file = run.path / cell.fold / "model.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"")
    choose(qtbot, training, run.cells()[1])
    choose(qtbot, training, cell)
    qtbot.waitUntil(action.isEnabled)
    with qtbot.waitSignal(training.model_chosen) as chosen:
        action.trigger()
    assert chosen.args == [str(file)] and application.window.page == "analysis"


def test_a_refused_edit_is_reported_and_nothing_changes(qtbot: QtBot, page: Page, run: RunFolder) -> None:
    application, jobs, _ = page
    jobs.submit(ExperimentSpec(Path("corpus"), run=run.path))
    qtbot.waitUntil(lambda: "holds a run already" in application.window.message_bar.text())
    assert len(jobs.queue.items) == 1


def test_the_desktop_is_notified(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    """A stand-in for notify-send writes its arguments into a file."""
    received, program = tmp_path / "heard", tmp_path / "bin" / "notify-send"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {received}.new && mv {received}.new {received}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    application: Application = make("/x/a.wav")
    DesktopNotifications(application.window).notify("mine: finished", "See the page Training.")
    qtbot.waitUntil(received.exists)
    assert received.read_text().splitlines()[-2:] == ["mine: finished", "See the page Training."]


def test_pause_and_continue_are_the_same_in_menu_key_and_box(qtbot: QtBot, page: Page) -> None:
    application, jobs, training = page
    actions, boxes = application.window.actions_by_name, training.queue
    qtbot.waitUntil(lambda: actions["pause_queue"].isChecked() and boxes.paused.isChecked())
    boxes.paused.click()
    qtbot.waitUntil(lambda: not jobs.queue.paused and not actions["pause_queue"].isChecked())
    actions["pause_queue"].trigger()
    qtbot.waitUntil(lambda: jobs.queue.paused and boxes.paused.isChecked())
    actions["keep_going"].trigger()
    qtbot.waitUntil(lambda: not jobs.queue.keep_going and not boxes.keep_going.isChecked())


def test_nothing_moves_at_the_ends_and_there_is_nothing_to_undo(qtbot: QtBot, page: Page) -> None:
    application, jobs, _ = page
    actions = application.window.actions_by_name
    assert not actions["earlier"].isEnabled() and not actions["later"].isEnabled()
    jobs.move(jobs.queue.items[0], -1)
    assert not jobs.undo_stack.canUndo()


def test_a_run_with_only_some_cells_requested_can_be_resumed(
    qtbot: QtBot, page: Page, run: RunFolder
) -> None:
    application, _, training = page
    job_folders.job(run.path, ProcessIdentity.own(), "finished")
    QueueFile().edit(lambda queue: queue.with_item(replace(queue.items[0], state="finished")))
    qtbot.waitUntil(lambda: "has trained what was requested" in training.run.state.text())
    assert application.window.actions_by_name["resume"].isEnabled()
    states = {view.state for view in training.grid.model.views()}
    assert states == {"done", "stopped", "undone"}

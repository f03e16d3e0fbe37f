"""The list of experiments: order, texts, the chosen one stays chosen; and edits that can be undone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.events import Progress
from mlee_core.jobs.queue import Item, Queue
from mlee_gui.shell.messages import Messages
from mlee_gui.training.jobs_client import JobsClient
from mlee_gui.training.queue_panel import EMPTY, QueuePanel, state_text


def item(name: str, state: str = "waiting", message: str = "") -> Item:
    run = Path("/runs") / name
    return Item(name, ExperimentSpec(Path("corpus"), run=run), run, state, message, 0.0)  # type: ignore[arg-type]


def panel(qtbot: QtBot, *items: Item, **how: bool) -> QueuePanel:
    made = QueuePanel([QAction("New…")], [QAction("Resume")])
    qtbot.addWidget(made)
    made.show_queue(Queue(tuple(items), **how))
    made.show()
    return made


def texts(shown: QueuePanel) -> list[tuple[str, str]]:
    model = shown.model
    every = range(model.rowCount())
    return [(model.index(row, 0).data(), model.index(row, 1).data()) for row in every]


def test_every_state_has_a_text(qtbot: QtBot) -> None:
    states = ("waiting", "running", "finished", "failed", "interrupted", "paused")
    shown = panel(qtbot, *(item(f"run-{state}", state) for state in states))
    shown.model.show_progress({Path("/runs/run-running"): Progress("stages", 3, 12, 90.0)})
    assert texts(shown) == [
        ("run-waiting", "Waiting"),
        ("run-running", "3 of 12, 2 min left"),
        ("run-finished", "Finished"),
        ("run-failed", "Failed"),
        ("run-interrupted", "Interrupted: resume"),
        ("run-paused", "Paused"),
    ]
    assert state_text(item("a"), None, True) == "Waiting: the queue is paused"


def test_an_empty_list_has_a_hint_and_switches_show_the_queue(qtbot: QtBot) -> None:
    shown = panel(qtbot, paused=True, keep_going=False)
    assert "Ctrl+N" in EMPTY and shown.current() is None
    assert shown.paused.isChecked() and not shown.keep_going.isChecked()


def test_the_chosen_one_stays_chosen_wherever_it_comes_to(qtbot: QtBot) -> None:
    a, b, c = item("a"), item("b"), item("c")
    shown = panel(qtbot, a, b, c)
    shown.choose("b")
    with qtbot.waitSignal(shown.chosen, check_params_cb=lambda chosen: chosen.id == "b"):
        shown.show_queue(Queue((b, c, a)))
    assert shown.table.currentIndex().row() == 0
    shown.show_queue(Queue((replace(b, state="running"), c, a)))
    assert shown.current() == replace(b, state="running")
    shown.show_queue(Queue((c, a)))
    assert shown.current() in (c, a)


def test_a_queued_experiment_is_chosen_when_it_arrives(qtbot: QtBot) -> None:
    shown = panel(qtbot, item("a"))
    shown.choose("new")
    assert shown.current() == item("a")
    shown.show_queue(Queue((item("a"), item("new"), item("c"))))
    assert shown.current() == item("new")


def test_a_message_is_in_the_tool_tip(qtbot: QtBot) -> None:
    shown = panel(qtbot, item("a", "failed", "The disk is full."))
    tip = shown.model.index(0, 1).data(Qt.ItemDataRole.ToolTipRole)
    assert "The disk is full." in tip and "/runs/a" in tip


def test_an_experiment_that_ends_before_it_was_read_as_running_is_announced(
    qtbot: QtBot, tmp_path: Path
) -> None:
    jobs = JobsClient(Messages(), tmp_path / "queue")
    jobs._file.set_paused(True)  # nothing is to be trained
    queued = jobs._file.add(ExperimentSpec(Path("corpus"), run=tmp_path / "a"))
    jobs.start()
    qtbot.waitUntil(lambda: bool(jobs.queue.items))
    with qtbot.waitSignal(jobs.ended) as emitted:
        jobs._file.edit(lambda queue: queue.with_item(replace(queued, state="failed", message="It did.")))
    assert emitted.args is not None and (emitted.args[0].id, emitted.args[0].message) == (
        queued.id,
        "It did.",
    )
    jobs.close()


def test_an_experiment_that_is_put_back_is_trained(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []
    monkeypatch.setattr("mlee_gui.training.jobs_client.ensure_runner", started.append)
    jobs = JobsClient(Messages(), tmp_path / "queue")
    jobs.start()
    jobs._file.add(ExperimentSpec(Path("corpus"), run=tmp_path / "a"))
    qtbot.waitUntil(lambda: bool(jobs.queue.items))
    jobs.forget(jobs.queue.items[0])
    qtbot.waitUntil(lambda: not jobs.queue.items)
    started.clear()
    jobs.undo_stack.undo()
    qtbot.waitUntil(lambda: bool(jobs.queue.items) and started == [tmp_path / "queue"])
    jobs.close()


def test_moves_and_removals_are_undone(qtbot: QtBot, tmp_path: Path) -> None:
    jobs = JobsClient(Messages(), tmp_path / "queue")
    jobs.pause(True)  # nothing is to be trained
    specs = [ExperimentSpec(Path("corpus"), run=tmp_path / name) for name in "abc"]
    for spec in specs:
        jobs._file.add(spec)

    def names() -> str:
        return "".join(item.run.name for item in jobs.queue.items)

    jobs.start()
    qtbot.waitUntil(lambda: names() == "abc")
    jobs.move(jobs.queue.items[0], 1)
    qtbot.waitUntil(lambda: names() == "bac")
    jobs.forget(jobs.queue.items[0])
    qtbot.waitUntil(lambda: names() == "ac")
    jobs.undo_stack.undo()
    qtbot.waitUntil(lambda: names() == "bac")
    jobs.undo_stack.undo()
    qtbot.waitUntil(lambda: names() == "abc")
    jobs.undo_stack.redo()
    qtbot.waitUntil(lambda: names() == "bac")
    jobs.close()

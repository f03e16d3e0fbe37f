"""A failure is shown with the end of its log, can be copied, and tried again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from mlee_core.config.stages import Stage
from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import CellView
from mlee_gui.training.failure_panel import FailurePanel

CELL = Cell("03", 0, Stage("mlee", None, "all"))
FULL = "mlee-all: cuda has no memory left for 16 utterances a step: start another run folder."


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "logs").mkdir(parents=True)
    return tmp_path / "run"


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[FailurePanel]:
    made = FailurePanel()
    qtbot.addWidget(made)
    made.show()
    yield made
    made.stop()


def log(run: Path, name: str, lines: int, at: float) -> None:
    file = run / "logs" / name
    file.write_text("".join(f"{name} line {n}\n" for n in range(1, lines + 1)))
    os.utime(file, (at, at))


def test_what_where_and_the_last_fifty_lines_of_the_newest_log(
    qtbot: QtBot, run: Path, panel: FailurePanel
) -> None:
    log(run, "job.log", 10, 1000.0)
    log(run, "worker-1.log", 120, 2000.0)
    log(run, "worker-2.log", 0, 3000.0)
    panel.show_failure(run, CellView(CELL, "failed", message="The disk is full."))
    assert panel.what.text() == "The disk is full."
    assert "MLEE, train set all; fold 03, seed 0" in panel.where.text() and str(run) in panel.where.text()
    qtbot.waitUntil(lambda: bool(panel.log.toPlainText()))
    lines = panel.log.toPlainText().split("\n")
    assert lines == [f"worker-1.log line {n}" for n in range(71, 121)]
    assert panel.log_name.text() == "The last 50 lines of worker-1.log:"


def test_the_log_of_the_process_that_failed_is_shown_though_others_wrote_since(
    qtbot: QtBot, run: Path, panel: FailurePanel
) -> None:
    log(run, "worker-1.log", 3, 1000.0)
    log(run, "job.log", 3, 2000.0)
    panel.show_failure(run, CellView(CELL, "failed", message="It died.", log="worker-1.log"))
    qtbot.waitUntil(lambda: "worker-1.log line 3" in panel.log.toPlainText())
    panel.show_failure(run, CellView(CELL, "failed", message="It died.", log="gone.log"))
    panel.show_message(run, "The disk is full.")
    qtbot.waitUntil(lambda: "job.log line 3" in panel.log.toPlainText())


def test_the_report_is_copied_whole(qtbot: QtBot, run: Path, panel: FailurePanel) -> None:
    log(run, "job.log", 3, 1000.0)
    panel.show_failure(run, CellView(CELL, "failed", message="It broke."))
    qtbot.waitUntil(lambda: bool(panel.log.toPlainText()))
    qtbot.mouseClick(panel.copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    for part in ("It broke.", "fold 03", str(run), "MLEE 0", "job.log line 1", "job.log line 3"):
        assert part in copied


def test_a_run_that_failed_as_a_whole_and_without_a_log(qtbot: QtBot, run: Path, panel: FailurePanel) -> None:
    panel.show_message(run, "")
    assert "failed without a message" in panel.what.text() and "the whole experiment" in panel.where.text()
    qtbot.waitUntil(lambda: panel.log_name.text() == "Its logs are empty.")
    assert not panel.log.isVisible()


def test_try_again(qtbot: QtBot, run: Path, panel: FailurePanel) -> None:
    panel.show_message(run, "It broke.")
    assert not panel.smaller.isVisible()
    with qtbot.waitSignal(panel.try_again):
        qtbot.mouseClick(panel.again, Qt.MouseButton.LeftButton)
    panel.set_read_only(True)
    with qtbot.assertNotEmitted(panel.try_again):
        qtbot.mouseClick(panel.again, Qt.MouseButton.LeftButton)


def test_a_full_gpu_proposes_half_the_batch(qtbot: QtBot, run: Path, panel: FailurePanel) -> None:
    panel.show_failure(run, CellView(CELL, "failed", message=FULL))
    assert panel.smaller.isVisible() and "batch size 8" in panel.smaller.text().replace("&", "")
    with qtbot.waitSignal(panel.smaller_batch) as emitted:
        qtbot.mouseClick(panel.smaller, Qt.MouseButton.LeftButton)
    assert emitted.args == [8]
    panel.show_failure(run, CellView(CELL, "failed", message=FULL.replace("16", "1")))
    assert not panel.smaller.isVisible()


def test_an_answer_for_a_failure_that_is_no_longer_shown_is_dropped(
    qtbot: QtBot, run: Path, tmp_path: Path, panel: FailurePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(run, "job.log", 3, 1000.0)
    shown: list[object] = []
    show = panel._show_log
    monkeypatch.setattr(panel, "_show_log", lambda *found: (shown.append(found), show(*found)))
    panel.show_message(run, "It broke.")
    panel.show_message(tmp_path / "other", "That too.")
    qtbot.waitUntil(lambda: panel.log_name.text() == "Its logs are empty.")
    assert len(shown) == 1 and panel.log.toPlainText() == ""


def test_what_fails_again_in_the_same_words_has_its_log_read_again(
    qtbot: QtBot, run: Path, panel: FailurePanel
) -> None:
    log(run, "job.log", 1, 1000.0)
    panel.show_message(run, "It broke.")
    qtbot.waitUntil(lambda: panel.log.toPlainText() == "job.log line 1")
    panel.hide()
    log(run, "job.log", 2, 2000.0)
    panel.show_message(run, "It broke.")
    panel.show()
    qtbot.waitUntil(lambda: panel.log.toPlainText() == "job.log line 1\njob.log line 2")

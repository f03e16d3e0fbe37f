"""Several runs side by side: read by a process of its own, the best in bold, copied, exported."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from mlee_core.errors import MleeError
from mlee_core.report.run_comparison import RunComparison, compare_runs
from mlee_core.system.service import ServiceProcess
from mlee_gui.training import compare_dialog
from mlee_gui.training.compare_dialog import CompareDialog, ComparisonClient
from mlee_gui.training.report_export import export_report
from tests.helpers.report_runs import as_said, made_run, small_corpus, sure_of

pytestmark = pytest.mark.usefixtures("training_at_once")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One that says what SAID has for seed 0, one that says neutral of all, and one without results."""
    folder = tmp_path_factory.mktemp("runs")
    made_run(folder / "better", small_corpus(), as_said, seeds=1)
    made_run(folder / "worse", small_corpus(), lambda cell, utterance: sure_of("neu"), seeds=1)
    made_run(folder / "begun", small_corpus(), done=lambda cell: False)
    return [folder / name for name in ("worse", "better", "begun")]


@pytest.fixture
def dialog(qtbot: QtBot, runs: list[Path]) -> CompareDialog:
    made = CompareDialog(runs)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)  # qtbot closes it
    qtbot.addWidget(made, before_close_func=lambda widget: widget.stop())
    made.open()
    return made


def ready(qtbot: QtBot, dialog: CompareDialog) -> CompareDialog:
    qtbot.waitUntil(lambda: dialog.found is not None, timeout=60_000)
    return dialog


def test_the_runs_stand_side_by_side_with_the_best_in_bold(qtbot: QtBot, dialog: CompareDialog) -> None:
    assert "Reading 3 runs" in dialog.about.text() and not dialog.copy.isEnabled()
    table = ready(qtbot, dialog).table
    columns = [table.horizontalHeaderItem(k).text() for k in range(table.columnCount())]
    assert columns == [f"{name}\n{kind}" for name in ("worse", "better") for kind in ("WA", "UA", "done")]
    assert [table.verticalHeaderItem(k).text() for k in range(2)] == ["dominant, hard", "MLEE only (all)"]
    # of a1 a2 a3 b1 b2 c1 all but a2 and b2 are right: 4 of 6; neutral of all: 3 of 6
    texts = [table.item(0, k).text() for k in range(6)]
    assert texts[0] == "50.0" and texts[3] == "66.7 (+16.7)" and texts[2] == texts[5] == "3 of 3"
    assert [table.item(0, k).font().bold() for k in range(6)] == [False, False, False, True, True, False]
    assert "begun has no trained network yet" in dialog.notes.text()


def test_the_table_is_copied_as_text(qtbot: QtBot, dialog: CompareDialog) -> None:
    qtbot.mouseClick(ready(qtbot, dialog).copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert "better WA" in copied and "66.7 (+16.7)" in copied and "begun has no trained network" in copied


def test_nothing_to_compare_is_reported(qtbot: QtBot, runs: list[Path], tmp_path: Path) -> None:
    dialog = CompareDialog([runs[2], tmp_path])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog, before_close_func=lambda widget: widget.stop())
    dialog.open()
    ready(qtbot, dialog)
    assert not dialog.table.isVisible() and not dialog.export.isEnabled() and dialog.text() == ""
    assert "is no run folder" in dialog.notes.text()


def test_closing_it_ends_its_process(qtbot: QtBot, dialog: CompareDialog) -> None:
    child = dialog._comparing._process
    assert child is not None and child.alive
    dialog.reject()
    assert not child.alive and dialog._comparing._process is None


def test_a_process_that_dies_is_reported(qtbot: QtBot, runs: list[Path]) -> None:
    comparing = ComparisonClient()
    with qtbot.waitSignal(comparing.died, timeout=60_000) as reported:
        comparing.compare(runs)
        assert isinstance(comparing._process, ServiceProcess) and comparing._process.pid is not None
        os.kill(comparing._process.pid, signal.SIGKILL)
    assert reported.args is not None and "SIGKILL" in reported.args[1]


def test_the_report_of_the_chosen_run_is_exported(
    qtbot: QtBot, dialog: CompareDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[tuple[Path, Path]] = []

    def export(run: Path, out: Path) -> Path:
        exported.append((run, out))
        return out

    monkeypatch.setattr(compare_dialog, "export_report", export)
    ready(qtbot, dialog).table.setCurrentCell(0, 4)
    qtbot.mouseClick(dialog.export, Qt.MouseButton.LeftButton)
    chooser = dialog.findChild(QFileDialog)
    assert chooser is not None and chooser.isVisible()
    chooser.fileSelected.emit(str(tmp_path))
    chooser.close()
    assert not dialog.export.isEnabled()
    qtbot.waitUntil(lambda: f"is in {tmp_path}" in dialog.notes.text())
    assert exported == [(Path(dialog.found.runs[1].path), tmp_path)] and dialog.export.isEnabled()


def test_a_report_that_cannot_be_written_is_reported(
    qtbot: QtBot, dialog: CompareDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(run: Path, out: Path) -> Path:
        raise MleeError("The disk is full.")

    monkeypatch.setattr(compare_dialog, "export_report", export)
    ready(qtbot, dialog).export_to(tmp_path, tmp_path)
    qtbot.waitUntil(lambda: "The disk is full." in dialog.notes.text())


def test_a_report_is_written_by_a_process_of_its_own(runs: list[Path], tmp_path: Path) -> None:
    folder = export_report(runs[1], tmp_path / "report")
    assert folder == tmp_path / "report" and (folder / "report.html").stat().st_size > 1000
    with pytest.raises(MleeError, match="nothing to report"):
        export_report(runs[2], tmp_path / "none")


def test_the_dialog_shows_what_the_core_finds(qtbot: QtBot, dialog: CompareDialog, runs: list[Path]) -> None:
    found: RunComparison | None = ready(qtbot, dialog).found
    assert found == compare_runs(runs)

"""The panel of a cell: curves that are drawn in place, its log as it grows, and its confusion matrix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QObject, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPalette
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlee_core.events import Started
from mlee_core.figures.palette import CURVE_COLORS
from mlee_core.runs.follower import CellView, Follower
from mlee_core.runs.run_folder import RunFolder
from mlee_gui.shell import theme
from mlee_gui.training import cell_log_panel
from mlee_gui.training.cell_panel import NO_CELL, CellPanel
from mlee_gui.training.learning_curves import LearningCurves
from tests.helpers.job_folders import done, epoch, tell, where
from tests.helpers.report_runs import HARD, made_run, small_corpus

Rows = list[dict[str, Any]]


def rows(count: int, *, first: float = 2.0) -> Rows:
    def row(n: int) -> dict[str, Any]:
        loss = first if n == 1 else 1.6 / n
        scores = {"dev_wa": min(0.9, 0.3 + n / 20), "dev_ua": min(0.8, 0.2 + n / 20)}
        return {"epoch": n, "train_loss": loss, "dev_loss": 0.2 + 1.5 / n, **scores, "best": True}

    return [row(n) for n in range(1, count + 1)]


# ---- curves ---------------------------------------------------------------------------------------------


@pytest.fixture
def plot(qtbot: QtBot) -> LearningCurves:
    made = LearningCurves()
    qtbot.addWidget(made)
    made.resize(640, 360)
    made.show()
    qtbot.waitExposed(made)
    return made


def columns_of(picture: QImage, color: str) -> list[int]:
    """x of the columns with (nearly) this colour."""
    wanted = QColor(color)

    def alike(x: int, y: int) -> bool:
        seen = picture.pixelColor(x, y)
        parts = ((seen.red(), wanted.red()), (seen.green(), wanted.green()), (seen.blue(), wanted.blue()))
        return all(abs(a - b) < 12 for a, b in parts)

    return [x for x in range(picture.width()) if any(alike(x, y) for y in range(40, picture.height()))]


def test_every_curve_is_drawn_up_to_its_last_epoch(plot: LearningCurves) -> None:
    widest = []
    for count in (3, 4, 5):
        plot.show_curve(rows(count), 2)
        picture = plot.grab().toImage()
        ends = {
            name: max(columns_of(picture, CURVE_COLORS[name])) for name in ("dev_loss", "dev_wa", "dev_ua")
        }
        assert max(ends.values()) - min(ends.values()) < 10
        widest.append(ends["dev_loss"])
    steps = [b - a for a, b in pairwise(widest)]
    assert all(100 < step < 140 for step in steps)  # a fifth of the plot: the axis stays while it has room


def test_the_best_epoch_is_marked_and_named(plot: LearningCurves) -> None:
    plot.show_curve(rows(5), None)
    assert not columns_of(plot.grab().toImage(), CURVE_COLORS["best"])
    plot.show_curve(rows(5), 2)
    marked = columns_of(plot.grab().toImage(), CURVE_COLORS["best"])
    plot.show_curve(rows(5), 4)
    later = columns_of(plot.grab().toImage(), CURVE_COLORS["best"])
    assert max(later) > max(marked)
    assert plot.text_at(3).endswith("; the best so far") and not plot.text_at(2).endswith("best so far")


def test_an_epoch_is_read_out_under_the_mouse_and_by_the_arrows(qtbot: QtBot, plot: LearningCurves) -> None:
    plot.show_curve(rows(10), 3)
    pointed: list[int] = []
    plot.pointed.connect(pointed.append)
    above = plot._areas()[0]
    qtbot.mouseMove(plot, QPointF(plot._x(4, above), above.center().y()).toPoint())
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Escape):
        qtbot.keyClick(plot, key)
    assert pointed == [4, 5, 4, 3, 0]
    assert plot.text_at(0) == "epoch 1: training loss 2.0000, development loss 1.7000, WA 35.0 %, UA 25.0 %"


def test_one_huge_loss_does_not_flatten_the_others(plot: LearningCurves) -> None:
    plot.show_curve(rows(20, first=500.0), None)
    low, high = plot._loss_range()
    assert low < 0.08 and 1.7 < high < 2
    plot.show_curve(rows(20, first=2.5), None)
    assert plot._loss_range()[1] > 2.5  # but what has merely fallen fast is shown
    plot.show_curve(rows(1), None)
    assert plot._loss_range()[0] < plot._loss_range()[1]
    plot.show_curve([{**row, "train_loss": 1.0, "dev_loss": 1.0} for row in rows(3)], None)
    assert plot._loss_range()[0] < 1.0 < plot._loss_range()[1]


def test_scores_that_are_missing_are_left_out(plot: LearningCurves) -> None:
    plot.show_curve([{**row, "dev_wa": None, "dev_ua": None} for row in rows(3)], 2)
    assert "WA" not in plot.text_at(0)
    assert not columns_of(plot.grab().toImage(), CURVE_COLORS["dev_ua"])[60:]  # the legend alone


class Paints(QObject):
    def __init__(self, widget: QObject) -> None:
        super().__init__(widget)
        self.count = 0
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


def test_a_thousand_changes_are_a_few_frames(qtbot: QtBot, plot: LearningCurves) -> None:
    plot.show_curve(rows(1))
    qtbot.waitUntil(lambda: not plot.testAttribute(Qt.WidgetAttribute.WA_PendingUpdate))
    paints = Paints(plot)
    whole = rows(1000)
    for count in range(1, 1001):
        plot.show_curve(whole[:count], count)
    assert paints.count == 0
    qtbot.waitUntil(lambda: paints.count > 0)
    drawn = paints.count
    plot.show_curve(whole, 1000)
    QApplication.processEvents()
    assert drawn <= 2 and paints.count == drawn  # nothing new, nothing drawn


def test_the_plot_follows_the_palette(plot: LearningCurves) -> None:
    plot.show_curve(rows(4))
    for scheme in ("dark", "light"):
        palette = theme.palette(scheme)  # type: ignore[arg-type]
        plot.setPalette(palette)
        corner = plot.grab().toImage().pixelColor(1, plot.height() - 2)
        assert corner == palette.color(QPalette.ColorRole.Base)


# ---- the panel ------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return made_run(tmp_path / "run", small_corpus())


@pytest.fixture
def panel(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[CellPanel]:
    monkeypatch.setattr(cell_log_panel, "EVERY_MS", 20)
    made = CellPanel()
    qtbot.addWidget(made)
    made.resize(700, 400)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.stop()


def viewed(run: RunFolder, panel: CellPanel) -> CellView:
    """Show the run's first cell as it is now."""
    follower = Follower(run.path)
    follower.poll(1.0)
    view = next(iter(follower.cells.values()))
    panel.show_cell(run.path, view, follower.curve(view.cell))
    return view


def test_without_a_cell_it_says_so(panel: CellPanel) -> None:
    assert panel.title.text() == NO_CELL and panel.curves.rows == ()
    panel.tabs.setCurrentWidget(panel.confusion)
    assert not panel.confusion.table.isVisible()


def test_the_title_names_the_cell_and_its_progress(run: RunFolder, panel: CellPanel) -> None:
    cell = run.cells()[0]
    tell(run.path, epoch(cell, 1), epoch(cell, 2), done(cell))
    viewed(run, panel)
    assert panel.title.text().startswith("Dominant, hard labels; fold A, seed 0: done: WA 75.0 %, UA 50.0 %")
    assert [row["epoch"] for row in panel.curves.rows] == [1, 2]
    panel.clear()
    assert panel.title.text() == NO_CELL and panel.curves.rows == ()


def test_the_log_shows_the_cells_events_as_they_come(qtbot: QtBot, run: RunFolder, panel: CellPanel) -> None:
    cell, other = run.cells()[:2]
    tell(run.path, Started("training 40 utterances", cell.stage.name, **where(cell)), epoch(other, 1))
    viewed(run, panel)
    panel.tabs.setCurrentWidget(panel.log)
    text = panel.log.text
    qtbot.waitUntil(lambda: "training 40 utterances" in text.toPlainText())
    tell(run.path, *(epoch(cell, n) for n in range(1, 60)))
    qtbot.waitUntil(lambda: "epoch 59" in text.toPlainText())
    assert other.stage.name not in text.toPlainText()
    bar = text.verticalScrollBar()
    assert bar.value() == bar.maximum() > 0
    panel.log.follow.setChecked(False)
    bar.setValue(3)
    tell(run.path, epoch(cell, 60))
    qtbot.waitUntil(lambda: "epoch 60" in text.toPlainText())
    assert bar.value() == 3
    panel.log.follow.setChecked(True)
    assert bar.value() == bar.maximum()


def test_a_log_file_can_be_shown(qtbot: QtBot, run: RunFolder, panel: CellPanel) -> None:
    (run.path / "logs").mkdir()
    (run.path / "logs" / "job.log").write_text("one\ntwo\n")
    (run.path / "logs" / "worker-1.log").write_text("")
    viewed(run, panel)
    panel.tabs.setCurrentWidget(panel.log)
    source = panel.log.source
    qtbot.waitUntil(lambda: source.count() == 2)  # an empty log is not offered
    source.setCurrentIndex(source.findText("job.log"))
    source.activated.emit(source.currentIndex())
    qtbot.waitUntil(lambda: panel.log.text.toPlainText() == "one\ntwo")
    with (run.path / "logs" / "job.log").open("a") as log:
        log.write("three\n")
    qtbot.waitUntil(lambda: panel.log.text.toPlainText() == "one\ntwo\nthree")


def test_a_hidden_log_reads_nothing(qtbot: QtBot, run: RunFolder, panel: CellPanel) -> None:
    viewed(run, panel)
    panel.tabs.setCurrentWidget(panel.log)
    qtbot.waitUntil(lambda: panel.log._timer.isActive())
    panel.tabs.setCurrentWidget(panel.curves)
    assert not panel.log._timer.isActive()


def test_the_confusion_matrix_of_a_done_cell(qtbot: QtBot, run: RunFolder, panel: CellPanel) -> None:
    """Of speaker A the network predicted: a1 neutral (right), a2 happy (it is neutral), a3 happy (right)."""
    cell = run.cells()[0]
    assert (cell.fold, cell.seed, cell.stage) == ("A", 0, HARD)
    view = CellView(cell, "running")
    panel.show_cell(run.path, view, ())
    panel.tabs.setCurrentWidget(panel.confusion)
    table = panel.confusion.table
    assert not table.isVisible() and "no result" in panel.confusion.about.text()
    panel.show_cell(run.path, replace(view, state="done", wa=2 / 3, ua=0.75), ())
    qtbot.waitUntil(table.isVisible)
    shown = [[table.item(r, c).text() for c in range(5)] for r in range(2)]
    assert shown == [
        ["1\n50.0%", "1\n50.0%", "0\n0.0%", "0\n0.0%", "2"],
        ["0\n0.0%", "1\n100.0%", "0\n0.0%", "0\n0.0%", "1"],
    ]
    assert table.item(2, 0).text() == "0"
    about = panel.confusion.about.text()
    assert "Test speaker A: 3 utterances" in about and "WA 66.7 %, UA 75.0 %" in about
    colors = [table.item(1, c).background().color().lightness() for c in (0, 1)]
    assert colors[1] < colors[0]


def test_a_damaged_result_is_reported(qtbot: QtBot, run: RunFolder, panel: CellPanel) -> None:
    cell = run.cells()[0]
    (run.stage_folder(cell) / "result.json").write_text("{")
    panel.show_cell(run.path, CellView(cell, "done"), ())
    qtbot.waitUntil(lambda: "is damaged" in panel.confusion.about.text())
    assert not panel.confusion.table.isVisible()


def test_the_clock_of_an_event_is_local(run: RunFolder, qtbot: QtBot, panel: CellPanel) -> None:
    event = replace(epoch(run.cells()[0], 1), at=1_700_000_000.0)
    tell(run.path, event)
    viewed(run, panel)
    panel.tabs.setCurrentWidget(panel.log)
    clock = time.strftime("%H:%M:%S", time.localtime(1_700_000_000))
    qtbot.waitUntil(lambda: clock in panel.log.text.toPlainText())

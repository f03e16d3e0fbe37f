"""The grid of cells: the text of each, that it stays still while they change, and the user's commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from mlee_core.config.run_config import Selection
from mlee_core.config.stages import LINES, Stage
from mlee_core.figures.palette import CELL_COLORS
from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import CellView
from mlee_gui.training.cell_delegate import share_done
from mlee_gui.training.cell_grid import EMPTY, CellGrid
from mlee_gui.training.cell_grid_model import cell_text, lines_of, tip

HARD, SOFT = Stage("dominant", "hard", "all"), Stage("dominant", "soft", "all")
MLEE, FUSION = Stage("mlee", None, "all"), Stage("fusion", "hard", "all")
CELL = Cell("03", 0, SOFT)

Cells = dict[Cell, CellView]


def cells(
    folds: tuple[str, ...] = ("03", "08"), seeds: int = 1, rows: tuple[str, ...] = tuple(LINES)
) -> Cells:
    stages = Selection(rows, ("dominant", "all"), folds).stages
    return {
        cell: CellView(cell)
        for seed in range(seeds)
        for f in folds
        for s in stages
        for cell in [Cell(f, seed, s)]
    }


def with_states(known: Cells, states: Mapping[Cell, dict[str, Any]]) -> Cells:
    return {cell: replace(view, **states.get(cell, {})) for cell, view in known.items()}


@pytest.fixture
def grid(qtbot: QtBot) -> CellGrid:
    made = CellGrid()
    QAbstractItemModelTester(made.model, QAbstractItemModelTester.FailureReportingMode.Fatal, made)
    qtbot.addWidget(made)
    made.resize(700, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def headers(grid: CellGrid, orientation: Qt.Orientation) -> list[str]:
    along = orientation == Qt.Orientation.Horizontal
    count = grid.model.columnCount() if along else grid.model.rowCount()
    return [grid.model.headerData(k, orientation, Qt.ItemDataRole.DisplayRole) for k in range(count)]


def press(qtbot: QtBot, grid: CellGrid, key: Qt.Key, how: Any = Qt.KeyboardModifier.NoModifier) -> None:
    qtbot.keyClick(grid.table, key, how)


# ---- what it shows --------------------------------------------------------------------------------------


def test_columns_are_encoders_before_what_depends_on_them_by_train_set(grid: CellGrid) -> None:
    grid.show_cells(cells())
    assert [" ".join(h.split("\n")) for h in headers(grid, Qt.Orientation.Horizontal)] == [
        "dominant hard",
        "dominant soft · dom.",
        "MLEE dominant",
        "pre-training hard · dom.",
        "pre-training soft · dom.",
        "fusion hard · dom.",
        "fusion soft · dom.",
        "dominant soft · all",
        "MLEE all",
        "pre-training hard · all",
        "pre-training soft · all",
        "fusion hard · all",
        "fusion soft · all",
    ]
    assert headers(grid, Qt.Orientation.Vertical) == ["03", "08"]
    tips = grid.model.headerData(11, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert "fusion, hard labels, train set all" in tips and "Depends on dominant-hard and mlee-all" in tips


def test_rows_name_the_seed_where_there_are_several(grid: CellGrid) -> None:
    grid.show_cells(cells(seeds=2))
    rows = headers(grid, Qt.Orientation.Vertical)
    assert rows == ["03 · seed 0", "08 · seed 0", "03 · seed 1", "08 · seed 1"]


@pytest.mark.parametrize(
    ("view", "lines", "part_of_tip"),
    [
        (CellView(CELL), ("queued", ""), "Queued"),
        (
            CellView(CELL, "running", 12, 40, 9, 0.25, 190.0),
            ("epoch 12", "3 min left"),
            "epoch 12 of at most 40 (25% of it), 3 min left",
        ),
        (CellView(CELL, "running", message="encoding"), ("running", "encoding"), "encoding"),
        (
            CellView(CELL, "done", 20, 40, 12, wa=0.841, ua=None),
            ("WA 84.1", "UA –"),
            "Done: WA 84.1 %, UA – %",
        ),
        (
            CellView(CELL, "done", 9, 40, wa=1.0, ua=0.5, early=True),
            ("WA 100.0", "UA 50.0"),
            "early and kept",
        ),
        (CellView(CELL, "failed", 3, message="No memory."), ("failed", "epoch 3"), "No memory."),
        (CellView(CELL, "stopped", 5, best=4), ("stopped", "epoch 5"), "Best epoch so far: 4"),
        (CellView(CELL, "skipped"), ("skipped", ""), "will not be trained"),
    ],
)
def test_the_text_of_a_cell(view: CellView, lines: tuple[str, str], part_of_tip: str) -> None:
    assert lines_of(view) == lines
    assert part_of_tip in tip(view) and cell_text(CELL) in tip(view)


def test_how_far_a_running_cell_is() -> None:
    assert share_done(CellView(CELL, "running", 11, 40, share=0.5)) == pytest.approx(10.5 / 40)
    assert share_done(CellView(CELL, "running")) is None
    assert share_done(CellView(CELL, "stopped", 11, 40)) is None


def test_each_state_has_its_colour_and_its_mark(grid: CellGrid) -> None:
    known = cells(("03",))
    states = dict(zip(known, CELL_COLORS, strict=False))
    grid.show_cells(with_states(known, {cell: {"state": state} for cell, state in states.items()}))
    picture = grid.table.viewport().grab().toImage()
    marks = []
    for cell, state in states.items():
        box = grid.table.visualRect(grid.model.index_of(cell))
        seen = picture.pixelColor(box.left() + 3, box.center().y()).name()
        assert (seen == CELL_COLORS[state]) == (state not in ("queued", "skipped", "undone")), state
        marks.append(grid.model.index_of(cell).data())
    assert marks == [
        "✓ WA – UA –",
        "▶ running",
        "✕ failed",
        "■ stopped",
        "– skipped",
        "queued",
        "not trained",
    ]


def test_the_legend_counts(grid: CellGrid) -> None:
    known = cells()
    first, second, third = list(known)[:3]
    done = {"state": "done"}
    grid.show_cells(
        with_states(known, {first: done, second: {**done, "early": True}, third: {"state": "failed"}})
    )
    assert grid.legend.text() == "✓ 1 done   ◐ 1 stopped early and kept   ✕ 1 failed   23 queued"


def test_without_cells_a_hint_is_shown(grid: CellGrid) -> None:
    before = grid.table.viewport().grab().toImage()
    grid.table.set_placeholder("")
    assert grid.table.viewport().grab().toImage() != before
    assert "Ctrl+N" in EMPTY and not grid.legend.isVisible()
    grid.show_cells(cells())
    assert grid.legend.isVisible()
    grid.show_cells({})
    assert grid.model.rowCount() == 0


# ---- that it keeps still --------------------------------------------------------------------------------


def test_only_cells_that_changed_are_redrawn(qtbot: QtBot, grid: CellGrid) -> None:
    known = cells()
    grid.show_cells(known)
    changes: list[tuple[int, int]] = []
    grid.model.dataChanged.connect(lambda first, last: changes.append((first.row(), first.column())))
    changed = with_states(known, {CELL: {"state": "running", "epoch": 3}})
    with qtbot.assertNotEmitted(grid.model.modelReset):
        grid.show_cells(changed)
        grid.show_cells(dict(changed))
    where = grid.model.index_of(CELL)
    assert changes == [(where.row(), where.column())]


def test_the_chosen_cell_and_the_place_stay(qtbot: QtBot, grid: CellGrid) -> None:
    folds = tuple(f"{n:02}" for n in range(40))
    grid.show_cells(cells(folds))
    cell = Cell("35", 0, FUSION)
    grid.choose(cell)
    place = (grid.table.verticalScrollBar().value(), grid.table.horizontalScrollBar().value())
    assert place[0] > 0
    grid.show_cells(with_states(cells(folds), {c: {"state": "done"} for c in cells(folds)}))
    assert (grid.table.verticalScrollBar().value(), grid.table.horizontalScrollBar().value()) == place
    assert grid.chosen is not None and grid.chosen.cell == cell and grid.chosen.state == "done"
    with qtbot.assertNotEmitted(grid.cell_chosen):
        grid.show_cells(cells(folds, seeds=2))  # the experiment has grown
    assert grid.chosen is not None and grid.chosen.cell == cell
    grid.show_cells(cells(("03",)))  # another one
    assert grid.chosen is None


# ---- commands of the user --------------------------------------------------------------------------------


def test_arrows_and_mouse_choose(qtbot: QtBot, grid: CellGrid) -> None:
    grid.show_cells(cells())
    chosen: list[Cell] = []
    grid.cell_chosen.connect(chosen.append)
    grid.table.setFocus()
    grid.choose(Cell("03", 0, HARD))
    press(qtbot, grid, Qt.Key.Key_Right)
    press(qtbot, grid, Qt.Key.Key_Down)
    assert [(c.fold, c.stage.name) for c in chosen] == [
        ("03", "dominant-hard"),
        ("03", "dominant-soft-dominant"),
        ("08", "dominant-soft-dominant"),
    ]
    place = grid.table.visualRect(grid.model.index(0, 2)).center()
    qtbot.mouseClick(grid.table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert chosen[-1].stage.name == "mlee-dominant" and len(chosen) == 4


@pytest.mark.parametrize(
    ("state", "can"),
    [
        ("queued", {"skip"}),
        ("running", {"skip"}),
        ("done", {"rerun"}),
        ("failed", {"rerun", "resume", "skip"}),
        ("stopped", {"rerun", "resume", "skip"}),
        ("skipped", {"rerun", "skip"}),
    ],
)
def test_what_can_be_done_about_a_cell(grid: CellGrid, state: str, can: set[str]) -> None:
    grid.show_cells(with_states(cells(), {CELL: {"state": state}}))
    actions = grid.actions_by_name
    assert not any(action.isEnabled() for action in actions.values())
    grid.choose(CELL)
    assert {name for name, action in actions.items() if action.isEnabled()} == can
    assert all(action.toolTip() for action in actions.values())
    assert all(f"The cell is {state}" in a.toolTip() for name, a in actions.items() if name not in can)
    grid.set_read_only(True)
    assert not any(action.isEnabled() for action in actions.values())
    assert "read-only" in actions["skip"].toolTip()
    grid.set_read_only(False)
    assert {name for name, action in actions.items() if action.isEnabled()} == can


def test_keys_resume_and_skip(qtbot: QtBot, grid: CellGrid) -> None:
    grid.show_cells(with_states(cells(), {CELL: {"state": "failed"}}))
    grid.table.setFocus()
    grid.choose(CELL)
    with qtbot.waitSignal(grid.resume) as emitted:
        press(qtbot, grid, Qt.Key.Key_R)
    assert emitted.args == [CELL]
    with qtbot.waitSignal(grid.skip) as emitted:
        press(qtbot, grid, Qt.Key.Key_S)
    assert emitted.args == [CELL, True]
    grid.show_cells(with_states(cells(), {CELL: {"state": "skipped"}}))
    assert grid.actions_by_name["skip"].text() == "Do not &skip"
    with qtbot.waitSignal(grid.skip) as emitted:
        press(qtbot, grid, Qt.Key.Key_S)
    assert emitted.args == [CELL, False]
    with qtbot.waitSignal(grid.rerun) as emitted:  # nothing is lost by it: no question
        press(qtbot, grid, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    assert emitted.args == [CELL] and grid.findChild(QMessageBox) is None


def question(qtbot: QtBot, grid: CellGrid) -> QMessageBox:
    done = {cell: {"state": "done", "wa": 0.5} for cell in cells() if cell.stage in (HARD, MLEE, FUSION)}
    grid.show_cells(with_states(cells(), done))
    grid.table.setFocus()
    grid.choose(Cell("03", 0, HARD))
    press(qtbot, grid, Qt.Key.Key_R, Qt.KeyboardModifier.ShiftModifier)
    [box] = grid.findChildren(QMessageBox)
    assert box.isVisible()
    return box


def test_a_done_cell_is_rerun_only_after_a_question(qtbot: QtBot, grid: CellGrid) -> None:
    box = question(qtbot, grid)
    assert "fold 03" in box.text() and "WA 50.0 %" in box.text()
    lost = box.informativeText()
    assert "result" in lost and lost.count("•") == 1 and "fusion, hard labels, train set all" in lost
    yes = next(b for b in box.buttons() if b.text() == "Rerun")
    with qtbot.waitSignal(grid.rerun) as emitted:
        qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)
    assert emitted.args == [Cell("03", 0, HARD)]
    qtbot.waitUntil(lambda: grid.findChild(QMessageBox) is None)


def test_a_cancelled_question_changes_nothing(qtbot: QtBot, grid: CellGrid) -> None:
    with qtbot.assertNotEmitted(grid.rerun):
        box = question(qtbot, grid)
        assert box.defaultButton() is box.button(QMessageBox.StandardButton.Cancel)
        qtbot.keyClick(box, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: grid.findChild(QMessageBox) is None)


def test_the_context_menu_is_of_the_cell_under_the_mouse(qtbot: QtBot, grid: CellGrid) -> None:
    grid.show_cells(with_states(cells(), {CELL: {"state": "failed"}}))
    place = grid.table.visualRect(grid.model.index_of(CELL)).center()
    grid.table.customContextMenuRequested.emit(place)
    assert grid.menu.isVisible() and grid.chosen is not None and grid.chosen.cell == CELL
    assert [a.text().replace("&", "") for a in grid.menu.actions()] == ["Rerun…", "Resume", "Skip"]
    with qtbot.waitSignal(grid.resume):
        grid.menu.actions()[1].trigger()
    grid.menu.close()
    grid.table.customContextMenuRequested.emit(QPoint(10_000, 10_000))
    assert not grid.menu.isVisible()

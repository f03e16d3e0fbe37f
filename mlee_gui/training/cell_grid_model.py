"""The grid of an experiment's cells as a table: speakers by stages, and each cell in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget

from mlee_core.config.stages import LINES, TRAIN_SETS, Stage
from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import CellView

from ..shell.status_bar import remaining_text

Index = QModelIndex | QPersistentModelIndex
Row = tuple[str, int]
"""Fold and seed."""

VIEW_ROLE = Qt.ItemDataRole.UserRole
FIRST_OF_GROUP_ROLE = Qt.ItemDataRole.UserRole + 1
"""Whether a train set's columns begin here."""

MARKS: Mapping[str, str] = {
    "done": "✓",
    "early": "◐",
    "running": "▶",
    "failed": "✕",
    "stopped": "■",
    "skipped": "–",
    "queued": "",
    "undone": "",
}
WORDS = {"undone": "not trained"}
_SHORT = {"dominant": "dominant", "mlee": "MLEE", "pretrain": "pre-training", "fusion": "fusion"}
_LONG = {
    "dominant": "Dominant",
    "mlee": "MLEE",
    "pretrain": "MLEE pre-training",
    "fusion": "MLEE pre-training fusion",
}
_LINES = tuple(LINES.values())


def kind(view: CellView) -> str:
    """A key of MARKS: the state, or "early" for a cell that was stopped and kept."""
    return "early" if view.state == "done" and view.early else view.state


def stage_words(stage: Stage) -> str:
    """ "MLEE pre-training, soft labels, train set all": for tool tips and questions."""
    label = f", {stage.label} labels" if stage.label else ""
    shared = (stage.row, stage.label) == ("dominant", "hard")
    return f"{_LONG[stage.row]}{label}" + ("" if shared else f", train set {stage.train_set}")


def cell_words(cell: Cell) -> str:
    return f"{stage_words(cell.stage)}; fold {cell.fold}, seed {cell.seed}"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def lines_of(view: CellView) -> tuple[str, str]:
    """What is written into a cell: two short lines."""
    if view.state == "done":
        return f"WA {percent(view.wa)}", f"UA {percent(view.ua)}"
    if view.state == "running":
        epoch = "running" if view.epoch is None else f"epoch {view.epoch}"
        return epoch, view.message if view.left_s is None else remaining_text(view.left_s)
    return WORDS.get(view.state, view.state), "" if view.epoch is None else f"epoch {view.epoch}"


def tip(view: CellView) -> str:
    """All that is known of a cell."""
    lines = [cell_words(view.cell), _state_words(view)]
    if view.best is not None:
        lines.append(f"Best epoch{'' if view.state == 'done' else ' so far'}: {view.best}")
    if view.message:
        lines.append(view.message)
    return "\n".join(lines)


def _state_words(view: CellView) -> str:
    most = "" if view.of_epochs is None else f" of at most {view.of_epochs}"
    trained = "" if view.epoch is None else f", {view.epoch} epochs{most} trained"
    if view.state == "done":
        early = "Stopped early and kept" if view.early else "Done"
        return f"{early}: WA {percent(view.wa)} %, UA {percent(view.ua)} %{trained}"
    if view.state == "running":
        epoch = "" if view.epoch is None else f", epoch {view.epoch}{most}"
        share = "" if view.share is None else f" ({view.share:.0%} of it)"
        return f"Running{epoch}{share}" + ("" if view.left_s is None else f", {remaining_text(view.left_s)}")
    words = {
        "queued": "Queued",
        "undone": "Not trained: nobody trains this run",
        "failed": "Failed",
        "stopped": "Stopped before its end; resume goes on from there",
        "skipped": "Skipped: it will not be trained",
    }
    return f"{words[view.state]}{trained}"


class CellGridModel(QAbstractTableModel):
    """Rows: folds, and seeds where there are several. Columns: stages, train set by train set, encoders
    before what stands on them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self._stages: list[Stage] = []
        self._views: dict[tuple[int, int], CellView] = {}
        self._places: dict[Cell, tuple[int, int]] = {}

    def show_cells(self, cells: Mapping[Cell, CellView]) -> bool:
        """Take these over; whether rows or columns are others than before, so that the table was reset."""
        if cells.keys() != self._places.keys():
            self._reset(cells)
            return True
        for cell, view in cells.items():
            place = self._places[cell]
            if self._views[place] is not view and self._views[place] != view:
                self._views[place] = view
                index = self.index(*place)
                self.dataChanged.emit(index, index)
        return False

    def view_at(self, index: Index) -> CellView | None:
        return self._views.get((index.row(), index.column())) if index.isValid() else None

    def index_of(self, cell: Cell) -> QModelIndex:
        place = self._places.get(cell)
        return QModelIndex() if place is None else self.index(*place)

    def views(self) -> Iterable[CellView]:
        return self._views.values()

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._stages)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            stage = self._stages[section]
            if role == Qt.ItemDataRole.DisplayRole:
                return _header(stage)
            if role == Qt.ItemDataRole.ToolTipRole:
                on = " and ".join(encoder.name for encoder in stage.encoders)
                return stage_words(stage) + (f"\nStands on {on}" if on else "\nAn encoder")
            return None
        fold, seed = self._rows[section]
        several = len({seed for _, seed in self._rows}) > 1
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{fold} · seed {seed}" if several else fold
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"Fold {fold}, seed {seed}: tested on speakers that nothing in this row was trained on"
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        view = self._views.get((index.row(), index.column()))
        if view is None:
            return None
        if role == VIEW_ROLE:
            return view
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(view)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return " ".join(filter(None, (MARKS[kind(view)], *lines_of(view))))
        if role == Qt.ItemDataRole.AccessibleDescriptionRole:
            return tip(view)
        if role == FIRST_OF_GROUP_ROLE:
            column = index.column()
            return column > 0 and self._stages[column].train_set != self._stages[column - 1].train_set
        return None

    def _reset(self, cells: Mapping[Cell, CellView]) -> None:
        self.beginResetModel()
        self._rows = list(dict.fromkeys((cell.fold, cell.seed) for cell in cells))
        self._stages = sorted(dict.fromkeys(cell.stage for cell in cells), key=_order)
        row_of = {row: k for k, row in enumerate(self._rows)}
        column_of = {stage: k for k, stage in enumerate(self._stages)}
        self._places = {cell: (row_of[cell.fold, cell.seed], column_of[cell.stage]) for cell in cells}
        self._views = {self._places[cell]: view for cell, view in cells.items()}
        self.endResetModel()


def _order(stage: Stage) -> tuple[int, bool, int]:
    return TRAIN_SETS.index(stage.train_set), bool(stage.encoders), _LINES.index((stage.row, stage.label))


def _header(stage: Stage) -> str:
    if (stage.row, stage.label) == ("dominant", "hard"):
        return "dominant\nhard"  # the same for both train sets
    train_set = "dom." if stage.label and stage.train_set == "dominant" else stage.train_set
    return f"{_SHORT[stage.row]}\n" + " · ".join(filter(None, (stage.label, train_set)))

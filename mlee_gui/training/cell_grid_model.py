"""The grid of an experiment's cells as a table model, folds by stages, and the text of each cell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, Qt
from PySide6.QtWidgets import QWidget

from mlee_core.config.stages import LINES, TRAIN_SETS, Stage
from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import CellView

from ..shell.status_bar import remaining_text
from ..shell.tables import Index

VIEW_ROLE = Qt.ItemDataRole.UserRole
FIRST_OF_GROUP_ROLE = Qt.ItemDataRole.UserRole + 1
"""Whether the columns of a train set begin here."""

MARKS = {"done": "✓", "early": "◐", "running": "▶", "failed": "✕", "stopped": "■", "skipped": "–"}
STATES = {"undone": "not trained"}
_SHORT = {"dominant": "dominant", "mlee": "MLEE", "pretrain": "pre-training", "fusion": "fusion"}
_LONG = {
    "pretrain": "MLEE pre-training",
    "fusion": "MLEE pre-training fusion",
    "mlee": "MLEE",
    "dominant": "Dominant",
}
_LINES = tuple(LINES.values())


def kind(view: CellView) -> str:
    """The state, or "early" for a cell that was stopped and kept."""
    return "early" if view.state == "done" and view.early else view.state


def stage_text(stage: Stage) -> str:
    """ "MLEE pre-training, soft labels, train set all": for tool tips and questions."""
    label = f", {stage.label} labels" if stage.label else ""
    shared = (stage.row, stage.label) == ("dominant", "hard")
    return f"{_LONG[stage.row]}{label}" + ("" if shared else f", train set {stage.train_set}")


def cell_text(cell: Cell) -> str:
    return f"{stage_text(cell.stage)}; fold {cell.fold}, seed {cell.seed}"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def lines_of(view: CellView) -> tuple[str, str]:
    """The two short lines in a cell."""
    if view.state == "done":
        return f"WA {percent(view.wa)}", f"UA {percent(view.ua)}"
    if view.state == "running":
        epoch = "running" if view.epoch is None else f"epoch {view.epoch}"
        return epoch, view.message if view.left_s is None else remaining_text(view.left_s)
    return STATES.get(view.state, view.state), "" if view.epoch is None else f"epoch {view.epoch}"


def tip(view: CellView) -> str:
    """Everything known about a cell."""
    lines = [cell_text(view.cell), _state_text(view)]
    if view.best is not None:
        lines.append(f"Best epoch{'' if view.state == 'done' else ' so far'}: {view.best}")
    if view.message:
        lines.append(view.message)
    return "\n".join(lines)


def _state_text(view: CellView) -> str:
    most = "" if view.of_epochs is None else f" of at most {view.of_epochs}"
    trained = "" if view.epoch is None else f", {view.epoch} epochs{most} trained"
    if view.state == "done":
        early = "Stopped early and kept" if view.early else "Done"
        return f"{early}: WA {percent(view.wa)} %, UA {percent(view.ua)} %{trained}"
    if view.state == "running":
        epoch = "" if view.epoch is None else f", epoch {view.epoch}{most}"
        share = "" if view.share is None else f" ({view.share:.0%} of it)"
        return f"Running{epoch}{share}" + ("" if view.left_s is None else f", {remaining_text(view.left_s)}")
    states = {
        "undone": "Not trained: the run is not being trained",
        "stopped": "Stopped before its end; Resume continues from there",
        "skipped": "Skipped: it will not be trained",
    }
    return f"{states.get(view.state, view.state.capitalize())}{trained}"


class CellGridModel(QAbstractTableModel):
    """Rows: folds, and seeds if there are several. Columns: stages by train set, encoders before the stages
    that depend on them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._rows: list[tuple[str, int]] = []  # fold and seed
        self._stages: list[Stage] = []
        self._views: dict[tuple[int, int], CellView] = {}
        self._places: dict[Cell, tuple[int, int]] = {}

    def show_cells(self, cells: Mapping[Cell, CellView]) -> bool:
        """Show these; True if rows or columns have changed, so that the table was reset."""
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
                return stage_text(stage) + (f"\nDepends on {on}" if on else "\nAn encoder")
            return None
        fold, seed = self._rows[section]
        several = len({seed for _, seed in self._rows}) > 1
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{fold} · seed {seed}" if several else fold
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"Fold {fold}, seed {seed}: its test speakers are in no training set of this row"
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        view = self._views.get((index.row(), index.column()))
        if view is None:
            return None
        if role == VIEW_ROLE:
            return view
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleDescriptionRole):
            return tip(view)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return " ".join(filter(None, (MARKS.get(kind(view)), *lines_of(view))))
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

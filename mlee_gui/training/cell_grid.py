"""The grid of an experiment: a row per fold, a column per network; and what can be done with a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QMenu, QMessageBox, QWidget

from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import CellView

from ..shell.tables import TableWithPlaceholder
from ..shell.widgets import column
from .cell_delegate import CellDelegate, cell_size
from .cell_grid_model import MARKS, STATES, CellGridModel, cell_text, kind, percent, stage_text

EMPTY = "No experiment is chosen. Choose one in the queue, or create one (Ctrl+N)."
READ_ONLY = "The run is opened read-only."

# fmt: off
COMMANDS = (
    ("rerun", "Re&run…", "Shift+R",
     "Train this cell from scratch (Shift+R): its result is deleted, with all results that depend on it",
     ("done", "failed", "stopped", "skipped")),
    ("resume", "R&esume", "R", "Continue training this cell after its last epoch (R)",
     ("failed", "stopped", "undone")),
    ("skip", "&Skip", "S", "Do not train this cell (S); what it has is kept",
     ("queued", "running", "failed", "stopped", "skipped", "undone")),
)
# fmt: on
"""Name, text, key, tip, and the states of a cell in which the command is available."""

_LEGEND = ("done", "early", "running", "failed", "stopped", "skipped", "queued", "undone")


class CellGrid(QWidget):
    """cell_chosen(Cell): by arrow keys, mouse or Enter. rerun(Cell), resume(Cell), skip(Cell, bool):
    commands of the user; the rerun of a done cell has been confirmed."""

    cell_chosen = Signal(object)
    rerun = Signal(object)
    resume = Signal(object)
    skip = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._read_only = self._quiet = False
        self.model = CellGridModel(self)
        self.table = TableWithPlaceholder(self.model, EMPTY)
        self.table.setItemDelegate(CellDelegate(self))
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.setAccessibleName("Cells of the experiment: folds by stages")
        for header in (self.table.horizontalHeader(), self.table.verticalHeader()):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setHighlightSections(True)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignCenter)
        self.legend = QLabel(wordWrap=True)
        self.legend.setAccessibleName("Number of cells in each state")
        self._make_actions()
        self._size_cells()
        column(self, self.table, self.legend, stretch=self.table, margin=0)
        self.setFocusProxy(self.table)
        self.table.selectionModel().currentChanged.connect(self._on_current)
        self.table.activated.connect(self._on_current)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self._refresh()

    def show_cells(self, cells: Mapping[Cell, CellView]) -> None:
        """Show these cells, again whenever something has changed. The chosen cell stays chosen."""
        chosen = self.chosen
        if self.model.show_cells(cells) and chosen is not None:
            self._quiet = True  # after a reset around the same cell, the user has not chosen another
            self.table.setCurrentIndex(self.model.index_of(chosen.cell))
            self._quiet = False
        self._refresh()

    @property
    def chosen(self) -> CellView | None:
        """The current cell of the table."""
        return self.model.view_at(self.table.currentIndex())

    def choose(self, cell: Cell) -> None:
        """Make a cell the current one and scroll to it; `cell_chosen` follows if another was."""
        index = self.model.index_of(cell)
        if index.isValid():
            self.table.setCurrentIndex(index)
            self.table.scrollTo(index)

    def set_read_only(self, on: bool) -> None:
        """Whether the commands are disabled."""
        self._read_only = on
        self._refresh()

    def sizeHint(self) -> QSize:
        one = cell_size(self.fontMetrics())
        return QSize(one.width() * 8, one.height() * 7)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_cells()

    # --- commands

    def _make_actions(self) -> None:
        self.menu = QMenu(self, toolTipsVisible=True)
        self.actions_by_name: dict[str, QAction] = {}
        for (name, text, key, _, _), slot in zip(
            COMMANDS, (self._ask_rerun, self._resume, self._skip), strict=True
        ):
            action = self.actions_by_name[name] = QAction(text, self)
            action.setShortcut(QKeySequence(key))
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(slot)
            self.addAction(action)
            self.menu.addAction(action)

    def _open_menu(self, place: QPoint) -> None:
        index = self.table.indexAt(place)
        if index.isValid() and self.model.view_at(index) is not None:
            self.table.setCurrentIndex(index)
            self.menu.popup(self.table.viewport().mapToGlobal(place))

    def _ask_rerun(self) -> None:
        view = self.chosen
        if view is None:
            return
        if view.state != "done":
            self.rerun.emit(view.cell)
            return
        result = f"{cell_text(view.cell)}: WA {percent(view.wa)} %, UA {percent(view.ua)} %."
        box = QMessageBox(QMessageBox.Icon.Question, "Rerun", f"Rerun this cell?\n{result}", parent=self)
        box.setInformativeText(self._loss_text(view.cell))
        rerun = box.addButton("Rerun", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.buttonClicked.connect(lambda button: self.rerun.emit(view.cell) if button is rerun else None)
        box.open()

    def _loss_text(self, cell: Cell) -> str:
        """What is lost when a cell is trained again: its result, and all results that depend on it."""
        dependent = [
            view.cell
            for view in self.model.views()
            if (view.cell.fold, view.cell.seed, view.state) == (cell.fold, cell.seed, "done")
            and cell.stage in view.cell.stage.encoders
        ]
        names = "".join(f"\n• {stage_text(other.stage)}" for other in dependent)
        also = f" So are those that depend on it:{names}" if names else ""
        return f"Its result and its networks are deleted.{also}"

    def _resume(self) -> None:
        if (view := self.chosen) is not None:
            self.resume.emit(view.cell)

    def _skip(self) -> None:
        if (view := self.chosen) is not None:
            self.skip.emit(view.cell, view.state != "skipped")

    # --- updates

    def _on_current(self, index: QModelIndex) -> None:
        self._refresh_actions()
        view = self.model.view_at(index)
        if view is not None and not self._quiet:
            self.cell_chosen.emit(view.cell)

    def _refresh(self) -> None:
        counts = Counter(kind(view) for view in self.model.views())
        names = {"early": "stopped early and kept", **STATES}
        parts = (f"{MARKS.get(k, '')} {counts[k]} {names.get(k, k)}".strip() for k in _LEGEND if counts[k])
        self.legend.setText("   ".join(parts))
        self.legend.setVisible(bool(counts))
        self._refresh_actions()

    def _refresh_actions(self) -> None:
        state = None if (view := self.chosen) is None else view.state
        why_not = "No cell is chosen." if state is None else f"The cell is {state}."
        for name, _, _, tip, states in COMMANDS:
            action = self.actions_by_name[name]
            if (name, state) == ("skip", "skipped"):
                tip = "Train this cell (S)"
            action.setEnabled(not self._read_only and state in states)
            reason = f".\nNot available: {READ_ONLY if self._read_only else why_not}"
            action.setToolTip(tip if action.isEnabled() else tip + reason)
        self.actions_by_name["skip"].setText("Do not &skip" if state == "skipped" else "&Skip")

    def _size_cells(self) -> None:
        one = cell_size(self.fontMetrics())
        self.table.horizontalHeader().setDefaultSectionSize(one.width())
        self.table.verticalHeader().setDefaultSectionSize(one.height())

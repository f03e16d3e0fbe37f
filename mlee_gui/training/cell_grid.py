"""The grid of an experiment: who is tested by which network, how far each is, and what to do about one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QMenu,
    QMessageBox,
    QVBoxLayout,
    QWidget,
)

from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import CellView

from ..shell.tables import TableWithPlaceholder
from .cell_delegate import CellDelegate, cell_size
from .cell_grid_model import MARKS, WORDS, CellGridModel, cell_words, kind, percent, stage_words

EMPTY = "No experiment is chosen. Choose one of the queue, or make a new one (Ctrl+N)."
LOOKING = "This window only looks at the run."

RERUN_TIP = "Train this cell anew (Shift+R): what it has so far is dropped, with what stands on it"
RESUME_TIP = "Train this cell from its last epoch on (R)"
SKIP_TIP = "Do not train this cell (S); what it has so far stays"
UNSKIP_TIP = "Train this cell after all (S)"

_RERUN = ("done", "failed", "stopped", "skipped")
_RESUME = ("failed", "stopped", "undone")
_SKIP = ("queued", "running", "failed", "stopped", "skipped", "undone")
_LEGEND = ("done", "early", "running", "failed", "stopped", "skipped", "queued", "undone")
_EARLY = "stopped early and kept"


class CellGrid(QWidget):
    """cell_chosen(Cell): by arrow keys, mouse or Enter. rerun(Cell), resume(Cell), skip(Cell, bool): what the
    user wants; a done cell is only trained anew after a question."""

    cell_chosen = Signal(object)
    rerun = Signal(object)
    resume = Signal(object)
    skip = Signal(object, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._read_only = self._quiet = False
        self.question: QMessageBox | None = None
        self.model = CellGridModel(self)
        self.table = TableWithPlaceholder(EMPTY)
        self.table.setModel(self.model)
        self.table.setItemDelegate(CellDelegate(self))
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)  # Tab goes on to the next panel
        self.table.setShowGrid(False)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.setAccessibleName("Cells of the experiment: folds by stages")
        for header in (self.table.horizontalHeader(), self.table.verticalHeader()):
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setHighlightSections(True)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignCenter)
        self.legend = QLabel(wordWrap=True)
        self.legend.setAccessibleName("How many cells are in which state")
        self._make_actions()
        self._size_cells()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.table, 1)
        column.addWidget(self.legend)
        self.setFocusProxy(self.table)
        self.table.selectionModel().currentChanged.connect(self._on_current)
        self.table.activated.connect(self._on_current)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self._refresh()

    def show_cells(self, cells: Mapping[Cell, CellView]) -> None:
        """Show these; called again whenever something changed. The chosen cell stays chosen."""
        chosen = self.chosen
        if self.model.show_cells(cells) and chosen is not None:
            self._choose_quietly(chosen.cell)
        self._refresh()

    @property
    def chosen(self) -> CellView | None:
        """The cell under the keyboard."""
        return self.model.view_at(self.table.currentIndex())

    def choose(self, cell: Cell) -> None:
        """Put the keyboard onto a cell and have it in sight; `cell_chosen` follows if it was another."""
        index = self.model.index_of(cell)
        if index.isValid():
            self.table.setCurrentIndex(index)
            self.table.scrollTo(index)

    def set_read_only(self, on: bool) -> None:
        """Whether cells may be looked at only."""
        self._read_only = on
        self._refresh()

    def set_placeholder(self, words: str) -> None:
        """What stands in the place of the grid while there are no cells."""
        self.table.set_placeholder(words)

    def sizeHint(self) -> QSize:
        one = cell_size(self.fontMetrics())
        return QSize(one.width() * 8, one.height() * 7)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._size_cells()

    # --- what to do about a cell

    def _make_actions(self) -> None:
        self.actions_by_name = {
            name: self._action(words, key, act)
            for name, words, key, act in (
                ("rerun", "Re&run…", "Shift+R", self._ask_rerun),
                ("resume", "R&esume", "R", self._resume),
                ("skip", "&Skip", "S", self._skip),
            )
        }
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.addActions(list(self.actions_by_name.values()))

    def _action(self, words: str, key: str, act: object) -> QAction:
        action = QAction(words, self)
        action.setShortcut(QKeySequence(key))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(act)
        self.addAction(action)
        return action

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
        box = QMessageBox(QMessageBox.Icon.Question, "Train anew", f"Train this cell anew?\n{_what(view)}")
        box.setParent(self, Qt.WindowType.Dialog)
        box.setInformativeText(self._dropped(view.cell))
        again = box.addButton("Train anew", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.buttonClicked.connect(lambda button: self.rerun.emit(view.cell) if button is again else None)
        box.finished.connect(self._forget_question)
        self.question = box
        box.open()

    def _forget_question(self) -> None:
        self.question = None

    def _dropped(self, cell: Cell) -> str:
        """What is lost with its result: that of all that stands on it."""
        on_it = [
            view.cell
            for view in self.model.views()
            if (view.cell.fold, view.cell.seed) == (cell.fold, cell.seed)
            and cell.stage in view.cell.stage.encoders
            and view.state == "done"
        ]
        names = "".join(f"\n• {stage_words(other.stage)}" for other in on_it)
        also = f" So are those that stand on it:{names}" if names else ""
        return f"Its result and its networks are dropped.{also}"

    def _resume(self) -> None:
        if (view := self.chosen) is not None:
            self.resume.emit(view.cell)

    def _skip(self) -> None:
        if (view := self.chosen) is not None:
            self.skip.emit(view.cell, view.state != "skipped")

    # --- keeping up

    def _on_current(self, index: QModelIndex) -> None:
        self._refresh_actions()
        view = self.model.view_at(index)
        if view is not None and not self._quiet:
            self.cell_chosen.emit(view.cell)

    def _choose_quietly(self, cell: Cell) -> None:
        """After the table was made anew around the same cell nobody has chosen another."""
        self._quiet = True
        self.table.setCurrentIndex(self.model.index_of(cell))
        self._quiet = False

    def _refresh(self) -> None:
        counts = Counter(kind(view) for view in self.model.views())
        words = {"early": _EARLY, **WORDS}
        told = (f"{MARKS[k]} {counts[k]} {words.get(k, k)}".strip() for k in _LEGEND if counts[k])
        self.legend.setText("   ".join(told))
        self.legend.setVisible(bool(counts))
        self._refresh_actions()

    def _refresh_actions(self) -> None:
        state = None if (view := self.chosen) is None else view.state
        for name, states, does in (
            ("rerun", _RERUN, RERUN_TIP),
            ("resume", _RESUME, RESUME_TIP),
            ("skip", _SKIP, UNSKIP_TIP if state == "skipped" else SKIP_TIP),
        ):
            action = self.actions_by_name[name]
            action.setEnabled(not self._read_only and state in states)
            why = LOOKING if self._read_only else "No cell is chosen" if state is None else f"It is {state}"
            action.setToolTip(does if action.isEnabled() else f"{does}.\nNot now: {why}")
        self.actions_by_name["skip"].setText("Do not &skip" if state == "skipped" else "&Skip")

    def _size_cells(self) -> None:
        one = cell_size(self.fontMetrics())
        self.table.horizontalHeader().setDefaultSectionSize(one.width())
        self.table.verticalHeader().setDefaultSectionSize(one.height())


def _what(view: CellView) -> str:
    return f"{cell_words(view.cell)}: WA {percent(view.wa)} %, UA {percent(view.ua)} %."

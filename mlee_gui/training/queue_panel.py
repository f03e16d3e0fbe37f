"""The list of experiments that run, wait or are done; arrows choose, Ctrl with arrows moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QRect, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLabel,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from mlee_core.events import Progress
from mlee_core.jobs.queue import Item, Queue

from ..shell.status_bar import remaining_text
from ..shell.tables import Index, RowModel, RowTable, button_row
from ..shell.widgets import column

COLUMNS = ("Experiment", "State")
EMPTY = "No experiments yet.\nCreate one (Ctrl+N), or open a run folder."
FAILED = ("failed", "interrupted")
SHARE_ROLE = Qt.ItemDataRole.UserRole


def state_text(item: Item, progress: Progress | None, paused: bool) -> str:
    """The text of the second column."""
    if item.state == "running" and progress is not None and progress.total:
        rest = "" if progress.left_s is None else f", {remaining_text(progress.left_s)}"
        return f"{progress.done:.0f} of {progress.total:.0f}{rest}"
    if item.state == "waiting" and paused:
        return "Waiting: the queue is paused"
    return "Interrupted: resume" if item.state == "interrupted" else item.state.capitalize()


class QueueModel(RowModel):
    """A row per experiment, in the order in which they are trained."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, COLUMNS)
        self.queue = Queue()
        self._progress: dict[Path, Progress | None] = {}

    def show_queue(self, queue: Queue) -> None:
        if [item.id for item in queue.items] == [item.id for item in self.queue.items]:
            self.queue, self.rows = queue, list(queue.items)
            self._emit_changed()
        else:
            self.beginResetModel()
            self.queue, self.rows = queue, list(queue.items)
            self.endResetModel()

    def show_progress(self, progress: Mapping[Path, Progress | None]) -> None:
        """Of several runs at once: after each change of the column Qt measures all of it."""
        self._progress.update(progress)
        self._emit_changed()

    def _emit_changed(self) -> None:
        if self.queue.items:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.queue.items) - 1, len(COLUMNS) - 1))

    def data(self, index: Index, role: int = 0) -> Any:
        item = self.queue.items[index.row()]
        progress = self._progress.get(item.run)
        state = state_text(item, progress, self.queue.paused)
        if role == Qt.ItemDataRole.DisplayRole:
            return item.run.name if index.column() == 0 else state
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(filter(None, (str(item.run), state, item.message)))
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1 and item.state in FAILED:
            return QColor("#d6453d")
        if role == SHARE_ROLE and index.column() == 1 and item.state == "running":
            return progress.done / progress.total if progress is not None and progress.total else 0.0
        return None


class _ShareBar(QStyledItemDelegate):
    """A thin bar under the state of a running experiment."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        share = index.data(SHARE_ROLE)
        if share is not None:
            area: QRect = option.rect  # type: ignore[attr-defined]
            palette: QPalette = option.palette  # type: ignore[attr-defined]
            bar = QRect(area.left() + 3, area.bottom() - 3, area.width() - 6, 3)
            painter.fillRect(bar, palette.color(QPalette.ColorRole.Mid))
            bar.setWidth(round(bar.width() * min(share, 1.0)))
            painter.fillRect(bar, QColor("#2f9e57"))


class QueuePanel(QWidget):
    """chosen: an Item, or None. The two check boxes show the queue's switches."""

    chosen = Signal(object)
    keep_going_requested = Signal(bool)
    pause_requested = Signal(bool)

    def __init__(self, buttons: list[QAction], menu: list[QAction]) -> None:
        """buttons: below the list. menu: on the right click."""
        super().__init__()
        self.model = QueueModel(self)
        self.table = RowTable(self.model, EMPTY)
        self.table.setItemDelegateForColumn(1, _ShareBar(self.table))
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.horizontalHeader().setHighlightSections(True)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setAccessibleName("Experiments")
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.table.addActions(menu)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._emit_chosen())
        self.paused = QCheckBox("Pause after this cell")
        self.paused.setToolTip("Pause the experiment after its running cells, and start no other (Ctrl+P)")
        self.paused.clicked.connect(self.pause_requested)
        self.keep_going = QCheckBox("Continue on failure")
        self.keep_going.setToolTip("Start the next experiment when one has failed")
        self.keep_going.clicked.connect(self.keep_going_requested)
        self._chosen: str | None = None
        self._awaited: str | None = None  # queued by this window, but not in the list yet
        title = QLabel("Experiments")
        title.setBuddy(self.table)
        below = (button_row(buttons), self.paused, self.keep_going)
        column(self, title, self.table, *below, stretch=self.table)
        self.show_queue(Queue())

    def show_queue(self, queue: Queue) -> None:
        """Show these rows; the chosen experiment stays chosen wherever it has moved."""
        with QSignalBlocker(self.table.selectionModel()):
            self.model.show_queue(queue)
        self.paused.setChecked(queue.paused)
        self.keep_going.setChecked(queue.keep_going)
        ids = [item.id for item in queue.items]
        if self._awaited in ids:
            self._chosen, self._awaited = self._awaited, None
        row = ids.index(self._chosen) if self._chosen in ids else len(ids) - 1
        if row >= 0 and row != self.table.currentIndex().row():
            self.table.selectRow(row)
        self._emit_chosen()

    def choose(self, item_id: str) -> None:
        """Choose this experiment, as soon as it is in the list."""
        self._awaited = item_id
        self.show_queue(self.model.queue)

    def current(self) -> Item | None:
        row = self.table.currentIndex().row()
        return self.model.queue.items[row] if 0 <= row < len(self.model.queue.items) else None

    def selected(self) -> list[Item]:
        """All selected experiments, in order."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.model.queue.items[row] for row in rows]

    def sizeHint(self) -> QSize:
        return QSize(320, 600)

    def _emit_chosen(self) -> None:
        item = self.current()
        self._chosen = None if item is None else item.id
        self.chosen.emit(item)

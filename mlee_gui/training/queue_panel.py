"""The queue of experiments: what runs, waits and is done; arrows choose, Ctrl with arrows moves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLabel,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from mlee_core.events import Progress
from mlee_core.jobs.queue import Item, Queue

from ..shell.status_bar import remaining_text
from ..shell.tables import TableWithPlaceholder, button_row

COLUMNS = ("Experiment", "State")
EMPTY = "No experiments yet.\nChoose what is to be trained (Ctrl+N), or open a run folder."
FAILED = ("failed", "interrupted")
SHARE_ROLE = Qt.ItemDataRole.UserRole
WORDS = {"waiting": "waits", "interrupted": "interrupted: resume"}

Index = QModelIndex | QPersistentModelIndex


def state_in_words(item: Item, progress: Progress | None, paused: bool) -> str:
    """What the second column says."""
    if item.state == "running" and progress is not None and progress.total:
        rest = "" if progress.left_s is None else f", {remaining_text(progress.left_s)}"
        return f"{progress.done:.0f} of {progress.total:.0f}{rest}"
    if item.state == "waiting" and paused:
        return "waits: the queue is paused"
    return WORDS.get(item.state, item.state)


class QueueModel(QAbstractTableModel):
    """A row an experiment, in the order in which they are trained."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.queue = Queue()
        self._progress: dict[Path, Progress | None] = {}

    def show_queue(self, queue: Queue) -> None:
        same = [item.id for item in queue.items] == [item.id for item in self.queue.items]
        if same:
            self.queue = queue
            self._changed()
            return
        self.beginResetModel()
        self.queue = queue
        self.endResetModel()

    def show_progress(self, progress: Mapping[Path, Progress | None]) -> None:
        """Of these runs, all at once: a change of the column has Qt measure all of it."""
        self._progress.update(progress)
        self._changed()

    def _changed(self) -> None:
        if self.queue.items:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.queue.items) - 1, len(COLUMNS) - 1))

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.queue.items)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = 0) -> Any:
        item = self.queue.items[index.row()]
        progress = self._progress.get(item.run)
        words = state_in_words(item, progress, self.queue.paused)
        if role == Qt.ItemDataRole.DisplayRole:
            return item.run.name if index.column() == 0 else words
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(filter(None, (str(item.run), words, item.message)))
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1 and item.state in FAILED:
            return QColor("#d6453d")
        if role == SHARE_ROLE and index.column() == 1 and item.state == "running":
            return progress.done / progress.total if progress is not None and progress.total else 0.0
        return None


class _ShareBar(QStyledItemDelegate):
    """A thin bar under the words of a running experiment."""

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
    """chosen: an Item, or None. Commands come as actions of the window; the two switches show the queue's."""

    chosen = Signal(object)
    keep_going_asked = Signal(bool)
    pause_asked = Signal(bool)

    def __init__(self, buttons: list[QAction], menu: list[QAction]) -> None:
        super().__init__()
        self.model = QueueModel(self)
        self.table = TableWithPlaceholder(EMPTY)
        self.table.setModel(self.model)
        self.table.setItemDelegateForColumn(1, _ShareBar(self.table))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.table.setAccessibleName("Experiments")
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.table.addActions(menu)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._tell())
        self.paused = QCheckBox("Pause after this cell")
        self.paused.setToolTip(
            "End the running experiment after the cells in work, and begin no other (Ctrl+P)"
        )
        self.paused.clicked.connect(self.pause_asked)
        self.keep_going = QCheckBox("Continue on failure")
        self.keep_going.setToolTip("Begin the next experiment where one has failed")
        self.keep_going.clicked.connect(self.keep_going_asked)
        self._lay_out(buttons)
        self._chosen: str | None = None
        self._awaited: str | None = None  # queued by this window, and not seen in the queue yet
        self.show_queue(Queue())

    def show_queue(self, queue: Queue) -> None:
        """Rows are the queue's; the chosen one stays chosen wherever it comes to."""
        self.table.selectionModel().blockSignals(True)
        self.model.show_queue(queue)
        self.table.selectionModel().blockSignals(False)
        self.paused.setChecked(queue.paused)
        self.keep_going.setChecked(queue.keep_going)
        ids = [item.id for item in queue.items]
        if self._awaited in ids:
            self._chosen, self._awaited = self._awaited, None
        row = ids.index(self._chosen) if self._chosen in ids else len(ids) - 1
        if row >= 0 and row != self.table.currentIndex().row():
            self.table.selectRow(row)
        self._tell()

    def choose(self, item_id: str) -> None:
        """Make this experiment the chosen one, as soon as it is in the list."""
        self._awaited = item_id
        self.show_queue(self.model.queue)

    def current(self) -> Item | None:
        row = self.table.currentIndex().row()
        return self.model.queue.items[row] if 0 <= row < len(self.model.queue.items) else None

    def marked(self) -> list[Item]:
        """All selected experiments, in order."""
        rows = sorted(index.row() for index in self.table.selectionModel().selectedRows())
        return [self.model.queue.items[row] for row in rows]

    def sizeHint(self) -> QSize:
        return QSize(320, 600)

    def _tell(self) -> None:
        item = self.current()
        self._chosen = None if item is None else item.id
        self.chosen.emit(item)

    def _lay_out(self, actions: list[QAction]) -> None:
        column = QVBoxLayout(self)
        title = QLabel("Experiments")
        title.setBuddy(self.table)
        column.addWidget(title)
        column.addWidget(self.table, 1)
        column.addWidget(button_row(actions))
        column.addWidget(self.paused)
        column.addWidget(self.keep_going)

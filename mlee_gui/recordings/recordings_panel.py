"""The list of recordings: name, length, speaker and result; filter, selection, removal."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QSize, QSortFilterProxyModel, Qt
from PySide6.QtGui import QAction, QBrush, QColor, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ..shell.class_swatch import swatch
from ..shell.tables import Index, RowModel, RowTable
from ..shell.time_text import time_and_unit
from .session import Entry, Session

COLUMNS = ("Name", "Length", "Speaker", "Result")
NAME, LENGTH, SPEAKER, RESULT = range(len(COLUMNS))
EMPTY = "No recordings yet.\nOpen files or a folder (Ctrl+O), drop them here, or record (R)."

WIDEST_NAME = "03a01Wa.flac  "
"""A name of this width is always visible."""


def result_text(entry: Entry) -> str:
    """The result or state of an entry, short."""
    if entry.state == "done" and entry.analysis is not None:
        one = entry.analysis.single
        if one is not None:
            return one.headline_text()
        return f"{len(entry.analysis.segments)} segments"
    if entry.state in ("reading", "analysing"):
        progress = entry.progress
        if progress is not None and progress.total:
            return f"{entry.state} {min(progress.done / progress.total, 1.0):.0%}"
        return f"{entry.state}…"
    return "stopped" if entry.state == "cancelled" else entry.state


def length_text(seconds: float | None) -> str:
    """3.2 s, 4:05 or 1:00:12."""
    return "" if seconds is None else time_and_unit(seconds, 0.1 if seconds < 60 else 1.0)


class RecordingsModel(RowModel):
    """A table of the session's entries; one row changes when one entry does."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, COLUMNS)
        self._session = session
        self._row_of: dict[int, int] = {}
        session.entries_changed.connect(self._reset)
        session.entry_changed.connect(self._refresh)
        self._reset()

    def entry_at(self, row: int) -> Entry:
        entry: Entry = self.rows[row]
        return entry

    def row_of(self, entry_id: int) -> int | None:
        return self._row_of.get(entry_id)

    def data(self, index: Index, role: int = 0) -> Any:
        entry, column = self.entry_at(index.row()), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            texts = (entry.name, length_text(entry.duration_s), entry.speaker or "", result_text(entry))
            return texts[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(entry)
        if role == Qt.ItemDataRole.DecorationRole and column == RESULT:
            one = entry.analysis.single if entry.state == "done" and entry.analysis is not None else None
            return None if one is None else swatch(one.headline)
        if role == Qt.ItemDataRole.ForegroundRole and column == RESULT and entry.state == "failed":
            return QBrush(QColor("#d6453d"))
        if role == Qt.ItemDataRole.TextAlignmentRole and column == LENGTH:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.TextAlignmentRole and column == SPEAKER:
            return Qt.AlignmentFlag.AlignCenter
        return None

    def _reset(self) -> None:
        self.beginResetModel()
        self.rows = list(self._session.entries())
        self._row_of = {entry.id: row for row, entry in enumerate(self.rows)}
        self.endResetModel()

    def _refresh(self, entry_id: int) -> None:
        row, entry = self._row_of.get(entry_id), self._session.entry(entry_id)
        if row is not None and entry is not None:
            self.rows[row] = entry
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))


class RecordingsPanel(QWidget):
    """Shows the session's list. The current row is the current recording; several rows can be selected."""

    def __init__(self, session: Session, actions: list[QAction], parent: QWidget | None = None) -> None:
        """actions: of the context menu."""
        super().__init__(parent)
        self._session = session
        self._model = RecordingsModel(session)
        self._shown = QSortFilterProxyModel(self)
        self._shown.setSourceModel(self._model)
        self._shown.setFilterKeyColumn(-1)  # any column: a name, a speaker, an emotion
        self._shown.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.filter = QLineEdit(placeholderText="Filter by name, speaker or emotion", clearButtonEnabled=True)
        self.filter.setAccessibleName("Filter the recordings")
        self.filter.setAcceptDrops(False)  # files dropped here are for the window
        self._count = QLabel()
        # a filter that hides the current row must not make another one current; connected before the table,
        # which selects another row as soon as rows are about to be removed
        self._hiding = False
        self._shown.rowsAboutToBeRemoved.connect(lambda *_: self._set_hiding(True))
        self._shown.rowsRemoved.connect(lambda *_: self._set_hiding(False))
        self._shown.rowsInserted.connect(lambda *_: self._show_current())
        self.table = self._make_table(actions)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.filter)
        column.addWidget(self.table, 1)
        column.addWidget(self._count)
        self.filter.textChanged.connect(self._on_filter)
        self.table.selectionModel().currentRowChanged.connect(self._on_row)
        session.current_changed.connect(self._show_current)
        session.entries_changed.connect(self._on_entries)
        self._on_entries()

    def minimumSizeHint(self) -> QSize:
        name = self.fontMetrics().horizontalAdvance(WIDEST_NAME)
        wide = name + self._widths[LENGTH] + self._widths[RESULT] + 16
        return QSize(wide, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        least = self.minimumSizeHint()
        return QSize(least.width() + self._widths[SPEAKER], 2 * least.height())

    def selected(self) -> list[int]:
        """Ids of the selected rows, or of the current recording if no row is selected."""
        rows = {self._shown.mapToSource(i).row() for i in self.table.selectionModel().selectedRows()}
        if rows:
            return [self._model.entry_at(row).id for row in sorted(rows)]
        current = self._session.current()
        return [] if current is None else [current.id]

    def _make_table(self, actions: list[QAction]) -> QTableView:
        table = RowTable(self._shown, EMPTY)
        table.setObjectName("recordings")
        table.setAccessibleName("Recordings")
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # takes differ at the end of their names
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
        header = table.horizontalHeader()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        text = table.fontMetrics().horizontalAdvance
        widest = ((LENGTH, "1:00:00"), (SPEAKER, "Speaker"), (RESULT, "■  none of the four"))
        self._widths = {section: text(sample) + 16 for section, sample in widest}
        for section, width in self._widths.items():
            header.resizeSection(section, width)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        table.addActions(actions)
        return table

    def _on_row(self, index: QModelIndex, _: QModelIndex) -> None:
        if index.isValid() and not self._hiding:
            self._session.set_current(self._model.entry_at(self._shown.mapToSource(index).row()).id)

    def _set_hiding(self, hiding: bool) -> None:
        self._hiding = hiding
        if not hiding:
            self._show_current()

    def _on_entries(self) -> None:
        self._show_current()
        self._fit_columns()
        self._update_count()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_columns()

    def _fit_columns(self) -> None:
        """Show the speakers if some are known and the names keep their width."""
        known = any(e.speaker for e in self._session.entries())
        spare = self.width() - self.minimumSizeHint().width()
        self.table.setColumnHidden(SPEAKER, not known or spare < self._widths[SPEAKER])

    def _on_filter(self, text: str) -> None:
        self._shown.setFilterFixedString(text)
        self._update_count()

    def _update_count(self) -> None:
        total, shown = self._model.rowCount(), self._shown.rowCount()
        word = "recording" if total == 1 else "recordings"
        self._count.setText(f"{shown} of {total} {word}" if shown != total else f"{total} {word}")

    def _show_current(self) -> None:
        current, selection = self._session.current(), self.table.selectionModel()
        row = None if current is None else self._model.row_of(current.id)
        index = QModelIndex() if row is None else self._shown.mapFromSource(self._model.index(row, 0))
        if not index.isValid():
            selection.clear()
        elif index.row() != selection.currentIndex().row():
            flags = QItemSelectionModel.SelectionFlag
            selection.setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
            self.table.scrollTo(index)


def _tip(entry: Entry) -> str:
    lines = [entry.path]
    if entry.message:
        lines.append(entry.message)
    elif entry.analysis is not None and entry.analysis.single is not None:
        lines.append(entry.analysis.single.verdict())
    return "\n".join(lines)

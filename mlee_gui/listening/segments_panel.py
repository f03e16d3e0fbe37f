"""The results of a long recording as a table; selecting a row moves the cursor there."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QSize, QSortFilterProxyModel, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QVBoxLayout, QWidget

from mlee_core.inference.results import Segment

from ..shell.class_swatch import class_name, swatch
from ..shell.tables import Index, RowModel, RowTable
from ..shell.time_text import time_text

COLUMNS = ("start", "end", "result", "score", "present", "caveats")
_TIPS = (
    "Start of the segment",
    "End of the segment",
    "The emotion with the highest score, none of the four, or no speech",
    "The score of that emotion, 0 to 1",
    "Emotions that are present (existence from 0.5 on), or perhaps (from the model's own threshold on)",
    "Limits of this result",
)
_NUMBERS = (0, 1, 3)
SORT_ROLE = Qt.ItemDataRole.UserRole


class SegmentsModel(RowModel):
    """A row for each segment, in order of time."""

    def set_segments(self, segments: Sequence[Segment]) -> None:
        """Set the segments; if the first ones are the same, rows are added and the selection stays."""
        new, known = list(segments), len(self.rows)
        if known and new[:known] == self.rows:
            if len(new) > known:
                self.beginInsertRows(QModelIndex(), known, len(new) - 1)
                self.rows = new
                self.endInsertRows()
            return
        self.beginResetModel()
        self.rows = new
        self.endResetModel()

    def data(self, index: Index, role: int = 0) -> object:
        segment, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(segment, column)
        if role == SORT_ROLE:
            score = segment.headline_score
            name = class_name(segment.headline)
            keys = (segment.start_s, segment.end_s, name, -1.0 if score is None else score)
            return keys[column] if column < len(keys) else self._text(segment, column)
        if role == Qt.ItemDataRole.DecorationRole and column == 2:
            return swatch(segment.headline)
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(filter(None, [segment.verdict(), segment.attention_text(), *segment.notes]))
        if role == Qt.ItemDataRole.TextAlignmentRole and column in _NUMBERS:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _text(self, segment: Segment, column: int) -> str:
        if column in (0, 1):
            return time_text((segment.start_s, segment.end_s)[column], 0.1)
        if column == 2:
            return class_name(segment.headline)
        if column == 3:
            return "" if segment.headline_score is None else f"{segment.headline_score:.2f}"
        if column == 4:
            return segment.present_text() if segment.present() or segment.perhaps() else ""
        return " ".join(segment.notes)


class SegmentsPanel(QWidget):
    """segment_activated: index of a shown segment, by click or Enter."""

    segment_activated = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = SegmentsModel(self, COLUMNS, _TIPS)
        self.proxy = QSortFilterProxyModel(self)
        self.proxy.setSourceModel(self.model)
        self.proxy.setSortRole(SORT_ROLE)
        self.table = RowTable(self.proxy)
        # unsorted, which is in order of time: Qt takes 30 ms to sort the rows of an hour
        self.table.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSortingEnabled(True)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setAlternatingRowColors(True)
        self.table.verticalHeader().setDefaultSectionSize(round(self.fontMetrics().height() * 1.5))
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.table.horizontalHeader().setStretchLastSection(True)
        for column, sample in enumerate(
            ("00:00.0", "00:00.0", "■ none of the four", "score ▾", "sad, perhaps angry")
        ):
            self.table.setColumnWidth(column, self.fontMetrics().horizontalAdvance(sample) + 12)
        self.table.setAccessibleName("Segments and their results")
        self.table.activated.connect(self._activate)
        self.table.clicked.connect(self._activate)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        self.setFocusProxy(self.table)

    def show_segments(self, segments: Sequence[Segment]) -> None:
        """Show results, in order of time; called again as more arrive."""
        self.model.set_segments(segments)

    @property
    def has_selection(self) -> bool:
        """Whether a row is selected."""
        return self.table.selectionModel().hasSelection()

    def select(self, index: int | None) -> None:
        """Select the row of a shown segment and scroll to it; None clears the selection."""
        if index is None:
            self.table.clearSelection()
            return
        row = self.proxy.mapFromSource(self.model.index(index, 0)).row()
        if row != self.table.currentIndex().row() or not self.has_selection:
            self.table.selectRow(row)

    def sizeHint(self) -> QSize:
        return QSize(560, self.table.verticalHeader().defaultSectionSize() * 8)

    def _activate(self, index: QModelIndex) -> None:
        self.segment_activated.emit(self.proxy.mapToSource(index).row())

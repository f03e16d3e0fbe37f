"""What is written about a cell: its own events in words, and the logs of the job and its processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFontDatabase, QHideEvent, QShowEvent, QTextCursor
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from mlee_core.runs.cells import Cell
from mlee_core.runs.logs import CellEvents, log_files, tail

from ..shell.tasks import Tasks

EVERY_MS = 1000
"""Between two looks at the files, while the log is to be seen."""

CATCHING_UP_MS = 20
READ_S = 0.05
TAIL_LINES = 500
THIS_CELL = "Events of this cell"


@dataclass(frozen=True)
class _Read:
    """What a look at the files brought. logs: names of the files that there are."""

    text: str
    logs: tuple[str, ...]
    caught_up: bool


class CellLogPanel(QWidget):
    """Reads only while it is visible, in the thread of `tasks`."""

    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks
        self._cell: tuple[Path, Cell] | None = None
        self._events: CellEvents | None = None
        self._asked = 0
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._look)
        self.source = QComboBox()
        self.source.addItem(THIS_CELL)
        self.source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.source.setAccessibleName("Which log")
        self.source.setToolTip("The cell's events in words, or the end of a log file of the run")
        self.follow = QCheckBox("&Follow")
        self.follow.setChecked(True)
        self.follow.setToolTip("Keep the newest line in sight")
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlaceholderText("Nothing is written yet.")
        self.text.setAccessibleName("Log")
        row = QHBoxLayout()
        row.addWidget(self.source)
        row.addWidget(self.follow)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.addLayout(row)
        column.addWidget(self.text, 1)
        self.source.activated.connect(self._on_source)
        self.follow.toggled.connect(self._follow_end)
        self.text.verticalScrollBar().rangeChanged.connect(self._follow_end)

    def show_cell(self, run: Path | None, cell: Cell | None) -> None:
        """Of which cell; None for none. The same again changes nothing."""
        wanted = None if run is None or cell is None else (run, cell)
        if wanted == self._cell:
            return
        other_run = self._cell is None or wanted is None or wanted[0] != self._cell[0]
        self._cell = wanted
        self._events = None if wanted is None else CellEvents(*wanted)
        if other_run:
            self._offer(())
        self.text.clear()
        self._begin()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._begin()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self._asked += 1

    def _on_source(self) -> None:
        self.text.clear()
        self._begin()

    def _begin(self) -> None:
        """Look anew; an answer that is still on its way is of no use."""
        self._asked += 1
        if self.isVisible() and self._cell is not None:
            self._timer.start(0)

    def _look(self) -> None:
        if self._cell is None or self._events is None:
            return
        run, asked = self._cell[0], self._asked
        name = self.source.currentText()
        read = _reader(run, self._events, "" if name == THIS_CELL else name)
        self._tasks.run(read, lambda got: self._show(asked, got), lambda error: self._tell(asked, error))

    def _show(self, asked: int, got: _Read) -> None:
        if asked != self._asked:
            return
        self._offer(got.logs)
        self._put(got.text)
        self._timer.start(EVERY_MS if got.caught_up else CATCHING_UP_MS)

    def _tell(self, asked: int, error: Exception) -> None:
        if asked == self._asked:
            self._put(f"It cannot be read: {error}")
            self._timer.start(EVERY_MS)

    def _offer(self, logs: tuple[str, ...]) -> None:
        """These log files, the chosen one still chosen."""
        offered = [THIS_CELL, *logs]
        if offered == [self.source.itemText(k) for k in range(self.source.count())]:
            return
        chosen = self.source.currentText()
        self.source.clear()
        self.source.addItems(offered)
        self.source.setCurrentIndex(max(0, self.source.findText(chosen)))

    def _put(self, text: str) -> None:
        """What is new is added at the end, so that a selection and the place stay."""
        before, bar = self.text.toPlainText(), self.text.verticalScrollBar()
        if text == before:
            return
        if before and text.startswith(before):
            end = QTextCursor(self.text.document())
            end.movePosition(QTextCursor.MoveOperation.End)
            end.insertText(text[len(before) :])
        else:
            at = bar.value()
            self.text.setPlainText(text)
            bar.setValue(at)
        self._follow_end()

    def _follow_end(self) -> None:
        bar = self.text.verticalScrollBar()
        if self.follow.isChecked():
            bar.setValue(bar.maximum())


def _reader(run: Path, events: CellEvents, log: str) -> Callable[[], _Read]:
    def read() -> _Read:
        names = tuple(sorted(file.name for file in log_files(run)))
        if log:
            return _Read("\n".join(tail(run / "logs" / log, TAIL_LINES)), names, True)
        return _Read("\n".join(events.read(READ_S)), names, events.caught_up)

    return read

"""The log of a cell: its own events as text, and the log files of the job and its processes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent, QTextCursor
from PySide6.QtWidgets import QCheckBox, QComboBox, QWidget

from mlee_core.runs.cells import Cell
from mlee_core.runs.logs import CellEvents, log_files, tail

from ..shell.tasks import Tasks
from ..shell.widgets import column, row, text_view

EVERY_MS = 1000
"""Between two readings of the files, while the log is visible."""

CATCHING_UP_MS = 20
READ_S = 0.05
TAIL_LINES = 500
THIS_CELL = "Events of this cell"


class CellLogPanel(QWidget):
    """Reads only while it is visible, in the thread of `tasks`."""

    def __init__(self, tasks: Tasks) -> None:
        super().__init__()
        self._tasks = tasks
        self._cell: tuple[Path, Cell] | None = None
        self._events: CellEvents | None = None
        self._request = 0  # number of the newest; answers to earlier ones are dropped
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._read)
        self.source = QComboBox(sizeAdjustPolicy=QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.source.addItem(THIS_CELL)
        self.source.setAccessibleName("Which log")
        self.source.setToolTip("The events of this cell as text, or the end of a log file of the run")
        self.follow = QCheckBox("&Follow")
        self.follow.setChecked(True)
        self.follow.setToolTip("Keep the newest line visible")
        self.text = text_view("Log")
        self.text.setPlaceholderText("Nothing is written yet.")
        top = row(self.source, self.follow)
        top.addStretch(1)
        column(self, top, self.text, stretch=self.text)
        self.source.activated.connect(self._restart)
        self.follow.toggled.connect(self._follow_end)
        self.text.verticalScrollBar().rangeChanged.connect(self._follow_end)

    def show_cell(self, run: Path | None, cell: Cell | None) -> None:
        """Show the log of this cell, None for none. The same cell again changes nothing."""
        wanted = None if run is None or cell is None else (run, cell)
        if wanted == self._cell:
            return
        other_run = self._cell is None or wanted is None or wanted[0] != self._cell[0]
        self._cell = wanted
        self._events = None if wanted is None else CellEvents(*wanted)
        if other_run:
            self._set_sources(())
        self._restart()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._read_soon()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
        self._request += 1

    def _restart(self) -> None:
        self.text.clear()
        self._read_soon()

    def _read_soon(self) -> None:
        self._request += 1
        if self.isVisible() and self._cell is not None:
            self._timer.start(0)

    def _read(self) -> None:
        if self._cell is None or self._events is None:
            return
        run, events, request = self._cell[0], self._events, self._request
        log = self.source.currentText()

        def read() -> tuple[tuple[str, ...], str, bool]:
            names = tuple(sorted(file.name for file in log_files(run)))
            if log != THIS_CELL:
                return names, "\n".join(tail(run / "logs" / log, TAIL_LINES)), True
            return names, "\n".join(events.read(READ_S)), events.caught_up

        def show(names: tuple[str, ...], text: str, caught_up: bool) -> None:
            if request == self._request:
                self._set_sources(names)
                self._set_text(text)
                self._timer.start(EVERY_MS if caught_up else CATCHING_UP_MS)

        def show_error(error: Exception) -> None:
            if request == self._request:
                self._set_text(f"The log cannot be read: {error}")
                self._timer.start(EVERY_MS)

        self._tasks.run(read, lambda found: show(*found), show_error)

    def _set_sources(self, logs: tuple[str, ...]) -> None:
        """Offer these log files; the chosen one stays chosen."""
        sources = [THIS_CELL, *logs]
        if sources == [self.source.itemText(k) for k in range(self.source.count())]:
            return
        chosen = self.source.currentText()
        self.source.clear()
        self.source.addItems(sources)
        self.source.setCurrentIndex(max(0, self.source.findText(chosen)))

    def _set_text(self, text: str) -> None:
        """Append what is new, so that the selection and the position stay."""
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

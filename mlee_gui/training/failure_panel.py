"""A failure: its message, where it happened, and the end of the log; with ways to continue."""

from __future__ import annotations

import re
import time
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent
from PySide6.QtWidgets import QLabel, QWidget

import mlee_core
from mlee_core.figures.palette import CELL_COLORS
from mlee_core.runs.follower import CellView
from mlee_core.runs.logs import LAST_LINES, log_of, tail

from ..shell.tasks import Tasks
from ..shell.widgets import button, column, row, text_label, text_view
from .cell_grid_model import cell_text

_NO_MEMORY = re.compile(r"no memory left for (\d+) utterances")
"""Must match the message of the training loop."""


class FailurePanel(QWidget):
    """try_again: train it again. smaller_batch(int): with so many utterances per step, after memory ran out.
    `stop` ends the thread that reads logs."""

    try_again = Signal()
    smaller_batch = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tasks = Tasks("failure", self)
        self._shown: tuple[str, ...] = ()
        self._batch = 0
        self.what, self.where, self.log_name = (text_label(keyboard=True) for _ in range(3))
        self.log = text_view("End of the log")
        self.again = button("&Try again", "Continue training after the last epoch")
        self.smaller = button("", "A new run with fewer utterances per step, which needs less memory")
        self.copy = button("Cop&y report", "Copy all of this with the log, to send it to somebody")
        self.again.clicked.connect(self.try_again)
        self.smaller.clicked.connect(lambda: self.smaller_batch.emit(self._batch))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.report()))
        buttons = row(self.again, self.smaller, self.copy)
        buttons.addStretch(1)
        font = self.what.font()
        font.setBold(True)
        self.what.setFont(font)
        mark = QLabel("✕")
        mark.setFont(font)
        mark.setStyleSheet(f"color: {CELL_COLORS['failed']}")
        first = row(mark, self.what, stretch=self.what)
        first.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
        column(self, first, self.where, buttons, self.log_name, self.log, stretch=self.log)

    def show_failure(self, run: Path, view: CellView) -> None:
        """A cell that failed."""
        self._show(run, cell_text(view.cell), view.message, view.log)

    def show_message(self, run: Path, message: str) -> None:
        """A run that failed as a whole or was interrupted."""
        self._show(run, "the whole experiment", message, "job.log")

    def set_read_only(self, on: bool) -> None:
        """Whether nothing can be started from this window."""
        self.again.setEnabled(not on)
        self.smaller.setEnabled(not on)

    def report(self) -> str:
        """Everything shown here, as text."""
        made = f"MLEE {mlee_core.__version__}, copied {time.strftime('%Y-%m-%d %H:%M:%S')}"
        parts = [self.what.text(), self.where.text(), made, self.log_name.text(), self.log.toPlainText()]
        return "\n".join(part for part in parts if part) + "\n"

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._shown = ()  # the same failure may come back with another log

    def stop(self) -> None:
        self._tasks.stop()

    def _show(self, run: Path, part: str, message: str, log: str) -> None:
        shown = (str(run), part, message)
        if shown == self._shown:
            return
        self._shown = shown
        self.what.setText(message or "It failed without a message.")
        self.where.setText(f"Where: {part}, in {run}")
        self._offer_smaller(message)
        self.log_name.setText("Reading the log…")
        self.log.clear()

        def read() -> tuple[str, tuple[str, ...]]:
            file = log_of(run, log)
            return ("", ()) if file is None else (file.name, tail(file))

        self._tasks.run(
            read,
            lambda found: self._show_log(*found) if self._shown == shown else None,
            lambda error: self.log_name.setText(f"The log cannot be read: {error}"),
        )

    def _offer_smaller(self, message: str) -> None:
        found = _NO_MEMORY.search(message)
        self._batch = int(found[1]) // 2 if found else 0
        self.smaller.setVisible(self._batch > 0)
        self.smaller.setText(f"Try again with &batch size {self._batch}")

    def _show_log(self, name: str, lines: tuple[str, ...]) -> None:
        self.log.setVisible(bool(lines))
        title = f"The last {min(len(lines), LAST_LINES)} lines of {name}:"
        self.log_name.setText(title if lines else "Its logs are empty.")
        self.log.setPlainText("\n".join(lines))
        bar = self.log.verticalScrollBar()
        bar.setValue(bar.maximum())

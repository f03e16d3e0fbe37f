"""Messages to the user: a bar in the window that never takes the keyboard focus.

Internal errors are logged with their traceback and shown as one sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QLabel, QPlainTextEdit, QStyle, QToolButton, QWidget

from mlee_core.errors import MleeError

from .widgets import column, row, text_label

Level = Literal["info", "warning", "error"]

log = logging.getLogger("mlee")

_STRIPE = {"info": "#3b7dd8", "warning": "#d99000", "error": "#c8372d"}
_ICON = {
    "info": QStyle.StandardPixmap.SP_MessageBoxInformation,
    "warning": QStyle.StandardPixmap.SP_MessageBoxWarning,
    "error": QStyle.StandardPixmap.SP_MessageBoxCritical,
}


@dataclass(frozen=True)
class Message:
    """text: one sentence. details: such as the last log lines, "" for none."""

    level: Level
    text: str
    details: str = ""


class LogFile:
    """Log of the window's messages and of the tracebacks of internal errors, until closed."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._handler = logging.FileHandler(path, encoding="utf-8", delay=True)
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(self._handler)
        log.setLevel(logging.INFO)

    def close(self) -> None:
        log.removeHandler(self._handler)
        self._handler.close()


class Messages(QObject):
    """Receives the messages of all parts of the window.

    posted: for the message bar. status_changed: for the status bar.
    """

    posted = Signal(object)  # Message
    status_changed = Signal(str)

    def __init__(self, parent: QObject | None = None, log_file: str = "") -> None:
        super().__init__(parent)
        self._log_file = log_file

    def info(self, text: str, details: str = "") -> None:
        self._post(Message("info", text, details))

    def warning(self, text: str, details: str = "") -> None:
        self._post(Message("warning", text, details))

    def error(self, text: str, details: str = "") -> None:
        self._post(Message("error", text, details))

    def show_status(self, text: str) -> None:
        """Show a short text in the status bar for some seconds."""
        self.status_changed.emit(text)

    def failed(self, doing: str, error: BaseException) -> None:
        """Report that `doing` ("exporting the figure") ended in `error`: of the user, the system or MLEE."""
        if isinstance(error, MleeError):
            self.error(str(error))
        elif isinstance(error, OSError):
            where = f" {error.filename}" if error.filename else ""
            self.error(f"System error{where} while {doing}: {error.strerror or error}.")
        else:
            log.error("internal error while %s", doing, exc_info=error)
            where = f" Details are in {self._log_file}." if self._log_file else ""
            self.error(f"Internal error of MLEE while {doing} ({type(error).__name__}: {error}).{where}")

    def _post(self, message: Message) -> None:
        log.log({"info": 20, "warning": 30, "error": 40}[message.level], "%s", message.text)
        self.posted.emit(message)


class MessageBar(QFrame):
    """Shows the newest message and the number of the others; buttons show details, copy and dismiss."""

    def __init__(self, messages: Messages, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("message_bar")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self._shown: list[Message] = []
        self._icon = QLabel()
        self._text = text_label()
        self._text.setObjectName("message_text")
        self._more = self._button("Details", "Show all messages with their details", checkable=True)
        self._copy = self._button("Copy", "Copy the messages and their details")
        self._close = self._button("Dismiss", "Dismiss the messages")
        self._details = QPlainTextEdit(readOnly=True)
        self._details.setMaximumHeight(150)
        buttons = (self._more, self._copy, self._close)
        line = row(self._icon, self._text, *buttons, stretch=self._text)
        for button in buttons:
            line.setAlignment(button, Qt.AlignmentFlag.AlignTop)
        column(self, line, self._details).setContentsMargins(10, 4, 6, 4)
        self._more.toggled.connect(self._details.setVisible)
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.details()))
        self._close.clicked.connect(self.dismiss)
        messages.posted.connect(self.add)
        self.dismiss()

    def add(self, message: Message) -> None:
        """Show `message`; an equal one that is listed already moves to the top."""
        if message in self._shown:
            self._shown.remove(message)
        self._shown.append(message)
        self._refresh()

    def dismiss(self) -> None:
        self._shown.clear()
        self._more.setChecked(False)
        self._details.hide()
        self.hide()

    def text(self) -> str:
        """The text of the bar, "" while it is hidden."""
        return self._text.text() if self._shown else ""

    def details(self) -> str:
        """All messages, newest first, with their details."""
        parts = [m.text if not m.details else f"{m.text}\n{m.details}" for m in reversed(self._shown)]
        return "\n\n".join(parts)

    def _refresh(self) -> None:
        newest = self._shown[-1]
        others = self._shown[:-1]
        self._text.setText(newest.text + _and_more(others))
        icon = self.style().standardIcon(_ICON[newest.level], None, self)
        self._icon.setPixmap(icon.pixmap(18, 18))
        color = _STRIPE[newest.level]
        self.setStyleSheet(
            f"#message_bar {{ border-left: 4px solid {color}; border-bottom: 1px solid {color}; }}"
        )
        self._more.setVisible(bool(others or newest.details))
        self._details.setPlainText(self.details())
        self.show()

    def _button(self, text: str, tip: str, *, checkable: bool = False) -> QToolButton:
        button = QToolButton(autoRaise=True)
        button.setText(text)
        button.setToolTip(tip)
        button.setCheckable(checkable)
        button.setAccessibleName(text)
        return button


def _and_more(others: Sequence[Message]) -> str:
    """The number of messages that the line does not show."""
    if not others:
        return ""
    errors = sum(message.level == "error" for message in others)
    count = f"{len(others)} more message{'s' if len(others) > 1 else ''}"
    if errors:
        count += f", {errors} of them {'errors' if errors > 1 else 'an error'}"
    return f"  (and {count}: see Details)"

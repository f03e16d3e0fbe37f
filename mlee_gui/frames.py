"""When a window is really to be seen: after a frame of it was painted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

UNSEEN_MS = 1000
"""A window may start minimised, where nothing is painted."""


class NextFrame(QObject):
    """Calls `then`, once, after the next frame of the window that `widget` is in was painted.

    It waits UNSEEN_MS at most.
    """

    def __init__(self, widget: QWidget, then: Callable[[], None]) -> None:
        super().__init__(widget)
        self._then: Callable[[], None] | None = then
        self._unseen = QTimer(self, singleShot=True, interval=UNSEEN_MS)
        self._unseen.timeout.connect(self._go)
        self._unseen.start()
        widget.installEventFilter(self)
        widget.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._go)  # the event that paints this widget paints the whole window first
        return False

    def _go(self) -> None:
        self._unseen.stop()
        then, self._then = self._then, None
        if then is not None:
            then()
            self.deleteLater()

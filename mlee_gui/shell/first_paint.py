"""When a window is really to be seen: after a frame of it was painted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget


class NextFrame(QObject):
    """Calls `then`, once, after the next frame of the window that `widget` is in was painted.

    at_most_ms: it waits no longer, since a minimised window is not painted; None: as long as it takes.
    """

    def __init__(self, widget: QWidget, then: Callable[[], None], at_most_ms: int | None = None) -> None:
        super().__init__(widget)
        self._then: Callable[[], None] | None = then
        self._patience = QTimer(self, singleShot=True)
        self._patience.timeout.connect(self._go)
        if at_most_ms is not None:
            self._patience.start(at_most_ms)
        widget.installEventFilter(self)
        widget.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._go)  # the event that paints this widget paints the whole window first
        return False

    def _go(self) -> None:
        self._patience.stop()
        then, self._then = self._then, None
        if then is not None:
            then()
            self.deleteLater()

"""When a window is visible: after its first frame was painted."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget


class NextFrame(QObject):
    """Calls `then`, once, after the next frame of the window that contains `widget` was painted.

    It is a child of `widget`: where the widget is deleted first, `then` is never called.
    timeout_ms: longest wait, since a minimised window is not painted; None for no limit.
    """

    def __init__(self, widget: QWidget, then: Callable[[], None], timeout_ms: int | None = None) -> None:
        super().__init__(widget)
        self._then = then
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._finish)
        if timeout_ms is not None:
            self._timer.start(timeout_ms)
        widget.installEventFilter(self)
        widget.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            # in the next turn: this event first paints the whole window; with self as context, never after it
            QTimer.singleShot(0, self, self._finish)
        return False

    def _finish(self) -> None:
        self._timer.stop()
        self.parent().removeEventFilter(self)
        self.deleteLater()  # before the call, which may delete the window
        self._then()

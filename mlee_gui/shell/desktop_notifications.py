"""Training progress in tray and taskbar, and a notification at its end, where the desktop has these.

The window's title and messages show the same.
"""

from __future__ import annotations

import shutil

from PySide6.QtCore import QObject, QProcess, Signal
from PySide6.QtDBus import QDBusConnection, QDBusMessage
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

LAUNCHER = "com.canonical.Unity.LauncherEntry"
DESKTOP_FILE = "application://mlee.desktop"


class DesktopNotifications(QObject):
    """clicked: the user clicked the tray icon, shown only during training, or a notification."""

    clicked = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._bus = QDBusConnection.sessionBus()
        self._shown = ""
        self._tray: QSystemTrayIcon | None = None
        if QSystemTrayIcon.isSystemTrayAvailable():
            self._tray = QSystemTrayIcon(QIcon(window.windowIcon()), self)
            self._tray.activated.connect(lambda _: self.clicked.emit())
            self._tray.messageClicked.connect(self.clicked)

    def notify(self, title: str, text: str) -> None:
        """Show a system notification; the window's button in the taskbar signals it too."""
        QApplication.alert(self._window)
        if self._tray is not None:
            self._tray.show()
            self._tray.showMessage(title, text, self._window.windowIcon())
        elif (sender := shutil.which("notify-send")) is not None:
            QProcess.startDetached(sender, ["--app-name=MLEE", "--icon=mlee", title, text])

    def show_progress(self, share: float | None, text: str) -> None:
        """share: 0-1 of the running experiment, None where none runs. text: for the tray's tool tip."""
        shown = "" if share is None else f"{share:.0%} {text}"
        if shown == self._shown:
            return
        self._shown = shown
        if self._tray is not None:
            self._tray.setVisible(share is not None)
            self._tray.setToolTip(f"MLEE: {text}")
        # the program's button in the taskbar; KDE, Ubuntu and others draw it
        signal = QDBusMessage.createSignal("/mlee", LAUNCHER, "Update")
        state = {"progress": float(share or 0.0), "progress-visible": share is not None}
        signal.setArguments([DESKTOP_FILE, state])
        if self._bus.isConnected():
            self._bus.send(signal)

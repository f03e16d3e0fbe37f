"""What the desktop is told: how far training is, in tray and taskbar, and a notification at its end.

Where a desktop offers none of these, nothing is told: the window's title and messages say the same.
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
    """clicked: the user wants to see the training. The tray shows an icon only while something is trained."""

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

    def tell(self, title: str, text: str) -> None:
        """A system notification; the window's button asks for attention too."""
        QApplication.alert(self._window)
        if self._tray is not None:
            self._tray.show()
            self._tray.showMessage(title, text, self._window.windowIcon())
        elif (sender := shutil.which("notify-send")) is not None:
            QProcess.startDetached(sender, ["--app-name=MLEE", "--icon=mlee", title, text])

    def show_progress(self, share: float | None, text: str) -> None:
        """share: 0-1 of what runs, None where nothing does. text: for the tray's tool tip."""
        told = "" if share is None else f"{share:.0%} {text}"
        if told == self._shown:
            return
        self._shown = told
        if self._tray is not None:
            self._tray.setVisible(share is not None)
            self._tray.setToolTip(f"MLEE: {text}")
        self._tell_taskbar(share)

    def _tell_taskbar(self, share: float | None) -> None:
        """The bar on the program's button, as KDE, Ubuntu and others draw it."""
        signal = QDBusMessage.createSignal("/mlee", LAUNCHER, "Update")
        state = {"progress": float(share or 0.0), "progress-visible": share is not None}
        signal.setArguments([DESKTOP_FILE, state])
        if self._bus.isConnected():
            self._bus.send(signal)

"""From a parsed command line to a running window, or to a picture of one."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from mlee_core.inference.worker import Worker
from mlee_core.system import package_data

from .app import Application, Factories, StartOptions, show
from .shell import theme
from .shell.qt_log_filter import without_offscreen_warnings

SWITCH_S = 0.001
"""How long a thread that computes keeps the interpreter from the window. Python's own 5 ms are waited for at
every call of ours in a frame, and made frames late by up to 60 ms while another thread imported something."""


def run(
    paths: Sequence[str],
    model: str,
    scheme: theme.Scheme | None,
    worker: Worker,
    begin: Callable[[Application], object] = lambda _: None,
) -> int:
    """Show the window until it is closed; returns 0.

    worker: the first one; it may have been started. begin: called once, as the event loop begins.
    """
    sys.setswitchinterval(SWITCH_S)
    app = qt_application(scheme)
    started = [worker]
    makers = Factories(worker=lambda: started.pop() if started else Worker())
    application = Application(StartOptions(tuple(paths), model), makers)
    _tell_faults(application)
    # Python handles the signal at the next tick of the worker's timer
    signal.signal(signal.SIGINT, lambda *_: application.window.close())
    signal.signal(signal.SIGTERM, lambda *_: application.window.close())
    show(application)
    begin(application)
    status = app.exec()
    application.close()
    return status


def take_picture(
    out: Path, paths: Sequence[str], model: str, scheme: theme.Scheme, makers: Factories | None = None
) -> int:
    """Draw the window into `out` once the recording is analysed; returns 0, 2 if it was refused."""
    from . import screenshot  # what the command line prints comes with it

    with without_offscreen_warnings(), tempfile.TemporaryDirectory(prefix="mlee-picture-") as folder:
        app = qt_application(scheme)
        settings = str(Path(folder) / "settings.ini")  # neither the user's layout, nor changing it
        application = Application(StartOptions(tuple(paths), model, False, settings), makers)
        try:
            return screenshot.take(app, application, out)
        finally:
            application.window.close()
            application.close()


def qt_application(scheme: theme.Scheme | None) -> QApplication:
    """The process's QApplication, made if there is none."""
    app = QApplication.instance() or QApplication([sys.argv[0]])
    assert isinstance(app, QApplication)
    app.setApplicationName("mlee")
    app.setApplicationDisplayName("MLEE")
    app.setDesktopFileName("mlee")
    icon = QIcon()
    for file in sorted(package_data.icons_dir().glob("mlee-*.png")):
        icon.addFile(str(file))
    app.setWindowIcon(icon)
    theme.apply(app, scheme)
    return app


def _tell_faults(application: Application) -> None:
    """An exception in a slot becomes a message and a traceback in the log; the window goes on."""

    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            application.window.close()
        else:
            application.messages.failed("handling your last action", error.with_traceback(trace))

    sys.excepthook = tell

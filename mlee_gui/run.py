"""Run the window, or draw it into a picture."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from mlee_core.inference.worker import start_worker
from mlee_core.system import package_data
from mlee_core.system.service import ServiceProcess

from .app import Application, Factories, StartOptions, show
from .shell import theme
from .shell.qt_log_filter import without_offscreen_warnings

SWITCH_S = 0.001
"""Time for which another thread may keep the interpreter. Python's default of 5 ms passes at every call in a
frame, which was up to 60 ms late while another thread imported a module."""


def run(
    paths: Sequence[str],
    model: str,
    scheme: theme.Scheme | None,
    worker: ServiceProcess,
    begin: Callable[[Application], object] = lambda _: None,
) -> int:
    """Show the window until it is closed; returns the exit status.

    Args:
        paths: Recordings to open, or folders of them.
        model: Name or path, "" for the one used last.
        scheme: Light or dark, None for the system's.
        worker: The first one; it may have been started.
        begin: Called once, before the event loop.
    """
    sys.setswitchinterval(SWITCH_S)
    app = qt_application(scheme)
    started = [worker]
    factories = Factories(worker=lambda: started.pop() if started else start_worker())
    application = Application(StartOptions(tuple(paths), model), factories)
    _report_exceptions(application)
    # handled by Python at the next tick of the worker's timer
    signal.signal(signal.SIGINT, lambda *_: application.window.close())
    signal.signal(signal.SIGTERM, lambda *_: application.window.close())
    show(application)
    begin(application)
    status = app.exec()
    application.close()
    return status


def take_picture(
    out: Path, paths: Sequence[str], model: str, scheme: theme.Scheme, factories: Factories | None = None
) -> int:
    """Draw the window into `out` once the recording is analysed; returns 0, or 2 if it was refused."""
    from . import screenshot  # slow: imports what the command line prints

    with without_offscreen_warnings(), tempfile.TemporaryDirectory(prefix="mlee-picture-") as folder:
        app = qt_application(scheme)
        settings = str(Path(folder) / "settings.ini")  # the user's layout is neither used nor changed
        application = Application(StartOptions(tuple(paths), model, False, settings), factories)
        try:
            return screenshot.capture(app, application, out)
        finally:
            application.window.close()
            application.close()


def qt_application(scheme: theme.Scheme | None) -> QApplication:
    """The QApplication of the process, created if there is none."""
    app = QApplication.instance() or QApplication([sys.argv[0]])
    assert isinstance(app, QApplication)
    app.setApplicationName("mlee")
    app.setApplicationDisplayName("MLEE")
    app.setDesktopFileName("mlee")
    icon = QIcon()
    for file in sorted((package_data.root() / "icons").glob("mlee-*.png")):
        icon.addFile(str(file))
    app.setWindowIcon(icon)
    theme.apply(app, scheme)
    return app


def _report_exceptions(application: Application) -> None:
    """Show an exception in a slot as a message, and log its traceback; the window stays open."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            application.window.close()
        else:
            application.messages.failed("executing your last action", error.with_traceback(trace))

    sys.excepthook = report

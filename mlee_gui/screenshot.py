"""The window as a picture and its result as text, for machines without a display and for the README."""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QEventLoop
from PySide6.QtWidgets import QApplication

from mlee_core.errors import MleeError
from mlee_core.inference.text import as_text
from mlee_core.system.files import atomic_path

from .app import Application
from .recordings.session import WAITING
from .shell.mainwindow import SIZE


def capture(app: QApplication, application: Application, out: Path) -> int:
    """Draw the window into `out` once the current recording is analysed, and print the result.

    Returns 0, or 2 if nothing was analysed or the recording was refused (the picture then shows the message).
    """
    application.window.resize(SIZE)
    application.window.show()
    application.start()
    wait_until_settled(application)
    app.processEvents()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(out) as neighbour:
            if not application.window.grab().save(str(neighbour), "PNG"):
                raise OSError(f"Qt could not write {out}")
    except (OSError, MleeError) as error:
        print(f"mlee: cannot write the picture to {out}: {error}", file=sys.stderr)
        return 2
    entry, model = application.session.current(), application.session.model
    if entry is None or entry.analysis is None or model is None:
        print(f"mlee: {application.window.message_bar.text() or 'no recording to analyse'}", file=sys.stderr)
        return 2
    print(as_text(entry.analysis, model))
    print(f"The window was saved as {out}.")
    return 0


def wait_until_settled(application: Application) -> None:
    """Run the event loop until the given paths are listed and the current one is analysed or refused."""
    session, loop = application.session, QEventLoop()

    def settled() -> bool:
        entry = session.current()
        drawn = entry is not None and (entry.opened is not None or entry.state in ("failed", "cancelled"))
        return entry is None or (drawn and entry.state not in WAITING)

    session.listed.connect(loop.quit)
    loop.exec()
    session.entry_changed.connect(loop.quit)
    while not settled():
        loop.exec()

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


def take(app: QApplication, application: Application, out: Path) -> int:
    """Draw the window into `out` once its current recording is settled, and print what it says.

    Returns 0, or 2 if there is nothing to show or it was refused (the picture then shows the message).
    """
    application.window.resize(SIZE)
    application.window.show()
    application.start()
    wait_until_settled(application)
    app.processEvents()
    try:
        save(application, out)
    except (OSError, MleeError) as error:
        print(f"mlee: the picture cannot be written to {out}: {error}", file=sys.stderr)
        return 2
    entry, model = application.session.current(), application.session.model
    if entry is None or entry.analysis is None or model is None:
        print(f"mlee: {application.window.message_bar.text() or 'nothing to analyse'}", file=sys.stderr)
        return 2
    print(as_text(entry.analysis, model))
    print(f"The window is drawn in {out}.")
    return 0


def wait_until_settled(application: Application) -> None:
    """Run events until the paths given are listed and the current one is drawn and analysed, or refused."""
    session, loop = application.session, QEventLoop()
    listed = False

    def look() -> None:
        entry = session.current()
        drawn = entry is not None and (entry.opened is not None or entry.state in ("failed", "cancelled"))
        if listed and (entry is None or (drawn and entry.state not in WAITING)):
            loop.quit()

    def on_listed() -> None:
        nonlocal listed
        listed = True
        look()

    session.listed.connect(on_listed)
    session.entry_changed.connect(look)
    loop.exec()
    session.listed.disconnect(on_listed)
    session.entry_changed.disconnect(look)


def save(application: Application, out: Path) -> None:
    """Grab the window into a PNG. Raises: OSError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    picture = application.window.grab()
    with atomic_path(out) as neighbour:
        if not picture.save(str(neighbour), "PNG"):
            raise OSError(f"Qt could not write {out}")

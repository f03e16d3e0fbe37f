"""Builds the training page once the window is shown; shows its progress in title, tab and on the desktop."""

from __future__ import annotations

from collections.abc import Generator
from importlib import import_module
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoGroup, QUndoStack

from ..shell.mainwindow import MainWindow
from ..shell.messages import Messages
from ..shell.tasks import Tasks

if TYPE_CHECKING:
    from mlee_core.jobs.queue import Item

    from ..shell.desktop_notifications import DesktopNotifications
    from .fields import Field
    from .jobs_client import JobsClient
    from .page import TrainingPage


LATER_MS = 2000
"""Until then the analysis of the first recording has the machine to itself."""


class LazyPage(QObject):
    """jobs, training: None until they are loaded; then `ready` follows. title: text about training for the
    title of the window, "" while nothing is trained. undo: of the visible page."""

    ready = Signal()
    title_changed = Signal(str)
    model_chosen = Signal(str)

    def __init__(self, window: MainWindow, messages: Messages, edits: QUndoStack) -> None:
        super().__init__(window)
        self._window, self._messages, self._edits = window, messages, edits
        self._tasks = Tasks("loading", self)
        self._notifications: DesktopNotifications | None = None
        self.jobs: JobsClient | None = None
        self.training: TrainingPage | None = None
        self.title = ""
        self._parts: Generator[str] | None = None
        self._loading = False
        self._next = QTimer(self, singleShot=True)
        self._next.timeout.connect(self._continue)
        self.undo = QUndoGroup(self)
        self.undo.addStack(edits)
        for name, can in (("undo", self.undo.canUndoChanged), ("redo", self.undo.canRedoChanged)):
            window.actions_by_name[name].setEnabled(False)
            can.connect(window.actions_by_name[name].setEnabled)
        window.page_changed.connect(self._on_page)
        self._on_page(window.page)

    def start(self) -> None:
        """Load the page and read the jobs: later, when the first recording has been opened, or at once if the
        page is visible."""
        self._next.start(0 if self._window.page == "training" else LATER_MS)

    def close(self) -> None:
        """Trainings continue."""
        self._tasks.stop()
        self._next.stop()
        if self._parts is not None:
            self._parts.close()
        if self.training is not None:
            self.training.close()

    def _continue(self) -> None:
        """Import the modules, or build one more part; the window handles its events between two parts."""

        def begin() -> None:
            self._parts = self._build()
            self._continue()

        if not self._loading:
            self._loading = True
            self._tasks.run(_import_all, lambda _: begin(), lambda e: self._messages.failed("loading", e))
        elif self._parts is not None and next(self._parts, None) is not None:
            self._next.start(0)

    def _build(self) -> Generator[str]:
        """Part after part, each in less than the 50 ms that nobody notices."""
        from .form import TrainingForm
        from .form_fields import GROUPS, make_fields
        from .jobs_client import JobsClient
        from .page import TrainingPage

        fields: dict[str, Field] = {}
        for title in GROUPS:
            fields |= make_fields([title])
            yield title
        form = TrainingForm(fields=fields)
        try:
            yield "form"
        except GeneratorExit:  # the window is closed, and is not its parent yet
            form.close_planner()
            form.deleteLater()
            raise
        jobs = JobsClient(self._messages, parent=self)
        training = TrainingPage(self._window, jobs, self._messages, form)
        try:
            yield "page"
        except GeneratorExit:
            training.close()
            training.page.deleteLater()
            raise
        self.jobs, self.training = jobs, training
        self._window.set_training_page(self.training.page)
        self.undo.addStack(self.jobs.undo_stack)
        self._on_page(self._window.page)
        self.training.progressed.connect(self._on_progress)
        self.training.model_chosen.connect(self.model_chosen)
        self.jobs.ended.connect(self._on_ended)
        self.jobs.start()
        self.ready.emit()

    def _on_page(self, page: str) -> None:
        if page == "training" and self._next.isActive():
            self._next.start(0)
        self.undo.setActiveStack(self.jobs.undo_stack if page == "training" and self.jobs else self._edits)

    def _on_progress(self, share: float | None, text: str) -> None:
        """In the tab, in the title, in tray and taskbar."""
        percent = "" if share is None else f"{share:.0%}"
        self._window.set_training_title(percent)
        self.title = f"{percent} trained, {text}" if percent else ""
        self.title_changed.emit(self.title)
        if percent or self._notifications is not None:
            self._desktop().show_progress(share, text)

    def _on_ended(self, item: Item) -> None:
        self._desktop().notify(f"{item.run.name}: {item.state}", item.message or "See the page Training.")

    def _desktop(self) -> DesktopNotifications:
        from ..shell.desktop_notifications import DesktopNotifications

        if self._notifications is None:
            self._notifications = DesktopNotifications(self._window)
            self._notifications.clicked.connect(self._raise_window)
        return self._notifications

    def _raise_window(self) -> None:
        self._window.show_page("training")
        self._window.showNormal()
        self._window.activateWindow()


def _import_all() -> None:
    """Not on the GUI thread: it takes some tenths of a second."""
    for module in (".page", ".form", ".jobs_client", "..shell.desktop_notifications"):
        import_module(module, __package__)

"""The training page in the program: made once the window is shown; title, tab and desktop tell of it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoGroup, QUndoStack

from ..shell.mainwindow import MainWindow
from ..shell.messages import Messages
from ..shell.tasks import Tasks

if TYPE_CHECKING:
    from mlee_core.jobs.queue import Item

    from ..shell.desktop_notifications import DesktopNotifications
    from .jobs_client import JobsClient
    from .page import TrainingPage


LATER_MS = 2000
"""Until then the first recording's analysis has the machine for itself."""


class LazyPage(QObject):
    """jobs, training: None until they were loaded, which `ready` tells. title: what the window's title says
    of training, "" while nothing is trained. undo: of the page that is shown."""

    ready = Signal()
    title_changed = Signal(str)
    model_chosen = Signal(str)

    def __init__(self, window: MainWindow, messages: Messages, edits: QUndoStack) -> None:
        super().__init__(window)
        self._window, self._messages, self._edits = window, messages, edits
        self._tasks = Tasks("loading", self)
        self._notices: DesktopNotifications | None = None
        self.jobs: JobsClient | None = None
        self.training: TrainingPage | None = None
        self.title = ""
        self._parts: Generator[str] | None = None
        self._loading = False
        self._next = QTimer(self, singleShot=True)
        self._next.timeout.connect(self._go_on)
        self.undo = QUndoGroup(self)
        self.undo.addStack(edits)
        for name, can in (("undo", self.undo.canUndoChanged), ("redo", self.undo.canRedoChanged)):
            window.actions_by_name[name].setEnabled(False)
            can.connect(window.actions_by_name[name].setEnabled)
        window.page_changed.connect(self._on_page)
        self._on_page(window.page)

    def start(self) -> None:
        """Load the page and look what runs: soon, when the first recording has been opened, or at once if
        the page is shown."""
        self._next.start(0 if self._window.page == "training" else LATER_MS)

    def _load(self) -> None:
        self._loading = True
        self._tasks.run(_imported, lambda _: self._begin(), lambda e: self._messages.failed("loading", e))

    def close(self) -> None:
        """Trainings go on."""
        self._tasks.stop()
        self._next.stop()
        if self._parts is not None:
            self._parts.close()
        if self.training is not None:
            self.training.close()

    def _begin(self) -> None:
        self._parts = self._build()
        self._go_on()

    def _go_on(self) -> None:
        """Build one more part; the window is served between two of them."""
        if not self._loading:
            self._load()
        elif self._parts is not None and next(self._parts, None) is not None:
            self._next.start(0)

    def _build(self) -> Generator[str]:
        """Part after part, each in a fraction of the 50 ms that nobody notices."""
        from .form import TrainingForm
        from .form_fields import TrainingFields
        from .jobs_client import JobsClient
        from .page import TrainingPage

        fields = TrainingFields(self._window)
        yield "fields"
        form = TrainingForm(fields=fields)
        try:
            yield "form"
        except GeneratorExit:  # the window is closed already, and is not its parent yet
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
        on_training = page == "training" and self.jobs is not None
        if page == "training" and self._next.isActive():
            self._next.start(0)
        self.undo.setActiveStack(self.jobs.undo_stack if on_training and self.jobs else self._edits)

    def _on_progress(self, share: float | None, text: str) -> None:
        """In the tab, in the title, in tray and taskbar."""
        told = "" if share is None else f"{share:.0%}"
        self._window.set_training_title(told)
        self.title = f"{told} trained, {text}" if told else ""
        self.title_changed.emit(self.title)
        if told or self._notices is not None:
            self._desktop().show_progress(share, text)

    def _on_ended(self, item: Item) -> None:
        self._desktop().notify(f"{item.run.name}: {item.state}", item.message or "See the page Training.")

    def _desktop(self) -> DesktopNotifications:
        from ..shell.desktop_notifications import DesktopNotifications

        if self._notices is None:
            self._notices = DesktopNotifications(self._window)
            self._notices.clicked.connect(self._come_back)
        return self._notices

    def _come_back(self) -> None:
        self._window.show_page("training")
        self._window.showNormal()
        self._window.activateWindow()


def _imported() -> None:
    """Off the GUI thread: it takes some tenths of a second."""
    from . import jobs_client  # noqa: F401

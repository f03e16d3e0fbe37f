"""Builds session, worker, player, window and panels, and connects them: the only place that knows all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QApplication, QMenu

from mlee_core.audio.microphone import Recorder, devices
from mlee_core.audio.wav_writer import recover
from mlee_core.inference import model_file
from mlee_core.inference.model_file import ModelInfo
from mlee_core.inference.protocol import Prepare
from mlee_core.inference.results import ENCODERS
from mlee_core.inference.worker import start_worker
from mlee_core.system import package_data
from mlee_core.system.child_process import log_file
from mlee_core.system.service import ServiceProcess
from mlee_core.system.temporary_folders import TemporaryFolder, sweep

from .commands import Commands
from .listening.emotions_panel import EmotionsPanel
from .listening.presenter import Presenter
from .listening.segments_panel import SegmentsPanel
from .listening.timeline import Timeline
from .recordings.analysis_queue import AnalysisQueue
from .recordings.inference_client import InferenceClient
from .recordings.model_selector import ModelSelector
from .recordings.player import Player
from .recordings.record_panel import FindDevices, MakeRecorder, RecordPanel
from .recordings.recordings_panel import RecordingsPanel
from .recordings.session import Session
from .shell.actions import KeepWidgetKeys
from .shell.first_paint import NextFrame
from .shell.mainwindow import BELOW, LEFT, RIGHT, MainWindow, Place
from .shell.messages import LogFile, Messages
from .shell.settings import Settings
from .shell.tasks import Tasks
from .shell.time_text import time_and_unit, time_text
from .training.lazy_page import LazyPage

UNPAINTED_MS = 1000
"""Delay of the start behind a window that is not painted, since it is minimised."""


@dataclass(frozen=True)
class Factories:
    """Functions that make the parts of the application; tests replace them."""

    worker: Callable[[], ServiceProcess] = start_worker
    find_model: Callable[[str], ModelInfo] = lambda name: model_file.info(model_file.find(name))
    shipped_models: Callable[[], tuple[ModelInfo, ...]] = model_file.shipped
    sound: Callable[[], ModuleType] = lambda: import_module("sounddevice")  # starts PortAudio
    recorder: MakeRecorder = Recorder
    find_devices: FindDevices = devices


@dataclass(frozen=True)
class StartOptions:
    """Options of the command line.

    model: name or path, "" for the one used last. remember: whether to restore and store the session.
    settings_file: None for the user's.
    """

    paths: tuple[str, ...] = ()
    model: str = ""
    remember: bool = True
    settings_file: str | None = None


class Application(QObject):
    """All parts of the running program. Call `start` once the window is shown, and `close` at exit."""

    closed = Signal()

    def __init__(self, options: StartOptions, factories: Factories | None = None) -> None:
        super().__init__()
        self._options, self._factories = options, factories or Factories()
        self._closed = False
        self._long_shown: bool | None = None
        self._temporary = TemporaryFolder()
        self.settings = Settings(options.settings_file)
        self._log = LogFile(log_file("window"))
        self.messages = Messages(self, str(self._log.path))
        self.session = Session(self.messages, self._factories.find_model, self)
        self.inference = InferenceClient(self._factories.worker, self)
        self.analysis_queue = AnalysisQueue(self.session, self.inference, self._temporary.path, self)
        self._sound_tasks = Tasks("sound", self)  # one thread: PortAudio's calls must not run in parallel
        self.player = Player(self._sound_tasks, self.messages, self._factories.sound, self)
        self.window = MainWindow(self.messages)
        self.timeline, self.emotions, self.segments = Timeline(), EmotionsPanel(), SegmentsPanel()
        self.recordings = RecordingsPanel(
            self.session, [self.window.actions_by_name[name] for name in ("reanalyse", "remove", "clear")]
        )
        self.record = RecordPanel(
            self._sound_tasks,
            self.messages,
            self.settings,
            takes_folder(),
            self._factories.recorder,
            self._factories.find_devices,
        )
        self.lazy_page = LazyPage(self.window, self.messages, self.session.undo_stack)
        self._place()
        self.presenter = Presenter(
            self.session, self.timeline, self.emotions, self.segments, self.player, self
        )
        self.commands = Commands(
            *(self.window, self.session, self.settings, self.presenter, self.timeline),
            *(self.emotions, self.recordings, self.record, self.player, self.lazy_page.undo),
        )
        self._key_filter = KeepWidgetKeys(self)
        _app().installEventFilter(self._key_filter)
        self._connect()
        self._restore_view()
        self._model_selector = ModelSelector(
            *(self.window, self.session, self.settings, self._factories.shipped_models, self.emotions.limits),
            remember=options.remember and not options.model,
        )
        self._model_selector.choose(options.model or self.settings.model or model_file.DEFAULT)

    def start(self) -> None:
        """Start what the first frame does not need: the worker, the devices, the last session."""
        if self._closed:
            return
        self.inference.request(Prepare(self.session.model_name))
        self.player.probe()
        self.record.find_devices()
        self.lazy_page.start()
        failed = self.messages.failed
        self._sound_tasks.run(sweep, lambda _: None, partial(failed, "removing temporary files"))
        self._sound_tasks.run(
            lambda: recover(takes_folder()), self._on_recovered, partial(failed, "recovering recordings")
        )
        last, current = self.settings.open_paths, self.settings.current_path
        given = list(self._options.paths)
        if self._options.remember and self.settings.has_session:
            if last:
                self.session.add_paths(last, current=current, undoable=False, restored=True)
        elif not given:
            given = sample()
        if given:
            if self._options.paths:
                self.settings.add_recent(self._options.paths)
            self.session.add_paths(given, undoable=False)

    def close(self) -> None:
        """Stop everything, once. The list of recordings was stored as it changed."""
        if self._closed:
            return
        self._closed = True
        take = self.record.finish()
        if take is not None:
            self.settings.open_paths = [*self.settings.open_paths, str(take)]
        self.settings.page = self.window.page
        self.settings.window = self.window.layout_state()
        self.settings.store.sync()
        self.window.hide()  # stopping the worker may take a second
        self.presenter.close()
        self.player.stop()
        self.commands.close()
        self.session.close()
        self.lazy_page.close()
        self.inference.stop()
        self.analysis_queue.close()
        self._sound_tasks.stop()
        _app().removeEventFilter(self._key_filter)
        self._temporary.remove()
        self._log.close()
        self.closed.emit()

    def _place(self) -> None:
        window = self.window
        window.set_plots(self.timeline)
        window.add_dock(Place("recordings_dock", "Recordings", LEFT, 6), self.recordings)
        window.add_dock(Place("record_dock", "Record", LEFT, 1), self.record)
        window.add_dock(Place("emotions_dock", "Emotions", RIGHT, 6), self.emotions)
        below = window.add_dock(Place("segments_dock", "Segments", BELOW, 1), self.segments)
        below.hide()
        below.toggled_by_user.connect(partial(setattr, self.settings, "show_segments"))
        window.arrange(left=330, right=310)

    def _connect(self) -> None:
        session, window, status = self.session, self.window, self.window.status
        self.messages.status_changed.connect(status.show_status)
        self.timeline.hovered.connect(status.show_status)
        status.stop_requested.connect(session.stop_requested)
        self.analysis_queue.activity_changed.connect(
            lambda: status.show_activity(self.analysis_queue.activity())
        )
        session.entries_changed.connect(self._store_list)
        session.current_changed.connect(self._on_current)
        session.listed.connect(lambda _: self._store_list())
        window.dropped.connect(self.commands.open)
        window.closing.connect(self.close)
        self.player.state_changed.connect(
            lambda state: window.actions_by_name.set_playing(state != "stopped")
        )
        for source, names in ((self.player, ("play", "play_selection", "loop")), (self.record, ("record",))):
            for name in names:
                source.availability_changed.connect(partial(window.actions_by_name.set_available, name))
        self.record.recording_changed.connect(window.actions_by_name["record"].setChecked)
        self.record.take_finished.connect(lambda path: session.add_paths([path]))
        self.record.rescanning.connect(self.player.stop)
        self.record.rescanned.connect(self.player.probe)
        self.emotions.rule_changed.connect(partial(setattr, self.settings, "dominant_head"))
        self.presenter.shown_changed.connect(self._update_emotions_title)
        self.presenter.long_shown.connect(self._place_segments)
        self.timeline.encoder_toggled.connect(self._on_curve)
        self.timeline.display_changed.connect(self._store_display)
        self.lazy_page.title_changed.connect(self._update_title)
        self.lazy_page.model_chosen.connect(lambda path: self._model_selector.choose(path))
        self._recent = QMenu("Open re&cent", window)
        self._recent.setObjectName("recent")
        window.menu("file").insertMenu(window.actions_by_name["record"], self._recent)
        window.menu("file").aboutToShow.connect(self._fill_recent)

    def _restore_view(self) -> None:
        actions, settings = self.window.actions_by_name, self.settings
        for encoder in ENCODERS:
            on = encoder not in settings.hidden_encoders
            actions[f"show_{encoder}"].setChecked(on)
            self.timeline.set_encoder_visible(encoder, on)
        self.timeline.set_db_range(*settings.db_range)
        self.timeline.set_colormap(settings.colormap)
        if settings.dominant_head:
            self.emotions.set_rule(settings.dominant_head)
        self.window.restore_layout(*settings.window)
        if settings.page == "training" and self._options.remember and not self._options.paths:
            self.window.show_page("training")

    # --- settings and titles

    def _store_list(self) -> None:
        if self._options.remember:
            self.settings.open_paths = [e.path for e in self.session.entries()]

    def _on_current(self, _: int) -> None:
        entry = self.session.current()
        self._update_title()
        if self._options.remember and entry is not None:
            self.settings.current_path = entry.path

    def _update_title(self) -> None:
        entry = self.session.current()
        parts = (self.lazy_page.title, entry.name if entry is not None else "", "MLEE")
        self.window.setWindowTitle(" – ".join(filter(None, parts)))

    def _store_display(self) -> None:
        self.settings.db_range = self.timeline.db_range
        self.settings.colormap = self.timeline.colormap

    def _update_emotions_title(self) -> None:
        """Show the time range of an analysed selection."""
        segment, entry = self.presenter.segment, self.session.current()
        selected = entry is not None and entry.selection_analysis is self.presenter.analysis is not None
        title = "Emotions"
        if selected and segment is not None:
            span = f"{time_text(segment.start_s, 0.01)}–{time_and_unit(segment.end_s, 0.01)}"
            title += f": selection {span}"
        self.window.docks["emotions_dock"].setWindowTitle(title)

    def _place_segments(self, is_long: bool) -> None:
        """Show the list of segments for long recordings only, unless the user has closed it."""
        if is_long != self._long_shown:
            self._long_shown = is_long
            self.window.set_dock_visible("segments_dock", is_long and self.settings.show_segments)

    def _on_curve(self, encoder: str, on: bool) -> None:
        """A curve was switched in the legend: update the command as well."""
        self.window.actions_by_name[f"show_{encoder}"].setChecked(on)
        self.commands.toggle_curve(encoder)

    def _fill_recent(self) -> None:
        self._recent.clear()
        self._recent.setEnabled(bool(self.settings.recent))
        for path in self.settings.recent:
            self._recent.addAction(path, lambda path=path: self.commands.open([path]))
        self._recent.addSeparator()
        self._recent.addAction("Clear this list", self.settings.clear_recent)

    def _on_recovered(self, takes: Sequence[Path]) -> None:
        if takes:
            names = ", ".join(t.name for t in takes)
            self.messages.info(f"Recovered after a crash and added to the list: {names}.")
            self.session.add_paths([str(t) for t in takes])


def sample() -> list[str]:
    """The shipped recording for the first start."""
    return [str(p) for p in sorted((package_data.root() / "samples").glob("*.flac"))[:1]]


def takes_folder() -> Path:
    """Folder of the recordings made in the window."""
    location = QStandardPaths.StandardLocation.AppDataLocation
    return Path(QStandardPaths.writableLocation(location)) / "takes"


def show(application: Application) -> None:
    """Show the window, and call `Application.start` after its first frame."""
    application.window.show()
    application.timeline.plots.setFocus()
    NextFrame(application.timeline.plots, application.start, UNPAINTED_MS)


def _app() -> Any:
    return QApplication.instance()

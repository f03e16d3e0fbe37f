"""The only wiring: builds session, worker, player, window and panels, and connects them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from PySide6.QtCore import QObject, QStandardPaths, Signal
from PySide6.QtWidgets import QApplication, QLabel

from mlee_core.audio.microphone import Recorder
from mlee_core.audio.wav_writer import recover
from mlee_core.inference import model_file
from mlee_core.inference.model_info import ModelInfo
from mlee_core.inference.results import ENCODERS
from mlee_core.inference.worker import Worker
from mlee_core.system import package_data
from mlee_core.system.child_process import log_file
from mlee_core.system.temporary_folders import TemporaryFolder, sweep

from .commands import Commands
from .listening.emotions_panel import EmotionsPanel
from .listening.presenter import Presenter
from .listening.segments_panel import SegmentsPanel
from .listening.timeline import Timeline
from .recordings.analysis_queue import AnalysisQueue
from .recordings.inference_client import InferenceClient, WorkerLike
from .recordings.model_selector import ModelSelector
from .recordings.player import Player, load_sounddevice
from .recordings.record_panel import ListDevices, MakeRecorder, RecordPanel, list_devices
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

UNSEEN_MS = 1000
"""How long a window that is not painted, a minimised one, keeps what follows its first frame waiting."""


def find_model(name: str) -> ModelInfo:
    """What is known of a model, without loading it. Raises: ModelError."""
    return model_file.info(model_file.find(name))


@dataclass(frozen=True)
class Factories:
    """What the application is built from; tests put stand-ins in their place."""

    worker: Callable[[], WorkerLike] = Worker
    find_model: Callable[[str], ModelInfo] = find_model
    shipped_models: Callable[[], tuple[ModelInfo, ...]] = model_file.shipped
    sound: Callable[[], ModuleType] = load_sounddevice
    recorder: MakeRecorder = Recorder
    find_devices: ListDevices = list_devices


@dataclass(frozen=True)
class StartOptions:
    """What the command line asked for. model: name or path, "" for the one chosen last."""

    paths: tuple[str, ...] = ()
    model: str = ""
    remember: bool = True
    settings_file: str | None = None


class Application(QObject):
    """Everything that runs while the window is open: `start` once it is shown, `close` at its end."""

    closed = Signal()

    def __init__(self, wish: StartOptions, makers: Factories | None = None) -> None:
        super().__init__()
        self._wish, self._makers = wish, makers if makers is not None else Factories()
        self._closed = False
        self._long_shown: bool | None = None
        self._folder = TemporaryFolder()
        self.settings = Settings(wish.settings_file)
        self._log = LogFile(log_file("window"))
        self.messages = Messages(self, str(self._log.path))
        self.session = Session(self.messages, self._makers.find_model, self)
        self.inference = InferenceClient(self._makers.worker, self)
        self.analysis_queue = AnalysisQueue(self.session, self.inference, self._folder.path, self)
        self._sound = Tasks("sound", self)  # PortAudio's calls may take long, and must not run at once
        self.player = Player(self._sound, self.messages, self._makers.sound, self)
        self.window = MainWindow(self.messages)
        self.timeline, self.emotions, self.segments = Timeline(), EmotionsPanel(), SegmentsPanel()
        self.limits = QLabel()
        self.limits.setWordWrap(True)
        self.recordings = RecordingsPanel(
            self.session, [self.window.actions_by_name[name] for name in ("reanalyse", "remove", "clear")]
        )
        self.record = RecordPanel(
            self._sound,
            self.messages,
            self.settings,
            takes_folder(),
            self._makers.recorder,
            self._makers.find_devices,
        )
        self.lazy_page = LazyPage(self.window, self.messages, self.session.undo_stack)
        self._place()
        self.views = Presenter(self.session, self.timeline, self.emotions, self.segments, self.player, self)
        self.commands = Commands(
            *(self.window, self.session, self.settings, self.views, self.timeline),
            *(self.emotions, self.recordings, self.record, self.player, self.lazy_page.undo),
        )
        self._keep_keys = KeepWidgetKeys(self)
        _app().installEventFilter(self._keep_keys)
        self._connect()
        self._restore_view()
        self._model = ModelSelector(
            *(self.window, self.session, self.settings, self._makers.shipped_models, self.limits),
            remember=wish.remember and not wish.model,
        )
        self._model.choose(wish.model or self.settings.model or model_file.DEFAULT)

    def start(self) -> None:
        """Begin what the window need not wait for: the worker, devices, and what was open."""
        if self._closed:
            return
        self.inference.prepare(self.session.model_name)
        self.player.probe()
        self.record.find_devices()
        self.lazy_page.start()
        self._sound.run(sweep, lambda _: None, lambda error: self.messages.failed("clearing up", error))
        self._sound.run(lambda: recover(takes_folder()), self._on_recovered, self._on_not_recovered)
        last, current = self.settings.open_paths, self.settings.current_path
        given = list(self._wish.paths)
        if self._wish.remember and self.settings.has_session:
            if last:
                self.session.add_paths(last, current=current, undoable=False, restored=True)
        elif not given:
            given = sample()
        if given:
            if self._wish.paths:
                self.settings.add_recent(self._wish.paths)
            self.session.add_paths(given, undoable=False)

    def close(self) -> None:
        """End everything, once; what is open was remembered as it changed."""
        if self._closed:
            return
        self._closed = True
        take = self.record.finish()
        if take is not None:
            self.settings.open_paths = [*self.settings.open_paths, str(take)]
        self.settings.page = self.window.page
        self.settings.window = self.window.layout_state()
        self.settings.sync()
        self.window.hide()  # ending the worker may take a second
        self.views.close()
        self.player.stop()
        self.commands.close()
        self.session.close()
        self.lazy_page.close()
        self.inference.stop()
        self.analysis_queue.close()
        self._sound.stop()
        _app().removeEventFilter(self._keep_keys)
        self._folder.remove()
        self._log.close()
        self.closed.emit()

    def _place(self) -> None:
        window = self.window
        window.set_plots(self.timeline)
        self.emotions.add_footer(self.limits)
        window.add_dock(Place("recordings_dock", "Recordings", LEFT, 6), self.recordings)
        window.add_dock(Place("record_dock", "Record", LEFT, 1), self.record)
        window.add_dock(Place("emotions_dock", "Emotions", RIGHT, 6), self.emotions)
        below = window.add_dock(Place("segments_dock", "Segments", BELOW, 1), self.segments)
        below.hide()
        below.toggled_by_user.connect(self._on_segments_toggled)
        window.arrange(left=330, right=310)

    def _connect(self) -> None:
        session, window, status = self.session, self.window, self.window.status
        self.messages.status_changed.connect(status.show_status)
        self.timeline.hovered.connect(status.show_status)
        status.stop_requested.connect(session.stop)
        self.analysis_queue.activity_changed.connect(
            lambda: status.show_activity(self.analysis_queue.activity())
        )
        session.entries_changed.connect(self._remember_list)
        session.current_changed.connect(self._on_current)
        session.listed.connect(lambda _: self._remember_list())
        window.dropped.connect(self.commands.open)
        window.closing.connect(self.close)
        self.player.state_changed.connect(
            lambda state: window.actions_by_name.set_playing(state != "stopped")
        )
        self.player.availability_changed.connect(self._on_playback)
        self.record.availability_changed.connect(self._on_recording)
        self.record.recording_changed.connect(window.actions_by_name["record"].setChecked)
        self.record.take_finished.connect(lambda path: session.add_paths([path]))
        self.record.rescanning.connect(self.player.stop)
        self.record.rescanned.connect(self.player.probe)
        self.emotions.rule_changed.connect(self._remember_head)
        self.views.shown_changed.connect(self._title_emotions)
        self.views.long_shown.connect(self._place_segments)
        self.timeline.encoder_toggled.connect(self._on_curve)
        self.timeline.display_changed.connect(self._remember_display)
        self.lazy_page.title_changed.connect(self._retitle)
        self.lazy_page.model_chosen.connect(lambda path: self._model.choose(path))
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
        if settings.page == "training" and self._wish.remember and not self._wish.paths:
            self.window.show_page("training")

    # --- remembering

    def _remember_list(self) -> None:
        if self._wish.remember:
            self.settings.open_paths = [e.path for e in self.session.entries()]

    def _on_current(self, _: int) -> None:
        entry = self.session.current()
        self._retitle()
        if self._wish.remember and entry is not None:
            self.settings.current_path = entry.path

    def _retitle(self) -> None:
        entry = self.session.current()
        parts = (self.lazy_page.title, entry.name if entry is not None else "", "MLEE")
        self.window.setWindowTitle(" – ".join(filter(None, parts)))

    def _remember_display(self) -> None:
        self.settings.db_range = self.timeline.db_range
        self.settings.colormap = self.timeline.colormap

    def _remember_head(self, head: str) -> None:
        self.settings.dominant_head = head

    def _title_emotions(self) -> None:
        """Say of what, where it is of an analysed selection."""
        segment, entry = self.views.segment, self.session.current()
        selected = entry is not None and entry.selection_analysis is self.views.analysis is not None
        title = "Emotions"
        if selected and segment is not None:
            span = f"{time_text(segment.start_s, 0.01)}–{time_and_unit(segment.end_s, 0.01)}"
            title += f": selection {span}"
        self.window.docks["emotions_dock"].setWindowTitle(title)

    def _place_segments(self, is_long: bool) -> None:
        """A list of one segment says nothing new: it is there for long recordings, unless put away."""
        if is_long != self._long_shown:
            self._long_shown = is_long
            self.window.set_dock_visible("segments_dock", is_long and self.settings.show_segments)

    def _on_segments_toggled(self, on: bool) -> None:
        self.settings.show_segments = on

    def _on_curve(self, encoder: str, on: bool) -> None:
        """Switched in the legend: the command of the same meaning follows."""
        self.window.actions_by_name[f"show_{encoder}"].setChecked(on)
        self.commands.toggle_curve(encoder)

    def _fill_recent(self) -> None:
        menu = self.window.menu("file")
        old = menu.findChild(QObject, "recent")
        if old is not None:
            menu.removeAction(old.menuAction())  # type: ignore[attr-defined]
            old.deleteLater()
        recent = menu.addMenu("Open re&cent")
        recent.setObjectName("recent")
        recent.setEnabled(bool(self.settings.recent))
        for path in self.settings.recent:
            recent.addAction(path, lambda path=path: self.commands.open([path]))
        recent.addSeparator()
        recent.addAction("Forget these", self.settings.clear_recent)
        menu.insertMenu(self.window.actions_by_name["record"], recent)

    # --- sound

    def _on_playback(self, why_not: str) -> None:
        for name in ("play", "play_selection", "loop"):
            self._set_available(name, why_not)

    def _on_recording(self, why_not: str) -> None:
        self._set_available("record", why_not)

    def _set_available(self, name: str, why_not: str) -> None:
        if why_not:
            self.window.actions_by_name.disable(name, why_not)
        else:
            self.window.actions_by_name.enable(name)

    def _on_recovered(self, takes: Sequence[Path]) -> None:
        if takes:
            names = ", ".join(t.name for t in takes)
            self.messages.info(f"Recovered after a crash and added to the list: {names}.")
            self.session.add_paths([str(t) for t in takes])

    def _on_not_recovered(self, error: Exception) -> None:
        self.messages.failed("looking for takes left by a crash", error)


def sample() -> list[str]:
    """The shipped recording that a first start opens."""
    return [str(p) for p in sorted(package_data.samples_dir().glob("*.flac"))[:1]]


def takes_folder() -> Path:
    """Where recordings made in the window are kept."""
    location = QStandardPaths.StandardLocation.AppDataLocation
    return Path(QStandardPaths.writableLocation(location)) / "takes"


def show(application: Application) -> None:
    """Show the window; what it need not wait for starts after its first painting."""
    application.window.show()
    application.timeline.plots.setFocus()
    NextFrame(application.timeline.plots, application.start, UNSEEN_MS)


def _app() -> Any:
    return QApplication.instance()

"""The functions of all commands in shell/actions.py."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtGui import QGuiApplication, QPalette, QUndoGroup
from PySide6.QtWidgets import QFileDialog

from mlee_core.figures.page import SUFFIXES
from mlee_core.inference.results import DOMINANT_HEADS, ENCODERS

from .listening.copy_table import tabbed
from .listening.emotions_panel import EmotionsPanel
from .listening.export import export_figure
from .listening.presenter import Presenter
from .listening.timeline import Timeline
from .recordings.model_dialog import model_html
from .recordings.player import Player
from .recordings.record_panel import RecordPanel
from .recordings.recordings_panel import RecordingsPanel
from .recordings.session import Session
from .shell.keys_dialog import TextDialog, keys_html
from .shell.mainwindow import MainWindow
from .shell.settings import Settings
from .shell.tasks import Tasks

AUDIO_FILTER = (
    "Audio (*.wav *.flac *.ogg *.oga *.opus *.mp3 *.aiff *.aif *.au *.caf *.w64 *.rf64);;All files (*)"
)
FIGURE_FILTER = "SVG (*.svg);;PNG (*.png);;PDF (*.pdf)"
PAN = 0.25


class Commands:
    """Connects all actions to their functions, which act on the session."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        settings: Settings,
        presenter: Presenter,
        timeline: Timeline,
        emotions: EmotionsPanel,
        recordings: RecordingsPanel,
        record: RecordPanel,
        player: Player,
        undo: QUndoGroup,
    ) -> None:
        self._window, self._session, self._settings, self._undo = window, session, settings, undo
        self._presenter, self._timeline, self._emotions = presenter, timeline, emotions
        self._recordings, self._record, self._player = recordings, record, player
        self._tasks = Tasks("export", window)
        self._actions = window.actions_by_name
        self._connect()

    def close(self) -> None:
        self._tasks.stop()

    def _connect(self) -> None:
        functions: dict[str, Callable[[], object]] = {
            "open_files": self.open_files,
            "open_folder": self.open_folder,
            "record": self._record.toggle,
            "export_figure": self.export_figure,
            "quit": self._window.close,
            "undo": self._undo.undo,
            "redo": self._undo.redo,
            "copy_values": self.copy_values,
            "remove": lambda: self._session.remove(self._recordings.selected()),
            "clear": self._session.clear,
            "stop": self.stop,
            "play": self.play,
            "play_selection": self.play_selection,
            "loop": self.loop,
            "zoom_in": self._timeline.zoom_in,
            "zoom_out": self._timeline.zoom_out,
            "fit": self._timeline.fit,
            "zoom_selection": self.zoom_selection,
            "pan_left": lambda: self._timeline.pan(-PAN),
            "pan_right": lambda: self._timeline.pan(PAN),
            "home": self._timeline.home,
            "end": self._timeline.end,
            "analyse_selection": self._session.selection_analysis_requested.emit,
            "reanalyse": lambda: self._session.reanalyse(self._recordings.selected()),
            "stop_work": self._session.stop_requested.emit,
            "next_head": self.next_head,
            "previous": lambda: self._session.step(-1),
            "next": lambda: self._session.step(1),
            "show_analysis": lambda: self._window.show_page("analysis"),
            "show_training": lambda: self._window.show_page("training"),
            "keys": self.show_keys,
            "about_model": self.show_model,
            **{f"show_{encoder}": partial(self.toggle_curve, encoder) for encoder in ENCODERS},
        }
        for name, function in functions.items():
            self._actions[name].triggered.connect(lambda _=False, function=function: function())

    # --- files

    def open_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            self._window, "Open recordings", self._settings.last_folder, AUDIO_FILTER
        )
        self.open(paths)

    def open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self._window, "Open a folder", self._settings.last_folder)
        self.open([folder] if folder else [])

    def open(self, paths: list[str]) -> None:
        """Add files and folders to the list, and to the recent files."""
        if paths:
            self._settings.last_folder = str(Path(paths[0]).parent)
            self._settings.add_recent(paths)
            self._session.add_paths(paths)

    def export_figure(self) -> None:
        entry, analysis = self._session.current(), self._presenter.analysis
        if entry is None or entry.opened is None or analysis is None:
            self._session.messages.show_status("No finished analysis to export.")
            return
        suggested = Path(self._settings.last_folder or Path.home()) / f"{Path(entry.path).stem}.svg"
        name, chosen = QFileDialog.getSaveFileName(
            self._window, "Export figure", str(suggested), FIGURE_FILTER
        )
        if name:
            self._settings.last_folder = str(Path(name).parent)
            self.export_to(with_suffix(Path(name), chosen))

    def export_to(self, out: Path) -> None:
        """Export the displayed analysis to `out`, in another process."""
        entry, analysis, segment = self._session.current(), self._presenter.analysis, self._presenter.segment
        if entry is None or entry.opened is None or analysis is None:
            return
        samples = entry.opened.samples_file
        dark = self._window.palette().color(QPalette.ColorRole.Base).lightness() < 128
        one = segment if analysis is entry.selection_analysis else None
        messages = self._session.messages
        messages.show_status(f"Exporting {out.name}…")
        self._tasks.run(
            lambda: export_figure(out, analysis, one, samples, dark),
            lambda _: messages.info(f"The figure was saved as {out}."),
            lambda error: messages.failed("exporting the figure", error),
        )

    def copy_values(self) -> None:
        segment, analysis = self._presenter.segment, self._presenter.analysis
        if segment is None or analysis is None:
            self._session.messages.show_status("No values to copy.")
            return
        QGuiApplication.clipboard().setText(tabbed(segment, analysis))
        self._session.messages.show_status("The values were copied to the clipboard as a table.")

    # --- playback

    def play(self) -> None:
        if self._player.state != "stopped":
            self._player.stop()
            return
        start = self._session.cursor_s
        if self._actions["loop"].isChecked() and self._session.selection is not None:
            self._player.play(start, self._session.selection)
        else:
            self._player.play(0.0 if start >= self._player.duration_s - 0.02 else start)
        self._actions.set_playing(self._player.state != "stopped")

    def play_selection(self) -> None:
        span = self._session.selection
        if span is None:
            self._session.messages.show_status("Select a time range first: drag on the plots.")
        else:
            self._player.play(span[0], span)

    def stop(self) -> None:
        if self._player.state != "stopped":
            self._player.stop()
        else:
            self._session.set_selection(None)

    def loop(self) -> None:
        self._player.set_loop(self._actions["loop"].isChecked(), self._session.selection)

    # --- view

    def zoom_selection(self) -> None:
        if self._session.selection is None:
            self._session.messages.show_status("Select a time range first: drag on the plots.")
        else:
            self._timeline.zoom_to(*self._session.selection)

    def toggle_curve(self, encoder: str) -> None:
        on = self._actions[f"show_{encoder}"].isChecked()
        self._timeline.set_encoder_visible(encoder, on)
        hidden = {*self._settings.hidden_encoders} - {encoder}
        self._settings.hidden_encoders = sorted(hidden if on else hidden | {encoder})

    def next_head(self) -> None:
        segment, now = self._presenter.segment, self._emotions.rule
        heads = [h for h in DOMINANT_HEADS if segment is not None and segment.dominant.get(h) is not None]
        if now not in heads:
            self._session.messages.show_status("The model has no dominant head.")
            return
        head = heads[(heads.index(now) + 1) % len(heads)]
        self._emotions.set_rule(head)
        self._settings.dominant_head = head

    def show_keys(self) -> None:
        TextDialog("Keys", keys_html(), self._window).open()

    def show_model(self) -> None:
        info = self._session.model
        if info is None:
            self._session.messages.show_status("No model is loaded.")
            return
        try:
            more = Path(info.card).read_text(encoding="utf-8") if info.card else ""
        except OSError as error:
            self._session.messages.failed("reading the model's card", error)
            more = ""
        TextDialog(f"Model {info.name}", model_html(info), self._window, more).open()


def with_suffix(path: Path, chosen_filter: str) -> Path:
    """The path if it has a suffix of a format, else with the suffix of the chosen filter."""
    if path.suffix.lower() in SUFFIXES:
        return path
    suffix = next((s for s in SUFFIXES if f"*{s}" in chosen_filter), SUFFIXES[0])
    return path.with_name(path.name + suffix)

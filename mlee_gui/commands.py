"""The functions of all commands in shell/actions.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtGui import QGuiApplication, QPalette, QUndoGroup
from PySide6.QtWidgets import QFileDialog

from mlee_core.figures.page import SUFFIXES
from mlee_core.inference.results import DOMINANT_HEADS, ENCODERS
from mlee_core.system import service

from .listening.copy_table import tabbed
from .listening.emotions_panel import EmotionsPanel
from .listening.export import draw_figure
from .listening.presenter import Presenter
from .listening.timeline import Timeline
from .recordings.model_text import model_html
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


@dataclass(eq=False)
class Commands:
    """Connects all actions to their functions, which act on the session."""

    window: MainWindow
    session: Session
    settings: Settings
    presenter: Presenter
    timeline: Timeline
    emotions: EmotionsPanel
    recordings: RecordingsPanel
    record: RecordPanel
    player: Player
    undo: QUndoGroup

    def __post_init__(self) -> None:
        self._tasks = Tasks("export", self.window)
        self._actions = self.window.actions_by_name
        functions: dict[str, Callable[[], object]] = {
            "open_files": self.open_files,
            "open_folder": self.open_folder,
            "record": self.record.toggle,
            "export_figure": self.export_figure,
            "quit": self.window.close,
            "undo": self.undo.undo,
            "redo": self.undo.redo,
            "copy_values": self.copy_values,
            "remove": lambda: self.session.remove(self.recordings.selected()),
            "clear": self.session.clear,
            "stop": self.stop,
            "play": self.play,
            "play_selection": self.play_selection,
            "loop": self.loop,
            "zoom_in": self.timeline.zoom_in,
            "zoom_out": self.timeline.zoom_out,
            "fit": self.timeline.fit,
            "zoom_selection": self.zoom_selection,
            "pan_left": lambda: self.timeline.pan(-PAN),
            "pan_right": lambda: self.timeline.pan(PAN),
            "home": self.timeline.home,
            "end": self.timeline.end,
            "analyse_selection": self.session.selection_analysis_requested.emit,
            "reanalyse": lambda: self.session.reanalyse(self.recordings.selected()),
            "stop_work": self.session.stop_requested.emit,
            "next_head": self.next_head,
            "previous": lambda: self.session.step(-1),
            "next": lambda: self.session.step(1),
            "show_analysis": lambda: self.window.show_page("analysis"),
            "show_training": lambda: self.window.show_page("training"),
            "keys": self.show_keys,
            "about_model": self.show_model,
            **{f"show_{encoder}": partial(self.toggle_curve, encoder) for encoder in ENCODERS},
        }
        for name, function in functions.items():
            self._actions[name].triggered.connect(lambda _=False, function=function: function())

    def close(self) -> None:
        self._tasks.stop()

    # --- files

    def open_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            self.window, "Open recordings", self.settings.last_folder, AUDIO_FILTER
        )
        self.open(paths)

    def open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self.window, "Open a folder", self.settings.last_folder)
        self.open([folder] if folder else [])

    def open(self, paths: list[str]) -> None:
        """Add files and folders to the list, and to the recent files."""
        if paths:
            self.settings.last_folder = str(Path(paths[0]).parent)
            self.settings.add_recent(paths)
            self.session.add_paths(paths)

    def export_figure(self) -> None:
        entry, analysis = self.session.current(), self.presenter.analysis
        if entry is None or entry.opened is None or analysis is None:
            self.session.messages.show_status("No finished analysis to export.")
            return
        suggested = Path(self.settings.last_folder or Path.home()) / f"{Path(entry.path).stem}.svg"
        name, chosen = QFileDialog.getSaveFileName(
            self.window, "Export figure", str(suggested), FIGURE_FILTER
        )
        if name:
            self.settings.last_folder = str(Path(name).parent)
            self.export_to(with_suffix(Path(name), chosen))

    def export_to(self, out: Path) -> None:
        """Export the displayed analysis to `out`, in another process."""
        entry, analysis, segment = self.session.current(), self.presenter.analysis, self.presenter.segment
        if entry is None or entry.opened is None or analysis is None:
            return
        samples = entry.opened.samples_file
        dark = self.window.palette().color(QPalette.ColorRole.Base).lightness() < 128
        one = segment if analysis is entry.selection_analysis else None
        messages = self.session.messages
        messages.show_status(f"Exporting {out.name}…")
        self._tasks.run(
            lambda: service.call("figure export", draw_figure, out, analysis, one, samples, dark),
            lambda _: messages.info(f"The figure was saved as {out}."),
            lambda error: messages.failed("exporting the figure", error),
        )

    def copy_values(self) -> None:
        segment, analysis = self.presenter.segment, self.presenter.analysis
        if segment is None or analysis is None:
            self.session.messages.show_status("No values to copy.")
            return
        QGuiApplication.clipboard().setText(tabbed(segment, analysis))
        self.session.messages.show_status("The values were copied to the clipboard as a table.")

    # --- playback

    def play(self) -> None:
        if self.player.state != "stopped":
            self.player.stop()
            return
        start = self.session.cursor_s
        if self._actions["loop"].isChecked() and self.session.selection is not None:
            self.player.play(start, self.session.selection)
        else:
            self.player.play(0.0 if start >= self.player.duration_s - 0.02 else start)
        self._actions.set_playing(self.player.state != "stopped")

    def play_selection(self) -> None:
        span = self.session.selection
        if span is None:
            self.session.messages.show_status("Select a time range first: drag on the plots.")
        else:
            self.player.play(span[0], span)

    def stop(self) -> None:
        if self.player.state != "stopped":
            self.player.stop()
        else:
            self.session.set_selection(None)

    def loop(self) -> None:
        self.player.set_loop(self._actions["loop"].isChecked(), self.session.selection)

    # --- view

    def zoom_selection(self) -> None:
        if self.session.selection is None:
            self.session.messages.show_status("Select a time range first: drag on the plots.")
        else:
            self.timeline.zoom_to(*self.session.selection)

    def toggle_curve(self, encoder: str) -> None:
        on = self._actions[f"show_{encoder}"].isChecked()
        self.timeline.set_encoder_visible(encoder, on)
        hidden = {*self.settings.hidden_encoders} - {encoder}
        self.settings.hidden_encoders = sorted(hidden if on else hidden | {encoder})

    def next_head(self) -> None:
        segment, now = self.presenter.segment, self.emotions.rule
        heads = [h for h in DOMINANT_HEADS if segment is not None and segment.dominant.get(h) is not None]
        if now not in heads:
            self.session.messages.show_status("The model has no dominant head.")
            return
        head = heads[(heads.index(now) + 1) % len(heads)]
        self.emotions.set_rule(head)
        self.settings.dominant_head = head

    def show_keys(self) -> None:
        TextDialog("Keys", keys_html(), self.window).open()

    def show_model(self) -> None:
        info = self.session.model
        if info is None:
            self.session.messages.show_status("No model is loaded.")
            return
        try:
            more = Path(info.card).read_text(encoding="utf-8") if info.card else ""
        except OSError as error:
            self.session.messages.failed("reading the model's card", error)
            more = ""
        TextDialog(f"Model {info.name}", model_html(info), self.window, more).open()


def with_suffix(path: Path, chosen_filter: str) -> Path:
    """The path if it has a suffix of a format, else with the suffix of the chosen filter."""
    if path.suffix.lower() in SUFFIXES:
        return path
    suffix = next((s for s in SUFFIXES if f"*{s}" in chosen_filter), SUFFIXES[0])
    return path.with_name(path.name + suffix)

"""All commands: name, text, keys. Menus, toolbar and the list of keys are made from here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QComboBox,
    QMenuBar,
    QToolBar,
    QWidget,
)

from .icons import SHAPES, icon

Page = Literal["analysis", "training"]
"""What fills the window: a recording with its results, or experiments."""


@dataclass(frozen=True)
class Command:
    """One command of the user.

    name: in code, of its icon too. text: in menus. does: one sentence for the tool tip and the list of keys.
    keys: portable key sequences, separated by spaces; the first one is shown. short: its text on the toolbar,
    "" for the one in menus. page: where it is available, "" for everywhere; a key may have another meaning on
    another page.
    """

    name: str
    text: str
    does: str
    keys: str = ""
    short: str = ""
    checkable: bool = False
    page: Page | Literal[""] = "analysis"

    @property
    def shortcuts(self) -> list[QKeySequence]:
        return [QKeySequence(key) for key in self.keys.split()]


_everywhere = partial(Command, page="")
_training = partial(Command, page="training")
_SHOW = "Show or hide the attention of"

# fmt: off
MENUS: dict[str, tuple[Command, ...]] = {
    "&File": (
        Command("open_files", "&Open files…", "Add recordings to the list", "Ctrl+O", "Open"),
        Command("open_folder", "Open &folder…", "Add all recordings of a folder", "Ctrl+Shift+O"),
        Command("record", "&Record", "Start or stop a recording", "R", checkable=True),
        Command("export_figure", "&Export figure…", "Save spectrogram and attention curves as a picture",
                "Ctrl+E", "Export"),
        _everywhere("new_experiment", "&New experiment…", "Set up an experiment", "Ctrl+N", "New…"),
        _everywhere("open_run", "Open r&un…", "Add a run folder to the list of experiments"),
        _everywhere("quit", "&Quit", "Close the window; training continues", "Ctrl+Q"),
    ),
    "&Edit": (
        _everywhere("undo", "&Undo", "Undo the last change of the list", "Ctrl+Z"),
        _everywhere("redo", "&Redo", "Redo the change", "Ctrl+Shift+Z Ctrl+Y"),
        Command("copy_values", "&Copy values", "Copy the displayed values as a table", "Ctrl+C"),
        Command("remove", "Re&move from list", "Remove the selected recordings from the list", "Del"),
        Command("clear", "Clear &list", "Remove all recordings from the list"),
    ),
    "&Play": (
        Command("stop", "&Stop, clear selection", "Stop playback, or else clear the selection", "Esc"),
        Command("play", "&Play or pause", "Play from the cursor, or pause", "Space", "Play", True),
        Command("play_selection", "Play s&election", "Play the selection", "Shift+Space"),
        Command("loop", "&Loop", "Repeat the selection, or the whole recording", "L", checkable=True),
    ),
    "&Time axis": (
        Command("zoom_in", "Zoom &in", "Show a shorter time range", "+ ="),
        Command("zoom_out", "Zoom &out", "Show a longer time range", "-"),
        Command("fit", "&Fit", "Show the whole recording", "F"),
        Command("zoom_selection", "&Zoom to selection", "Show only the selection", "Z", "Selection"),
        Command("pan_left", "Pan &left", "Show an earlier time range", "Left"),
        Command("pan_right", "Pan &right", "Show a later time range", "Right"),
        Command("home", "&Start", "Go to the start of the recording", "Home"),
        Command("end", "&End", "Go to the end of the recording", "End"),
    ),
    "&Analysis": (
        Command("analyse_selection", "Analyse &selection", "Analyse only the selected time range",
                "Return Enter", "Analyse"),
        Command("reanalyse", "&Analyse again", "Read and analyse the recording again", "F5"),
        Command("stop_work", "S&top analysing", "Stop all running and waiting analyses", "Ctrl+."),
        Command("show_hard", "Attention of dominant &hard", f"{_SHOW} dominant hard", "1", checkable=True),
        Command("show_soft", "Attention of dominant s&oft", f"{_SHOW} dominant soft", "2", checkable=True),
        Command("show_mlee", "Attention of &MLEE", f"{_SHOW} MLEE", "3", checkable=True),
        Command("next_head", "Next &dominant head", "Show the bars of the next dominant head", "D"),
    ),
    "&Training": (
        _training("pause_queue", "&Pause after this cell",
                  "Finish the running cells, then start no other cell or experiment; or resume",
                  "Ctrl+P", checkable=True),
        _training("keep_going", "&Continue on failure", "Start the next experiment after a failed one",
                  checkable=True),
        _training("resume", "&Resume", "Queue the selected experiment again", "Ctrl+R"),
        _training("stop_and_keep", "&Stop and keep",
                  "Stop after this epoch: the running cells count as finished early, with their best models",
                  "Ctrl+Shift+S"),
        _training("cancel_run", "C&ancel", "Stop the selected experiment now; it can be resumed",
                  "Ctrl+Shift+X"),
        _training("delete_run", "&Delete…", "Delete the run folder with all its contents"),
        _training("earlier", "Move &up", "Train the selected experiment earlier", "Ctrl+Up", "Up"),
        _training("later", "Move d&own", "Train the selected experiment later", "Ctrl+Down", "Down"),
        _training("forget_run", "Re&move from list",
                  "Remove the selected experiment from the list; its folder stays", "Del", "Remove"),
        _training("use_model", "&Use this model", "Analyse recordings with the model of the selected fold",
                  "Ctrl+U"),
        _training("compare_runs", "&Compare…", "Show Table 3 of several runs side by side", "Ctrl+K"),
        _training("export_report", "&Export report…", "Write tables and figures of the run", "Ctrl+E"),
    ),
    "&View": (
        _everywhere("show_analysis", "&Analysis", "Show recordings and their emotions", "Ctrl+1"),
        _everywhere("show_training", "&Training", "Show running and finished experiments", "Ctrl+2"),
        Command("previous", "&Previous recording", "Show the previous recording of the list", "PgUp"),
        Command("next", "&Next recording", "Show the next recording of the list", "PgDown"),
    ),
    "&Help": (
        _everywhere("keys", "&Keys", "List all keys", "? F1"),
        _everywhere("about_model", "About the &model", "Training data, scores and limits of the model"),
    ),
}
# fmt: on

COMMANDS: tuple[Command, ...] = tuple(command for menu in MENUS.values() for command in menu)

GRID_KEYS = (
    ("Arrows", "Select a cell: its curves, log and confusion matrix"),
    ("R", "Resume the cell after its last epoch"),
    ("Shift+R", "Train the cell again from its first epoch"),
    ("S", "Skip the cell, or train it after all"),
)
"""(key, what it does), on the grid of an experiment."""

TOOLBAR: tuple[str, ...] = (
    *("open_files", "record", "", "play", "play_selection", "loop", ""),
    *("zoom_in", "zoom_out", "fit", "zoom_selection", "", "analyse_selection"),
)
"""Names in order, "" for a separator; the model selector and TOOLBAR_END follow."""

TOOLBAR_END: tuple[str, ...] = ("export_figure", "keys")


class Actions(QObject):
    """The QAction of each command, by name."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._actions = {c.name: self._make(c) for c in COMMANDS}
        self.draw_icons()

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def add_to(self, bar: QMenuBar) -> None:
        """Make the menus of COMMANDS, in order."""
        for title, commands in MENUS.items():
            menu = bar.addMenu(title)
            menu.setObjectName(title.replace("&", "").lower())
            menu.addActions([self[command.name] for command in commands])

    def set_page(self, page: Page) -> None:
        """Show only the commands of this page; the keys of the others do nothing."""
        for command in COMMANDS:
            self[command.name].setVisible(command.page in ("", page))

    def fill(self, toolbar: QToolBar, names: tuple[str, ...]) -> None:
        for name in names:
            if name:
                toolbar.addAction(self[name])
            else:
                toolbar.addSeparator()

    def set_available(self, name: str, why_not: str) -> None:
        """Enable a command, or disable it where `why_not` is not "": then its tool tip gives the reason."""
        self[name].setEnabled(not why_not)
        self[name].setToolTip(why_not or _tip(next(c for c in COMMANDS if c.name == name)))

    def draw_icons(self) -> None:
        """Draw the icons in the colours of the window's palette; call again when it changes."""
        for command in COMMANDS:
            if command.name in SHAPES:
                self[command.name].setIcon(icon(command.name, self._window.palette()))

    def set_playing(self, playing: bool) -> None:
        self["play"].setIcon(icon("pause" if playing else "play", self._window.palette()))
        self["play"].setIconText("Pause" if playing else "Play")
        self["play"].setChecked(playing)

    def _make(self, command: Command) -> QAction:
        action = QAction(command.text, self._window)
        action.setObjectName(command.name)
        action.setIconText(command.short or command.text.replace("&", ""))
        action.setCheckable(command.checkable)
        action.setShortcuts(command.shortcuts)
        action.setToolTip(_tip(command))
        action.setStatusTip(command.does)
        self._window.addAction(action)
        return action


def _tip(command: Command) -> str:
    return f"{command.does} ({command.shortcuts[0].toString()})" if command.keys else command.does


_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_SLIDER_KEYS = (
    *(Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End),
    *(Qt.Key.Key_PageUp, Qt.Key.Key_PageDown),
)
_WIDGET_KEYS: dict[Qt.Key, tuple[type[QWidget], ...]] = {
    Qt.Key.Key_Space: (QAbstractButton, QComboBox),
    **dict.fromkeys(_ENTER, (QAbstractButton, QComboBox, QAbstractItemView)),
    **dict.fromkeys(_SLIDER_KEYS, (QAbstractSlider, QComboBox)),
}


class KeepWidgetKeys(QObject):
    """Gives a focused button, list, slider or combo box its own keys before shortcuts.

    Text fields do this themselves; without it, Space on a focused button would start playback.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            owners = _WIDGET_KEYS.get(Qt.Key(event.key()))
            plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
            # the list of an open combo box selects an item at this event
            popup = isinstance(watched, QWidget) and watched.window().windowType() == Qt.WindowType.Popup
            if owners and plain and isinstance(watched, owners) and not popup:
                event.accept()
                return True
        return False  # as QObject's does; this runs at every event


GESTURES: tuple[tuple[str, str], ...] = (
    ("Drag on the plots", "Select a time range; drag its borders to change it"),
    ("Click on the plots", "Move the cursor; outside the selection, also clear the selection"),
    ("Double click", "Show only the segment; again, show all"),
    ("Wheel", "Zoom at the mouse"),
    ("Shift+Wheel, sideways wheel, middle drag", "Move the visible time range"),
    ("Drag in the overview", "Move the visible time range, or its borders"),
    ("Ctrl+Left, Ctrl+Right", "Move the cursor by one attention step (plots focused)"),
    ("Shift+Left, Shift+Right", "Extend the selection by one attention step (plots focused)"),
)
"""(gesture, what it does), for the list of keys."""

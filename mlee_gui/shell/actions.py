"""Every command once: name, key, icon, what it does. Menus, toolbar and the list of keys come from here."""

from __future__ import annotations

from dataclasses import dataclass
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

from .icons import icon

Page = Literal["analysis", "training"]
"""What fills the window: a recording and what is said of it, or experiments."""


@dataclass(frozen=True)
class Command:
    """One thing the user can do.

    name: what code calls it. text: in menus. menu: where. does: one sentence for tool tip and list of keys.
    keys: portable key sequences, the first is the one shown. short: its text on the toolbar, "" for none.
    page: where it can be given, "" everywhere. Keys may have another meaning on another page.
    """

    name: str
    text: str
    menu: str
    does: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    short: str = ""
    checkable: bool = False
    page: Page | Literal[""] = "analysis"


COMMANDS: tuple[Command, ...] = (
    Command("open_files", "&Open files…", "&File", "Add recordings to the list", ("Ctrl+O",), "open", "Open"),
    Command("open_folder", "Open &folder…", "&File", "Add every recording of a folder", ("Ctrl+Shift+O",)),
    Command("record", "&Record", "&File", "Start or stop a recording", ("R",), "record", "Record", True),
    Command(
        "export_figure",
        "&Export figure…",
        "&File",
        "Save spectrogram and attention curves as a picture",
        ("Ctrl+E",),
        "export",
        "Export",
    ),
    Command(
        "new_experiment",
        "&New experiment…",
        "&File",
        "Choose what is to be trained",
        ("Ctrl+N",),
        short="New…",
        page="",
    ),
    Command("open_run", "Open r&un…", "&File", "Take a run folder into the queue's list", page=""),
    Command("quit", "&Quit", "&File", "Close the window; trainings go on", ("Ctrl+Q",), page=""),
    Command("undo", "&Undo", "&Edit", "Take the last change of the list back", ("Ctrl+Z",), page=""),
    Command("redo", "&Redo", "&Edit", "Make the change again", ("Ctrl+Shift+Z", "Ctrl+Y"), page=""),
    Command("copy_values", "&Copy values", "&Edit", "Copy the numbers shown as a table", ("Ctrl+C",)),
    Command("remove", "Re&move from list", "&Edit", "Take the marked recordings off the list", ("Del",)),
    Command("clear", "Clear &list", "&Edit", "Take all recordings off the list"),
    Command("stop", "&Stop, clear selection", "&Play", "Stop playing, else clear the selection", ("Esc",)),
    Command(
        "play",
        "&Play or pause",
        "&Play",
        "Play all from the cursor, or pause",
        ("Space",),
        "play",
        "Play",
        True,
    ),
    Command(
        "play_selection", "Play s&election", "&Play", "Play the selection", ("Shift+Space",), "play_selection"
    ),
    Command(
        "loop", "&Loop", "&Play", "Play over and over: the selection, else all", ("L",), "loop", "Loop", True
    ),
    Command("zoom_in", "Zoom &in", "&Time axis", "Show a shorter stretch", ("+", "="), "zoom_in"),
    Command("zoom_out", "Zoom &out", "&Time axis", "Show a longer stretch", ("-",), "zoom_out"),
    Command("fit", "&Fit", "&Time axis", "Show the whole recording", ("F",), "fit", "Fit"),
    Command(
        "zoom_selection",
        "&Zoom to selection",
        "&Time axis",
        "Show the selection alone",
        ("Z",),
        "zoom_selection",
        "Selection",
    ),
    Command("pan_left", "Pan &left", "&Time axis", "Move the view to earlier", ("Left",)),
    Command("pan_right", "Pan &right", "&Time axis", "Move the view to later", ("Right",)),
    Command("home", "&Start", "&Time axis", "Go to the start of the recording", ("Home",)),
    Command("end", "&End", "&Time axis", "Go to the end of the recording", ("End",)),
    Command(
        "analyse_selection",
        "Analyse &selection",
        "&Analysis",
        "Analyse the selected stretch alone",
        ("Return", "Enter"),
        "analyse",
        "Analyse",
    ),
    Command("reanalyse", "&Analyse again", "&Analysis", "Read and analyse the recording again", ("F5",)),
    Command("stop_work", "S&top analysing", "&Analysis", "Stop all analyses that run or wait", ("Ctrl+.",)),
    Command(
        "show_hard",
        "Attention of dominant &hard",
        "&Analysis",
        "Show or hide this curve",
        ("1",),
        checkable=True,
    ),
    Command(
        "show_soft",
        "Attention of dominant s&oft",
        "&Analysis",
        "Show or hide this curve",
        ("2",),
        checkable=True,
    ),
    Command(
        "show_mlee", "Attention of &MLEE", "&Analysis", "Show or hide this curve", ("3",), checkable=True
    ),
    Command(
        "next_head", "Next &dominant head", "&Analysis", "Show the dominant bars of the next head", ("D",)
    ),
    Command(
        "pause_queue",
        "&Pause after this cell",
        "&Training",
        "End the running experiment after the cells in work and begin no other, or go on",
        ("Ctrl+P",),
        checkable=True,
        page="training",
    ),
    Command(
        "keep_going",
        "&Continue on failure",
        "&Training",
        "Begin the next experiment where one has failed",
        checkable=True,
        page="training",
    ),
    Command(
        "resume", "&Resume", "&Training", "Queue the chosen experiment again", ("Ctrl+R",), page="training"
    ),
    Command(
        "stop_and_keep",
        "&Stop and keep",
        "&Training",
        "End after this epoch: what is in work counts as done early, with its best model",
        ("Ctrl+Shift+S",),
        page="training",
    ),
    Command(
        "cancel_run",
        "C&ancel",
        "&Training",
        "End the chosen experiment now; it can be resumed",
        ("Ctrl+Shift+X",),
        page="training",
    ),
    Command(
        "delete_run", "&Delete…", "&Training", "Remove the run folder with all that is in it", page="training"
    ),
    Command(
        "earlier",
        "Move &up",
        "&Training",
        "Train the chosen experiment earlier",
        ("Ctrl+Up",),
        short="Up",
        page="training",
    ),
    Command(
        "later", "Move d&own", "&Training", "Train it later", ("Ctrl+Down",), short="Down", page="training"
    ),
    Command(
        "forget_run",
        "Re&move from list",
        "&Training",
        "Take the chosen experiment off the list; its folder stays",
        ("Del",),
        short="Remove",
        page="training",
    ),
    Command(
        "use_model",
        "&Use this model",
        "&Training",
        "Analyse recordings with the model of the chosen fold",
        ("Ctrl+U",),
        page="training",
    ),
    Command(
        "compare_runs",
        "&Compare…",
        "&Training",
        "Table 3 of several runs side by side",
        ("Ctrl+K",),
        page="training",
    ),
    Command(
        "export_report",
        "&Export report…",
        "&Training",
        "Write tables and figures of the run",
        ("Ctrl+E",),
        page="training",
    ),
    Command(
        "show_analysis", "&Analysis", "&View", "Show recordings and their emotions", ("Ctrl+1",), page=""
    ),
    Command(
        "show_training", "&Training", "&View", "Show experiments, running and done", ("Ctrl+2",), page=""
    ),
    Command("previous", "&Previous recording", "&View", "Show the recording above", ("PgUp",)),
    Command("next", "&Next recording", "&View", "Show the recording below", ("PgDown",)),
    Command("keys", "&Keys", "&Help", "List all keys", ("?", "F1"), "keys", "Keys", page=""),
    Command(
        "about_model", "About the &model", "&Help", "What the model was trained on, and its limits", page=""
    ),
)

MENUS: tuple[str, ...] = tuple(dict.fromkeys(c.menu for c in COMMANDS))

GRID_KEYS = (
    ("Arrows", "Choose a cell: its curves, log and confusions"),
    ("R", "Resume the cell from its last epoch on"),
    ("Shift+R", "Train the cell anew"),
    ("S", "Skip the cell, or train it after all"),
)
"""(what is pressed, what it does), on the grid of an experiment."""

TOOLBAR: tuple[str, ...] = (
    *("open_files", "record", "", "play", "play_selection", "loop", ""),
    *("zoom_in", "zoom_out", "fit", "zoom_selection", "", "analyse_selection"),
)
"""Names in order, "" for a separator; the model selector and the commands of TOOLBAR_END follow."""

TOOLBAR_END: tuple[str, ...] = ("export_figure", "keys")


class Actions(QObject):
    """The QAction of every command, by name; they act once something is connected to `triggered`."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._actions = {c.name: self._make(c) for c in COMMANDS}
        self.draw_icons()

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def add_to(self, bar: QMenuBar) -> None:
        """Make the menus of COMMANDS, in order."""
        for title in MENUS:
            menu = bar.addMenu(title)
            menu.setObjectName(title.replace("&", "").lower())
            for command in COMMANDS:
                if command.menu == title:
                    menu.addAction(self[command.name])

    def set_page(self, page: Page) -> None:
        """Show the commands of this page alone; keys of the others do nothing."""
        for command in COMMANDS:
            self[command.name].setVisible(command.page in ("", page))

    def fill(self, toolbar: QToolBar, names: tuple[str, ...]) -> None:
        for name in names:
            if name:
                toolbar.addAction(self[name])
            else:
                toolbar.addSeparator()

    def disable(self, name: str, why: str) -> None:
        """Switch a command off; its tool tip says why, and what to do about it."""
        self[name].setEnabled(False)
        self[name].setToolTip(why)

    def enable(self, name: str) -> None:
        self[name].setEnabled(True)
        self[name].setToolTip(_tip(next(c for c in COMMANDS if c.name == name)))

    def draw_icons(self) -> None:
        """Draw the icons in the colours of the window's palette (again, when that changes)."""
        for command in COMMANDS:
            if command.icon:
                self[command.name].setIcon(icon(command.icon, self._window.palette()))

    def set_playing(self, playing: bool) -> None:
        """Show the play command as what it would do now."""
        self["play"].setIcon(icon("pause" if playing else "play", self._window.palette()))
        self["play"].setIconText("Pause" if playing else "Play")
        self["play"].setChecked(playing)

    def _make(self, command: Command) -> QAction:
        action = QAction(command.text, self._window)
        action.setObjectName(command.name)
        action.setIconText(command.short or command.text.replace("&", ""))
        action.setCheckable(command.checkable)
        action.setShortcuts([QKeySequence(k) for k in command.keys])
        action.setToolTip(_tip(command))
        action.setStatusTip(command.does)
        self._window.addAction(action)
        return action


def _tip(command: Command) -> str:
    key = f" ({QKeySequence(command.keys[0]).toString()})" if command.keys else ""
    return f"{command.does}{key}"


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


def _pops_up(widget: object) -> bool:
    """Whether it is the list of an open combo box, which chooses at this very event."""
    return isinstance(widget, QWidget) and widget.window().windowType() == Qt.WindowType.Popup


class KeepWidgetKeys(QObject):
    """Lets a focused button, list, slider or combo box have its own keys before a shortcut takes them.

    Text fields do this by themselves; without it, Space on a focused button would start playing.
    """

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            owners = _WIDGET_KEYS.get(Qt.Key(event.key()))
            plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
            if owners and plain and isinstance(watched, owners) and not _pops_up(watched):
                event.accept()
                return True
        return super().eventFilter(watched, event)


GESTURES: tuple[tuple[str, str], ...] = (
    ("Drag on the plots", "Select a stretch; drag its borders to change it"),
    ("Click on the plots", "Move the cursor there; outside of the selection, clear it"),
    ("Double click", "Show the segment alone; again, show all"),
    ("Wheel", "Zoom at the mouse"),
    ("Shift+Wheel, sideways wheel, middle drag", "Move the visible part"),
    ("Drag in the overview", "Move the visible part, or its borders"),
    ("Ctrl+Left, Ctrl+Right", "Move the cursor by one attention step (plots focused)"),
    ("Shift+Left, Shift+Right", "Select from the cursor on, step by step (plots focused)"),
)
"""(what is done, what it does), for the list of keys."""

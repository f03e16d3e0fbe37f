"""What each command does, by key, menu or dialog."""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path

import pytest
from PySide6.QtCore import QMetaMethod, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from mlee_core.system.service import Done
from mlee_gui.commands import with_suffix
from mlee_gui.shell.actions import COMMANDS, GESTURES, GRID_KEYS
from mlee_gui.shell.keys_dialog import TextDialog, keys_html
from tests.helpers.fake_sound import FakeBackend
from tests.helpers.fakes import MODEL, FakeWorker, analysis, segment
from tests.helpers.windows import Make, opened, press


def test_every_command_does_something_and_keys_are_unique(make: Make) -> None:
    app = make("/x/a.wav")
    for page in ("analysis", "training"):
        keys = [key for c in COMMANDS if c.page in ("", page) for key in c.keys.split()]
        assert len(keys) == len(set(keys))
    for command in COMMANDS:
        action = app.window.actions_by_name[command.name]
        signal = QMetaMethod.fromSignal(action.triggered)
        assert action.isSignalConnected(signal), command.name
        assert action.toolTip() and action.statusTip() == command.does
        assert (escape(command.does) in keys_html()) == bool(command.keys), command.name


def test_key_list_opens_with_question_mark(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    press(qtbot, app, Qt.Key.Key_Question)
    dialogs = app.window.findChildren(TextDialog)
    text = dialogs[0].text.toPlainText()
    assert len(dialogs) == 1 and "Shift+Space" in text and GESTURES[0][0] in text
    analysis, training = text.index("Page Analysis: File"), text.index("Page Training: Training")
    assert analysis < text.index("Start or stop a recording") < training < text.index(GRID_KEYS[2][1])
    dialogs[0].close()


def test_model_dialog_shows_scores_limits_and_card(qtbot: QtBot, make: Make, tmp_path: Path) -> None:
    app = make("/x/a.wav")
    (tmp_path / "card.md").write_text("# Card\n\nNot for *interviews*.\n")
    app.session.model = replace(MODEL, card=str(tmp_path / "card.md"))
    app.window.actions_by_name["about_model"].trigger()
    [dialog] = app.window.findChildren(TextDialog)
    text = dialog.text.toPlainText()
    assert "WA 0.80, UA 0.75" in text and "10 speakers, 339 utterances" in text and "On cremad" in text
    assert MODEL.limits[0] in text and "Not for interviews." in text
    dialog.close()


def test_dropped_files_are_opened(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/x/dropped.wav"), QUrl("https://example.org/no.wav")])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    app.window.dropEvent(event)
    qtbot.waitUntil(lambda: [e.name for e in app.session.entries()] == ["a.wav", "dropped.wav"])
    assert app.settings.recent[0] == "/x/dropped.wav"


def test_selection_is_analysed_by_key_and_shown(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    app.session.set_selection((0.5, 1.25))
    press(qtbot, app, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: app.presenter.analysis is app.session.entries()[0].selection_analysis)
    shown = app.presenter.segment
    assert shown is not None and (shown.start_s, shown.end_s, shown.predicted) == (0.5, 1.25, "hap")
    assert app.window.docks["emotions_dock"].windowTitle() == "Emotions: selection 0.50–1.25 s"
    press(qtbot, app, Qt.Key.Key_Escape)
    assert app.session.selection is None and app.window.docks["emotions_dock"].windowTitle() == "Emotions"
    assert app.presenter.segment is not None and app.presenter.segment.predicted == "sad"


def test_undo_brings_a_removed_recording_back(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", "/x/b.wav")
    qtbot.waitUntil(lambda: opened(app))
    undo = app.window.actions_by_name["undo"]
    assert not undo.isEnabled()
    app.recordings.table.setFocus()
    qtbot.keyClick(app.recordings.table, Qt.Key.Key_Delete)
    assert [e.name for e in app.session.entries()] == ["b.wav"] and undo.isEnabled()
    qtbot.keyClick(app.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert [e.name for e in app.session.entries()] == ["a.wav", "b.wav"]


def test_space_plays_and_pauses_but_not_in_a_text_field_or_on_a_button(qtbot: QtBot, make: Make) -> None:
    sound = FakeBackend()
    app = make("/x/a.wav", sound=sound)
    qtbot.waitUntil(lambda: opened(app))
    app.recordings.filter.setFocus()
    qtbot.keyClick(app.recordings.filter, Qt.Key.Key_Space)
    assert app.recordings.filter.text() == " " and not sound.streams
    app.recordings.filter.setText("")
    button = QPushButton("other", app.window)
    button.show()
    button.setFocus()
    with qtbot.waitSignal(button.clicked):
        qtbot.keyClick(button, Qt.Key.Key_Space)
    assert not sound.streams
    app.timeline.plots.setFocus()
    press(qtbot, app, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: app.player.state == "playing")
    assert app.window.actions_by_name["play"].iconText() == "Pause"
    sound.streams[0].pull(1600)
    sound.streams[0].time += 0.25
    qtbot.waitUntil(lambda: abs(app.session.cursor_s - 0.05) < 1e-6)
    assert app.timeline.plots.cursor_s == app.session.cursor_s
    press(qtbot, app, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: app.player.state == "stopped")


def test_without_sound_the_commands_say_why_and_the_rest_works(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", sound=FakeBackend(devices=0))
    qtbot.waitUntil(lambda: opened(app))
    for name in ("play", "play_selection", "loop"):
        action = app.window.actions_by_name[name]
        assert not action.isEnabled() and "no sound device" in action.toolTip()


def test_values_are_copied_as_a_table(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    qtbot.keyClick(app.timeline, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    rows = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert ["emotion", "present", "hard", "soft", "fusion"] in rows
    assert ["sad", "0.900", "0.700", "0.700", "0.700"] in rows


def test_curves_are_switched_by_keys_and_stay_so(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    press(qtbot, app, Qt.Key.Key_2)
    visible = app.timeline.plots.attention.visible
    assert not visible["soft"] and visible["hard"]
    app.timeline.controls.switches["mlee"].click()
    assert not app.window.actions_by_name["show_mlee"].isChecked()
    app.window.close()
    second = make()
    qtbot.waitUntil(lambda: opened(second))
    assert second.timeline.plots.attention.visible == {"hard": True, "soft": False, "mlee": False}


def test_recent_files_are_in_the_file_menu(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    app.commands.open(["/x/b.wav"])
    qtbot.waitUntil(lambda: len(app.session.entries()) == 2)
    app.session.clear()
    menu = app.window.menu("file")
    for _ in range(2):  # filled again each time it opens
        menu.aboutToShow.emit()
    recent = [a.menu() for a in menu.actions() if a.text() == "Open re&cent"]
    assert len(recent) == 1 and [a.text() for a in recent[0].actions()][:2] == ["/x/b.wav", "/x/a.wav"]
    recent[0].actions()[1].trigger()
    qtbot.waitUntil(lambda: [e.name for e in app.session.entries()] == ["a.wav"])


def test_open_dialogs_add_what_was_chosen(
    qtbot: QtBot, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (["/y/b.wav"], ""))
    qtbot.keyClick(app.window, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: [e.name for e in app.session.entries()] == ["a.wav", "b.wav"])
    assert app.settings.last_folder == "/y"
    (tmp_path / "c.wav").touch()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(app.window, Qt.Key.Key_O, both)
    qtbot.waitUntil(lambda: [e.name for e in app.session.entries()][-1] == "c.wav")


@pytest.mark.parametrize(
    ("typed", "chosen", "written"),
    [("f.svg", "PNG (*.png)", "f.svg"), ("f", "PNG (*.png)", "f.png"), ("f.x", "", "f.x.svg")],
)
def test_figure_gets_the_requested_format(typed: str, chosen: str, written: str) -> None:
    assert with_suffix(Path(typed), chosen) == Path(written)


def test_dominant_head_is_cycled_and_remembered(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    assert app.emotions.rule == "fusion"
    press(qtbot, app, Qt.Key.Key_D)
    assert app.emotions.rule == "hard"
    app.emotions.heads["soft"].click()
    app.window.close()
    second = make()
    qtbot.waitUntil(lambda: opened(second))
    assert second.emotions.rule == "soft"


def test_enter_in_the_segments_goes_there(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    worker.answer_next()
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    job = worker.requests[0].number
    result = analysis("/x/a.wav", 2.0, (segment(0.0, 1.0), segment(1.0, 2.0, "ang")))
    worker.reply(job, Done(result))
    qtbot.waitUntil(lambda: opened(app))
    table = app.segments.table
    table.setFocus()
    table.selectRow(1)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert app.session.cursor_s == 1.0
    assert app.presenter.segment is not None and app.presenter.segment.predicted == "ang"


def test_enter_chooses_in_an_open_combo_box(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    box = app.timeline.controls.colormap
    box.setFocus()
    box.showPopup()
    qtbot.keyClick(box.view(), Qt.Key.Key_Down)
    qtbot.keyClick(box.view(), Qt.Key.Key_Return)
    assert not box.view().isVisible() and app.timeline.colormap == box.itemText(1)

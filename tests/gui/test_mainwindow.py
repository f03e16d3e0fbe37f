"""The window as a whole, with stand-ins for worker, model and devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMetaMethod, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QPushButton
from pytestqt.qtbot import QtBot

from mlee_core import pyramid
from mlee_core.protocol import Analyze, Analyzed, Refused, SegmentDone
from mlee_core.recorder import InputDevice
from mlee_core.results import Analysis
from mlee_gui import theme
from mlee_gui.actions import COMMANDS
from mlee_gui.app import Application, Makers, Wish, sample, show
from mlee_gui.commands import with_suffix
from mlee_gui.dialogs.keys import TextDialog, keys_html
from mlee_gui.plots.gestures import GESTURES
from mlee_gui.session import Entry
from mlee_gui.views import segment_at, segments_of
from tests.gui.fake_sound import MICROPHONES, FakeBackend, FakeRecorder
from tests.gui.fakes import MODEL, FakeWorker, analysis, segment, tone

Make = Callable[..., Application]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pyramid of two seconds."""
    folder = tmp_path_factory.mktemp("pyramid")
    for _ in pyramid.build(np.array(tone(2.0)), folder):
        pass
    return folder


@pytest.fixture
def make(qtbot: QtBot, drawn: Path) -> Iterator[Make]:
    """Builds and shows applications; `worker` of each is the fake under it."""
    made: list[Application] = []

    def make_application(
        *paths: str, sound: FakeBackend | None = None, answering: bool = True, **wish: bool
    ) -> Application:
        workers: list[FakeWorker] = []

        def worker() -> FakeWorker:
            workers.append(FakeWorker(answering, 2.0, drawn))
            return workers[-1]

        def devices(rescan: bool) -> tuple[InputDevice, ...]:
            return MICROPHONES

        makers = Makers(
            worker=worker,
            find_model=lambda name: MODEL,
            shipped_models=lambda: (MODEL,),
            sound=lambda: sound or FakeBackend(),  # type: ignore[arg-type,return-value]
            recorder=FakeRecorder,
            find_devices=devices,
        )
        application = Application(Wish(paths, **wish), makers)  # type: ignore[arg-type]
        application.workers = workers  # type: ignore[attr-defined]
        made.append(application)
        qtbot.addWidget(application.window, before_close_func=lambda _: application.close())
        show(application)
        qtbot.waitUntil(lambda: bool(workers) and "Looking" not in application.player.unavailable)
        qtbot.waitUntil(lambda: not application.record.unavailable)
        return application

    yield make_application
    for application in made:
        application.close()


def done(application: Application) -> bool:
    entries = application.session.entries()
    return bool(entries) and all(e.state == "done" and e.analysis is not None for e in entries)


def opened(application: Application) -> bool:
    current = application.session.current()
    return done(application) and current is not None and current.opened is not None


def press(qtbot: QtBot, application: Application, key: Qt.Key, **how: object) -> None:
    qtbot.keyClick(application.timeline, key, **how)


def test_recording_is_shown_with_its_verdict(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    assert app.timeline.view_range() == (0.0, 2.0)
    assert app.views.segment is not None and app.views.segment.verdict() == "fusion: sad 0.70; present: sad"
    assert "trained on emodb: 2 speakers" in app.window.status.model.text()
    assert "UA 0.75" in app.window.status.model.text()
    assert MODEL.limits[0] in app.limits.text()
    assert app.window.windowTitle().startswith("a.wav")


def test_first_start_opens_the_shipped_sample(qtbot: QtBot, make: Make) -> None:
    app = make()
    qtbot.waitUntil(lambda: opened(app))
    assert [e.path for e in app.session.entries()] == sample() and sample()


def test_what_was_open_comes_back(qtbot: QtBot, make: Make) -> None:
    first = make("/x/a.wav", "/x/b.wav")
    qtbot.waitUntil(lambda: opened(first))
    first.session.set_current(first.session.entries()[1].id)
    first.window.docks["segments_dock"].hide()
    first.timeline.controls.colormap.setCurrentText("viridis")
    first.timeline.controls.colormap.activated.emit(1)
    first.window.close()
    second = make()
    qtbot.waitUntil(lambda: opened(second))
    assert [e.name for e in second.session.entries()] == ["a.wav", "b.wav"]
    current = second.session.current()
    assert current is not None and current.name == "b.wav"
    assert not second.window.docks["segments_dock"].isVisible() and second.timeline.colormap == "viridis"
    assert not second.session.undo_stack.canUndo()  # coming back is no edit
    second.session.clear()
    second.window.close()
    third = make()  # an emptied list stays empty
    qtbot.waitUntil(lambda: third.window.isVisible())
    assert third.session.entries() == ()


def test_files_of_the_command_line_are_added_and_current(qtbot: QtBot, make: Make) -> None:
    first = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(first))
    first.window.close()
    second = make("/x/c.wav")
    qtbot.waitUntil(lambda: len(second.session.entries()) == 2 and opened(second))
    current = second.session.current()
    assert current is not None and current.name == "c.wav"


def test_every_command_does_something_and_keys_are_unique(make: Make) -> None:
    app = make("/x/a.wav")
    keys = [key for c in COMMANDS for key in c.keys]
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
    dialogs[0].close()


def test_model_dialog_shows_scores_limits_and_card(qtbot: QtBot, make: Make, tmp_path: Path) -> None:
    app = make("/x/a.wav")
    (tmp_path / "card.md").write_text("# Card\n\nNot for *interviews*.\n")
    app.session.model = replace(MODEL, card=str(tmp_path / "card.md"))
    app.window.actions_by_name["about_model"].trigger()
    [dialog] = app.window.findChildren(TextDialog)
    text = dialog.text.toPlainText()
    assert "WA 0.800, UA 0.750" in text and MODEL.limits[0] in text and "Not for interviews." in text
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
    qtbot.waitUntil(lambda: app.views.analysis is app.session.entries()[0].selection_analysis)
    shown = app.views.segment
    assert shown is not None and (shown.start_s, shown.end_s, shown.predicted) == (0.5, 1.25, "hap")
    assert app.window.docks["emotions_dock"].windowTitle() == "Emotions: selection 0.50–1.25 s"
    press(qtbot, app, Qt.Key.Key_Escape)
    assert app.session.selection is None and app.window.docks["emotions_dock"].windowTitle() == "Emotions"
    assert app.views.segment is not None and app.views.segment.predicted == "sad"


def test_crash_is_a_message_and_f5_tries_again(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    worker.die()
    qtbot.waitUntil(lambda: app.session.entries()[0].state == "failed")
    bar = app.window.message_bar
    assert "SIGKILL" in bar.text() and "a.wav" in bar.text() and "last words" in bar.details()
    assert bar.isVisible() and app.window.isVisible()
    bar.dismiss()
    assert not bar.isVisible()
    press(qtbot, app, Qt.Key.Key_F5)
    again: FakeWorker = app.workers[1]  # type: ignore[attr-defined]
    again.answer_next()
    qtbot.waitUntil(lambda: len(again.requests) == 1)
    again.answer_next()
    qtbot.waitUntil(lambda: opened(app))


def test_refused_file_is_one_sentence(qtbot: QtBot, make: Make) -> None:
    app = make("/x/bad.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    worker.reply(Refused(worker.requests[0].job, "/x/bad.wav is empty."))  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: app.window.message_bar.text() == "/x/bad.wav is empty.")


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
    app.recordings.set_filter("")
    button = QPushButton("other", app.window)
    button.show()
    button.setFocus()
    with qtbot.waitSignal(button.clicked):
        qtbot.keyClick(button, Qt.Key.Key_Space)
    assert not sound.streams
    app.timeline.setFocus()
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


def test_take_joins_the_list_and_is_analysed(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    press(qtbot, app, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: app.window.actions_by_name["record"].isChecked() and app.record.recording)
    press(qtbot, app, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: [e.name for e in app.session.entries()] == ["a.wav", "take-1.wav"])
    qtbot.waitUntil(lambda: opened(app))
    current = app.session.current()
    assert current is not None and current.name == "take-1.wav"


def test_take_that_runs_when_the_window_closes_is_in_the_list_next_time(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    press(qtbot, app, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: app.record.recording)
    app.window.close()
    second = make()
    qtbot.waitUntil(lambda: len(second.session.entries()) == 2)
    assert second.session.entries()[1].name == "take-1.wav"


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
    assert not app.timeline.encoder_visible("soft") and app.timeline.encoder_visible("hard")
    app.timeline.controls.switches["mlee"].click()
    assert not app.window.actions_by_name["show_mlee"].isChecked()
    app.window.close()
    second = make()
    qtbot.waitUntil(lambda: opened(second))
    assert [second.timeline.encoder_visible(e) for e in ("hard", "soft", "mlee")] == [True, False, False]


def test_activity_and_stop(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", "/x/b.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    assert app.window.status.stop.isVisible() and "a.wav" in app.window.status.activity.text()
    app.window.status.stop.click()
    assert [e.state for e in app.session.entries()] == ["cancelled"] * 2
    assert not app.window.status.stop.isVisible()


def test_recent_files_are_in_the_file_menu(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    app.commands.open(["/x/b.wav"])
    qtbot.waitUntil(lambda: len(app.session.entries()) == 2)
    app.session.clear()
    menu = app.window.menu("file")
    for _ in range(2):  # filled anew each time it opens
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
def test_figure_gets_the_format_asked_for(typed: str, chosen: str, written: str) -> None:
    assert with_suffix(Path(typed), chosen) == Path(written)


def test_segments_are_drawn_as_they_arrive(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    worker.answer_next()
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    job = worker.requests[0].job  # type: ignore[attr-defined]
    worker.reply(SegmentDone(job, segment(0.0, 1.0)), SegmentDone(job, segment(1.0, 2.0, "ang")))
    qtbot.waitUntil(lambda: app.timeline.segment_at(1.5) == 1)
    app.timeline.cursor_requested.emit(1.5)
    assert app.views.segment is not None and app.views.segment.predicted == "ang"
    assert app.views.analysis is None  # not finished


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
    job = worker.requests[0].job  # type: ignore[attr-defined]
    result = analysis("/x/a.wav", 2.0, (segment(0.0, 1.0), segment(1.0, 2.0, "ang")))
    worker.reply(Analyzed(job, result))
    qtbot.waitUntil(lambda: opened(app))
    table = app.segments.table
    table.setFocus()
    table.selectRow(1)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    assert app.session.cursor_s == 1.0
    assert app.views.segment is not None and app.views.segment.predicted == "ang"


def test_plots_say_why_they_are_empty(qtbot: QtBot, make: Make) -> None:
    app = make("/x/bad.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    assert app.timeline.plots.nothing_shown == "Reading bad.wav…"
    worker.reply(Refused(worker.requests[0].job, "It is empty."))  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: "It is empty." in app.timeline.plots.nothing_shown)
    app.session.clear()
    assert "Drop a file" in app.timeline.plots.nothing_shown


def test_dark_and_light_redraw_the_icons(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    before = app.window.actions_by_name["fit"].icon().pixmap(20, 20).toImage()
    app.window.setPalette(theme.palette("dark"))
    after = app.window.actions_by_name["fit"].icon().pixmap(20, 20).toImage()
    assert before != after


def test_fault_of_ours_is_a_sentence_and_the_window_lives(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    app.messages.failed("drawing", KeyError("oops"))
    text = app.window.message_bar.text()
    assert "fault of MLEE's own while drawing" in text and "Traceback" not in text and "window.log" in text
    assert app.window.isVisible() and not app.window.findChildren(QDialog)


def test_analysis_of_the_selection_replaces_what_lies_under_it() -> None:
    whole = tuple(segment(start, start + 20) for start in (0, 20, 40))
    chosen = analysis("/a.wav", 60.0, (segment(15, 25, "hap"),))
    entry = Entry(1, "/a.wav", "a.wav", segments=whole, selection_analysis=chosen)
    assert [(s.start_s, s.end_s) for s in segments_of(entry)] == [(15, 25), (40, 60)]
    assert segment_at(whole, 45.0, False) is whole[2]
    assert segment_at(whole, 70.0, False) is None and segment_at(whole, 70.0, True) is whole[0]


def test_model_request_carries_what_was_chosen(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    sent = [r for r in worker.requests if isinstance(r, Analyze)]
    assert {r.model for r in sent} == {app.session.model_name} and app.session.model_name
    result = app.session.entries()[0].analysis
    assert isinstance(result, Analysis) and QApplication.activeModalWidget() is None

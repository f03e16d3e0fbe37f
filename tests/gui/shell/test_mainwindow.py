"""The window as a whole, with fakes for worker, model and devices."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog
from pytestqt.qtbot import QtBot

from mlee_core.inference.protocol import Analyze
from mlee_core.inference.results import Analysis
from mlee_core.system.service import Refused
from mlee_gui.app import sample
from mlee_gui.listening.presenter import segment_at, segments_of
from mlee_gui.recordings.session import Entry
from mlee_gui.shell import theme
from tests.helpers.fakes import MODEL, FakeWorker, analysis, segment
from tests.helpers.windows import Make, opened, press


def test_recording_is_shown_with_its_verdict(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    qtbot.waitUntil(lambda: opened(app))
    assert app.timeline.view_range() == (0.0, 2.0)
    assert (
        app.presenter.segment is not None
        and app.presenter.segment.verdict() == "fusion: sad 0.70; present: sad"
    )
    assert "trained on emodb: 2 speakers" in app.window.status.model.text()
    assert "on 10 unseen speakers: WA 0.80, UA 0.75 · on cremad: WA 0.60" in app.window.status.model.text()
    assert MODEL.limits[0] in app.emotions.limits.text()
    assert app.window.windowTitle().startswith("a.wav")


def test_first_start_opens_the_shipped_sample(qtbot: QtBot, make: Make) -> None:
    app = make()
    qtbot.waitUntil(lambda: opened(app))
    assert [e.path for e in app.session.entries()] == sample() and sample()


def test_what_was_open_comes_back(qtbot: QtBot, make: Make) -> None:
    first = make("/x/a.wav", "/x/b.wav")
    qtbot.waitUntil(lambda: opened(first))
    first.session.set_current(first.session.entries()[1].id)
    first.window.docks["record_dock"].hide()
    first.timeline.controls.colormap.setCurrentText("viridis")
    first.timeline.controls.colormap.activated.emit(1)
    first.window.close()
    second = make()
    qtbot.waitUntil(lambda: opened(second))
    assert [e.name for e in second.session.entries()] == ["a.wav", "b.wav"]
    current = second.session.current()
    assert current is not None and current.name == "b.wav"
    assert not second.window.docks["record_dock"].isVisible() and second.timeline.colormap == "viridis"
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
    worker.reply(worker.requests[0].number, Refused("/x/bad.wav is empty."))
    qtbot.waitUntil(lambda: app.window.message_bar.text() == "/x/bad.wav is empty.")


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


def test_activity_and_stop(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", "/x/b.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    assert app.window.status.stop.isVisible() and "a.wav" in app.window.status.activity.text()
    app.window.status.stop.click()
    assert [e.state for e in app.session.entries()] == ["cancelled"] * 2
    assert not app.window.status.stop.isVisible()


def test_segments_are_drawn_as_they_arrive(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    worker.answer_next()
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    worker.reply(worker.requests[0].number, segment(0.0, 1.0), segment(1.0, 2.0, "ang"))
    qtbot.waitUntil(lambda: app.timeline.segment_at(1.5) == 1)
    app.timeline.cursor_requested.emit(1.5)
    assert app.presenter.segment is not None and app.presenter.segment.predicted == "ang"
    assert app.presenter.analysis is None  # not finished


def test_plots_say_why_they_are_empty(qtbot: QtBot, make: Make) -> None:
    app = make("/x/bad.wav", answering=False)
    worker: FakeWorker = app.workers[0]  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(worker.requests) == 1)
    assert app.timeline.plots.placeholder == "Reading bad.wav…"
    worker.reply(worker.requests[0].number, Refused("It is empty."))
    qtbot.waitUntil(lambda: "It is empty." in app.timeline.plots.placeholder)
    app.session.clear()
    assert "Drop a file" in app.timeline.plots.placeholder


def test_dark_and_light_redraw_the_icons(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    before = app.window.actions_by_name["fit"].icon().pixmap(20, 20).toImage()
    app.window.setPalette(theme.palette("dark"))
    after = app.window.actions_by_name["fit"].icon().pixmap(20, 20).toImage()
    assert before != after


def test_internal_error_is_a_sentence_and_the_window_stays(qtbot: QtBot, make: Make) -> None:
    app = make("/x/a.wav")
    app.messages.failed("drawing", KeyError("oops"))
    text = app.window.message_bar.text()
    assert "Internal error of MLEE while drawing" in text and "Traceback" not in text and "window.log" in text
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
    sent = [r.content for r in worker.requests if isinstance(r.content, Analyze)]
    assert {r.model for r in sent} == {app.session.model_name} and app.session.model_name
    result = app.session.entries()[0].analysis
    assert isinstance(result, Analysis) and QApplication.activeModalWidget() is None


@pytest.mark.parametrize("built", ["Training", "form", "page"])
def test_a_training_page_that_is_half_built_leaves_with_its_window(make: Make, built: str) -> None:
    """What stays would be seen by the look at each test's end."""
    lazy_page = make().lazy_page
    lazy_page._parts = lazy_page._build()
    assert next(part for part in lazy_page._parts if part == built) == built and lazy_page.training is None

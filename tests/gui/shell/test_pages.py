"""The two pages of the window: docks, commands, keys, undo and title belong to the one that is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from mlee_gui.app import Application
from tests.helpers.windows import Make, opened, press

pytestmark = pytest.mark.usefixtures("training_at_once")


def loaded(qtbot: QtBot, application: Application) -> Application:
    qtbot.waitUntil(lambda: application.lazy_page.training is not None)
    return application


def test_docks_and_keys_belong_to_their_page(qtbot: QtBot, make: Make) -> None:
    app = loaded(qtbot, make("/x/a.wav"))
    qtbot.waitUntil(lambda: opened(app))
    shown = {name for name, dock in app.window.docks.items() if dock.isVisible()}
    actions = app.window.actions_by_name
    assert "recordings_dock" in shown and not actions["cancel_run"].isVisible()
    press(qtbot, app, Qt.Key.Key_2, modifier=Qt.KeyboardModifier.ControlModifier)
    assert app.window.page == "training" and not any(d.isVisible() for d in app.window.docks.values())
    assert actions["cancel_run"].isVisible() and not actions["record"].isVisible()
    assert app.window.menu("training").menuAction().isVisible()
    assert not app.window.menu("play").menuAction().isVisible()
    qtbot.keyClick(app.window, Qt.Key.Key_R)  # records on the other page
    assert not app.record.recording
    qtbot.keyClick(app.window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert {name for name, dock in app.window.docks.items() if dock.isVisible()} == shown


def test_the_page_comes_back_and_so_do_the_docks(qtbot: QtBot, make: Make) -> None:
    first = loaded(qtbot, make("/x/a.wav"))
    qtbot.waitUntil(lambda: opened(first))
    first.window.tabs.setCurrentIndex(1)
    assert first.window.page == "training"
    first.window.close()
    second = loaded(qtbot, make())
    assert second.window.page == "training" and not second.window.docks["emotions_dock"].isVisible()
    second.window.show_page("analysis")
    assert second.window.docks["emotions_dock"].isVisible()


def test_docks_come_back_as_wide_as_they_were(qtbot: QtBot, make: Make) -> None:
    app = loaded(qtbot, make("/x/a.wav"))
    qtbot.waitUntil(lambda: opened(app))
    app.window.resize(1400, 900)
    widths = {name: dock.width() for name, dock in app.window.docks.items() if dock.isVisible()}
    for page in ("training", "analysis", "training", "analysis"):
        app.window.show_page(page)  # type: ignore[arg-type]
    qtbot.waitUntil(lambda: {name: app.window.docks[name].width() for name in widths} == widths)


def test_undo_is_the_shown_pages(qtbot: QtBot, make: Make) -> None:
    app = loaded(qtbot, make("/x/a.wav", "/x/b.wav"))
    qtbot.waitUntil(lambda: opened(app))
    app.session.remove([app.session.entries()[0].id])
    undo = app.window.actions_by_name["undo"]
    assert undo.isEnabled()
    app.window.show_page("training")
    assert not undo.isEnabled()
    app.window.show_page("analysis")
    undo.trigger()
    assert len(app.session.entries()) == 2


def test_new_experiment_opens_the_form_from_anywhere(qtbot: QtBot, make: Make) -> None:
    app = loaded(qtbot, make("/x/a.wav"))
    press(qtbot, app, Qt.Key.Key_N, modifier=Qt.KeyboardModifier.ControlModifier)
    assert app.lazy_page.training is not None and app.window.page == "training"
    assert app.lazy_page.training.form.isVisible()


def test_progress_stands_in_title_and_tab(qtbot: QtBot, make: Make) -> None:
    app = loaded(qtbot, make("/x/a.wav"))
    qtbot.waitUntil(lambda: opened(app))
    assert app.lazy_page.training is not None
    app.lazy_page.training.progressed.emit(0.34, "2 h left")
    assert app.window.windowTitle() == "34% trained, 2 h left – a.wav – MLEE"
    assert app.window.tabs.tabText(1) == "Training 34%"
    app.lazy_page.training.progressed.emit(None, "")
    assert app.window.windowTitle() == "a.wav – MLEE" and app.window.tabs.tabText(1) == "Training"


def test_a_long_recording_shows_its_segments_when_its_page_is_back(qtbot: QtBot, make: Make) -> None:
    app = loaded(qtbot, make("/x/a.wav"))
    qtbot.waitUntil(lambda: opened(app))
    app.window.show_page("training")
    app.presenter.long_shown.emit(True)
    assert not app.window.docks["segments_dock"].isVisible()
    app.window.show_page("analysis")
    assert app.window.docks["segments_dock"].isVisible()


def test_a_trained_model_is_used_on_the_other_page(qtbot: QtBot, make: Make, tmp_path: Path) -> None:
    app = loaded(qtbot, make("/x/a.wav"))
    requested: list[str] = []
    app.session.model_changed.connect(lambda _: requested.append(app.session.model_name))
    assert app.lazy_page.training is not None
    app.lazy_page.training.model_chosen.emit(str(tmp_path / "model.safetensors"))
    assert requested == [str(tmp_path / "model.safetensors")]

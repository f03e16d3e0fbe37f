"""The record panel: start, level, stop, and the reason where nothing can be recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from mlee_core.audio.microphone import FLOOR_DB, InputDevice, RecorderUnavailable
from mlee_gui.recordings.record_panel import RecordPanel
from mlee_gui.shell.messages import Message, Messages
from mlee_gui.shell.settings import Settings
from mlee_gui.shell.tasks import Tasks
from tests.helpers.fake_sound import MICROPHONES, FakeRecorder

Make = Callable[..., RecordPanel]


@pytest.fixture
def posted() -> list[Message]:
    return []


@pytest.fixture
def made() -> list[FakeRecorder]:
    return []


@pytest.fixture
def make(qtbot: QtBot, tmp_path: Path, posted: list[Message], made: list[FakeRecorder]) -> Iterator[Make]:
    tasks, messages, settings = Tasks("sound"), Messages(), Settings()
    messages.posted.connect(posted.append)

    def make_panel(why_no_device: str = "", why_not: str = "") -> RecordPanel:
        def find(rescan: bool) -> tuple[InputDevice, ...]:
            if why_no_device:
                raise RecorderUnavailable(why_no_device)
            return MICROPHONES

        def recorder(folder: Path, device: str | None) -> FakeRecorder:
            made.append(FakeRecorder(folder, device, why_not))
            return made[-1]

        panel = RecordPanel(tasks, messages, settings, tmp_path / "takes", recorder, find)
        qtbot.addWidget(panel)
        panel.show()
        with qtbot.waitSignal(panel.availability_changed):
            panel.find_devices()
        return panel

    yield make_panel
    tasks.stop()


def test_take_is_handed_on_when_stopped(qtbot: QtBot, make: Make, made: list[FakeRecorder]) -> None:
    panel = make()
    with qtbot.waitSignal(panel.recording_changed):
        panel.button.click()
    assert panel.recording and panel.button.text() == "Stop" and not panel.device.isEnabled()
    made[0].level_db, made[0].elapsed_s = -12.0, 3.26
    qtbot.waitUntil(lambda: panel.meter.level_db == -12.0)
    assert panel.elapsed.text() == "3.3 s"
    with qtbot.waitSignal(panel.take_finished) as caught:
        panel.button.click()
    assert caught.args == [str(made[0].path)]
    assert not panel.recording and panel.button.text() == "Record" and panel.meter.level_db == FLOOR_DB


def test_meter_holds_its_peak(qtbot: QtBot, make: Make) -> None:
    meter = make().meter
    meter.show_level(-6.0)
    meter.show_level(-40.0)
    assert (meter.level_db, meter.held_db) == (-40.0, -6.0)


def test_chosen_device_is_used_and_remembered(qtbot: QtBot, make: Make, made: list[FakeRecorder]) -> None:
    panel = make()
    assert [panel.device.itemText(i) for i in range(3)] == ["System default", "Built-in", "Headset"]
    panel.device.setCurrentIndex(2)
    panel.device.activated.emit(2)
    with qtbot.waitSignal(panel.recording_changed):
        panel.toggle()
    assert made[0].device == "Headset"
    assert make().device.currentText() == "Headset"
    with qtbot.waitSignal(panel.take_finished):
        panel.toggle()


def test_without_a_microphone_the_button_gives_the_reason(make: Make, posted: list[Message]) -> None:
    remedy = "Recording needs PortAudio, which is not installed: run `apt install libportaudio2`."
    panel = make(why_no_device=remedy)
    assert not panel.button.isEnabled() and panel.button.toolTip() == remedy
    assert panel.why.isVisible() and panel.why.text() == remedy
    panel.resize(panel.minimumSizeHint().width(), 60)
    assert panel.minimumSizeHint().height() > 60 + panel.why.fontMetrics().height()  # all its lines
    assert panel.rescan.isEnabled() and posted == []
    panel.toggle()
    assert not panel.recording


def test_device_that_is_busy_is_a_message(qtbot: QtBot, make: Make, posted: list[Message]) -> None:
    panel = make(why_not="The microphone cannot be opened (busy).")
    panel.toggle()
    qtbot.waitUntil(lambda: len(posted) == 1)
    assert posted[0].text == "The microphone cannot be opened (busy)."
    assert not panel.recording and panel.button.isEnabled()


def test_take_that_ends_by_itself_is_kept_and_told(
    qtbot: QtBot, make: Make, made: list[FakeRecorder], posted: list[Message]
) -> None:
    panel = make()
    with qtbot.waitSignal(panel.recording_changed):
        panel.toggle()
    with qtbot.waitSignal(panel.take_finished):
        made[0].error = "The microphone stopped after 2.0 s; the take so far is kept."
        made[0].recording = False
    assert [m.text for m in posted] == [made[0].error]


def test_closing_ends_the_take_and_names_its_file(qtbot: QtBot, make: Make, made: list[FakeRecorder]) -> None:
    panel = make()
    assert panel.finish() is None
    with qtbot.waitSignal(panel.recording_changed):
        panel.toggle()
    assert panel.finish() == made[0].path
    qtbot.waitUntil(lambda: not made[0].recording)

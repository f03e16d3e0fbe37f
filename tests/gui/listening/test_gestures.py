"""What mouse and keys do to the plots."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_gui.listening.timeline import Timeline
from tests.helpers.timelines import PLAIN, SHIFT, at, hot, verdict, wheel


def test_values_under_the_mouse_are_the_data(timeline: Timeline, minutes: Pyramid, qtbot: QtBot) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.show_segments([verdict(74, 76.2, hard=hot(13, 6), mlee=(1 / 13,) * 13), verdict(80, 90)])
    timeline.zoom_to(74.9, 75.1)
    texts: list[str] = []
    timeline.hovered.connect(texts.append)
    place = at(timeline, 75.0, height=0.75)
    qtbot.mouseMove(timeline.plots, place)
    assert texts, "no text"
    clock_minutes, seconds = texts[-1].split(" · ")[0].split(":")
    time_s = 60 * int(clock_minutes) + float(seconds)
    assert time_s == pytest.approx(timeline.plots.scale().time(place.x()), abs=6e-4)
    hertz = timeline.plots.spectrogram.frequency(timeline.plots.lanes().spectrogram, place.y())
    assert hertz == pytest.approx(1000, abs=20)
    level = minutes.db_at(time_s, hertz)
    assert texts[-1].split(" · ")[1:] == [
        "1.00 kHz",
        f"{level:.1f} dB",
        "attention: hard 90.0 %, MLEE 7.7 %",
        "fusion: sad 0.70; present: neutral, sad",
    ]
    timeline.fit()
    qtbot.mouseMove(timeline.plots, at(timeline, 78.0, "waveform"))
    assert texts[-1] == f"1:{timeline.plots.scale().time(at(timeline, 78.0).x()) - 60:06.3f}"
    qtbot.mouseMove(timeline.plots, QPoint(2, 2))
    assert texts[-1] == ""


def test_the_wheel_zooms_at_the_mouse_and_stays_inside(timeline: Timeline, minutes: Pyramid) -> None:
    timeline.show_recording(minutes, 120.0)
    place = at(timeline, 90.0)
    before = timeline.plots.scale().time(place.x())
    for _ in range(6):
        wheel(timeline, place, 1, PLAIN)
    start, end = timeline.view_range()
    assert end - start == pytest.approx(120 * 0.8**6)
    assert timeline.plots.scale().time(place.x()) == pytest.approx(before, abs=1e-6)
    wheel(timeline, place, -1, SHIFT)
    assert timeline.view_range()[0] == pytest.approx(start + 0.1 * (end - start))
    wheel(timeline, place, 0, PLAIN, across=1)
    assert timeline.view_range()[0] == pytest.approx(start)
    for _ in range(80):
        wheel(timeline, place, 1, PLAIN)
    assert timeline.view_range()[1] - timeline.view_range()[0] == pytest.approx(0.1)
    for _ in range(80):
        wheel(timeline, place, -1, PLAIN)
    assert timeline.view_range() == (0.0, 120.0)


def test_commands_of_the_time_axis(timeline: Timeline, minutes: Pyramid) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.set_cursor(30.0)
    timeline.zoom_in()
    assert timeline.view_range() == pytest.approx((15.0, 75.0))  # the cursor stays at a quarter
    timeline.pan(0.5)
    assert timeline.view_range() == pytest.approx((45.0, 105.0))
    timeline.end()
    assert timeline.view_range() == (60.0, 120.0)
    timeline.home()
    assert timeline.view_range() == (0.0, 60.0)
    timeline.zoom_to(100.0, 200.0)
    assert timeline.view_range() == pytest.approx((20.0, 120.0))
    timeline.zoom_out()
    assert timeline.view_range() == (0.0, 120.0)


def test_dragging_selects_once_and_borders_can_be_moved(
    timeline: Timeline, minutes: Pyramid, qtbot: QtBot
) -> None:
    timeline.show_recording(minutes, 120.0)
    selections: list[object] = []
    timeline.selection_changed.connect(selections.append)

    def drag(start_s: float, end_s: float) -> tuple[float, float]:
        qtbot.mousePress(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, start_s, "waveform"))
        for share in (0.3, 0.7, 1.0):
            qtbot.mouseMove(timeline.plots, at(timeline, start_s + (end_s - start_s) * share, "waveform"))
        qtbot.mouseRelease(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, end_s, "waveform"))
        span = selections[-1]
        assert isinstance(span, tuple) and span == timeline.plots.selection
        return span

    assert drag(40, 20) == pytest.approx((20, 40), abs=0.2)
    assert len(selections) == 1
    assert drag(40, 60) == pytest.approx((20, 60), abs=0.2)  # took hold of the right border
    assert drag(20, 70) == pytest.approx((60, 70), abs=0.2)  # the left one, across the other


def test_a_click_sets_the_cursor_and_outside_clears_the_selection(
    timeline: Timeline, minutes: Pyramid, qtbot: QtBot
) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.set_selection((20.0, 40.0))
    selections: list[object] = []
    cursors: list[float] = []
    timeline.selection_changed.connect(selections.append)
    timeline.cursor_requested.connect(cursors.append)
    qtbot.mouseClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 30.0))
    assert cursors == [pytest.approx(30, abs=0.2)] and not selections
    qtbot.mouseClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 80.0))
    assert cursors[1] == pytest.approx(80, abs=0.2) and selections == [None]


def test_the_overview_moves_what_is_visible(timeline: Timeline, minutes: Pyramid, qtbot: QtBot) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.zoom_to(0.0, 30.0)
    plots = timeline.plots
    qtbot.mousePress(plots, Qt.MouseButton.LeftButton, pos=at(timeline, 15.0, "overview"))
    qtbot.mouseMove(plots, at(timeline, 60.0, "overview"))
    qtbot.mouseRelease(plots, Qt.MouseButton.LeftButton, pos=at(timeline, 60.0, "overview"))
    assert timeline.view_range() == pytest.approx((45.0, 75.0), abs=0.3)
    qtbot.mouseClick(plots, Qt.MouseButton.LeftButton, pos=at(timeline, 100.0, "overview"))
    assert timeline.view_range() == pytest.approx((85.0, 115.0), abs=0.3)
    qtbot.mousePress(plots, Qt.MouseButton.LeftButton, pos=at(timeline, timeline.view_range()[0], "overview"))
    qtbot.mouseMove(plots, at(timeline, 50.0, "overview"))
    qtbot.mouseRelease(plots, Qt.MouseButton.LeftButton, pos=at(timeline, 50.0, "overview"))
    assert timeline.view_range() == pytest.approx((50.0, 115.0), abs=0.5)


def test_keys_move_the_cursor_and_select(timeline: Timeline, minutes: Pyramid, qtbot: QtBot) -> None:
    timeline.show_recording(minutes, 120.0)
    cursors: list[float] = []
    selections: list[object] = []
    timeline.cursor_requested.connect(cursors.append)
    timeline.selection_changed.connect(selections.append)
    timeline.set_cursor(10.0)
    qtbot.keyClick(timeline.plots, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert cursors == [pytest.approx(10.16)] and not selections
    for _ in range(2):
        qtbot.keyClick(timeline.plots, Qt.Key.Key_Right, SHIFT)
    assert selections[-1] == pytest.approx((10.16, 10.48))
    qtbot.keyClick(timeline.plots, Qt.Key.Key_Left, SHIFT)
    assert selections[-1] == pytest.approx((10.16, 10.32))


def test_double_click_shows_the_segment_alone_and_then_all(
    timeline: Timeline, minutes: Pyramid, qtbot: QtBot
) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.show_segments([verdict(10, 30), verdict(40, 65, "ang")])
    qtbot.mouseDClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 50.0))
    assert timeline.view_range() == (40.0, 65.0)
    qtbot.mouseDClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 50.0))
    assert timeline.view_range() == (0.0, 120.0)

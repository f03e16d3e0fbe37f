"""The plots as they come out on the screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QPalette
from pytestqt.qtbot import QtBot

from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.figures.palette import CLASS_COLORS, ENCODER_STYLES
from mlee_gui.listening.timeline import Timeline
from mlee_gui.speed.frame_benchmark import frame_times
from tests.helpers.timelines import PLAIN, RATE, columns_of, hot, picture, verdict, wheel


@pytest.mark.parametrize("encoder", ["hard", "soft", "mlee"])
@pytest.mark.parametrize("i", [0, 7, 23])
def test_a_hot_step_is_drawn_at_its_own_time(
    timeline: Timeline, quiet: Pyramid, encoder: str, i: int
) -> None:
    timeline.show_recording(quiet, 4.0)
    timeline.show_segments([verdict(0, 4.0, **{encoder: hot(24, i)})])
    scale, lane = timeline.plots.scale(), timeline.plots.lanes().spectrogram
    upper = QRectF(
        lane.left(), lane.top(), lane.width(), lane.height() / 2
    )  # only the hot step reaches up here
    found = columns_of(picture(timeline), ENCODER_STYLES[encoder].color, upper)
    assert found[0] == pytest.approx(scale.x(0.16 * i + 0.015), abs=2)
    assert found[-1] == pytest.approx(scale.x(0.16 * i + 0.175), abs=2)


def test_a_curve_that_is_off_is_not_drawn_and_the_scale_follows(
    timeline: Timeline, quiet: Pyramid, qtbot: QtBot
) -> None:
    timeline.show_recording(quiet, 4.0)
    timeline.show_segments([verdict(0, 4.0, hard=hot(24, 3), soft=(1 / 24,) * 24)])
    lane = timeline.plots.lanes().spectrogram
    color = ENCODER_STYLES["hard"].color
    assert columns_of(picture(timeline), color, lane)
    with qtbot.waitSignal(timeline.encoder_toggled) as signal:
        qtbot.keyClick(timeline.controls.switches["hard"], Qt.Key.Key_Space)
    assert signal.args == ["hard", False] and not timeline.plots.attention.visible["hard"]
    assert not columns_of(picture(timeline), color, lane)
    middle = QRectF(lane.left(), lane.top(), lane.width(), lane.height() * 0.1)
    assert columns_of(picture(timeline), ENCODER_STYLES["soft"].color, middle)  # 4 % now reaches the top
    timeline.set_encoder_visible("hard", True)
    assert timeline.controls.switches["hard"].isChecked()


def test_encoders_that_the_model_lacks_cannot_be_switched(timeline: Timeline, quiet: Pyramid) -> None:
    timeline.show_recording(quiet, 4.0)
    timeline.show_segments([verdict(0, 4.0, mlee=hot(24, 3))])
    switches = timeline.controls.switches
    assert [switches[n].isEnabled() for n in ("hard", "soft", "mlee")] == [False, False, True]
    assert "no encoder" in switches["hard"].toolTip() and "160 ms" in switches["mlee"].toolTip()


def test_the_tail_is_greyed(timeline: Timeline, quiet: Pyramid) -> None:
    timeline.show_recording(quiet, 4.0)
    timeline.show_segments([verdict(0, 4.0, hard=(1 / 24,) * 24)])  # attended to up to 3.855 s
    image, high = picture(timeline), timeline.plots.lanes().spectrogram.bottom() - 40
    scale = timeline.plots.scale()

    def grey(time_s: float) -> float:
        xs = range(round(scale.x(time_s)) - 3, round(scale.x(time_s)) + 4)
        return float(np.mean([QColor(image.pixel(x, round(high))).lightness() for x in xs]))

    assert grey(3.93) > 50 > 20 > grey(3.80)


def test_a_click_is_seen_at_every_zoom(timeline: Timeline, minutes: Pyramid) -> None:
    timeline.show_recording(minutes, 120.0)
    lane = timeline.plots.lanes().spectrogram
    for start, end in ((0, 120), (30, 100), (74, 76), (74.9, 75.1)):
        timeline.zoom_to(start, end)
        image, y = picture(timeline), round(lane.center().y())
        light = [
            QColor(image.pixel(x, y)).lightness() for x in range(int(lane.left()) + 2, int(lane.right()) - 2)
        ]
        assert max(light) > 60, (start, end)
        assert timeline.plots.scale().time(int(lane.left()) + 2 + int(np.argmax(light))) == pytest.approx(
            75.0, abs=max(0.05, (end - start) / 200)
        )


def test_the_track_shows_the_segments(timeline: Timeline, minutes: Pyramid) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.show_segments([verdict(10, 30, "hap"), verdict(40, 65, "ang")])
    image, lane = picture(timeline), timeline.plots.lanes().track

    def color(time_s: float, height: float) -> str:
        return QColor(image.pixel(round(timeline.plots.scale().x(time_s)), round(lane.top() + height))).name()

    base = timeline.palette().color(QPalette.ColorRole.Base).name()
    assert [color(t, 3) for t in (11, 35, 41)] == [CLASS_COLORS["hap"], base, CLASS_COLORS["ang"]]
    row = (lane.height() - timeline.fontMetrics().height() * 1.35) / 4
    marks = [color(20, lane.height() - row * (3.5 - k)) for k in range(4)]
    assert marks == [CLASS_COLORS["neu"], base, CLASS_COLORS["sad"], base]  # existence 0.6, 0.2, 0.9, 0.1
    assert [timeline.segment_at(t) for t in (5, 20, 35, 50)] == [None, 0, None, 1]


def test_a_short_recording_has_no_track(timeline: Timeline, quiet: Pyramid) -> None:
    timeline.show_recording(quiet, 4.0)
    timeline.show_segments([verdict(0, 4.0, hard=(1 / 24,) * 24)])
    assert timeline.plots.lanes().track.isEmpty()


def test_a_moving_cursor_does_not_repaint_the_plots(timeline: Timeline, minutes: Pyramid) -> None:
    timeline.show_recording(minutes, 120.0)
    picture(timeline)
    kept = timeline.plots._picture
    assert kept is not None
    timeline.set_cursor(60.0)
    image = picture(timeline)
    assert timeline.plots._picture is kept
    x = round(timeline.plots.scale().x(60.0))
    assert QColor(image.pixel(x, round(timeline.plots.lanes().spectrogram.center().y()))).name() == "#ffffff"
    timeline.zoom_to(0.0, 30.0)
    timeline.set_cursor(31.0, follow=True)
    assert timeline.view_range()[0] <= 31.0 <= timeline.view_range()[1]


def test_display_settings(timeline: Timeline, minutes: Pyramid) -> None:
    timeline.show_recording(minutes, 120.0)
    changes: list[int] = []
    timeline.display_changed.connect(lambda: changes.append(1))
    middle = timeline.plots.lanes().spectrogram.center().toPoint()
    timeline.set_db_range(-120, 0)
    dim = QColor(picture(timeline).pixel(middle)).lightness()
    timeline.set_db_range(-120, -60)
    assert QColor(picture(timeline).pixel(middle)).lightness() > dim + 20
    timeline.set_colormap("grey")
    color = QColor(picture(timeline).pixel(middle))
    assert color.red() == color.green() == color.blue()
    assert not changes, "only actions of the user are signalled"
    timeline.controls.low.setValue(-62)
    assert changes == [1] and timeline.db_range == (-62.0, -52.0)  # at least 10 dB apart: the other one moved
    timeline.set_colormap("no such map")
    assert timeline.colormap == "magma"
    timeline.set_db_range(-500, 500)
    assert timeline.db_range == (-120.0, 6.0)


def test_light_and_dark_follow_the_palette(timeline: Timeline, quiet: Pyramid) -> None:
    timeline.show_recording(quiet, 4.0)
    for base, text in (("#111111", "#eeeeee"), ("#fefefe", "#000000")):
        palette = QPalette()
        palette.setColor(QPalette.ColorRole.Base, QColor(base))
        palette.setColor(QPalette.ColorRole.Text, QColor(text))
        timeline.setPalette(palette)
        image = picture(timeline)
        assert QColor(image.pixel(1, 1)).name() == base
        axis = timeline.plots.lanes().axis.toRect()
        light = [
            QColor(image.pixel(x, y)).lightness()
            for x in range(axis.left(), axis.right())
            for y in (axis.y() + 8,)
        ]
        assert max(abs(v - QColor(base).lightness()) for v in light) > 100, "ticks cannot be read"


def test_no_recording_and_the_shortest_recording(
    timeline: Timeline, build: Callable[[np.ndarray], Pyramid], qtbot: QtBot
) -> None:
    requested: list[object] = []
    timeline.cursor_requested.connect(requested.append)
    for _ in range(2):
        qtbot.mouseClick(timeline.plots, Qt.MouseButton.LeftButton, pos=QPoint(300, 300))
        qtbot.mouseMove(timeline.plots, QPoint(310, 300))
        wheel(timeline, QPoint(300, 300), 1, PLAIN)
        timeline.zoom_in()
        timeline.fit()
        assert not requested and timeline.view_range() == (0.0, 0.0)
        timeline.show_recording(build(np.ones(10)), 10 / RATE)
        timeline.show_segments([verdict(0, 10 / RATE, hard=(1.0,))])
        assert picture(timeline).width() == timeline.plots.width()
        timeline.zoom_in()
        assert timeline.view_range() == (0.0, 10 / RATE)
        timeline.clear()


@pytest.mark.parametrize("width", [330, 620, 1200])
def test_controls_wrap_and_do_not_overlap(timeline: Timeline, width: int, qtbot: QtBot) -> None:
    timeline.resize(width, 500)
    qtbot.waitUntil(lambda: timeline.width() == width)
    boxes = [
        timeline.controls.layout().itemAt(i).geometry() for i in range(timeline.controls.layout().count())
    ]
    assert all(timeline.controls.rect().contains(box) for box in boxes), (boxes, timeline.controls.rect())
    assert not any(a.intersects(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_bench_paints_frames(qtbot: QtBot) -> None:
    times = frame_times(90.0, 12)
    assert len(times) == 12 and all(0 < t < 10_000 for t in times)

"""The plots as they come out on the screen, and what mouse and keys do to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPalette, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlee_core import pyramid
from mlee_core.palette import CLASS_COLORS, ENCODER_STYLES
from mlee_core.pyramid import Pyramid
from mlee_core.results import Attention, Segment
from mlee_gui.plots.frame_bench import frame_times
from mlee_gui.plots.timeline import Timeline

RATE = 16_000
CLASSES = ("neu", "hap", "sad", "ang")
SHARES = {"hard": (0.1, 0.2, 0.6, 0.1), "soft": (0.1, 0.2, 0.6, 0.1), "fusion": (0.1, 0.1, 0.7, 0.1)}


def verdict(start_s: float, end_s: float, predicted: str = "sad", **weights: tuple[float, ...]) -> Segment:
    count = max((len(w) for w in weights.values()), default=0)
    times = tuple(start_s + 0.095 + 0.16 * i for i in range(count))
    return Segment(
        start_s,
        end_s,
        CLASSES,
        SHARES,
        (0.6, 0.2, 0.9, 0.1),
        predicted,
        "fusion",
        Attention(times, **weights),
    )


def hot(count: int, i: int) -> tuple[float, ...]:
    return tuple(0.9 if k == i else 0.1 / (count - 1) for k in range(count))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[np.ndarray], Pyramid]:
    def build(samples: np.ndarray) -> Pyramid:
        folder = tmp_path_factory.mktemp("pyramid")
        for _ in pyramid.build(samples.astype(np.float32), folder):
            pass
        return Pyramid.open(folder)

    return build


@pytest.fixture(scope="module")
def quiet(build: Callable[[np.ndarray], Pyramid]) -> Pyramid:
    """Four seconds of nothing: whatever is bright in the spectrogram was drawn over it."""
    return build(np.zeros(4 * RATE))


@pytest.fixture(scope="module")
def minutes(build: Callable[[np.ndarray], Pyramid]) -> Pyramid:
    """Two minutes of faint noise with a click at 75 s."""
    samples = 1e-4 * np.random.default_rng(0).uniform(-1, 1, 120 * RATE)
    samples[75 * RATE] = 0.5
    return build(samples)


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    made = Timeline()
    qtbot.addWidget(made)
    made.resize(900, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


def picture(timeline: Timeline) -> QImage:
    return timeline.plots.grab().toImage()


def columns_of(image: QImage, color: str, rect: QRectF) -> list[int]:
    """The x at which a colour is found inside a rectangle."""
    wanted = QColor(color).rgb()
    rows = range(int(rect.top()) + 1, int(rect.bottom()))
    return [
        x
        for x in range(int(rect.left()), int(rect.right()))
        if any(image.pixel(x, y) == wanted for y in rows)
    ]


def at(timeline: Timeline, time_s: float, lane: str = "spectrogram", height: float = 0.5) -> QPoint:
    """Where a time is in a lane, `height` from its top."""
    rect = getattr(timeline.plots.lanes(), lane)
    scale = timeline.plots._overview_frame().scale if lane == "overview" else timeline.plots.scale()
    return QPoint(round(scale.x(time_s)), round(rect.top() + height * rect.height()))


def wheel(
    timeline: Timeline, place: QPoint, turns: int, modifier: Qt.KeyboardModifier, across: int = 0
) -> None:
    point = QPointF(place)
    event = QWheelEvent(
        point,
        timeline.plots.mapToGlobal(point),
        QPoint(),
        QPoint(120 * across, 120 * turns),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(timeline.plots, event)


PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


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
    with qtbot.waitSignal(timeline.encoder_toggled) as told:
        qtbot.keyClick(timeline.controls.switches["hard"], Qt.Key.Key_Space)
    assert told.args == ["hard", False] and not timeline.encoder_visible("hard")
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


def test_values_under_the_mouse_are_the_data(timeline: Timeline, minutes: Pyramid, qtbot: QtBot) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.show_segments([verdict(74, 76.2, hard=hot(13, 6), mlee=(1 / 13,) * 13), verdict(80, 90)])
    timeline.zoom_to(74.9, 75.1)
    said: list[str] = []
    timeline.hovered.connect(said.append)
    place = at(timeline, 75.0, height=0.75)
    qtbot.mouseMove(timeline.plots, place)
    assert said, "nothing was said"
    time_s = float(said[-1].split(" s")[0])
    assert time_s == pytest.approx(timeline.plots.scale().time(place.x()), abs=6e-4)
    hertz = timeline.plots.spectrogram.frequency(timeline.plots.lanes().spectrogram, place.y())
    assert hertz == pytest.approx(1000, abs=20)
    level = minutes.db_at(time_s, hertz)
    assert said[-1].split(" · ")[1:] == [
        "1.00 kHz",
        f"{level:.1f} dB",
        "attention: hard 90.0 %, MLEE 7.7 %",
        "fusion: sad 0.70; present: neutral, sad",
    ]
    timeline.fit()
    qtbot.mouseMove(timeline.plots, at(timeline, 78.0, "waveform"))
    assert said[-1] == f"{timeline.plots.scale().time(at(timeline, 78.0).x()):.3f} s"
    qtbot.mouseMove(timeline.plots, QPoint(2, 2))
    assert said[-1] == ""


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
    said: list[object] = []
    timeline.selection_changed.connect(said.append)

    def drag(start_s: float, end_s: float) -> tuple[float, float]:
        qtbot.mousePress(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, start_s, "waveform"))
        for share in (0.3, 0.7, 1.0):
            qtbot.mouseMove(timeline.plots, at(timeline, start_s + (end_s - start_s) * share, "waveform"))
        qtbot.mouseRelease(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, end_s, "waveform"))
        span = said[-1]
        assert isinstance(span, tuple) and span == timeline.plots.selection
        return span

    assert drag(40, 20) == pytest.approx((20, 40), abs=0.2)
    assert len(said) == 1
    assert drag(40, 60) == pytest.approx((20, 60), abs=0.2)  # took hold of the right border
    assert drag(20, 70) == pytest.approx((60, 70), abs=0.2)  # the left one, across the other


def test_a_click_sets_the_cursor_and_outside_clears_the_selection(
    timeline: Timeline, minutes: Pyramid, qtbot: QtBot
) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.set_selection((20.0, 40.0))
    said: list[object] = []
    asked: list[float] = []
    timeline.selection_changed.connect(said.append)
    timeline.cursor_requested.connect(asked.append)
    qtbot.mouseClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 30.0))
    assert asked == [pytest.approx(30, abs=0.2)] and not said
    qtbot.mouseClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 80.0))
    assert asked[1] == pytest.approx(80, abs=0.2) and said == [None]


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
    asked: list[float] = []
    said: list[object] = []
    timeline.cursor_requested.connect(asked.append)
    timeline.selection_changed.connect(said.append)
    timeline.set_cursor(10.0)
    qtbot.keyClick(timeline.plots, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert asked == [pytest.approx(10.16)] and not said
    for _ in range(2):
        qtbot.keyClick(timeline.plots, Qt.Key.Key_Right, SHIFT)
    assert said[-1] == pytest.approx((10.16, 10.48))
    qtbot.keyClick(timeline.plots, Qt.Key.Key_Left, SHIFT)
    assert said[-1] == pytest.approx((10.16, 10.32))


def test_double_click_shows_the_segment_alone_and_then_all(
    timeline: Timeline, minutes: Pyramid, qtbot: QtBot
) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.show_segments([verdict(10, 30), verdict(40, 65, "ang")])
    qtbot.mouseDClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 50.0))
    assert timeline.view_range() == (40.0, 65.0)
    qtbot.mouseDClick(timeline.plots, Qt.MouseButton.LeftButton, pos=at(timeline, 50.0))
    assert timeline.view_range() == (0.0, 120.0)


def test_the_track_shows_who_says_what(timeline: Timeline, minutes: Pyramid) -> None:
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
    told: list[int] = []
    timeline.display_changed.connect(lambda: told.append(1))
    middle = timeline.plots.lanes().spectrogram.center().toPoint()
    timeline.set_db_range(-120, 0)
    dim = QColor(picture(timeline).pixel(middle)).lightness()
    timeline.set_db_range(-120, -60)
    assert QColor(picture(timeline).pixel(middle)).lightness() > dim + 20
    timeline.set_colormap("grey")
    color = QColor(picture(timeline).pixel(middle))
    assert color.red() == color.green() == color.blue()
    assert not told, "only what the user does is told"
    timeline.controls.low.setValue(-62)
    assert told == [1] and timeline.db_range == (-62.0, -52.0)  # 10 dB apart at least: it pushed the other
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


def test_nothing_shown_and_the_shortest_recording(
    timeline: Timeline, build: Callable[[np.ndarray], Pyramid], qtbot: QtBot
) -> None:
    asked: list[object] = []
    timeline.cursor_requested.connect(asked.append)
    for _ in range(2):
        qtbot.mouseClick(timeline.plots, Qt.MouseButton.LeftButton, pos=QPoint(300, 300))
        qtbot.mouseMove(timeline.plots, QPoint(310, 300))
        wheel(timeline, QPoint(300, 300), 1, PLAIN)
        timeline.zoom_in()
        timeline.fit()
        assert not asked and timeline.view_range() == (0.0, 0.0)
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

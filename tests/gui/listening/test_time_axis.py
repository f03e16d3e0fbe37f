"""The numbers behind the plots: what is visible, ticks, times as text, colours, attention as arrays."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlee_core.audio.zoom_pyramid import FLOOR_DB, STEP_DB
from mlee_core.inference.results import Attention, Segment
from mlee_gui.listening.attention_curves import AttentionCurves, AttentionSteps
from mlee_gui.listening.spectrogram import COLORMAPS, SpectrogramLane, color_table, colors
from mlee_gui.listening.time_axis import MIN_SPAN_S, TimeScale, View
from mlee_gui.shell.time_text import spacing, ticks, time_spacing, time_text

DURATIONS = st.floats(0.0006, 30_000)


def made(start_s: float, end_s: float, **weights: tuple[float, ...] | None) -> Segment:
    count = max((len(w) for w in weights.values() if w), default=0)
    times = tuple(start_s + 0.095 + 0.16 * i for i in range(count))
    quarter = (0.25, 0.25, 0.25, 0.25)
    dominant = {"hard": quarter, "soft": quarter, "fusion": (0.1, 0.1, 0.7, 0.1)}
    classes = ("neu", "hap", "sad", "ang")
    return Segment(
        start_s, end_s, classes, dominant, (0.6, 0.2, 0.9, 0.1), "sad", "fusion", Attention(times, **weights)
    )


def inside(view: View) -> bool:
    return view.start_s >= 0 and view.end_s <= view.duration_s and view.start_s < view.end_s


@given(
    DURATIONS,
    st.lists(st.tuples(st.sampled_from("zmt"), st.floats(0.01, 100), st.floats(-1, 2)), max_size=20),
)
def test_no_gesture_leaves_the_recording(duration: float, steps: list[tuple[str, float, float]]) -> None:
    view = View.whole(duration)
    for kind, size, place in steps:
        if kind == "z":
            view = view.zoomed(size, view.start_s + min(max(place, 0), 1) * view.span_s)
        elif kind == "m":
            view = view.moved((place - 0.5) * size * view.span_s)
        else:
            view = view.to(place * duration, place * duration + size)
        assert inside(view)
        assert view.span_s >= min(MIN_SPAN_S, duration) * (1 - 1e-9)


@given(st.floats(1, 20_000), st.floats(0, 1), st.floats(0.3, 1))
def test_zooming_keeps_what_is_under_the_mouse(duration: float, place: float, factor: float) -> None:
    view = View(duration, duration * 0.3, duration * 0.7)
    at = view.start_s + place * view.span_s
    zoomed = view.zoomed(factor, at)
    assert zoomed.span_s == pytest.approx(max(view.span_s * factor, MIN_SPAN_S))
    assert (at - zoomed.start_s) / zoomed.span_s == pytest.approx(place, abs=1e-6)


def test_moving_stops_at_the_ends_and_keeps_the_length() -> None:
    view = View(100.0, 10.0, 30.0)
    assert view.moved(-50) == View(100.0, 0.0, 20.0)
    assert view.moved(500) == View(100.0, 80.0, 100.0)
    assert view.moved(5) == View(100.0, 15.0, 35.0)


def test_time_and_pixels_are_inverse() -> None:
    scale = TimeScale(10.0, 14.0, 50.0, 800.0)
    assert scale.x(10.0) == 50.0 and scale.x(14.0) == 850.0
    assert scale.time(scale.x(12.3456)) == pytest.approx(12.3456)


@given(st.floats(0.01, 40_000), st.integers(2, 30))
def test_ticks_fit_and_are_multiples(span: float, most: int) -> None:
    for step in (spacing(span, most), time_spacing(span, most)):
        places = ticks(span * 0.1, span * 1.1, step)
        assert len(places) <= most + 1
        assert all(abs(p / step - round(p / step)) < 1e-6 for p in places)


@pytest.mark.parametrize(
    ("time_s", "step", "text"),
    [
        (1.25, 0.05, "1.25"),
        (42, 1, "42"),
        (59.96, 0.1, "1:00.0"),
        (185, 5, "3:05"),
        (65.5, 0.5, "1:05.5"),
        (3750, 30, "1:02:30"),
        (0, 600, "0"),
    ],
)
def test_times_in_words(time_s: float, step: float, text: str) -> None:
    assert time_text(time_s, step) == text


@pytest.mark.parametrize("name", ["magma", "viridis", "cividis"])
def test_colour_maps_are_matplotlibs(name: str) -> None:
    theirs = np.array(matplotlib.colormaps[name].colors) * 255
    assert np.abs(colors(name).astype(float) - theirs).max() < 11.5
    assert np.abs(colors(name).astype(float) - theirs).mean() < 1


@pytest.mark.parametrize("name", COLORMAPS)
def test_louder_is_lighter(name: str) -> None:
    light = colors(name).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert light[-1] - light[0] > 140
    assert np.diff(light[::8]).min() > 0


def test_the_range_of_levels_takes_the_whole_map() -> None:
    table = color_table("grey", -60, -20)
    byte = {db: round((db - FLOOR_DB) / STEP_DB) for db in (-100, -60, -40, -20, 0)}
    assert table[byte[-100]] == table[byte[-60]] == 0xFF000000
    assert table[byte[-20]] == table[byte[0]] == 0xFFFFFFFF
    assert 126 <= table[byte[-40]] & 0xFF <= 129


def test_steps_lie_where_the_model_looked() -> None:
    steps = AttentionSteps.of(
        [made(0.0, 0.7, hard=(0.1, 0.2, 0.7), mlee=(0.5, 0.25, 0.25)), made(10.0, 10.4, hard=(0.4, 0.6))]
    )
    assert steps.start_s.tolist() == pytest.approx([0.015, 0.175, 0.335, 10.015, 10.175])
    assert steps.end_s.tolist() == pytest.approx([0.175, 0.335, 0.495, 10.175, 10.335])
    assert steps.at(0.2) == {"hard": 0.2, "mlee": 0.25}
    assert steps.at(10.02) == {"hard": 0.4}  # this segment has no MLEE weights
    assert steps.at(0.01) == steps.at(5.0) == steps.at(10.4) == {}
    part = steps.between(0.18, 10.02)
    assert part.start_s.tolist() == pytest.approx([0.175, 0.335, 10.015])


def test_a_tail_is_known_and_the_scale_fits_what_is_visible() -> None:
    curves = AttentionCurves()
    curves.set_segments([made(0.0, 0.6, hard=(0.1, 0.2, 0.7), soft=(0.9, 0.05, 0.05))])
    assert curves.not_attended == [(pytest.approx(0.495), 0.6)]
    assert curves.top(curves.steps) == pytest.approx(0.9 * 1.06)
    curves.visible["soft"] = False
    assert curves.top(curves.steps) == pytest.approx(0.7 * 1.06)
    assert curves.top(curves.steps.between(0.0, 0.3)) == pytest.approx(0.2 * 1.06)
    curves.set_segments(())
    assert curves.top(curves.steps) == 0 and curves.not_attended == []


@pytest.mark.parametrize("rows", [60, 199, 350, 800])
def test_a_thin_line_survives_a_low_lane(rows: int) -> None:
    lane = SpectrogramLane()
    lane.colormap, lane.db_range = "grey", (-120.0, 6.0)
    levels = np.zeros((7, 400), np.uint8)
    levels[3, 101] = 255
    image, bottom_hz, top_hz = lane._image(levels, rows)
    found = [
        (x, y) for x in range(7) for y in range(image.height()) if image.pixelColor(x, y).lightness() > 200
    ]
    assert len(found) == 1 and found[0][0] == 3
    hertz = top_hz - (found[0][1] + 0.5) / image.height() * (top_hz - bottom_hz)
    assert hertz == pytest.approx(1010, abs=(top_hz - bottom_hz) / image.height() / 2)
    assert image.height() <= max(rows, 40)

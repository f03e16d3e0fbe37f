"""The exported figure: what its axes hold equals the analysis, at the right times; files of each kind."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mlee_core.errors import MleeError
from mlee_core.figures.figure3 import build_figure
from mlee_core.figures.page import save
from mlee_core.figures.palette import NO_CLASS_COLOR, class_color
from mlee_core.inference.results import HEADS, WITHOUT_SPEECH, Analysis, Attention, Segment
from mlee_core.labels.votes import CLASSES

RATE = 16_000
FLOOR = float(np.log(1e-10))
DOMINANT = {"hard": (0.1, 0.2, 0.3, 0.4), "soft": (0.25, 0.25, 0.2, 0.3), "fusion": (0.05, 0.15, 0.61, 0.19)}


def frames(samples: int) -> int:
    return max(0, 1 + (samples - 640) // 160)


def segment(start_s: float, end_s: float, **changes: Any) -> Segment:
    steps = max(1, frames(round((end_s - start_s) * RATE)) // 16)
    rising = np.arange(1, steps + 1) / np.arange(1, steps + 1).sum()
    attention = Attention(
        times_s=tuple(start_s + 0.015 + 0.16 * i + 0.08 for i in range(steps)),
        hard=tuple(rising),
        soft=tuple(rising[::-1]),
        mlee=(1 / steps,) * steps,
    )
    made = Segment(
        start_s, end_s, CLASSES, DOMINANT, (0.9, 0.1, 0.62, 0.43), "sad", "fusion", attention, ("a caveat.",)
    )
    return replace(made, **changes)


def analysis(*segments: Segment, **changes: Any) -> Analysis:
    made = Analysis("/some/where/take 3.wav", segments[-1].end_s, "toy", CLASSES, HEADS, segments)
    return replace(made, **changes)


def draw(made: Analysis, duration_s: float | None = None, **options: Any) -> Figure:
    count = round((duration_s or made.duration_s) * RATE)
    samples = np.sin(np.arange(count) / 20).astype(np.float32)
    return build_figure(made, np.full((frames(count), 400), -5.0, np.float32), samples, **options)


def axes(figure: Figure, label: str) -> Any:
    (found,) = [a for a in figure.axes if a.get_label() == label]
    return found


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_attention_curves_stand_at_their_steps() -> None:
    made = segment(0, 2.0)
    drawn = {patch.get_label(): patch.get_data() for patch in axes(draw(analysis(made)), "attention").patches}
    assert list(drawn) == ["dominant, hard", "dominant, soft", "MLEE (existence)"]
    for (label, data), encoder in zip(drawn.items(), ("hard", "soft", "mlee"), strict=True):
        assert data.values == pytest.approx(made.attention.of(encoder)), label
        assert data.edges == pytest.approx(0.015 + 0.16 * np.arange(13)), label
    assert len({str(p.get_linestyle()) for p in axes(draw(analysis(made)), "attention").patches}) == 3


def test_the_tail_shorter_than_a_step_is_grey() -> None:
    figure = draw(analysis(segment(0, 2.09)))
    for label in ("spectrogram", "waveform"):
        (span,) = axes(figure, label).patches
        assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx((0.015 + 12 * 0.16, 2.09))
    assert "not attended" in texts(figure)


def test_bars_are_as_high_as_the_numbers_and_coloured_by_class() -> None:
    figure = draw(analysis(segment(0, 2.0)))
    bars = axes(figure, "existence").patches
    assert [bar.get_height() for bar in bars] == pytest.approx((0.9, 0.1, 0.62, 0.43))
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [class_color(name) for name in CLASSES]
    (line,) = axes(figure, "existence").lines
    assert list(line.get_ydata()) == [0.5, 0.5]
    dominant = axes(figure, "dominant")
    groups = {group.get_label(): [bar.get_height() for bar in group] for group in dominant.containers}
    assert groups == {head: pytest.approx(values) for head, values in DOMINANT.items()}
    names = [label.get_text() for label in dominant.get_xticklabels()]
    assert names == ["neutral", "happy", "sad", "angry"]
    centres = [bar.get_x() + bar.get_width() / 2 for bar in dominant.containers[1]]
    assert centres == pytest.approx([0, 1, 2, 3]), "three heads: the middle one is over the class's name"


def test_what_a_model_lacks_is_said_and_not_drawn() -> None:
    attention = replace(segment(0, 2.0).attention, hard=None, soft=None)
    mlee = segment(
        0, 2.0, attention=attention, dominant=dict.fromkeys(DOMINANT), predicted="neu", rule="mlee"
    )
    figure = draw(analysis(mlee))
    assert axes(figure, "dominant").containers == []
    assert "this model does not predict\nwhich dominates" in texts(figure)
    assert [patch.get_label() for patch in axes(figure, "attention").patches] == ["MLEE (existence)"]
    plain = segment(0, 2.0, existence=None, dominant={**DOMINANT, "soft": None, "fusion": None}, rule="hard")
    figure = draw(analysis(plain))
    assert len(axes(figure, "existence").patches) == 0
    assert "this model does not predict\nwhich are present" in texts(figure)
    assert [group.get_label() for group in axes(figure, "dominant").containers] == ["hard"]


def test_quiet_that_was_cut_is_hatched_in_both_plots() -> None:
    cut = ((0.0, 0.4), (1.0, 1.3), (1.9, 2.09))  # the last one begins before the tail, at 1.935
    figure = draw(analysis(segment(0, 2.09, cut=cut, attention_on_speech={"hard": 0.9, "mlee": 0.97})))
    for label in ("spectrogram", "waveform"):
        spans = axes(figure, label).patches
        edges = [x for span in spans for x in (span.get_x(), span.get_x() + span.get_width())]
        assert edges == pytest.approx([x for span in cut for x in span])
        assert all(span.get_hatch() for span in spans)
    assert "0.89 s of quiet left out · attention on speech: hard 90 %, MLEE 97 %" in texts(figure)
    assert texts(figure).count("not attended") == 3


def test_none_of_the_four_shows_a_choice_and_no_speech_shows_nothing() -> None:
    figure = draw(analysis(segment(0, 2.0, existence=(0.1, 0.1, 0.2, 0.1), perhaps_from=0.25)))
    assert "none of the four is present; as a choice among them, fusion: sad 0.61" in texts(figure)
    assert axes(figure, "dominant").get_xlabel() == "a choice among the four"
    assert len(axes(figure, "dominant").containers) == 3
    silent = draw(analysis(segment(0, 2.0, predicted=None, cut=((0.0, 0.5),))))
    assert "attention" not in [a.get_label() for a in silent.axes]
    assert not any(axes(silent, label).patches for label in ("existence", "dominant", "spectrogram"))
    assert {"no speech", WITHOUT_SPEECH} <= set(texts(silent))


def test_a_long_recording_outlines_segments_without_a_class() -> None:
    absent, silent = segment(20, 30, existence=(0.1,) * 4), segment(40, 45, predicted=None)
    figure = draw(analysis(segment(0, 15), absent, silent), 45)
    faces = [block.get_facecolor() for block in axes(figure, "track").collections]
    assert to_hex(faces[0][0]) == class_color("sad") and not len(faces[1]) and not len(faces[2])
    edges = [to_hex(block.get_edgecolor()[0]) for block in axes(figure, "track").collections[1:]]
    assert edges == [NO_CLASS_COLOR] * 2
    shares = axes(figure, "shares")
    assert [bar.get_height() for bar in shares.patches] == [0, 0, 15, 0, 10, 5]
    names = [label.get_text() for label in shares.get_xticklabels()]
    assert names[4:] == ["none of\nthese", "no\nspeech"]


def test_title_caveats_and_what_was_seen() -> None:
    made = analysis(
        segment(0, 2.0), seen="train", seen_why="the same recording", notes=("Noisy: 3 dB.", "x " * 150)
    )
    said = texts(draw(made))
    assert {
        "take 3.wav",
        "model toy",
        "fusion: sad 0.61; present: neutral, sad",
        "• a caveat.",
    } <= set(said)
    assert "Not a fair test: the model trained on this (the same recording)." in said
    assert sum(line.strip(" •").startswith("x x") for line in said) == 2, "a long caveat is wrapped"
    heights = [draw(a).get_figheight() for a in (made, analysis(segment(0, 2.0)))]
    assert heights[0] > heights[1], "the footer's lines have room"


@pytest.mark.parametrize("count", [10, 700, 2_600, 3_100])
def test_recordings_of_one_step_or_less(count: int, tmp_path: Path) -> None:
    duration_s = count / RATE
    figure = draw(analysis(segment(0, duration_s)), duration_s)
    (low, high) = axes(figure, "spectrogram").get_xlim()
    assert low == 0
    assert high == pytest.approx(max(duration_s, 0.175)), "the padded step is shown whole"
    figure.savefig(tmp_path / "short.png")


def test_a_frame_is_drawn_around_its_centre() -> None:
    log_power = np.full((frames(2 * RATE), 400), FLOOR, np.float32)
    log_power[50, 120] = 3.0
    figure = build_figure(analysis(segment(0, 2.0)), log_power, np.zeros(2 * RATE, np.float32))
    (image,) = axes(figure, "spectrogram").images
    left, right, bottom, top = image.get_extent()
    shown = np.asarray(image.get_array())
    assert shown.shape[0] == 400
    row, column = np.unravel_index(shown.argmax(), shown.shape)
    at = left + (right - left) * (column + 0.5) / shown.shape[1]
    assert at == pytest.approx(0.52), "10 t + 20 ms"
    assert bottom + (top - bottom) * row / 400 == pytest.approx(1.2), "kHz"
    assert shown.max() == 0, "dB below the loudest"


def long_analysis(hours: float) -> Analysis:
    starts = np.arange(0, hours * 3600, 20.0)
    predicted = [CLASSES[i % 3] for i in range(len(starts))]
    return analysis(*(segment(s, s + 15.0, predicted=p) for s, p in zip(starts, predicted, strict=True)))


def test_a_long_recording_shows_its_segments_and_no_single_verdict() -> None:
    made = long_analysis(0.05)
    figure = draw(made, 180)
    blocks = axes(figure, "track").collections
    assert len(blocks) == len(made.segments) == 9
    for block, each in zip(blocks, made.segments, strict=True):
        (path,) = block.get_paths()
        assert path.get_extents().intervalx == pytest.approx((each.start_s, each.end_s))
        assert to_hex(block.get_facecolor()[0]) == class_color(each.predicted)
    assert [bar.get_height() for bar in axes(figure, "shares").patches] == [45, 45, 45, 0]
    assert "9 segments in 2:55, each with its own verdict" in texts(figure)
    assert not any(text.startswith("fusion: ") for text in texts(figure))


def test_one_segment_of_a_long_recording() -> None:
    made = long_analysis(0.05)
    figure = draw(made, 180, segment=made.segments[2])
    assert axes(figure, "waveform").get_xlim() == axes(figure, "spectrogram").get_xlim() == (40.0, 55.0)
    first = axes(figure, "attention").patches[0].get_data().edges[0]
    assert first == pytest.approx(40.015)
    assert "40.00 s to 55.00 s · fusion: sad 0.61; present: neutral, sad" in texts(figure)
    selection = analysis(segment(3.0, 5.0), duration_s=60.0)  # the only segment is drawn without asking
    assert axes(draw(selection), "waveform").get_xlim() == (3.0, 5.0)


def test_two_hours_are_pooled_by_maximum_and_cost_little() -> None:
    made = long_analysis(2)
    count = 2 * 3600 * RATE
    total = frames(count)

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, total, 5000):  # no multiple of what a column pools: columns span two blocks
            block = np.full((min(5000, total - start), 400), FLOOR, np.float32)
            if start == 360_000:
                block[-1, 80] = 5.0
            yield block

    samples = np.broadcast_to(np.float32(0.25), count)
    tracemalloc.start()
    figure = build_figure(made, blocks(), samples)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 120e6, "the whole spectrogram would be 1.2 GB"
    (image,) = axes(figure, "spectrogram").images
    shown = np.asarray(image.get_array())
    assert shown.shape[1] <= 1200
    assert (shown == 0).sum() == 1, "the one loud frame of two hours is still there"
    left, right, _, _ = image.get_extent()
    column = int(shown.max(axis=0).argmax())
    begin, end = (left + (right - left) * c / shown.shape[1] for c in (column, column + 1))
    assert begin <= 3649.99 + 0.02 <= end
    assert axes(figure, "waveform").get_xlabel() == "time (h:mm:ss)"


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf", ".PNG"])
def test_files_of_each_kind_are_the_same_each_time(tmp_path: Path, suffix: str) -> None:
    made = analysis(segment(0, 1.0))
    samples = np.zeros(RATE, np.float32)
    log_power = np.random.default_rng(0).normal(size=(frames(RATE), 400)).astype(np.float32)
    written = []
    for name in ("a", "b"):
        draw = partial(build_figure, made, log_power, samples, dark=suffix == ".PNG")
        save(draw, tmp_path / f"{name}{suffix}")
        written.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert written[0] == written[1]
    begins = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix.lower()]
    assert written[0].startswith(begins)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]
    if suffix == ".pdf":
        assert b"/FontFile2" in written[0], "fonts are embedded"
    if suffix == ".svg":
        said = {element.text for element in ET.fromstring(written[0]).iter() if element.tag.endswith("}text")}
        assert {"take 3.wav", "fusion: sad 0.61; present: neutral, sad"} <= said, "text stays text"


@pytest.mark.parametrize("name", ["$x_{1}$ & <b>.wav", "日本語.wav", "bad\udcff\n\x07.wav", "n" * 255])
def test_odd_file_names(tmp_path: Path, name: str) -> None:
    made = analysis(segment(0, 1.0), file=name)
    for suffix in (".svg", ".png"):
        log_power, samples = np.zeros((97, 400), np.float32), np.ones(RATE, np.float32)
        save(partial(build_figure, made, log_power, samples), tmp_path / f"f{suffix}")
    said = [e.text or "" for e in ET.parse(tmp_path / "f.svg").iter() if e.tag.endswith("}text")]
    expected = {"$": name, "日": name, "b": "bad���.wav", "n": "n" * 34 + "…" + "n" * 35}[name[0]]
    assert expected in said


def test_refuses_other_kinds_and_places(tmp_path: Path) -> None:
    log_power, samples = np.zeros((97, 400), np.float32), np.ones(RATE, np.float32)
    draw = partial(build_figure, analysis(segment(0, 1.0)), log_power, samples)
    with pytest.raises(MleeError, match=r"'x.jpg': allowed are .svg, .png, .pdf"):
        save(draw, tmp_path / "x.jpg")
    with pytest.raises(MleeError, match=r"cannot be written to .*: No such file or directory"):
        save(draw, tmp_path / "none" / "x.svg")
    assert list(tmp_path.iterdir()) == []


def test_no_pyplot_and_no_matplotlib_before_it_is_drawn() -> None:
    code = (
        "import sys, numpy as np, mlee_core.figures.figure3 as f, tempfile, pathlib\n"
        "from mlee_core.figures.page import save\n"
        "assert not {'matplotlib', 'torch'} & set(sys.modules)\n"
        "from mlee_core.inference.results import *\n"
        "s = Segment(0, 1, ('neu',), {'hard': (1.0,)}, None, 'neu', 'hard', Attention((0.095,), (1.0,)))\n"
        "a = Analysis('f', 1, 'm', ('neu',), ('hard',), (s,))\n"
        "out = pathlib.Path(tempfile.mkdtemp()) / 'x.png'\n"
        "save(lambda: f.build_figure(a, np.zeros((97, 400), 'f4'), np.zeros(16000, 'f4')), out)\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

"""The picture of a corpus: what its axes hold equals the numbers; nothing overlaps; files of each kind."""

from __future__ import annotations

import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from mlee_core.corpora import Corpus, LabelMap, open_corpus
from mlee_core.corpora.statistics import info
from mlee_core.errors import MleeError
from mlee_core.figures.corpus_figure import build_corpus_figure
from mlee_core.figures.page import save
from mlee_core.figures.palette import class_color
from mlee_core.labels.votes import CLASSES, dominant

ROWS = "a,x,neu,neu,hap\nb,x,sad,sad,sad\nc,y,ang,fear,\nd,y,fear,fear,neu\ne,z,hap,,\n"


def corpus(folder: Path, rows: str = ROWS) -> Corpus:
    (folder / "mine.csv").write_text("file,speaker,e1,e2,e3\n" + rows)
    return open_corpus(folder / "mine.csv")


def drawn(made: Corpus) -> Figure:
    return build_corpus_figure(made, info(made))


def axes(figure: Figure, label: str) -> Any:
    (found,) = [a for a in figure.axes if a.get_label() == label]
    return found


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_bars_are_the_numbers(tmp_path: Path):
    made = corpus(tmp_path)
    found, figure = info(made), drawn(made)
    bars = axes(figure, "dominant").patches
    assert [bar.get_height() for bar in bars] == [1, 1, 1, 0, 2] == list(found["dominant"].values())
    assert [to_hex(bar.get_facecolor()) for bar in bars[:4]] == [class_color(name) for name in CLASSES]
    assert [bar.get_height() for bar in axes(figure, "votes").patches] == [1, 1, 3]
    assert [label.get_text() for label in axes(figure, "votes").get_xticklabels()] == ["1", "2", "3"]
    assert [bar.get_height() for bar in axes(figure, "agreement").patches] == [1, 3, 1]
    alphas = [bar.get_width() for bar in axes(figure, "alpha").patches]
    assert alphas == pytest.approx([found["alpha"], *found["alpha_per_class"].values()])
    assert {"2\n40.0 %", "3\n60.0 %", f"{found['alpha']:.2f}"} <= set(texts(figure))


def test_table_1_stands_beside_the_papers(tmp_path: Path):
    made = corpus(tmp_path)
    panel = axes(drawn(made), "existence")
    heights = {group.get_label(): [bar.get_height() for bar in group] for group in panel.containers}
    assert heights == {
        "dominant": pytest.approx([100 / 3, 200 / 3, 100 / 3, 0]),  # a, b and e
        "paper dominant": [58.2, 15.4, 30.5, 15.9],
        "all": pytest.approx([40, 40, 20, 20]),
        "paper all": [45.2, 24.0, 19.8, 17.8],
    }
    said = [text.get_text() for text in panel.get_legend().get_texts()]
    assert said == ["dominant", "dominant, in the paper (IEMOCAP)", "all", "all, in the paper (IEMOCAP)"]
    hatched = {group.get_label(): group[0].get_hatch() for group in panel.containers}
    assert hatched["dominant"] != hatched["all"], "not by colour alone"


def heights_of(figure: Figure) -> dict[str, list[int]]:
    """Per class, what each speaker's part of the stack adds; the gaps between bars must be empty."""
    found = {}
    for patch in axes(figure, "speakers").patches:
        data = patch.get_data()
        assert not data.values[1::2].any()
        found[patch.get_label()] = list(data.values[::2] - data.baseline[::2])
    return found


def test_speakers_are_stacked_by_class(shared_data: Path):
    made = open_corpus(shared_data / "cremad")
    figure = drawn(made)
    counted = Counter((u.speaker, dominant(u.votes) or "none") for u in made.utterances)
    for name, heights in heights_of(figure).items():
        assert heights == [counted[speaker, name] for speaker in made.speakers], name
    names = [label.get_text() for label in axes(figure, "speakers").get_xticklabels()]
    assert names == list(made.speakers)
    assert len(names) == 91


def test_too_many_speakers_are_sorted_by_size(tmp_path: Path):
    rows = "".join(f"{i}-{j},s{i:03},neu,,\n" for i in range(101) for j in range(1 + i % 7))
    figure = drawn(corpus(tmp_path, rows))
    heights = heights_of(figure)["neu"]
    assert heights == sorted((1 + i % 7 for i in range(101)), reverse=True)
    assert "101 speakers, from most utterances to fewest" in texts(figure)
    assert list(axes(figure, "speakers").get_xticks()) == []


def drawn_ticks(figure: Figure) -> set[Any]:
    """Ticks inside their axes; matplotlib keeps some outside, which it does not draw."""
    return {
        tick
        for a in figure.axes
        for axis in (a.xaxis, a.yaxis)
        for tick in axis.get_major_ticks()
        if min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }


@pytest.mark.parametrize("name", ["emodb", "cremad", "small", "long"])
def test_no_text_collides_or_leaves_the_page(shared_data: Path, tmp_path: Path, name):
    long = "".join(f"{i},a very long name {i:03},neu,sad,\n" for i in range(100))
    made = {"small": lambda: corpus(tmp_path), "long": lambda: corpus(tmp_path, long)}.get(
        name, lambda: open_corpus(shared_data / name)
    )()
    figure = drawn(made)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    ticks = [tick for a in figure.axes for axis in (a.xaxis, a.yaxis) for tick in axis.get_major_ticks()]
    undrawn = {tick.label1 for tick in ticks if tick not in drawn_ticks(figure)}
    shown = [
        (text.get_text(), text.get_window_extent(canvas.get_renderer()))
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible() and text not in undrawn
    ]
    assert len(shown) > 60
    for text, box in shown:
        assert box.x0 >= 0 <= box.y0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1, text
    for (text, box), (other, beside) in combinations(shown, 2):
        overlap_x = min(box.x1, beside.x1) - max(box.x0, beside.x0)
        overlap_y = min(box.y1, beside.y1) - max(box.y0, beside.y0)
        assert overlap_x < 1 or overlap_y < 1.5, (text, other)


def test_what_is_undefined_or_negative_is_said(tmp_path: Path):
    figure = drawn(corpus(tmp_path, "a,x,neu,hap,\nb,x,neu,hap,\n"))
    panel = axes(figure, "alpha")
    assert [text.get_text() for text in panel.texts] == ["-0.50", "-0.50", "-0.50", "undefined", "undefined"]
    assert panel.get_xlim()[0] <= -0.5
    existence = [text.get_text() for text in axes(figure, "existence").texts]
    assert existence.count("–") == 4, "no utterance has a dominant class"


def test_title_and_footer(tmp_path: Path, emodb: Path):
    label_map = LabelMap({"fear": "ang"})
    made = open_corpus(corpus(tmp_path).root, label_map=label_map)
    said = texts(build_corpus_figure(made, info(made, label_map)))
    assert "mine" in said
    assert "5 utterances, 3 speakers, duration not known; format table; 0 audio files present" in said
    assert "• Label map: fear = ang." in said
    assert any(text.startswith("MLEE ") for text in said), "the stamp"
    said = texts(drawn(open_corpus(emodb)))
    assert "535 utterances, 10 speakers, 24.8 min; format emodb; 535 audio files present" in said
    assert any(text.startswith("• EmoDB's votes are computed from the share") for text in said)


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_files_of_each_kind_are_the_same_each_time(tmp_path: Path, suffix):
    made = corpus(tmp_path)
    written = []
    for name in ("one", "two"):
        save(partial(build_corpus_figure, made, info(made)), tmp_path / f"{name}{suffix}")
        written.append((tmp_path / f"{name}{suffix}").read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith({".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix])
    if suffix == ".png":
        assert struct.unpack(">II", written[0][16:24]) == (1650, 1207)  # 11 × 8.05 inches at 150
    if suffix == ".svg":
        said = {element.text for element in ET.fromstring(written[0]).iter() if element.tag.endswith("}text")}
        assert {"mine", "dominant class", "neutral", "happy", "utterances", "x", "y", "z"} <= said


def test_odd_names(tmp_path: Path):
    rows = "a,$x_{1}$ & <b>,neu,neu,\nb,日本語,sad,sad,\nc,bad\x07name,hap,,\n"
    made = corpus(tmp_path, rows)
    for suffix in (".svg", ".png"):
        save(partial(build_corpus_figure, made, info(made)), tmp_path / f"p{suffix}")
    said = {e.text for e in ET.parse(tmp_path / "p.svg").iter() if e.tag.endswith("}text")}
    assert {"$x_{…& <b>", "日本語", "bad�name"} <= said


def test_refuses_other_kinds_and_places(tmp_path: Path):
    made = corpus(tmp_path)
    draw = partial(build_corpus_figure, made, info(made))
    with pytest.raises(MleeError, match=r"'x.jpg': allowed are .svg, .png, .pdf"):
        save(draw, tmp_path / "x.jpg")
    with pytest.raises(MleeError, match=r"cannot be written to .*: No such file or directory"):
        save(draw, tmp_path / "none" / "x.svg")


def test_no_pyplot_and_no_matplotlib_before_it_is_drawn(tmp_path: Path):
    path = corpus(tmp_path).root
    code = (
        "import sys\n"
        "from mlee_core.cli import main\n"
        "slow = {'matplotlib', 'torch', 'krippendorff', 'pandas'}\n"
        f"assert main(['corpus', 'info', {str(path)!r}]) == 0\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
        f"assert main(['corpus', 'info', {str(path)!r}, '--picture', {str(tmp_path / 'p.svg')!r}]) == 0\n"
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

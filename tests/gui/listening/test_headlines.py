"""A class, none of the four and no speech: panel, segments, track, plots, read-out and copied table agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtGui import QColor, QPalette
from pytestqt.qtbot import QtBot

from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.figures.palette import CLASS_COLORS, ENCODER_STYLES, NO_CLASS_COLOR
from mlee_core.inference.results import WITHOUT_SPEECH, Attention, Segment
from mlee_gui.listening.copy_table import tabbed
from mlee_gui.listening.emotions_panel import EmotionsPanel
from mlee_gui.listening.probability_bars import Bar
from mlee_gui.listening.segments_panel import SegmentsPanel
from mlee_gui.listening.timeline import Timeline
from tests.helpers.fakes import analysis
from tests.helpers.timelines import at, columns_of, picture, verdict

CUT = ((0.0, 0.8), (2.0, 2.6))
SAD = replace(
    verdict(0.0, 4.0, hard=(1 / 24,) * 24, mlee=(1 / 24,) * 24),
    cut=CUT,
    perhaps_from=0.15,
    attention_on_speech={"hard": 0.954, "soft": None, "mlee": 0.97},
)
NONE_OF_FOUR = replace(SAD, existence=(0.14, 0.01, 0.02, 0.03))
NO_SPEECH = replace(SAD, predicted=None)
VALUES = "1.40 s of quiet left out · attention on speech: hard 95 %, MLEE 97 %"


@pytest.fixture
def panel(qtbot: QtBot) -> EmotionsPanel:
    made = EmotionsPanel()
    qtbot.addWidget(made)
    made.resize(330, 620)
    made.show()
    return made


def test_panel_with_a_class(panel: EmotionsPanel) -> None:
    panel.show_segment(SAD, analysis("a.wav", 4.0, (SAD,)))
    assert (
        "sad</big></b> &nbsp;0.70" in panel.predicted.text() and CLASS_COLORS["sad"] in panel.predicted.text()
    )
    assert panel.predicted.accessibleName() == "sad 0.70"
    assert panel.attention.text() == VALUES
    assert [bar.mark for bar in panel.present.bars] == ["present", "perhaps", "present", ""]
    assert "perhaps from 0.15 on" in panel.present.toolTip()
    assert panel.dominant.bars[2].mark == "predicted" and panel.dominant_title.text() == "Dominant"


def test_panel_with_none_of_the_four(panel: EmotionsPanel) -> None:
    panel.show_segment(NONE_OF_FOUR, analysis("a.wav", 4.0, (NONE_OF_FOUR,)))
    assert "none of the four</big></b>" in panel.predicted.text() and NO_CLASS_COLOR in panel.predicted.text()
    assert panel.predicted.accessibleName() == "none of the four"
    assert panel.dominant.bars[2] == Bar("sad", 0.7, "highest"), "a choice among the four, not a prediction"
    assert "a choice among the four" in panel.dominant_title.text()
    assert panel.dominant.accessibleName().startswith("A choice among the four")
    assert not any(bar.mark for bar in panel.present.bars)
    panel.show_segment(SAD, None)
    assert panel.dominant_title.text() == "Dominant" and "choice" not in panel.dominant.accessibleName()


def test_panel_without_speech(panel: EmotionsPanel) -> None:
    panel.show_segment(NO_SPEECH, analysis("a.wav", 4.0, (NO_SPEECH,)))
    assert "no speech</big></b>" in panel.predicted.text() and NO_CLASS_COLOR in panel.predicted.text()
    assert panel.verdict.text() == WITHOUT_SPEECH and not panel.attention.isVisible()
    for bars in (panel.present, panel.dominant):
        assert bars.bars == tuple(Bar(name, None) for name in SAD.classes) and bars.isVisible()
        assert "sad no value" in bars.accessibleDescription()
        colors = {
            QColor(bars.grab().toImage().pixel(x, y)).name() for x in range(bars.width()) for y in (12, 50)
        }
        assert not colors & set(CLASS_COLORS.values())
    assert not any(button.isEnabled() for button in panel.heads.values())
    panel.show_segment(None, None)
    assert panel.predicted.accessibleName() == ""


def test_segments_are_listed_and_sorted_with_and_without_a_class(qtbot: QtBot) -> None:
    panel = SegmentsPanel()
    qtbot.addWidget(panel)
    panel.show_segments([NO_SPEECH, NONE_OF_FOUR, SAD, replace(SAD, predicted="hap")])

    def column(number: int) -> list[str]:
        return [panel.proxy.index(row, number).data() for row in range(4)]

    assert column(2) == ["no speech", "none of the four", "sad", "happy"]
    assert column(3) == ["", "", "0.70", "0.10"]
    assert column(4) == ["", "", "neutral, sad, perhaps happy", "neutral, sad, perhaps happy"]
    for order, expected in (
        (Qt.SortOrder.AscendingOrder, ["", "", "0.10", "0.70"]),
        (Qt.SortOrder.DescendingOrder, ["0.70", "0.10", "", ""]),
    ):
        panel.table.sortByColumn(3, order)
        assert column(3) == expected
    panel.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert column(2) == ["happy", "no speech", "none of the four", "sad"]
    icon = panel.proxy.index(2, 2).data(Qt.ItemDataRole.DecorationRole).pixmap(12, 12).toImage()
    assert icon.pixelColor(1, 6).name() == NO_CLASS_COLOR and icon.pixelColor(6, 6).alpha() == 0


def test_the_track_fills_classes_and_outlines_the_others(timeline: Timeline, minutes: Pyramid) -> None:
    timeline.show_recording(minutes, 120.0)
    timeline.show_segments([_moved(s, 10.0 + 20 * k) for k, s in enumerate((SAD, NONE_OF_FOUR, NO_SPEECH))])
    image, lane = picture(timeline), timeline.plots.lanes().track
    scale, high = timeline.plots.scale(), timeline.fontMetrics().height() * 1.35
    base = timeline.palette().color(QPalette.ColorRole.Base).name()

    def color(time_s: float, y: float) -> str:
        return QColor(image.pixel(round(scale.x(time_s)), round(lane.top() + y))).name()

    assert [color(t, 3) for t in (10.3, 30.3, 50.3)] == [CLASS_COLORS["sad"], base, base]
    row = (lane.height() - high) / 4
    assert color(12, high + 2.5 * row) == CLASS_COLORS["sad"], "present"
    assert color(12, high + 1.5 * row) == base and color(12, high + 2 * row - 2) == CLASS_COLORS["hap"], (
        "perhaps"
    )
    block = QRectF(lane.left(), lane.top(), lane.width(), high)
    outlined = columns_of(image, NO_CLASS_COLOR, block)
    assert all(any(a <= scale.time(x) <= a + 4.2 for a in (29.8, 49.8)) for x in outlined) and outlined
    overview = timeline.plots.lanes().overview
    assert columns_of(image, CLASS_COLORS["sad"], overview) and columns_of(image, NO_CLASS_COLOR, overview)


def test_what_was_cut_is_hatched_and_named_under_the_mouse(
    timeline: Timeline, quiet: Pyramid, qtbot: QtBot
) -> None:
    timeline.show_recording(quiet, 4.0)
    timeline.show_segments([SAD])
    image, lane, scale = picture(timeline), timeline.plots.lanes().spectrogram, timeline.plots.scale()
    y = round(lane.bottom() - 60)

    def bright(start_s: float, end_s: float) -> bool:
        pixels = range(round(scale.x(start_s)) + 2, round(scale.x(end_s)) - 2)
        return max(QColor(image.pixel(x, y)).lightness() for x in pixels) > 50

    spans = ((0, 0.8, True), (0.8, 2.0, False), (2.0, 2.6, True), (2.6, 3.855, False), (3.855, 4.0, True))
    assert [bright(a, b) for a, b, _ in spans] == [cut for _, _, cut in spans]
    texts: list[str] = []
    timeline.hovered.connect(texts.append)
    for time_s, text in (
        (0.4, "not attended: quiet, left out before the network"),
        (1.4, "attention: hard 4.2 %, MLEE 4.2 %"),
        (3.93, "not attended: shorter than a step of 160 ms"),
    ):
        qtbot.mouseMove(timeline.plots, at(timeline, time_s))
        assert text in texts[-1] and timeline.plots.accessibleDescription() == texts[-1]


def test_without_speech_no_attention_is_drawn(timeline: Timeline, quiet: Pyramid, qtbot: QtBot) -> None:
    timeline.show_recording(quiet, 4.0)
    timeline.show_segments([NO_SPEECH])
    image, lane = picture(timeline), timeline.plots.lanes().spectrogram
    below = QRectF(lane.left(), lane.top() + 30, lane.width(), lane.height() - 30)
    assert not any(columns_of(image, style.color, lane) for style in ENCODER_STYLES.values())
    colors = {
        image.pixel(x, y) for x in range(int(lane.left()) + 9, int(lane.right()) - 9, 3) for y in (400, 450)
    }
    assert below.contains(QPoint(int(lane.left()) + 9, 450)) and len(colors) == 1, "nothing is hatched"
    caption = QRectF(lane.left(), lane.top(), 150, 12)
    faint = timeline.plots.theme.faint.name()
    assert columns_of(image, faint, caption), "a caption says why"
    texts: list[str] = []
    timeline.hovered.connect(texts.append)
    qtbot.mouseMove(timeline.plots, at(timeline, 1.4))
    assert texts[-1].endswith("· no speech") and "attention" not in texts[-1]


@pytest.mark.parametrize(
    ("segment", "result"), [(SAD, "sad 0.70"), (NONE_OF_FOUR, "none of the four"), (NO_SPEECH, "no speech")]
)
def test_the_copied_table(segment: Segment, result: str) -> None:
    rows = [line.split("\t") for line in tabbed(segment, analysis("a.wav", 4.0, (segment,))).splitlines()]
    about = {row[0]: row[1] for row in rows}
    assert about["result"] == result and about["verdict"] == segment.verdict()
    assert about["quiet left out (s)"] == "1.400"
    if segment is NO_SPEECH:
        assert "emotion" not in about
    else:
        assert about["attention on speech, MLEE"] == "0.970" and "attention on speech, soft" not in about
        assert rows[-5:][0] == ["emotion", "present", "hard", "soft", "fusion"]


def _moved(segment: Segment, start_s: float) -> Segment:
    times = tuple(start_s + t for t in segment.attention.times_s)
    attention = Attention(times, segment.attention.hard, segment.attention.soft, segment.attention.mlee)
    cut = tuple((a + start_s, b + start_s) for a, b in segment.cut)
    return replace(segment, start_s=start_s, end_s=start_s + 4.0, attention=attention, cut=cut)

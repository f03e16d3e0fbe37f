"""The emotions panel shows a Segment as text, numbers and lengths of bars."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from mlee_core.figures.palette import CLASS_COLORS
from mlee_core.inference.results import DOMINANT_HEADS, Analysis, Attention, Segment
from mlee_gui.listening.emotions_panel import EmotionsPanel
from mlee_gui.listening.probability_bars import Bar, ProbabilityBars

CLASSES = ("neu", "hap", "sad", "ang")
HEADS = ("hard", "soft", "mlee", "fusion")
SEGMENT = Segment(
    start_s=0.0,
    end_s=2.5,
    classes=CLASSES,
    dominant={"hard": (0.7, 0.1, 0.1, 0.1), "soft": (0.1, 0.5, 0.3, 0.1), "fusion": (0.2, 0.09, 0.61, 0.1)},
    existence=(0.71, 0.12, 0.88, 0.5),
    predicted="sad",
    rule="fusion",
    attention=Attention((0.095,), (1.0,), (1.0,), (1.0,)),
    notes=("Only 1.2 s of speech.",),
)
ANALYSIS = Analysis("a.wav", 2.5, "emodb", CLASSES, HEADS, (SEGMENT,), notes=("8 channels were mixed.",))


@pytest.fixture
def panel(qtbot: QtBot) -> EmotionsPanel:
    made = EmotionsPanel()
    qtbot.addWidget(made)
    made.resize(330, 620)
    made.show()
    qtbot.waitExposed(made)
    return made


def texts(panel: EmotionsPanel) -> str:
    return "\n".join(label.text() for label in panel.findChildren(QLabel) if label.isVisible())


def test_verdict_bars_and_caveats(panel: EmotionsPanel) -> None:
    panel.show_segment(SEGMENT, ANALYSIS)
    assert panel.verdict.text() == "fusion: sad 0.61; present: neutral, sad, angry"
    assert panel.present.bars == (
        Bar("neu", 0.71, "present"),
        Bar("hap", 0.12),
        Bar("sad", 0.88, "present"),
        Bar("ang", 0.5, "present"),
    )
    assert panel.dominant.bars[2] == Bar("sad", 0.61, "predicted")
    assert [bar.mark for bar in panel.dominant.bars] == ["", "", "predicted", ""]
    assert panel.caveats.text() == "• 8 channels were mixed.\n• Only 1.2 s of speech."
    assert panel.where.text() == "From 0.00 to 2.50 s"
    assert "sad 0.88 present" in panel.present.accessibleDescription()


def test_perhaps_present_begins_at_the_models_own_threshold(panel: EmotionsPanel) -> None:
    segment = replace(SEGMENT, existence=(0.71, 0.2, 0.21, 0.49), perhaps_from=0.21)
    panel.show_segment(segment, ANALYSIS)
    assert panel.verdict.text() == "fusion: sad 0.61; present: neutral, perhaps sad, perhaps angry"
    assert [bar.mark for bar in panel.present.bars] == ["present", "", "perhaps", "perhaps"]
    assert "from 0.5 on; perhaps from 0.21 on" in panel.present.accessibleName()
    panel.show_segment(replace(segment, perhaps_from=0.5), ANALYSIS)
    assert panel.verdict.text() == "fusion: sad 0.61; present: neutral"
    assert "perhaps" not in panel.present.accessibleName()


def test_the_dominant_head_is_chosen_by_keys(panel: EmotionsPanel, qtbot: QtBot) -> None:
    panel.show_segment(SEGMENT, ANALYSIS)
    assert panel.heads["fusion"].isChecked() and panel.rule == "fusion"
    panel.heads["fusion"].setFocus()
    with qtbot.waitSignal(panel.rule_changed) as signal:
        qtbot.keyClick(panel.heads["fusion"], Qt.Key.Key_Left)
    assert signal.args == ["soft"] and panel.heads["soft"].isChecked()
    assert [b.value for b in panel.dominant.bars] == [0.1, 0.5, 0.3, 0.1]
    assert panel.dominant.bars[1].mark == "highest"  # the prediction is fusion's
    with qtbot.assertNotEmitted(panel.rule_changed):
        panel.set_rule("hard")
    assert panel.heads["hard"].isChecked() and panel.dominant.bars[0].value == 0.7
    assert panel.verdict.text().startswith("fusion: sad")


def test_heads_that_the_model_does_not_have(panel: EmotionsPanel) -> None:
    soft_only = replace(
        SEGMENT,
        dominant={"hard": None, "soft": (0.1, 0.5, 0.3, 0.1), "fusion": None},
        existence=None,
        rule="soft",
        predicted="hap",
    )
    panel.set_rule("hard")
    panel.show_segment(soft_only, None)
    assert panel.rule == "soft"
    assert [panel.heads[h].isEnabled() for h in DOMINANT_HEADS] == [False, True, False]
    assert "no hard head" in panel.heads["hard"].toolTip()
    assert not panel.present.isVisible() and "no MLEE head" in texts(panel)
    panel.show_segment(SEGMENT, ANALYSIS)  # the choice is remembered for models that have it
    assert panel.rule == "hard" and panel.present.isVisible()


def test_a_model_of_existence_alone(panel: EmotionsPanel) -> None:
    only = replace(SEGMENT, dominant=dict.fromkeys(DOMINANT_HEADS), rule="mlee")
    panel.show_segment(only, None)
    assert panel.rule is None and not panel.dominant.isVisible()
    assert "no dominant head" in texts(panel)
    assert not any(button.isChecked() for button in panel.heads.values())
    assert panel.verdict.text() == "mlee: sad 0.88; present: neutral, sad, angry"


def test_a_recording_known_from_training_is_a_warning(panel: EmotionsPanel) -> None:
    panel.show_segment(SEGMENT, ANALYSIS)
    assert "cannot know voices" in panel.seen.text() and "Not seen" in panel.seen.text()
    plain = panel.seen.styleSheet()
    why = "speaker 08 of emodb is in the model's training set"
    panel.show_segment(SEGMENT, replace(ANALYSIS, seen="train", seen_why=why))
    assert why in panel.seen.text() and panel.seen.text().startswith("⚠")
    assert panel.seen.styleSheet() != plain
    panel.show_segment(SEGMENT, None)  # segments that arrive before the analysis is done
    assert not panel.seen.isVisible()


def test_a_long_recording_shows_the_number_of_the_segment(panel: EmotionsPanel) -> None:
    later = replace(SEGMENT, start_s=62.0, end_s=80.5)
    long = replace(ANALYSIS, duration_s=100.0, segments=(SEGMENT, later))
    panel.show_segment(later, long)
    assert panel.where.text() == "Segment 2 of 2: 1:02.00 to 1:20.50"
    panel.show_segment(None, long)
    assert "at the cursor" in panel.predicted.text()
    assert not panel.verdict.isVisible() and panel.present.bars == panel.dominant.bars == ()
    assert not any(button.isEnabled() for button in panel.heads.values())
    panel.show_segment(None, None)
    assert panel.predicted.text() == "No result yet"


@pytest.mark.parametrize("value", [0.0, 0.25, 0.6, 1.0])
def test_bars_are_as_long_as_their_values(qtbot: QtBot, value: float) -> None:
    bars = ProbabilityBars("Existence", half_line=False)
    qtbot.addWidget(bars)
    bars.resize(400, bars.sizeHint().height())
    bars.show_bars([Bar("sad", value), Bar("ang", 1.0)])
    image = bars.grab().toImage()

    def length(color: str) -> int:
        return max(
            sum(QColor(image.pixel(x, y)).name() == color for x in range(image.width()))
            for y in range(image.height())
        )

    full = length(CLASS_COLORS["ang"])
    assert full > 100
    assert length(CLASS_COLORS["sad"]) == pytest.approx(value * full, abs=1.5)


def test_the_half_line_is_at_a_half(qtbot: QtBot) -> None:
    bars = ProbabilityBars("Existence", half_line=True)
    qtbot.addWidget(bars)
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, QColor("#ff00ff"))
    bars.setPalette(palette)
    bars.resize(400, bars.sizeHint().height())
    bars.show_bars([Bar("sad", 0.0), Bar("ang", 1.0)])
    image = bars.grab().toImage()
    high = range(image.height())
    filled = [
        x
        for x in range(image.width())
        if any(QColor(image.pixel(x, y)).name() == CLASS_COLORS["ang"] for y in high)
    ]
    counts = {
        x: sum(QColor(image.pixel(x, y)).name() == "#ff00ff" for y in high)
        for x in range(filled[0] + 5, filled[-1] - 5)
    }
    line = max(counts, key=counts.__getitem__)
    assert line == pytest.approx((filled[0] + filled[-1]) / 2, abs=1.5)


@pytest.mark.parametrize(("points", "width"), [(9, 250), (9, 330), (14, 330)])
def test_no_text_is_cut(panel: EmotionsPanel, qtbot: QtBot, points: int, width: int) -> None:
    font = QFont(QApplication.font())
    font.setPointSize(points)
    panel.setFont(font)
    panel.resize(width, 560)
    panel.show_segment(
        SEGMENT, replace(ANALYSIS, notes=("A caveat that is long enough to need several lines. " * 3,))
    )
    qtbot.waitUntil(lambda: panel.width() == width)
    assert panel.widget().width() <= panel.viewport().width()

    def cut() -> list[str]:
        labels = [label for label in panel.findChildren(QLabel) if label.isVisible()]
        return [label.text() for label in labels if label.height() < label.heightForWidth(label.width())]

    qtbot.waitUntil(lambda: not cut(), timeout=2000)
    for bars in (panel.present, panel.dominant):
        assert bars.width() >= bars.minimumSizeHint().width()


def test_it_follows_the_palette(panel: EmotionsPanel) -> None:
    panel.show_segment(SEGMENT, replace(ANALYSIS, seen="train"))
    light = panel.seen.styleSheet()
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.Window, QColor("#202020"))
    palette.setColor(QPalette.ColorRole.WindowText, QColor("#f0f0f0"))
    panel.setPalette(palette)
    assert panel.seen.styleSheet() != light
    assert "the model's training set" in panel.seen.text()

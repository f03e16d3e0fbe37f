"""The form for an experiment: what is wrong is refused where it is typed; keyboard and room."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.recipe import RECIPES
from mlee_gui.training.fields import ChoiceField, NumberField
from mlee_gui.training.form import TrainingForm
from mlee_gui.training.text_fields import PathField
from mlee_gui.training.tick_fields import FoldsField
from tests.helpers.forms import FakePlanning, command, facts, form, processes, ready, table

__all__ = ["facts", "form", "processes", "table"]  # fixtures


# ---- what is wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("settings", "warp=9", "warp 9.0: allowed are shares"),
        ("settings", "'", "cannot be split into words"),
        ("settings", "speed", "expected NAME=VALUE"),
        ("map", "excited", "'excited' is not LABEL=CLASS"),
        ("map", "excited=glad", "is mapped to one of neu"),
        ("address", "head", "it is for engine ray"),
    ],
)
def test_contradictions_are_refused_where_they_are_typed(
    qtbot: QtBot,
    form: TrainingForm,
    table: Path,
    processes: list[FakePlanning],
    name: str,
    text: str,
    words: str,
) -> None:
    form.fields["corpus"].show_value(str(table))
    ready(qtbot, form)
    field = form.fields[name]
    form.view.more.setChecked(True)
    field.stops[0].setText(text)  # type: ignore[attr-defined]
    assert words in field.fault.sentence and field.fault.isVisibleTo(form)
    assert not form.view.queue.isEnabled() and not form.view.smoke.isEnabled()
    assert form.view.fault.sentence == f"Fix first: {field.about.plain_label}."
    assert form.view.queue.toolTip() == form.view.smoke.toolTip() == form.view.fault.sentence
    asked = len(processes[0].questions)
    if name != "map":  # the corpus is of interest all the same
        qtbot.waitUntil(lambda: len(processes[0].questions) > asked)
        assert processes[0].questions[-1].spec == ExperimentSpec(table)
    field.to_default()
    assert not field.fault.sentence
    ready(qtbot, form)


def test_no_row_at_all(form: TrainingForm) -> None:
    rows = form.fields["rows"]
    for box in rows.stops:
        box.setChecked(False)  # type: ignore[attr-defined]
    assert rows.fault.sentence == "no rows: an experiment needs at least one."
    assert rows.reset.isEnabled()


def test_what_the_process_refuses_stands_at_its_field(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    processes[0].refuse = ("device", "device 'cuda' is not available on this machine.")
    form.fields["corpus"].show_value(str(table))
    form.fields["device"].show_value("cuda")
    qtbot.waitUntil(lambda: bool(form.fields["device"].fault.sentence))
    assert form.fields["device"].fault.sentence == processes[0].refuse[1]
    assert form.view.fault.sentence == form.view.queue.toolTip() == "Fix first: Device."
    assert form.facts is not None and form.field("only", FoldsField).list.count() == 3
    processes[0].refuse = None
    form.fields["device"].to_default()
    ready(qtbot, form)
    assert not form.fields["device"].fault.sentence


def test_what_is_of_no_field_is_told_in_full(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    processes[0].refuse = ("", "The system refused /net/corpus: Stale file handle.")
    form.fields["corpus"].show_value(str(table))
    qtbot.waitUntil(lambda: form.view.fault.sentence == processes[0].refuse[1])
    assert form.view.queue.toolTip() == processes[0].refuse[1] and not form.view.queue.isEnabled()


def test_faults_that_are_out_of_sight_are_found(form: TrainingForm, table: Path) -> None:
    form.fields["corpus"].show_value(str(table))
    for name in ("settings", "address"):
        form.fields[name].stops[0].setText("x")  # type: ignore[attr-defined]
    fault = form.view.fault
    assert fault.sentence == "Fix first: Settings (under More settings), Ray address."
    form.view.more.setChecked(True)
    assert fault.sentence == "Fix first: Settings, Ray address."


def take_out(qtbot: QtBot, box: QWidget) -> None:
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    qtbot.keyClick(box, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(box, Qt.Key.Key_Delete)
    assert box.text() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "default"), [("seeds", "1"), ("jobs", "as many as fit")])
def test_a_number_that_is_taken_out_is_the_default_again(
    qtbot: QtBot, form: TrainingForm, name: str, default: str
) -> None:
    field = form.fields[name]
    field.show_value(7)
    box = field.stops[0]
    take_out(qtbot, box)
    qtbot.keyClick(box, Qt.Key.Key_Tab)
    assert box.text() == default and field.is_default  # type: ignore[attr-defined]


def test_a_number_that_is_taken_out_is_the_recipes(qtbot: QtBot, form: TrainingForm) -> None:
    form.fields["recipe"].show_value("best")
    field = form.fields["batch_size"]
    form.view.more.setChecked(True)
    field.show_value(3)
    box = field.stops[0]
    take_out(qtbot, box)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert field.is_default and box.text() == str(RECIPES["best"].batch_size)  # type: ignore[attr-defined]


def test_what_is_allowed_stands_in_the_tool_tip(form: TrainingForm) -> None:
    tips = {name: form.fields[name].editor.toolTip() for name in ("seeds", "jobs", "patience")}
    assert tips["seeds"].endswith("(1 to 1000)")
    assert tips["jobs"].endswith("(1 to 4096, or as many as fit)")
    assert tips["patience"].endswith("(1 to 1000000)")


def test_a_crash_is_told_and_the_form_goes_on(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    told: list[tuple[str, str]] = []
    form.failed.connect(lambda *words: told.append(words))
    processes[0].silent = True
    form.fields["corpus"].show_value(str(table))
    qtbot.waitUntil(lambda: bool(processes[0].questions))
    processes[0].die()
    qtbot.waitUntil(lambda: bool(told))
    ((sentence, details),) = told
    assert (
        "ended by SIGKILL" in sentence and "; it starts again" in sentence and details.endswith("last words")
    )
    assert form.view.fault.sentence == sentence and form.view.fault.toolTip() == details
    assert processes[0].stopped and not form.view.queue.isEnabled()
    ready(qtbot, form)  # asked again by itself, once
    assert len(processes) == 2 and not form.view.fault.sentence


# ---- keyboard and room ------------------------------------------------------------------------------------


def test_tab_goes_through_all_that_can_be_changed(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields["corpus"].show_value(str(table))
    ready(qtbot, form)
    form.view.more.setChecked(True)
    form.setFocus()
    met: list[QWidget] = []
    while (now := form.focusWidget()) not in met:
        assert now is not None
        met.append(now)
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    assert now is met[0] is form.field("corpus", PathField).line
    fields = [field for field in form.fields.values() if field.about.name != "address"]
    missed = [field.about.name for field in fields if not set(field.stops) & set(met)]
    assert not missed
    assert {form.view.queue, form.view.smoke, form.view.measure, form.view.copy} <= set(met)
    assert met.index(form.fields["rows"].stops[0]) < met.index(form.fields["device"].editor)


def test_labels_have_buddies_and_mnemonics_differ(form: TrainingForm) -> None:
    fields = form.fields.values()
    texts = [f.label.text() for f in fields] + [
        w.text() for w in (form.view.queue, form.view.smoke, form.view.more)
    ]
    keys = [text[text.index("&") + 1].upper() for text in texts if "&" in text]
    assert len(keys) == len(set(keys)) >= 18
    assert not set(keys) & set("FEPATVH")  # the menus'
    for field in fields:
        assert field.label.buddy() is not None and field.label.buddy().accessibleName()


@pytest.mark.parametrize(("width", "columns"), [(700, 1), (1000, 2), (1400, 2)])
def test_nothing_is_clipped(qtbot: QtBot, form: TrainingForm, table: Path, width: int, columns: int) -> None:
    form.resize(width, 700)
    form.fields["corpus"].show_value(str(table))
    ready(qtbot, form)
    form.view.more.setChecked(True)
    scroll = form.findChild(QScrollArea)
    assert scroll is not None
    qtbot.waitUntil(lambda: scroll.horizontalScrollBar().maximum() == 0)
    inside = scroll.widget()
    too_wide = [
        widget
        for widget in inside.findChildren(QWidget)
        if widget.isVisible() and widget.mapTo(inside, QPoint(widget.width(), 0)).x() > inside.width()
    ]
    assert not too_wide
    rows, device = form.fields["rows"].editor, form.fields["device"].editor
    beside = device.mapTo(form, QPoint()).x() > rows.mapTo(form, QPoint()).x() + 100
    assert beside == (columns == 2)


def test_a_folder_is_dropped(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(table))])
    event = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    form.dropEvent(event)
    assert event.isAccepted() and form.fields["corpus"].value == table


def test_the_command_is_copied(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields["corpus"].show_value(str(table))
    form.view.copy.click()
    assert QGuiApplication.clipboard().text() == command(form) != ""


def test_what_was_shown_can_be_undone(form: TrainingForm, table: Path) -> None:
    form.fields["corpus"].show_value(str(table))
    form.fields["corpus"].show_value("/elsewhere")
    form.field("corpus", PathField).line.undo()
    assert form.fields["corpus"].value == table


def test_scrolling_the_form_changes_no_box(qtbot: QtBot, form: TrainingForm) -> None:
    seeds, device = form.field("seeds", NumberField).box, form.field("device", ChoiceField).box
    form.field("corpus", PathField).line.setFocus()
    for box in (seeds, device):
        turn_wheel(box)
    assert (seeds.value(), device.currentIndex()) == (1, 0)
    seeds.setFocus()
    turn_wheel(seeds, up=True)
    assert seeds.value() == 2


def turn_wheel(box: QWidget, *, up: bool = False) -> None:
    middle = QPointF(box.rect().center())
    turn = QPoint(0, 120 if up else -120)
    QApplication.sendEvent(
        box,
        QWheelEvent(
            middle,
            QPointF(box.mapToGlobal(box.rect().center())),
            QPoint(),
            turn,
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        ),
    )

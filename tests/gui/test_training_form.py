"""The training form: what is typed becomes an order, what is wrong is said where it stands."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication
from PySide6.QtWidgets import QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from mlee_core.config import LINES, Compute, Selection
from mlee_core.corpora import open_corpus
from mlee_core.corpora.info import info
from mlee_core.errors import WorkerDied
from mlee_core.events import Progress
from mlee_core.forecast import Cost
from mlee_core.hardware import Gpu, Hardware
from mlee_core.order import Order
from mlee_core.planning import (
    Ask,
    CorpusFacts,
    CorpusRead,
    Look,
    Plan,
    Planned,
    Refused,
    Reply,
    Request,
    Working,
)
from mlee_core.processes import Outcome
from mlee_core.recipe import RECIPES
from mlee_gui.panels.training_form import TrainingForm
from mlee_gui.planner import PlanningProcess
from tests import made

GIB = 2**30
HARDWARE = Hardware("Some CPU", 2, 4, 8 * 10**9, (), "no NVIDIA driver is loaded")
GPU = Gpu("cuda:0", "H100", 80 * GIB, 70 * GIB, 0.25)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, each=1)


@pytest.fixture(scope="module")
def facts(table: Path) -> CorpusFacts:
    corpus = open_corpus(table)
    return CorpusFacts("table", "table", corpus.speakers, info(corpus), ("It is <odd>.",), ())


def plan(ask: Ask, *, measured: bool = False) -> Plan:
    order = ask.order
    folds = order.only or ("s0", "s1", "s2")
    cost = Cost(39, 0, 2, 20, 3600.0, 7200.0, 10**9, 2 * 10**9, 3 * 10**9)
    selection = Selection(order.rows or tuple(LINES), order.train_sets or ("dominant", "all"), folds)
    run = order.run or Path("run")
    return Plan(run, selection, Compute(), 2, "this machine", cost, measured, True, 50 * 10**9)


class FakePlanning:
    """Takes requests, and answers each question at once unless a test wants it otherwise."""

    def __init__(self, facts: CorpusFacts) -> None:
        self.facts = facts
        self.hardware = HARDWARE
        self.asked: list[Ask] = []
        self.looks = 0
        self.waiting: list[Reply] = []
        self.refuse: tuple[str, str] | None = None
        self.silent = self.dead = self.stopped = False

    def send(self, request: Request) -> None:
        if isinstance(request, Look):
            self.looks += 1
            self.waiting.append(self.hardware)
            return
        self.asked.append(request)
        self.waiting.append(Working(request.number, Progress("Reading the corpus", 0.0)))
        if not self.silent:
            self.answer(request)

    def answer(self, ask: Ask) -> None:
        self.waiting.append(CorpusRead(ask.number, self.facts, ("s0", "s1", "s2")))
        if self.refuse is None:
            self.waiting.append(Planned(ask.number, plan(ask, measured=ask.measure)))
        else:
            self.waiting.append(Refused(ask.number, *self.refuse))

    def poll(self) -> bool:
        return bool(self.waiting) or self.dead

    def receive(self) -> Reply:
        if self.dead:
            raise WorkerDied("The planning process was ended by SIGKILL.")
        return self.waiting.pop(0)

    def stop(self) -> Outcome:
        self.stopped = True
        return Outcome(None, "SIGKILL", ("first words", "last words"))


@pytest.fixture
def processes() -> list[FakePlanning]:
    return []


@pytest.fixture
def form(qtbot: QtBot, facts: CorpusFacts, processes: list[FakePlanning]) -> Iterator[TrainingForm]:
    def process() -> FakePlanning:
        processes.append(FakePlanning(facts))
        return processes[-1]

    made_form = TrainingForm(process)
    qtbot.addWidget(made_form, before_close_func=lambda _: made_form.close_planner())
    made_form.resize(1000, 700)
    made_form.show()
    qtbot.waitUntil(lambda: made_form.hardware is not None)
    yield made_form
    made_form.close_planner()


def ready(qtbot: QtBot, form: TrainingForm) -> None:
    qtbot.waitUntil(lambda: not form.why_not)


def typed(qtbot: QtBot, form: TrainingForm, name: str, text: str) -> None:
    field = form.fields.by_name[name]
    line = field.stops[0]
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    qtbot.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(line, text)


def queued(qtbot: QtBot, form: TrainingForm, button: str = "queue") -> Order:
    caught: list[Order] = []
    form.queued.connect(caught.append)
    form.smoke.connect(caught.append)
    qtbot.mouseClick(getattr(form.view, button), Qt.MouseButton.LeftButton)
    (order,) = caught
    return order


# ---- from the form to the order ---------------------------------------------------------------------------


def test_only_a_corpus(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning], private_home: Path
) -> None:
    assert form.why_not == "Choose a corpus first." and not form.view.queue.isEnabled()
    assert form.view.queue.toolTip() == form.why_not
    typed(qtbot, form, "corpus", str(table))
    ready(qtbot, form)
    assert form.view.command.toPlainText().startswith(f"mlee table3 {table} --run ")
    order = queued(qtbot, form)
    assert order.run is not None and order.run.parent == private_home / "mlee-runs"
    assert order.run.name.startswith(f"{table.parent.name}-table3-") and not order.run.exists()
    assert order == Order(table, run=order.run)
    assert processes[0].asked[-1].order == order and not processes[0].asked[-1].measure
    ready(qtbot, form)
    assert queued_twice(qtbot, form) != order.run


def queued_twice(qtbot: QtBot, form: TrainingForm) -> Path | None:
    caught: list[Order] = []
    form.queued.connect(caught.append)
    form.view.queue.click()
    return caught[0].run


def test_everything_changed_becomes_the_order(
    qtbot: QtBot, form: TrainingForm, table: Path, tmp_path: Path
) -> None:
    given = Order(
        table,
        format="table",
        map=(("other", "sad"), ("very sad", "sad")),
        label_map=tmp_path / "labels.csv",
        skip_missing=True,
        scripted=True,
        self_reports=True,
        run=tmp_path / "run",
        rows=("mlee", "fusion-soft"),
        train_sets=("all",),
        folds="loso",
        only=("s1", "s2"),
        seeds=2,
        recipe="best",
        settings=("warp=0", "draw=every"),
        max_epochs=7,
        patience=3,
        level="none",
        batch_size=8,
        seed=4,
        device="cuda",
        dtype="fp32",
        cuda_graphs=True,
        threads=2,
        jobs=3,
        engine="ray",
        address="head:6379",
        resume=True,
    )
    form.show_order(given)
    ready(qtbot, form)
    assert form.view.command.toPlainText() == given.command()
    assert queued(qtbot, form) == given


def test_defaults_are_left_out_and_come_back(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields.corpus.show_path(str(table))
    ready(qtbot, form)
    seeds, rows = form.fields.by_name["seeds"], form.fields.by_name["rows"]
    assert not seeds.back.isEnabled() and not form.view.defaults.isEnabled()
    seeds.show_value(3)
    rows.show_value(("mlee",))
    assert seeds.back.isEnabled() and seeds.back.toolTip() == "Back to the default: 1"
    qtbot.mouseClick(seeds.back, Qt.MouseButton.LeftButton)
    assert seeds.value is None and not seeds.back.isEnabled() and "--seeds" not in command(form)
    assert "--rows mlee" in command(form)
    qtbot.mouseClick(form.view.defaults, Qt.MouseButton.LeftButton)
    assert command(form) == f"mlee table3 {table} --run {form.fields.run.line.placeholderText()}"


def command(form: TrainingForm) -> str:
    return form.view.command.toPlainText()


def test_numbers_follow_the_recipe_until_they_are_changed(form: TrainingForm, table: Path) -> None:
    text = form.view.recipe.text
    assert "level&nbsp;none" in text() and "Bold" not in text()
    form.fields.recipe.show_value("best")
    assert "<b>cycle&nbsp;14</b>" in text() and "<b>level&nbsp;peak</b>" in text()
    form.fields.by_name["batch_size"].show_value(4)
    assert "<b>batch_size&nbsp;4</b>" in text()
    form.fields.recipe.to_default()
    assert form.fields.by_name["batch_size"].value == 4


def test_a_smoke_run_has_a_folder_of_its_own(
    qtbot: QtBot, form: TrainingForm, table: Path, tmp_path: Path
) -> None:
    form.show_order(Order(table, run=tmp_path / "run", resume=True))
    ready(qtbot, form)
    order = queued(qtbot, form, "try_all")
    assert order.smoke and not order.resume and order.run is not None
    assert order.run.parent == tmp_path and order.run.name.startswith("run-smoke-")
    assert form.fields.run.value == tmp_path / "run"  # still what is to be queued


def test_folds_are_ticked_by_keyboard(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields.corpus.show_path(str(table))
    ready(qtbot, form)
    names = form.fields.only.list
    names.setFocus()
    names.setCurrentRow(0)
    qtbot.keyClick(names, Qt.Key.Key_Space)
    assert form.fields.only.value == ("s1", "s2") and "--only s1 s2" in command(form)
    for row in (1, 2):
        names.setCurrentRow(row)
        qtbot.keyClick(names, Qt.Key.Key_Space)
    assert form.fields.only.fault.sentence == "no folds: an experiment needs at least one."
    qtbot.mouseClick(form.fields.only.back, Qt.MouseButton.LeftButton)
    assert form.fields.only.value == () and not form.fields.only.fault.sentence


# ---- what is wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("settings", "warp=9", "warp 9.0: allowed are shares"),
        ("settings", "'", "cannot be taken apart"),
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
    form.fields.corpus.show_path(str(table))
    ready(qtbot, form)
    field = form.fields.by_name[name]
    form.view.more.setChecked(True)
    field.stops[0].setText(text)  # type: ignore[attr-defined]
    assert words in field.fault.sentence and field.fault.isVisibleTo(form)
    assert not form.view.queue.isEnabled() and not form.view.try_all.isEnabled()
    assert form.view.wrong.sentence == f"Mend first: {field.plain} (see there)."
    assert form.view.queue.toolTip() == form.view.try_all.toolTip() == form.view.wrong.sentence
    asked = len(processes[0].asked)
    if name != "map":  # the corpus is of interest all the same
        qtbot.waitUntil(lambda: len(processes[0].asked) > asked)
        assert processes[0].asked[-1].order == Order(table)
    field.to_default()
    assert not field.fault.sentence
    ready(qtbot, form)


def test_no_row_at_all(form: TrainingForm) -> None:
    rows = form.fields.by_name["rows"]
    for box in rows.stops:
        box.setChecked(False)  # type: ignore[attr-defined]
    assert rows.fault.sentence == "no rows: an experiment needs at least one."
    assert rows.back.isEnabled()


def test_what_the_process_refuses_stands_at_its_field(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    processes[0].refuse = ("device", "device 'cuda' is not to be had here.")
    form.fields.corpus.show_path(str(table))
    form.fields.device.show_value("cuda")
    qtbot.waitUntil(lambda: bool(form.fields.device.fault.sentence))
    assert form.fields.device.fault.sentence == processes[0].refuse[1]
    assert form.view.wrong.sentence == form.view.queue.toolTip() == "Mend first: Device (see there)."
    assert form.facts is not None and form.fields.only.list.count() == 3
    processes[0].refuse = None
    form.fields.device.to_default()
    ready(qtbot, form)
    assert not form.fields.device.fault.sentence


def test_what_is_of_no_field_is_told_in_full(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    processes[0].refuse = ("", "The system refused /net/corpus: Stale file handle.")
    form.fields.corpus.show_path(str(table))
    qtbot.waitUntil(lambda: form.view.wrong.sentence == processes[0].refuse[1])
    assert form.view.queue.toolTip() == processes[0].refuse[1] and not form.view.queue.isEnabled()


def test_faults_that_are_out_of_sight_are_found(form: TrainingForm, table: Path) -> None:
    form.fields.corpus.show_path(str(table))
    for name in ("settings", "address"):
        form.fields.by_name[name].stops[0].setText("x")  # type: ignore[attr-defined]
    wrong = form.view.wrong
    assert wrong.sentence == "Mend first: Ray address, Settings, under More settings (see there)."
    form.view.more.setChecked(True)
    assert wrong.sentence == "Mend first: Ray address, Settings (see there)."


def take_out(qtbot: QtBot, box: QWidget) -> None:
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton)
    qtbot.keyClick(box, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(box, Qt.Key.Key_Delete)
    assert box.text() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "default"), [("seeds", "1"), ("jobs", "as many as fit")])
def test_a_number_that_is_taken_out_is_the_default_again(
    qtbot: QtBot, form: TrainingForm, name: str, default: str
) -> None:
    field = form.fields.by_name[name]
    field.show_value(7)
    box = field.stops[0]
    take_out(qtbot, box)
    qtbot.keyClick(box, Qt.Key.Key_Tab)
    assert box.text() == default and field.is_default  # type: ignore[attr-defined]


def test_a_number_that_is_taken_out_is_the_recipes(qtbot: QtBot, form: TrainingForm) -> None:
    form.fields.recipe.show_value("best")
    field = form.fields.by_name["batch_size"]
    form.view.more.setChecked(True)
    field.show_value(3)
    box = field.stops[0]
    take_out(qtbot, box)
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert field.is_default and box.text() == str(RECIPES["best"].batch_size)  # type: ignore[attr-defined]


def test_what_is_allowed_stands_in_the_tool_tip(form: TrainingForm) -> None:
    tips = {name: form.fields.by_name[name].editor.toolTip() for name in ("seeds", "jobs", "patience")}
    assert tips["seeds"].endswith("(1 to 1000)")
    assert tips["jobs"].endswith("(1 to 4096, or as many as fit)")
    assert tips["patience"].endswith("(1 to 1000000)")


def test_a_crash_is_told_and_the_form_goes_on(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    told: list[tuple[str, str]] = []
    form.told.connect(lambda *words: told.append(words))
    processes[0].silent = True
    form.fields.corpus.show_path(str(table))
    qtbot.waitUntil(lambda: bool(processes[0].asked))
    processes[0].dead = True
    qtbot.waitUntil(lambda: bool(told))
    ((sentence, details),) = told
    assert "ended by SIGKILL; it starts again" in sentence and details.endswith("last words")
    assert form.view.wrong.sentence == sentence and form.view.wrong.toolTip() == details
    assert processes[0].stopped and not form.view.queue.isEnabled()
    ready(qtbot, form)  # asked again by itself, once
    assert len(processes) == 2 and not form.view.wrong.sentence


# ---- what is told -----------------------------------------------------------------------------------------


def test_the_corpus_is_told_in_tables(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    assert not form.view.table.isVisibleTo(form)
    form.fields.corpus.show_path(str(table))
    ready(qtbot, form)
    assert "read as table: 15 utterances, 3 speakers" in form.view.head.text()
    assert "Dominant class" in form.view.table.text() and "existence" in form.view.admits.text()
    assert form.view.notes.text() == "It is &lt;odd&gt;."
    form.fields.corpus.show_path("/elsewhere")
    assert form.facts is None and not form.view.table.isVisibleTo(form)


def test_the_cost_is_measured_when_asked(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    form.fields.corpus.show_path(str(table))
    ready(qtbot, form)
    costs = form.view.plan
    assert costs["Time"].text() == costs["Memory"].text() == "not measured yet"
    assert costs["Disk"].text() == "2.0 GB, and 1.0 GB while it runs; 50.0 GB are free"
    processes[0].silent = True
    form.view.measure.click()
    qtbot.waitUntil(lambda: processes[0].asked[-1].measure)
    assert form.view.measure.text() == "Stop measuring"
    processes[0].waiting.append(Working(processes[0].asked[-1].number, Progress("Trying", 1, 4)))
    qtbot.waitUntil(lambda: form.view.said.text() == "Trying 25%…")
    processes[0].answer(processes[0].asked[-1])
    qtbot.waitUntil(lambda: form.plan is not None and form.plan.measured)
    assert costs["Time"].text() == "about 1 h 00 min if encoders stop after 20 epochs, at most 2 h 00 min"
    assert costs["Memory"].text() == "about 3.0 GB; 8.0 GB are free"
    assert not form.view.measure.isEnabled()


def test_of_many_edits_the_last_is_asked_about(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    form.fields.corpus.show_path(str(table))
    for seeds in range(2, 20):
        form.fields.by_name["seeds"].show_value(seeds)
    ready(qtbot, form)
    assert [ask.order.seeds for ask in processes[0].asked] == [19]


def test_an_answer_that_is_too_late_is_not_shown(
    qtbot: QtBot, form: TrainingForm, table: Path, processes: list[FakePlanning]
) -> None:
    processes[0].silent = True
    form.fields.corpus.show_path(str(table))
    qtbot.waitUntil(lambda: len(processes[0].asked) == 1)
    form.fields.by_name["seeds"].show_value(2)
    processes[0].answer(processes[0].asked[0])
    qtbot.waitUntil(lambda: len(processes[0].asked) == 2)
    qtbot.waitUntil(lambda: not processes[0].waiting)
    assert form.plan is None and form.why_not == "Working out the plan…"


def test_gpus_are_offered_and_watched(
    qtbot: QtBot, form: TrainingForm, processes: list[FakePlanning]
) -> None:
    assert "Some CPU, 2 of 4 cores usable" in form.view.devices.text()
    assert "No GPU: no NVIDIA driver is loaded." in form.view.devices.text()
    processes[0].hardware = Hardware("Some CPU", 2, 4, None, (GPU,), "")
    form._planner.look()
    qtbot.waitUntil(lambda: "70.0 of 80.0 GiB free, 25% busy" in form.view.devices.text())
    form.fields.device.show_value("cuda:0")
    assert form.fields.device.box.currentText() == "cuda:0: H100"
    looks = processes[0].looks
    qtbot.waitUntil(lambda: processes[0].looks > looks)
    form.hide()
    assert not form._look.isActive()


# ---- keyboard and room ------------------------------------------------------------------------------------


def test_tab_goes_through_all_that_can_be_changed(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields.corpus.show_path(str(table))
    ready(qtbot, form)
    form.view.more.setChecked(True)
    form.setFocus()
    met: list[QWidget] = []
    while (now := form.focusWidget()) not in met:
        assert now is not None
        met.append(now)
        qtbot.keyClick(now, Qt.Key.Key_Tab)
    assert now is met[0] is form.fields.corpus.line
    fields = [field for field in form.fields.by_name.values() if field.name != "address"]
    missed = [field.name for field in fields if not set(field.stops) & set(met)]
    assert not missed
    assert {form.view.queue, form.view.try_all, form.view.measure, form.view.copy} <= set(met)
    assert met.index(form.fields.by_name["rows"].stops[0]) < met.index(form.fields.device.editor)


def test_labels_have_buddies_and_mnemonics_differ(form: TrainingForm) -> None:
    fields = form.fields.by_name.values()
    texts = [f.label.text() for f in fields] + [
        w.text() for w in (form.view.queue, form.view.try_all, form.view.more)
    ]
    keys = [text[text.index("&") + 1].upper() for text in texts if "&" in text]
    assert len(keys) == len(set(keys)) >= 18
    assert not set(keys) & set("FEPATVH")  # the menus'
    for field in fields:
        assert field.label.buddy() is not None and field.label.buddy().accessibleName()


@pytest.mark.parametrize(("width", "columns"), [(700, 1), (1000, 2), (1400, 2)])
def test_nothing_is_clipped(qtbot: QtBot, form: TrainingForm, table: Path, width: int, columns: int) -> None:
    form.resize(width, 700)
    form.fields.corpus.show_path(str(table))
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
    rows, device = form.fields.by_name["rows"].editor, form.fields.device.editor
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
    assert event.isAccepted() and form.fields.corpus.value == table


def test_the_command_is_copied(qtbot: QtBot, form: TrainingForm, table: Path) -> None:
    form.fields.corpus.show_path(str(table))
    form.view.copy.click()
    assert QGuiApplication.clipboard().text() == command(form) != ""


def test_what_was_shown_can_be_undone(form: TrainingForm, table: Path) -> None:
    form.fields.corpus.show_path(str(table))
    form.fields.corpus.show_path("/elsewhere")
    form.fields.corpus.line.undo()
    assert form.fields.corpus.value == table


# ---- with the real process --------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_with_the_process_itself(qtbot: QtBot, table: Path, tmp_path: Path) -> None:
    started: list[PlanningProcess] = []

    def process() -> PlanningProcess:
        started.append(PlanningProcess())
        return started[-1]

    form = TrainingForm(process)
    qtbot.addWidget(form, before_close_func=lambda _: form.close_planner())
    form.show_order(Order(table, run=tmp_path / "run", dtype="fp32", rows=("mlee",), only=("s1",)))
    form.show()
    qtbot.waitUntil(lambda: form.hardware is not None and not form.why_not, timeout=120_000)
    assert form.plan is not None and form.plan.cost.cells == 2
    assert "15 utterances" in form.view.head.text()
    told: list[str] = []
    form.told.connect(lambda sentence, _: told.append(sentence))
    pid = started[0].pid
    assert pid is not None
    form.fields.run.show_path(str(table.parent))  # the corpus's own folder
    qtbot.waitUntil(lambda: "holds other files" in form.fields.run.fault.sentence, timeout=60_000)
    assert not form.view.queue.isEnabled()
    form.fields.run.show_path(str(tmp_path / "run"))
    form.fields.only.show_value(("s1", "s2"))
    os.kill(pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(told) and not form.why_not, timeout=120_000)
    assert "SIGKILL" in told[0] and len(started) == 2
    assert form.plan is not None and form.plan.cost.cells == 4
    form.close_planner()
    assert not list(tmp_path.glob("run*"))

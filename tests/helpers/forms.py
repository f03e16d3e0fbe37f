"""A training form over a stand-in for the planning process, for tests; and what they do to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.run_config import Compute, Selection
from mlee_core.config.stages import LINES
from mlee_core.corpora import open_corpus
from mlee_core.corpora.statistics import info
from mlee_core.events import Progress
from mlee_core.experiments.planning_service import CorpusFacts, CorpusRead, Plan, PlanRequest, ReadHardware
from mlee_core.runs.forecast import Cost
from mlee_core.system.hardware import Gpu, Hardware
from mlee_core.system.service import Cancel, Done, Refused, Request
from mlee_gui.training.form import TrainingForm
from tests.helpers import made_data
from tests.helpers.fakes import FakeProcess

GIB = 2**30
HARDWARE = Hardware("Some CPU", 2, 4, 8 * 10**9, (), "no NVIDIA driver is loaded")
GPU = Gpu("cuda:0", "H100", 80 * GIB, 70 * GIB, 0.25)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, each=1)


@pytest.fixture(scope="module")
def facts(table: Path) -> CorpusFacts:
    corpus = open_corpus(table)
    return CorpusFacts("table", "table", corpus.speakers, info(corpus), ("It is <odd>.",), ())


def plan(request: PlanRequest, *, measured: bool = False) -> Plan:
    spec = request.spec
    folds = spec.only or ("s0", "s1", "s2")
    cost = Cost(39, 0, 2, 20, 3600.0, 7200.0, 10**9, 2 * 10**9, 3 * 10**9)
    selection = Selection(spec.rows or tuple(LINES), spec.train_sets or ("dominant", "all"), folds)
    run = spec.run or Path("run")
    return Plan(run, selection, 1, Compute(), 2, "this machine", cost, measured, True, 50 * 10**9)


class FakePlanning(FakeProcess):
    """Answers each question at once unless a test wants it otherwise."""

    name = "planning process"

    def __init__(self, facts: CorpusFacts) -> None:
        super().__init__()
        self.facts = facts
        self.hardware = HARDWARE
        self.refuse: tuple[str, str] | None = None
        self.silent = False

    @property
    def questions(self) -> list[PlanRequest]:
        return [r.content for r in self.requests if isinstance(r.content, PlanRequest)]

    @property
    def hardware_reads(self) -> int:
        return len(self.requests) - len(self.questions)

    def send(self, message: Request | Cancel) -> None:
        super().send(message)
        if isinstance(message, Cancel):
            return
        if isinstance(message.content, ReadHardware):
            self.reply(message.number, Done(self.hardware))
            return
        self.reply(message.number, Progress("Reading the corpus", 0.0))
        if not self.silent:
            self.answer(message)

    def answer(self, request: Request) -> None:
        question = request.content
        self.reply(request.number, CorpusRead(self.facts, ("s0", "s1", "s2")))
        if self.refuse is None:
            self.reply(request.number, Done(plan(question, measured=question.measure)))
        else:
            about, message = self.refuse
            self.reply(request.number, Refused(message, about))


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


def show_spec(form: TrainingForm, spec: ExperimentSpec) -> None:
    for field in fields(ExperimentSpec):
        if field.name in form.fields:
            value = getattr(spec, field.name)
            form.fields[field.name].show_value(None if value == field.default else value)


def ready(qtbot: QtBot, form: TrainingForm) -> None:
    qtbot.waitUntil(lambda: not form.why_not)


def typed(qtbot: QtBot, form: TrainingForm, name: str, text: str) -> None:
    field = form.fields[name]
    line = field.stops[0]
    qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    qtbot.keyClick(line, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(line, text)


def queued(qtbot: QtBot, form: TrainingForm, button: str = "queue") -> ExperimentSpec:
    caught: list[ExperimentSpec] = []
    form.queued.connect(caught.append)
    form.smoke.connect(caught.append)
    qtbot.mouseClick(getattr(form.view, button), Qt.MouseButton.LeftButton)
    (spec,) = caught
    return spec


def command(form: TrainingForm) -> str:
    return form.view.command.toPlainText()

"""A training form over a stand-in for the planning process, for tests; and what they do to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.run_config import Compute, Selection
from mlee_core.config.stages import LINES
from mlee_core.corpora import open_corpus
from mlee_core.corpora.statistics import info
from mlee_core.errors import WorkerDied
from mlee_core.events import Progress
from mlee_core.experiments.planning_service import (
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
from mlee_core.runs.forecast import Cost
from mlee_core.system.child_process import Outcome
from mlee_core.system.hardware import Gpu, Hardware
from mlee_gui.training.form import TrainingForm
from tests.helpers import made

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
    spec = ask.spec
    folds = spec.only or ("s0", "s1", "s2")
    cost = Cost(39, 0, 2, 20, 3600.0, 7200.0, 10**9, 2 * 10**9, 3 * 10**9)
    selection = Selection(spec.rows or tuple(LINES), spec.train_sets or ("dominant", "all"), folds)
    run = spec.run or Path("run")
    return Plan(run, selection, 1, Compute(), 2, "this machine", cost, measured, True, 50 * 10**9)


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


def queued(qtbot: QtBot, form: TrainingForm, button: str = "queue") -> ExperimentSpec:
    caught: list[ExperimentSpec] = []
    form.queued.connect(caught.append)
    form.smoke.connect(caught.append)
    qtbot.mouseClick(getattr(form.view, button), Qt.MouseButton.LeftButton)
    (spec,) = caught
    return spec


def command(form: TrainingForm) -> str:
    return form.view.command.toPlainText()

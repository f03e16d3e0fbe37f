"""What the training form is told of a corpus and of an order, in its process and in one of its own."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.stages import LINES
from mlee_core.corpora import Corpus
from mlee_core.events import Progress
from mlee_core.experiments import builder, planning_service
from mlee_core.experiments.experiment import Experiment
from mlee_core.experiments.planning_service import (
    Ask,
    CorpusRead,
    Look,
    Plan,
    Planned,
    PlanningService,
    Refused,
    Reply,
    Request,
    Working,
)
from mlee_core.runs.forecast import Speed
from mlee_core.runs.spec_file import write_spec
from mlee_core.system.child_process import Child
from mlee_core.system.hardware import Hardware
from tests.helpers import made

SPEED = Speed(train_s=0.001, features_s=0.01, mean_duration_s=1.0, memory_bytes=10**9)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, each=1)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> list[Experiment]:
    """The experiments that were tried, by a stand-in."""
    tried: list[Experiment] = []

    def measured(self: Experiment) -> Generator[Progress, None, Speed]:
        tried.append(self)
        yield Progress("Trying", 0, 1)
        return SPEED

    monkeypatch.setattr(Experiment, "trial", measured)
    return tried


@pytest.fixture
def spec(table: Path, tmp_path: Path) -> ExperimentSpec:
    return ExperimentSpec(table, run=tmp_path / "run", dtype="fp32", jobs=1)


def last(desk: PlanningService, spec: ExperimentSpec, *, measure: bool = False) -> Reply:
    *_, answer = desk.answers(Ask(7, spec, measure))
    assert not isinstance(answer, Hardware) and answer.number == 7
    return answer


def plan(desk: PlanningService, spec: ExperimentSpec, *, measure: bool = False) -> Plan:
    answer = last(desk, spec, measure=measure)
    assert isinstance(answer, Planned), answer
    return answer.plan


def test_what_a_corpus_holds(spec: ExperimentSpec) -> None:
    """Three speakers, each of five classes once; s…_other has no class that counts."""
    first, read, *_ = PlanningService().answers(Ask(1, spec))
    assert isinstance(first, Working) and first.progress.what == "Reading the corpus"
    assert isinstance(read, CorpusRead) and read.folds == read.facts.speakers == ("s0", "s1", "s2")
    facts = read.facts
    assert facts.format == "table" and facts.found["utterances"] == 15
    assert facts.found["dominant"] == {"neu": 3, "hap": 3, "sad": 3, "ang": 3, "none": 3}
    assert facts.found["admits"]["hard"] == 12 and facts.found["admits"]["existence"] == 15
    assert facts.mean_s == pytest.approx(0.7)  # each lasts as long


def test_what_an_order_would_train(spec: ExperimentSpec) -> None:
    found = plan(PlanningService(), replace(spec, only=("s1",), rows=("mlee",), seeds=2))
    assert found.cost.cells == 4 and found.selection.folds == ("s1",)
    assert not found.measured and found.measurable and found.place == "this machine"
    assert found.cost.disk_bytes > 4 * 1_068_956 * 4 and found.cost.features_bytes > 0
    assert found.free_bytes > 0 and found.run == spec.run
    assert spec.run is not None and not spec.run.exists()


def test_a_trial_is_made_once(spec: ExperimentSpec, trials: list[Experiment]) -> None:
    desk = PlanningService()
    assert not plan(desk, spec).measured and not trials
    first = plan(desk, spec, measure=True)
    assert first.measured and 0 < first.cost.seconds < first.cost.most_seconds
    again = plan(desk, replace(spec, seeds=2, rows=tuple(LINES)))
    assert again.measured and again.cost.seconds > 1.5 * first.cost.seconds
    assert plan(desk, replace(spec, max_epochs=7, patience=3, only=("s1",))).measured
    assert plan(desk, spec, measure=True).measured and len(trials) == 1
    assert not plan(desk, replace(spec, batch_size=4)).measured
    assert not plan(desk, replace(spec, jobs=2)).measured


def test_a_corpus_is_read_once(spec: ExperimentSpec, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ExperimentSpec] = []
    really = builder.read

    def counted(asked: ExperimentSpec) -> Corpus:
        read.append(asked)
        return really(asked)

    monkeypatch.setattr(builder, "read", counted)
    desk = PlanningService()
    plan(desk, spec)
    plan(desk, replace(spec, seeds=2))
    assert len(read) == 1
    now = table.stat().st_mtime_ns + 10**9
    os.utime(table, ns=(now, now))
    plan(desk, spec)
    assert len(read) == 2


@pytest.mark.parametrize(
    ("change", "about", "words"),
    [
        ({"corpus": Path("/nowhere")}, "corpus", "/nowhere cannot be opened"),
        ({"format": "secret"}, "corpus", "is no corpus format"),
        ({"device": "cuda"}, "device", "allowed are cpu"),
        ({"folds": "9"}, "folds", "9 groups of 3 speakers"),
        ({"only": ("s9",)}, "only", "the folds are s0, s1, s2"),
        ({"run": Path("/dev/null/run")}, "run", "/dev/null is a file"),
        ({"run": Path("/proc/mlee-run")}, "run", "cannot be written|GB of disk"),
        ({"engine": "ray", "device": "cuda:1"}, "address", "which assigns the GPUs itself"),
    ],
)
def test_refusals_say_which_field(
    spec: ExperimentSpec, change: dict[str, object], about: str, words: str
) -> None:
    import torch

    if "device" in change and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    answer = last(PlanningService(), replace(spec, **change))  # type: ignore[arg-type]
    assert isinstance(answer, Refused) and answer.about == about
    assert any(part in answer.message for part in words.split("|"))


def test_a_run_that_is_there_already(spec: ExperimentSpec) -> None:
    builder.experiment(spec).begin(resume=False)
    answer = last(PlanningService(), spec)
    assert isinstance(answer, Refused) and answer.about == "run" and "holds a run already" in answer.message
    assert plan(PlanningService(), replace(spec, resume=True)).cost.cells == 39


def test_a_folder_that_holds_something_else_is_refused(spec: ExperimentSpec) -> None:
    assert spec.run is not None
    spec.run.mkdir()
    assert plan(PlanningService(), spec).run == spec.run
    (spec.run / "thesis.tex").touch()
    assert last(PlanningService(), spec) == Refused(
        7, "run", f"{spec.run} is there already and holds other files: choose a new or an empty folder."
    )
    builder.experiment(spec).begin(resume=False)  # as a command may be told
    assert plan(PlanningService(), replace(spec, resume=True)).run == spec.run


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_an_experiment_that_waits_is_refused(spec: ExperimentSpec, resume: bool) -> None:
    assert spec.run is not None
    write_spec(spec.run, spec)
    assert last(PlanningService(), replace(spec, resume=resume)) == Refused(
        7, "run", f"{spec.run} belongs to an experiment that was queued already: choose another folder."
    )


def test_missing_audio_is_told_beside_the_facts(tmp_path: Path) -> None:
    table = made.corpus(tmp_path / "corpus", speakers=3, each=1)
    (tmp_path / "corpus" / "s0_neu_0.wav").unlink()
    _, read, refused = PlanningService().answers(Ask(1, ExperimentSpec(table)))
    assert isinstance(read, CorpusRead) and read.facts.found["audio"]["missing"] == 1
    assert isinstance(refused, Refused) and refused.about == "corpus" and "s0_neu_0.wav" in refused.message


def test_a_fault_of_ours_is_an_answer(spec: ExperimentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: ExperimentSpec) -> Corpus:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(builder, "read", broken)
    answer = last(PlanningService(), spec)
    assert answer == Refused(7, "", "MLEE failed on this: ZeroDivisionError: by nought.")


def test_what_the_system_refuses_is_an_answer(spec: ExperimentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: ExperimentSpec) -> Corpus:
        raise OSError(116, "Stale file handle", "/net/corpus")

    monkeypatch.setattr(builder, "read", gone)
    assert last(PlanningService(), spec) == Refused(
        7, "", "The system refused /net/corpus: Stale file handle."
    )


class Script:
    """A pipe's end: a request comes in as soon as so many answers went out, and in the end it is closed."""

    def __init__(self, *requests: tuple[int, Request]) -> None:
        self.requests = deque(requests)
        self.sent: list[Reply] = []

    def poll(self, timeout: float | None) -> bool:
        return timeout is None or (bool(self.requests) and self.requests[0][0] <= len(self.sent))

    def recv(self) -> Request:
        if not self.requests:
            raise EOFError
        return self.requests.popleft()[1]

    def send(self, reply: Reply) -> None:
        self.sent.append(reply)


def test_the_newest_question_ends_the_trial_of_the_one_before(
    spec: ExperimentSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []

    def endless(_: Experiment) -> Iterator[Progress]:
        try:
            while True:
                yield Progress("Trying", 0, 1)
        finally:
            closed.append(True)

    monkeypatch.setattr(Experiment, "trial", endless)
    monkeypatch.setattr("tempfile.tempdir", None)
    script = Script((0, Ask(1, spec, measure=True)), (9, Ask(2, spec)), (9, Look()))
    planning_service.serve(script, str(tmp_path))
    assert closed == [True]
    assert [type(reply) for reply in script.sent].count(Hardware) == 1
    planned = [reply for reply in script.sent if isinstance(reply, Planned | Refused)]
    assert [reply.number for reply in planned] == [2] and isinstance(planned[0], Planned)


def test_in_a_process_of_its_own(spec: ExperimentSpec, tmp_path: Path) -> None:
    child = Child("planning process", planning_service.serve, str(tmp_path))
    try:
        child.send(Ask(1, spec))
        answers: list[Reply] = []
        while not answers or not isinstance(answers[-1], Planned | Refused):
            answers.append(child.receive())
        child.send(Look())
        assert isinstance(child.receive(), Hardware)
    finally:
        outcome = child.stop()
    assert isinstance(answers[-1], Planned) and answers[-1].plan.cost.cells == 39
    assert outcome.exit_code == 0

"""What the planning service finds out about a corpus and an experiment, here and in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.stages import LINES
from mlee_core.corpora import Corpus
from mlee_core.errors import MleeError
from mlee_core.events import Progress
from mlee_core.experiments import builder
from mlee_core.experiments.experiment import Experiment
from mlee_core.experiments.planning_service import (
    CorpusRead,
    Plan,
    PlanningService,
    PlanRequest,
    ReadHardware,
)
from mlee_core.runs.forecast import Speed
from mlee_core.runs.spec_file import write_spec
from mlee_core.system.hardware import Hardware
from mlee_core.system.service import Done, Request, ServiceProcess
from tests.helpers import made_data

SPEED = Speed(train_s=0.001, features_s=0.01, mean_duration_s=1.0, memory_bytes=10**9)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, each=1)


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


def run(
    service: PlanningService, spec: ExperimentSpec, *, measure: bool = False
) -> tuple[list[object], Plan | MleeError]:
    """The events, and the plan or the refusal."""
    answer, events = service.plan(PlanRequest(spec, measure)), []
    try:
        while True:
            events.append(next(answer))
    except StopIteration as end:
        return events, end.value
    except MleeError as error:
        return events, error


def refusal(service: PlanningService, spec: ExperimentSpec) -> tuple[str, str]:
    """The field and the sentence."""
    error = run(service, spec)[1]
    assert isinstance(error, MleeError), error
    return error.about, str(error)


def plan(service: PlanningService, spec: ExperimentSpec, *, measure: bool = False) -> Plan:
    found = run(service, spec, measure=measure)[1]
    assert isinstance(found, Plan), found
    return found


def test_what_a_corpus_holds(spec: ExperimentSpec) -> None:
    """Three speakers, each of five classes once; s…_other has no class that counts."""
    first, read, *_ = run(PlanningService(), spec)[0]
    assert isinstance(first, Progress) and first.what == "Reading the corpus"
    assert isinstance(read, CorpusRead) and read.folds == read.facts.speakers == ("s0", "s1", "s2")
    facts = read.facts
    assert facts.format == "table" and facts.found["utterances"] == 15
    assert facts.found["dominant"] == {"neu": 3, "hap": 3, "sad": 3, "ang": 3, "none": 3}
    assert facts.found["admits"]["hard"] == 12 and facts.found["admits"]["existence"] == 15
    assert facts.mean_s == pytest.approx(0.7)  # each lasts as long


def test_what_an_experiment_would_train(spec: ExperimentSpec) -> None:
    found = plan(PlanningService(), replace(spec, only=("s1",), rows=("mlee",), seeds=2))
    assert found.cost.cells == 4 and found.selection.folds == ("s1",)
    assert not found.measured and found.measurable and found.place == "this machine"
    assert found.cost.disk_bytes > 4 * 1_068_956 * 4 and found.cost.features_bytes > 0
    assert found.free_bytes > 0 and found.run == spec.run
    assert spec.run is not None and not spec.run.exists()


def test_a_trial_is_made_once(spec: ExperimentSpec, trials: list[Experiment]) -> None:
    service = PlanningService()
    assert not plan(service, spec).measured and not trials
    first = plan(service, spec, measure=True)
    assert first.measured and 0 < first.cost.seconds < first.cost.most_seconds
    again = plan(service, replace(spec, seeds=2, rows=tuple(LINES)))
    assert again.measured and again.cost.seconds > 1.5 * first.cost.seconds
    assert plan(service, replace(spec, max_epochs=7, patience=3, only=("s1",))).measured
    assert plan(service, spec, measure=True).measured and len(trials) == 1
    assert not plan(service, replace(spec, batch_size=4)).measured
    assert not plan(service, replace(spec, jobs=2)).measured


def test_a_corpus_is_read_once(spec: ExperimentSpec, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[ExperimentSpec] = []
    really = builder.read

    def counted(spec: ExperimentSpec) -> Corpus:
        read.append(spec)
        return really(spec)

    monkeypatch.setattr(builder, "read", counted)
    service = PlanningService()
    plan(service, spec)
    plan(service, replace(spec, seeds=2))
    assert len(read) == 1
    now = table.stat().st_mtime_ns + 10**9
    os.utime(table, ns=(now, now))
    plan(service, spec)
    assert len(read) == 2


@pytest.mark.parametrize(
    ("change", "about", "words"),
    [
        ({"corpus": Path("/nowhere")}, "corpus", "/nowhere cannot be opened"),
        ({"format": "secret"}, "corpus", "is not a corpus format"),
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
    field, sentence = refusal(PlanningService(), replace(spec, **change))  # type: ignore[arg-type]
    assert field == about and any(part in sentence for part in words.split("|"))


def test_a_run_that_is_there_already(spec: ExperimentSpec) -> None:
    builder.experiment(spec).begin(resume=False)
    field, sentence = refusal(PlanningService(), spec)
    assert field == "run" and "holds a run already" in sentence
    assert plan(PlanningService(), replace(spec, resume=True)).cost.cells == 39


def test_a_folder_that_holds_something_else_is_refused(spec: ExperimentSpec) -> None:
    assert spec.run is not None
    spec.run.mkdir()
    assert plan(PlanningService(), spec).run == spec.run
    (spec.run / "thesis.tex").touch()
    assert refusal(PlanningService(), spec) == (
        *("run", f"{spec.run} exists and holds other files: choose a new or an empty folder."),
    )
    builder.experiment(spec).begin(resume=False)  # as a command may
    assert plan(PlanningService(), replace(spec, resume=True)).run == spec.run


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_an_experiment_that_waits_is_refused(spec: ExperimentSpec, resume: bool) -> None:
    assert spec.run is not None
    write_spec(spec.run, spec)
    assert refusal(PlanningService(), replace(spec, resume=resume)) == (
        *("run", f"{spec.run} belongs to an experiment that was queued already: choose another folder."),
    )


def test_missing_audio_is_refused_beside_the_facts(tmp_path: Path) -> None:
    table = made_data.corpus(tmp_path / "corpus", speakers=3, each=1)
    (tmp_path / "corpus" / "s0_neu_0.wav").unlink()
    (_, read), error = run(PlanningService(), ExperimentSpec(table))
    assert isinstance(read, CorpusRead) and read.facts.found["audio"]["missing"] == 1
    assert isinstance(error, MleeError) and error.about == "corpus" and "s0_neu_0.wav" in str(error)


def test_what_the_system_refuses_is_an_answer(spec: ExperimentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: ExperimentSpec) -> Corpus:
        raise OSError(116, "Stale file handle", "/net/corpus")

    monkeypatch.setattr(builder, "read", gone)
    assert refusal(PlanningService(), spec) == ("", "The system refused /net/corpus: Stale file handle.")


def test_a_trial_ends_with_its_question(spec: ExperimentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[bool] = []

    def endless(_: Experiment) -> Iterator[Progress]:
        try:
            while True:
                yield Progress("Trying", 0, 1)
        finally:
            closed.append(True)

    monkeypatch.setattr(Experiment, "trial", endless)
    answer = PlanningService().plan(PlanRequest(spec, measure=True))
    while getattr(next(answer), "what", "") != "Trying":
        pass
    answer.close()
    assert closed == [True]


def test_in_a_process_of_its_own(spec: ExperimentSpec) -> None:
    process = ServiceProcess("planning process", PlanningService)
    try:
        process.send(Request(1, PlanRequest(spec)))
        event: object = None
        while not isinstance(event, Done):
            event = process.receive().event
        process.send(Request(2, ReadHardware()))
        read = process.receive().event
        assert isinstance(read, Done) and isinstance(read.result, Hardware)
    finally:
        outcome = process.stop()
    assert isinstance(event.result, Plan) and event.result.cost.cells == 39
    assert outcome.exit_code == 0

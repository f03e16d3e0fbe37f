"""What the form for experiments needs to know, found out in a process of its own: what a corpus holds, what
an experiment would train and cost, which devices are available. The form never waits.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..config.experiment_spec import ExperimentSpec
from ..config.run_config import Compute, Selection
from ..corpora import Corpus
from ..corpora.missing_audio import present
from ..corpora.statistics import info
from ..corpora.statistics_text import remarks_on
from ..errors import MleeError, RunError
from ..events import Progress
from ..runs.forecast import Cost, Speed
from ..runs.run_folder import RunFolder
from ..system.hardware import Hardware, Watch
from . import builder
from .builder import about
from .experiment import Experiment


@dataclass(frozen=True)
class PlanRequest:
    """What the corpus of an experiment holds and what the experiment would cost.

    measure: also how fast this machine is at it, by a trial. Events: Progress (at once, and again),
    CorpusRead. Result: Plan. Refusals name the field of the specification.
    """

    spec: ExperimentSpec
    measure: bool = False


@dataclass(frozen=True)
class ReadHardware:
    """Which devices are available, and how busy. Result: Hardware."""


@dataclass(frozen=True)
class CorpusFacts:
    """found: as `corpora.info.info` gives it. remarks, warnings: sentences. speakers: sorted."""

    name: str
    format: str
    speakers: tuple[str, ...]
    found: Mapping[str, Any]
    warnings: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def mean_s(self) -> float:
        """Seconds of an utterance; 0 where neither the corpus nor its files state it."""
        return float(self.found["duration_s"] or 0.0) / int(self.found["utterances"])


@dataclass(frozen=True)
class Plan:
    """What an experiment comes to.

    selection: what is trained. ensemble: so many networks judge together. cost: its times and memory hold
    only if `measured`. measurable: whether a trial can be made here. free_bytes: on the disk of the run
    folder. place: where it is trained, as text.
    """

    run: Path
    selection: Selection
    ensemble: int
    compute: Compute
    workers: int
    place: str
    cost: Cost
    measured: bool
    measurable: bool
    free_bytes: int


@dataclass(frozen=True)
class CorpusRead:
    """folds: their names, none where they cannot be made."""

    facts: CorpusFacts
    folds: tuple[str, ...]


Answer = Generator[Progress | CorpusRead, None, Plan]


class PlanningService:
    """Answers requests; what was read or measured once is not read or measured again."""

    def __init__(self) -> None:
        self._read: dict[object, tuple[Corpus, CorpusFacts]] = {}
        self._speeds: dict[object, Speed] = {}
        self._watch = Watch()

    def __call__(self, request: PlanRequest | ReadHardware) -> Answer | Hardware:
        return self._watch.read() if isinstance(request, ReadHardware) else self.plan(request)

    def plan(self, request: PlanRequest) -> Answer:
        yield Progress("Reading the corpus", 0.0)
        try:
            return (yield from self._plan(request))
        except OSError as error:
            where = f" {error.filename}" if error.filename else ""
            raise RunError(f"The system refused{where}: {error.strerror or error}.") from error

    def _plan(self, request: PlanRequest) -> Answer:
        with about("run"):
            spec, _ = builder.completed(request.spec)
        with about("corpus"):
            corpus, facts = self._corpus(spec)
        folds: tuple[str, ...] = ()
        with suppress(MleeError):  # the experiment below reports why
            folds = tuple(fold.name for fold in builder.folds_of(spec, corpus).folds)
        yield CorpusRead(facts, folds)
        with about("corpus"):
            usable = present(corpus, skip_missing=spec.skip_missing)
        yield Progress("Working out the plan", 0.0)
        experiment = builder.experiment(spec, corpus=usable)
        with about("folds"):
            experiment.refuse_untrainable()
        with about("run"):
            experiment.folder.refuse_unusable(resume=spec.resume)
            _refuse_taken(experiment.folder)
        # what a machine's speed depends on: not rows, folds or seeds, nor when training ends
        config = experiment.config
        recipe = replace(config.recipe, max_epochs=1, patience=1)
        key = (usable.data_hash(), recipe, config.compute, experiment.workers, experiment.engine)
        if request.measure and key not in self._speeds:
            self._speeds[key] = yield from experiment.trial()
        return _plan_of(experiment, self._speeds.get(key), facts)

    def _corpus(self, spec: ExperimentSpec) -> tuple[Corpus, CorpusFacts]:
        """The corpus. The last one is kept until its file changes or it is to be read in another way."""
        how = (spec.corpora, spec.format, spec.map, spec.label_map, spec.scripted, spec.self_reports)
        files = [_changed_ns(path) for path in (*spec.corpora, spec.label_map) if path is not None]
        key = (how, *files)
        if key not in self._read:
            corpus = builder.read(spec)
            remarks = tuple(
                sentence
                for part in corpus.parts
                for sentences in remarks_on(part).values()
                for sentence in sentences
            )
            found = info(corpus, builder.label_map_of(spec))
            facts = CorpusFacts(corpus.name, corpus.format, corpus.speakers, found, corpus.warnings, remarks)
            self._read = {key: (corpus, facts)}
        return self._read[key]


def _changed_ns(path: Path) -> int:
    with suppress(OSError):  # reading it reports what is wrong
        return path.stat().st_mtime_ns
    return 0


def _plan_of(experiment: Experiment, speed: Speed | None, facts: CorpusFacts) -> Plan:
    unmeasured = Speed(train_s=0.0, features_s=0.0, mean_duration_s=facts.mean_s, memory_bytes=0)
    cost = experiment.cost(speed or unmeasured)
    with about("run"):
        experiment.refuse_full_disk(cost)
    return Plan(
        run=experiment.folder.path,
        selection=experiment.selection,
        ensemble=experiment.config.recipe.ensemble,
        compute=experiment.config.compute,
        workers=experiment.workers,
        place=experiment.engine.place,
        cost=cost,
        measured=speed is not None,
        measurable=experiment.measurable,
        free_bytes=experiment.free_bytes(),
    )


def _refuse_taken(folder: RunFolder) -> None:
    """Raises: RunError for a folder that holds something else than a run. A command may write there all the
    same; who chooses a folder in a form hardly means that."""
    if folder.exists or not folder.path.is_dir():
        return
    if (folder.path / "order.json").exists():
        taken = f"{folder.path} belongs to an experiment that was queued already"
        raise RunError(f"{taken}: choose another folder.")
    if any(folder.path.iterdir()):
        raise RunError(f"{folder.path} exists and holds other files: choose a new or an empty folder.")

"""What a form for experiments asks, answered in a process of its own: what a corpus holds, what an order
would train and cost, which devices there are. The form never waits; its newest question is what counts.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Generator, Iterator, Mapping
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
from ..system.child_process import Connection
from ..system.hardware import Hardware, Watch
from . import builder
from .builder import about
from .experiment import Experiment


@dataclass(frozen=True)
class Ask:
    """What the order's corpus holds and what the order would cost. measure: also how fast this machine is at
    it, by a trial. Answers: Working (at once, and again), CorpusRead, then Planned or Refused; all have its
    number. A newer question takes the place of an older one, which is then answered no further."""

    number: int
    spec: ExperimentSpec
    measure: bool = False


@dataclass(frozen=True)
class Look:
    """Which devices there are, and how busy. Answer: Hardware."""


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
        """Seconds of an utterance; 0 where the corpus and its files do not tell."""
        return float(self.found["duration_s"] or 0.0) / int(self.found["utterances"])


@dataclass(frozen=True)
class Plan:
    """What an order comes to. selection: what is trained. ensemble: so many judge together. cost: its times
    and memory hold only if `measured`. measurable: whether a trial can be made here. free_bytes: on the disk
    of the run folder. place: where it is trained, in words."""

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
class Working:
    number: int
    progress: Progress


@dataclass(frozen=True)
class CorpusRead:
    """folds: names of those that there are, none where they cannot be made."""

    number: int
    facts: CorpusFacts
    folds: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    number: int
    plan: Plan


@dataclass(frozen=True)
class Refused:
    """about: the field of the order, "" where it is none's. message: one sentence."""

    number: int
    about: str
    message: str


Request = Ask | Look
Reply = Working | CorpusRead | Planned | Refused | Hardware


def serve(connection: Connection, scratch: str) -> None:
    """The process's side, until the form's end of the pipe is closed. scratch: a folder for trials."""
    tempfile.tempdir = scratch
    desk, watch = PlanningService(), Watch()
    work: Generator[Reply] | None = None
    while True:
        while connection.poll(0 if work else None):
            try:
                request: Request = connection.recv()
            except EOFError:
                return
            if isinstance(request, Look):
                connection.send(watch.read())
                continue
            if work is not None:
                work.close()
            work = desk.answers(request)
        assert work is not None, "without work it waits for a question"
        answer = next(work, None)
        if answer is None:
            work = None
        else:
            connection.send(answer)


class PlanningService:
    """Answers questions; what was read or measured once is not read or measured again."""

    def __init__(self) -> None:
        self._read: dict[object, tuple[Corpus, CorpusFacts]] = {}
        self._speeds: dict[object, Speed] = {}

    def answers(self, ask: Ask) -> Generator[Reply]:
        yield Working(ask.number, Progress("Reading the corpus", 0.0))
        try:
            yield from self._answers(ask)
        except MleeError as error:
            yield Refused(ask.number, error.about, str(error))
        except OSError as error:
            where = f" {error.filename}" if error.filename else ""
            yield Refused(ask.number, "", f"The system refused{where}: {error.strerror or error}.")
        except Exception as error:  # noqa: BLE001 - the boundary: a fault of ours must not end the process
            traceback.print_exc()
            sys.stderr.flush()
            yield Refused(ask.number, "", f"MLEE failed on this: {type(error).__name__}: {error}.")

    def _answers(self, ask: Ask) -> Iterator[Reply]:
        with about("run"):
            spec, _ = builder.completed(ask.spec)
        with about("corpus"):
            corpus, facts = self._corpus(spec)
        try:
            folds = tuple(fold.name for fold in builder.folds_of(spec, corpus).folds)
        except MleeError:
            folds = ()  # what follows says why
        yield CorpusRead(ask.number, facts, folds)
        with about("corpus"):
            usable = present(corpus, skip_missing=spec.skip_missing)
        yield Working(ask.number, Progress("Working out the plan", 0.0))
        asked = builder.experiment(spec, corpus=usable)
        with about("folds"):
            asked.refuse_untrainable()
        with about("run"):
            asked.folder.refuse_unusable(resume=spec.resume)
            _refuse_taken(asked.folder)
        speed = self._speeds.get(_speed_key(asked))
        if speed is None and ask.measure:
            trial = asked.trial()
            try:
                while True:
                    yield Working(ask.number, next(trial))
            except StopIteration as end:
                speed = self._speeds[_speed_key(asked)] = end.value
            finally:
                trial.close()
        yield Planned(ask.number, _plan(asked, speed, facts))

    def _corpus(self, spec: ExperimentSpec) -> tuple[Corpus, CorpusFacts]:
        """Kept: the last one, until its file or folder changes or is to be read in another way."""
        how = (spec.corpus, spec.format, spec.map, spec.label_map, spec.scripted, spec.self_reports)
        files = [_changed_ns(path) for path in (spec.corpus, spec.label_map) if path is not None]
        key = (how, *files)
        if key not in self._read:
            corpus = builder.read(spec)
            remarks = tuple(sentence for part in remarks_on(corpus).values() for sentence in part)
            found = info(corpus, builder.label_map_of(spec))
            facts = CorpusFacts(corpus.name, corpus.format, corpus.speakers, found, corpus.warnings, remarks)
            self._read = {key: (corpus, facts)}
        return self._read[key]


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # reading it says what is wrong


def _speed_key(asked: Experiment) -> object:
    """What a machine's speed depends on: not rows, folds or seeds, nor when training ends."""
    config = asked.config
    recipe = replace(config.recipe, max_epochs=1, patience=1)
    return asked.corpus.data_hash(), recipe, config.compute, asked.workers, asked.engine


def _plan(asked: Experiment, speed: Speed | None, facts: CorpusFacts) -> Plan:
    unmeasured = Speed(train_s=0.0, features_s=0.0, mean_duration_s=facts.mean_s, memory_bytes=0)
    cost = asked.cost(speed or unmeasured)
    with about("run"):
        asked.refuse_full_disk(cost)
    return Plan(
        run=asked.folder.path,
        selection=asked.selection,
        ensemble=asked.config.recipe.ensemble,
        compute=asked.config.compute,
        workers=asked.workers,
        place=asked.engine.place,
        cost=cost,
        measured=speed is not None,
        measurable=asked.measurable,
        free_bytes=asked.free_bytes(),
    )


def _refuse_taken(folder: RunFolder) -> None:
    """Raises: RunError for a folder that holds something else than a run. A command may be told to write
    there all the same; who chooses a folder in a form hardly means that."""
    if folder.exists or not folder.path.is_dir():
        return
    if (folder.path / "order.json").exists():
        raise RunError(
            f"{folder.path} belongs to an experiment that was queued already: choose another folder."
        )
    if any(folder.path.iterdir()):
        raise RunError(
            f"{folder.path} is there already and holds other files: choose a new or an empty folder."
        )

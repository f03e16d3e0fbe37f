"""The run folder: what is to be trained, what happened, and what came out.

    RUN/config.json  folds.json  utterances.json  events.jsonl  lock
    RUN/<fold>/recordings.json  model.safetensors
    RUN/<fold>/seed-<seed>/<stage>/last.safetensors  best.safetensors  result.json

One process writes it at a time; anybody may read it. Events are lines of JSON, flushed one by one.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from . import files, folds, scratch
from .config import RunConfig, Selection, Stage, stage_named
from .corpora import stored
from .corpora.base import Corpus
from .errors import ConfigError, CorpusError, RunError
from .events import EpochDone, Event, StageDone
from .folds import Folds

RESULT = "result.json"
_ONCE = ("epoch_done", "stage_done")


@dataclass(frozen=True)
class Cell:
    """One network of an experiment: a stage of one fold, with one seed."""

    fold: str
    seed: int
    stage: Stage

    @property
    def name(self) -> str:
        """Its folder in the run, "03/seed-0/dominant-soft-all"."""
        return f"{self.fold}/seed-{self.seed}/{self.stage.name}"


@dataclass(frozen=True)
class CellResult:
    """What came out of a cell.

    key: hash of its data, targets, configuration and seed. epoch: the best one, of `epochs`. dev_loss: its
    development loss. wa, ua: on the test speakers' utterances that `hard` admits, None without any.
    curves: a row {epoch, train_loss, dev_loss, dev_wa, dev_ua, best} for each epoch.
    predictions: id -> probabilities [4] of every annotated utterance of the test speakers, softmax for a
    dominant row, sigmoid for MLEE. development: the same of the development speakers' utterances that the
    stage admits, by which recipes may be chosen. temperature, offset: of their logits' calibration.Scaling.
    stamp: which software trained it. early: it was asked to stop before its training was over.
    """

    fold: str
    seed: int
    stage: Stage
    key: str
    epoch: int
    epochs: int
    dev_loss: float
    wa: float | None
    ua: float | None
    curves: tuple[dict[str, Any], ...]
    predictions: Mapping[str, tuple[float, ...]]
    development: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    temperature: float = 1.0
    offset: float = 0.0
    stamp: Mapping[str, str] = field(default_factory=dict)
    early: bool = False

    @property
    def cell(self) -> Cell:
        return Cell(self.fold, self.seed, self.stage)

    def events(self) -> Iterator[Event]:
        """What its training has told, again: a writer that was killed may not have got to all of it."""
        where: dict[str, Any] = {"fold": self.fold, "seed": self.seed}
        for row in self.curves:
            yield EpochDone(self.stage.name, **row, **where, seconds=None)
        told = (self.epoch, self.dev_loss, self.wa, self.ua)
        yield StageDone(self.stage.name, *told, reused=True, early=self.early, **where)

    def to_json(self) -> dict[str, Any]:
        told = {**asdict(self), "stage": self.stage.name}
        return told if self.early else {name: value for name, value in told.items() if name != "early"}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> CellResult:
        said = {"predictions": value["predictions"], "development": value.get("development", {})}
        told = {part: {name: tuple(row) for name, row in rows.items()} for part, rows in said.items()}
        read = {"stage": stage_named(value["stage"]), "curves": tuple(value["curves"])}
        return cls(**{**value, **read, **told})


class Journal:
    """The writer's side of events.jsonl. What a resumed training tells again is written once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written: set[tuple[Any, ...] | None] = set()
        for line in _lines(file):
            self._forget(line)
            self._written.add(_identity(line))

    def append(self, event: Event) -> bool:
        """One more line, flushed to the system so that a reader sees it at once; False if it is there."""
        line = event.to_json()
        self._forget(line)
        identity = _identity(line)
        if identity is not None:
            if identity in self._written:
                return False
            self._written.add(identity)
        text = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        with open(self._file, "ab", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            if (written := file.write(text)) < len(text):  # a disk that is filling up
                file.truncate(before)
                raise OSError(errno.ENOSPC, f"{written} of {len(text)} bytes were written", str(self._file))
        return True

    def _forget(self, line: dict[str, Any]) -> None:
        """What is dropped is told again when it is trained anew."""
        if line.get("type") == "dropped":
            cell = _place(line)
            self._written = {known for known in self._written if known is None or known[1:4] != cell}


class RunFolder:
    """A run folder on disk. `begin` makes or continues one for writing; all else only reads."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return os.path.exists(self.path / "config.json")  # False for a name that no file can have

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    def stage_folder(self, cell: Cell) -> Path:
        return self.path / cell.name

    def config(self) -> RunConfig:
        """Raises: RunError when this is no run folder, or its configuration damaged or another version's."""
        try:
            return RunConfig.from_json(self._json("config.json"))
        except ConfigError as error:
            raise RunError(
                f"{self.path} cannot be read, it is damaged or was made by another version of MLEE: {error}"
            ) from error

    def folds(self) -> Folds:
        """All folds of the experiment, the ones that are not selected too. Raises: RunError."""
        self._json("folds.json")
        return folds.load(self.path / "folds.json", self.corpus())

    def corpus(self) -> Corpus:
        """The utterances with the votes that the run was begun with. Raises: RunError."""
        try:
            return stored.from_json(self._json("utterances.json"))
        except CorpusError as error:
            raise RunError(f"{self.path}/utterances.json is damaged: {error}") from error

    def cells(self) -> tuple[Cell, ...]:
        """All that the experiment trains, fold by fold. Raises: RunError for a run of single stages."""
        config = self.config()
        if config.selection is None:
            raise RunError(
                f"{self.path} is a run of single stages (mlee train), not an experiment (mlee table3)."
            )
        return cells(config, config.selection)

    def result(self, cell: Cell) -> CellResult | None:
        """What came out of a cell, None while it is not done. Raises: RunError when the file is damaged."""
        file = self.stage_folder(cell) / RESULT
        try:
            return CellResult.from_json(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunError(f"{file} cannot be read: {error.strerror}.") from error
        except (AttributeError, ConfigError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{file} is damaged ({error}): remove it, and --resume makes it anew.") from error

    def results(self) -> tuple[CellResult, ...]:
        """The finished cells of an experiment, in the order of `cells`."""
        found = (self.result(cell) for cell in self.cells())
        return tuple(result for result in found if result is not None)

    def save(self, result: CellResult) -> None:
        files.write_json(self.stage_folder(result.cell) / RESULT, result.to_json())

    def adopt(self, result: CellResult, cell: Cell) -> CellResult:
        """Give `cell` the networks and the result of another cell that is the same training; returns it."""
        for name in ("last.safetensors", "best.safetensors"):
            with files.atomic_path(self.stage_folder(cell) / name) as copy:
                shutil.copyfile(self.stage_folder(result.cell) / name, copy)
        adopted = replace(result, stage=cell.stage)
        self.save(adopted)
        return adopted

    def begin(self, config: RunConfig, corpus: Corpus, parts: Folds, *, resume: bool) -> None:
        """Make the folder, or continue it with `resume`; its selection may grow then.

        Raises: RunError when it exists and `resume` is off, when corpus, configuration or folds differ (the
        difference is named), and when it cannot be written.
        """
        begun = self._begun(resume=resume)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self.locked():
                if begun:
                    self.refuse_difference(config, corpus, parts)
                else:
                    folds.save(parts, self.path / "folds.json")
                # anew, since the corpus may have moved
                files.write_json(self.path / "utterances.json", stored.to_json(corpus))
                files.write_json(self.path / "config.json", config.to_json())  # last: with it the run exists
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}.") from error

    def refuse_unusable(self, *, resume: bool) -> None:
        """Refuse now what `begin` would refuse of the folder itself. Raises: RunError."""
        self._begun(resume=resume)
        here = self.path.absolute()
        there = next(place for place in (here, *here.parents) if os.path.exists(place))
        if not there.is_dir():
            raise RunError(f"{self.path} cannot be written: {there} is a file.")
        if not os.access(there, os.W_OK | os.X_OK):
            raise RunError(f"{self.path} cannot be written: {there} may not be written to.")

    def _begun(self, *, resume: bool) -> bool:
        """Whether there is a run already. Raises: RunError if there is and it is not to go on."""
        begun = self.exists
        if begun and not resume:
            raise RunError(f"{self.path} holds a run already: resume it (--resume), or name another folder.")
        return begun

    def refuse_difference(self, config: RunConfig, corpus: Corpus, parts: Folds) -> None:
        """Raises: RunError naming what is not as this run was begun: settings, corpus or folds."""
        difference = self.config().difference(config)
        if difference:
            raise RunError(f"{self.path} cannot go on: {difference}; use another run folder.")
        difference = stored.difference(self.corpus(), corpus)
        if difference:
            raise RunError(f"{self.path} cannot go on: its corpus has changed, {difference}.")
        was = self.folds()
        if was.folds != parts.folds:
            names = ", ".join(fold.name for fold in was.folds)
            raise RunError(f"{self.path} cannot go on: it has other folds ({names}); use another run folder.")

    @contextmanager
    def writing(self) -> Iterator[Journal]:
        """Hold the single writer's lock and mend what a killed writer left. Raises: RunError, OSError."""
        with self.locked():
            self._mend_events()
            scratch.sweep(self.path)
            networks = [self.path / fold.name for fold in self.folds().folds]
            _sweep(networks)
            try:
                yield Journal(self.events_file)
            finally:
                _sweep(networks)  # of processes that were killed meanwhile

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the single writer's lock. Raises: RunError when another process holds it; OSError."""
        with open(self.path / "lock", "a", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunError(
                    f"{self.path} is being written by another process: wait for it or end it."
                ) from error
            yield

    def events(self) -> Iterator[dict[str, Any]]:
        """The whole lines written so far. Raises: RunError for a line that is no event."""
        return _lines(self.events_file)

    def _mend_events(self) -> None:
        """Cut off the half line that a killed writer may have left."""
        if not self.events_file.exists():
            return
        with open(self.events_file, "rb+") as file:
            text = file.read()
            file.truncate(text.rfind(b"\n") + 1)
            os.fsync(file.fileno())

    def _json(self, name: str) -> Any:
        file = self.path / name
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RunError(f"{self.path} is no run folder: it has no {name}.") from error
        except (OSError, ValueError) as error:
            raise RunError(f"{file} cannot be read: {error}") from error


def _sweep(folders: Sequence[Path]) -> None:
    """Remove what killed writers have left beside the networks."""
    for folder in folders:
        files.sweep(folder)


def cells(config: RunConfig, selection: Selection) -> tuple[Cell, ...]:
    """The cells of a selection: ensemble by ensemble, fold by fold, encoders before what stands on them."""
    return tuple(
        Cell(fold, seed, stage)
        for seeds in config.ensembles(selection.seeds)
        for fold in selection.folds
        for seed in seeds
        for stage in selection.stages
    )


def _identity(line: dict[str, Any]) -> tuple[Any, ...] | None:
    """What makes an epoch or a stage the same one, None for events that may recur."""
    if line.get("type") not in _ONCE:
        return None
    return (line["type"], *_place(line), line.get("epoch"))


def _place(line: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in ("fold", "seed", "stage"))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith("\n"):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise RunError(f"{path}, line {number} is damaged ({error}).") from error

"""The run folder: what is to be trained, what happened, and what came out.

    RUN/config.json  folds.json  utterances.json  events.jsonl  lock
    RUN/<fold>/recordings.json  model.safetensors
    RUN/<fold>/seed-<seed>/<stage>/last.safetensors  best.safetensors  result.json

One process writes it at a time; anybody may read it. Events are lines of JSON, flushed one by one.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config.run_config import RunConfig
from ..corpora import folds, snapshot
from ..corpora.corpus import Corpus
from ..corpora.folds import Folds
from ..errors import ConfigError, CorpusError, RunError
from ..system import files, locks, temporary_folders
from ..system.files import stable_hash
from ..system.provenance import stamp
from .cells import RESULT, Cell, CellResult, cells
from .event_log import EventLog, _lines


class RunFolder:
    """A run folder on disk. `begin` makes one or continues it."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def exists(self) -> bool:
        """Whether it holds a run."""
        return os.path.exists(self.path / "config.json")  # False for a name that no file can have

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    def stage_folder(self, cell: Cell) -> Path:
        return self.path / cell.name

    def config(self) -> RunConfig:
        """Raises: RunError when this is no run folder, or its configuration is damaged or another
        version's."""
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
        """The utterances, with their votes when the run started. Raises: RunError."""
        try:
            return snapshot.from_json(self._json("utterances.json"))
        except CorpusError as error:
            raise RunError(f"{self.path}/utterances.json is damaged: {error}") from error

    def cells(self) -> tuple[Cell, ...]:
        """All that the experiment trains, fold by fold. Raises: RunError."""
        return cells(self.config())

    def result(self, cell: Cell) -> CellResult | None:
        """The result of a cell, None while it is not done. Raises: RunError when the file is damaged."""
        file = self.stage_folder(cell) / RESULT
        try:
            return CellResult.from_json(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunError(f"{file} cannot be read: {error.strerror}.") from error
        except (AttributeError, ConfigError, KeyError, TypeError, ValueError) as error:
            raise RunError(f"{file} is damaged ({error}): remove it, and --resume makes it again.") from error

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
        exists = self._may_exist(resume=resume)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with self.locked():
                if exists:
                    self.refuse_difference(config, corpus, parts)
                else:
                    folds.save(parts, self.path / "folds.json")
                # written again since the corpus may have moved
                files.write_json(self.path / "utterances.json", snapshot.to_json(corpus))
                files.write_json(self.path / "config.json", config.to_json())  # last: with it the run exists
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}.") from error

    def refuse_unusable(self, *, resume: bool) -> None:
        """Raises: RunError for a folder that `begin` would refuse."""
        self._may_exist(resume=resume)
        here = self.path.absolute()
        there = next(place for place in (here, *here.parents) if os.path.exists(place))
        if not there.is_dir():
            raise RunError(f"{self.path} cannot be written: {there} is a file.")
        if not os.access(there, os.W_OK | os.X_OK):
            raise RunError(f"{self.path} cannot be written: {there} may not be written to.")

    def _may_exist(self, *, resume: bool) -> bool:
        """Whether it holds a run already. Raises: RunError if so and `resume` is off."""
        if self.exists and not resume:
            raise RunError(f"{self.path} holds a run already: resume it (--resume), or name another folder.")
        return self.exists

    def refuse_difference(self, config: RunConfig, corpus: Corpus, parts: Folds) -> None:
        """Raises: RunError naming a difference to this run in settings, corpus or folds."""
        difference = self.config().difference(config)
        if difference:
            raise RunError(f"{self.path} cannot be resumed: {difference}; use another run folder.")
        difference = snapshot.difference(self.corpus(), corpus)
        if difference:
            raise RunError(f"{self.path} cannot be resumed: its corpus has changed, {difference}.")
        was = self.folds().folds
        if was != parts.folds:
            difference = f"it has other folds ({', '.join(fold.name for fold in was)})"
            raise RunError(f"{self.path} cannot be resumed: {difference}; use another run folder.")

    @contextmanager
    def writing(self) -> Iterator[EventLog]:
        """Hold the single writer's lock and clean up after a killed writer. Raises: RunError, OSError."""
        with self.locked():
            self._cut_incomplete_event()
            temporary_folders.sweep(self.path)
            networks = [self.path / fold.name for fold in self.folds().folds]
            for folder in networks:
                files.sweep(folder)
            try:
                yield EventLog(self.events_file)
            finally:
                for folder in networks:  # after processes that were killed meanwhile
                    files.sweep(folder)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the single writer's lock. Raises: RunError when another process holds it; OSError."""
        lock = locks.try_lock(self.path / "lock")
        if lock is None:
            raise RunError(f"{self.path} is being written by another process: wait for it or end it.")
        with lock:
            yield

    def events(self) -> Iterator[dict[str, Any]]:
        """The complete lines written so far. Raises: RunError for a line that is not an event."""
        return _lines(self.events_file)

    def _cut_incomplete_event(self) -> None:
        """Cut off the incomplete last line that a killed writer may have left."""
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


def of_run(config: RunConfig) -> dict[str, str]:
    """`stamp` with a run's device, dtype and hashes of its data and configuration."""
    return {
        **stamp(),
        "device": config.compute.device,
        "dtype": config.compute.dtype,
        "data_hash": config.data_hash,
        "config_hash": stable_hash(config.to_json()),
    }

"""The run folder: config.json, folds.json, events.jsonl and, per fold and stage, its checkpoints.

    RUN/config.json  folds.json  events.jsonl  lock  model.safetensors
    RUN/<fold>/<stage>/last.safetensors  best.safetensors

One process writes it at a time; anybody may read it. Events are lines of JSON, flushed one by one.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .config import RunConfig, Stage
from .errors import ConfigError, RunError
from .events import Event
from .files import write_json
from .folds import Fold


class RunFolder:
    """A run folder on disk. `begin` makes or continues one for writing; the constructor only reads."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    def stage_folder(self, fold: Fold, stage: Stage) -> Path:
        return self.path / fold.name / stage.name

    def config(self) -> RunConfig:
        """Raises: RunError when this is no run folder or its configuration is damaged."""
        try:
            return RunConfig.from_json(json.loads((self.path / "config.json").read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise RunError(f"{self.path} is no run folder: it has no config.json.") from error
        except (OSError, ValueError, ConfigError) as error:
            raise RunError(f"{self.path}/config.json cannot be read: {error}") from error

    def begin(self, config: RunConfig, *, resume: bool) -> None:
        """Make the folder for `config`, or continue it with `resume`.

        Raises: RunError when it exists and `resume` is off, when its configuration differs (the first
        difference is named), and when it cannot be written.
        """
        if (self.path / "config.json").exists():
            if not resume:
                raise RunError(
                    f"{self.path} holds a run already: add --resume to go on with it, or name another."
                )
            difference = self.config().difference(config)
            if difference:
                raise RunError(f"{self.path} cannot go on: {difference}; use another run folder.")
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / "config.json", config.to_json())
        except OSError as error:
            raise RunError(f"{self.path} cannot be written: {error.strerror}.") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the single writer's lock. Raises: RunError when another process holds it."""
        with open(self.path / "lock", "w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise RunError(
                    f"{self.path} is being written by another process: wait for it or end it."
                ) from error
            self._mend_events()
            yield

    def append(self, event: Event) -> None:
        """One more line in events.jsonl, flushed to the system so that a reader sees it at once."""
        with open(self.events_file, "a", encoding="utf-8") as file:
            file.write(json.dumps(event.to_json(), ensure_ascii=False) + "\n")

    def events(self) -> Iterator[dict[str, Any]]:
        """The whole lines written so far. Raises: RunError for a line that is no event."""
        if not self.events_file.exists():
            return
        with open(self.events_file, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if line.endswith("\n"):
                    try:
                        yield json.loads(line)
                    except ValueError as error:
                        raise RunError(f"{self.events_file}, line {number} is damaged ({error}).") from error

    def _mend_events(self) -> None:
        """Cut off the half line that a killed writer may have left."""
        if not self.events_file.exists():
            return
        with open(self.events_file, "rb+") as file:
            text = file.read()
            file.truncate(text.rfind(b"\n") + 1)
            os.fsync(file.fileno())

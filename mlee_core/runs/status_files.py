"""The small files of a run folder beside events.jsonl: status, and requests to the writer.

    job.json        the process that writes the run, or wrote it last, and how that ended
    heartbeat.json  once a second: cells in work, cells done, time left (heartbeat.py)
    asked.json      requests to the writer: to pause, to stop and keep, to skip cells, to retrain cells

Each is replaced as a whole. Readers treat a damaged file like a missing one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from ..config.json_fields import from_json
from ..errors import MleeError
from ..system import files
from ..system.process_identity import ProcessIdentity

JobState = Literal["running", "finished", "failed", "cancelled", "stopped", "paused"]
Ask = Literal["pause", "stop"]

Read = TypeVar("Read")


@dataclass(frozen=True)
class JobStatus:
    """The process that writes a run. state: "running", or how it ended (cancelled: at once, resumable;
    stopped: after an epoch, with the trained cells kept; paused: after the cells in work).
    began_at, ended_at: seconds since the epoch (UTC). message: one sentence where it failed."""

    writer: ProcessIdentity
    began_at: float
    state: JobState = "running"
    ended_at: float | None = None
    message: str = ""

    def save(self, run: Path) -> None:
        files.write_json(run / "job.json", asdict(self))

    @classmethod
    def load(cls, run: Path) -> JobStatus | None:
        return loaded(run / "job.json", cls)


@dataclass(frozen=True)
class ControlRequest:
    """ask: how the job is to end. skip: names of cells that are not to be trained. redo: names of cells to
    retrain, with those that use their outputs."""

    ask: Ask | None = None
    skip: tuple[str, ...] = ()
    redo: tuple[str, ...] = ()

    def save(self, run: Path) -> None:
        files.write_json(run / "asked.json", asdict(self))

    @classmethod
    def load(cls, run: Path) -> ControlRequest:
        return loaded(run / "asked.json", cls) or cls()


def loaded(file: Path, kind: type[Read]) -> Read | None:
    """What a small file holds, None if it is missing or damaged."""
    try:
        return from_json(kind, json.loads(file.read_text(encoding="utf-8")), file.name)
    except (OSError, ValueError, MleeError):
        return None


class WatchedFile(Generic[Read]):
    """A small file that other processes replace as a whole. fault: one sentence where it cannot be read."""

    def __init__(self, file: Path, read: Callable[[Path], Read | None]) -> None:
        self._file, self._read = file, read
        self._seen: tuple[int, ...] | None = None
        self.value: Read | None = None
        self.fault = ""

    def reload(self) -> bool:
        """Read the file if it was replaced; returns whether it was."""
        try:
            now = self._file.stat()
            seen = (now.st_ino, now.st_mtime_ns, now.st_size)
        except OSError:
            seen = None
        if seen == self._seen:
            return False
        self._seen, self.fault = seen, ""
        try:
            self.value = None if seen is None else self._read(self._file.parent)
        except MleeError as error:
            self.value, self.fault = None, str(error)
        return True

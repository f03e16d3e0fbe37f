"""Logs of a run and events of a cell as text, for a look at a cell or a failure."""

from __future__ import annotations

import os
import time
from collections import deque
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from .. import events
from ..events import Event, Failed
from ..system.printable import printable
from .cells import Cell
from .event_reader import EventReader
from .event_text import event_text

LAST_LINES = 50
"""Lines of a log that are shown with a failure."""

_TAIL_BYTES = 1 << 16
_MOST_EVENTS = 2000
_KINDS = (events.Started, events.Resumed, events.EpochDone, events.StageDone, events.Failed)


def log_files(run: Path) -> tuple[Path, ...]:
    """The run's logs that are not empty, of the job and its training processes; the last written first."""
    found: list[tuple[float, Path]] = []
    for file in (run / "logs").glob("*.log"):
        with suppress(OSError):
            if (now := file.stat()).st_size:
                found.append((now.st_mtime, file))
    return tuple(file for _, file in sorted(found, reverse=True))


def log_of(run: Path, name: str) -> Path | None:
    """The log of this name if it is not empty, else the one written last; None without any."""
    files = log_files(run)
    return next((file for file in files if file.name == name), next(iter(files), None))


def tail(file: Path, lines: int = LAST_LINES) -> tuple[str, ...]:
    """The last lines of a log, of at most 64 KiB; () for a file that does not exist. Raises: OSError."""
    try:
        with file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = log.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ()
    last = text.rstrip("\n").split("\n")[-lines:]
    return tuple(printable(line.rstrip("\r").expandtabs()) for line in last) if text else ()


class CellEvents:
    """The events of one cell as text, read piece by piece."""

    def __init__(self, run: Path, cell: Cell) -> None:
        self._file = EventReader(run / "events.jsonl")
        self._where = {"fold": cell.fold, "seed": cell.seed, "stage": cell.stage.name}
        self._lines: deque[str] = deque(maxlen=_MOST_EVENTS)

    def read(self, budget_s: float) -> tuple[str, ...]:
        """All lines so far, after reading for about budget_s more; `caught_up`: whether the file has no
        more."""
        if self._file.replaced():
            self._lines.clear()
        for line in self._file.lines(time.monotonic() + budget_s):
            if all(line.get(name) == value for name, value in self._where.items()):
                self._lines.append(line_text(line))
        return tuple(self._lines)

    @property
    def caught_up(self) -> bool:
        return self._file.caught_up


def line_text(line: dict[str, Any]) -> str:
    """ "03:12:09  dominant-soft-all epoch 3: loss …": a line of events.jsonl about one cell."""
    at = line.get("at")
    clock = time.strftime("%d %b %H:%M:%S", time.localtime(at)) if isinstance(at, float) and at < 1e11 else ""
    return f"{clock}  {printable(_described(line))}"


def _described(line: dict[str, Any]) -> str:
    if line.get("type") == "dropped":
        return f"{line.get('stage')}: its results are dropped; it is retrained"
    event = _event(line)
    if isinstance(event, Failed):
        return f"failed: {event.message}"
    return (event and event_text(event)) or str(line.get("type"))


def _event(line: dict[str, Any]) -> Event | None:
    """None for an event without text, and for a line that lacks a field."""
    kind = next(
        (kind for kind in _KINDS if kind.__name__.lower() == str(line.get("type")).replace("_", "")), None
    )
    if kind is None:
        return None
    known = {field.name for field in fields(kind)}
    try:
        event = kind(**{name: value for name, value in line.items() if name in known})
        event_text(event)
    except (TypeError, ValueError):
        return None
    return event

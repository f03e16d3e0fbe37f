"""Writing events.jsonl: one line of JSON for each event, flushed at once."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..events import Event

_ONCE = ("epoch_done", "stage_done")


class EventLog:
    """The writer's side of events.jsonl. Epochs and stages that a resumed training repeats are written
    once."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._written: set[tuple[Any, ...] | None] = set()
        for line in _lines(file):
            self._forget(line)
            self._written.add(_identity(line))

    def append(self, event: Event) -> bool:
        """Write one line and flush it, so that a reader sees it at once; False if it was written before."""
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
        """Events of a dropped cell are written again when it is retrained."""
        if line.get("type") == "dropped":
            cell = _cell_of(line)
            self._written = {known for known in self._written if known is None or known[1:4] != cell}


def _identity(line: dict[str, Any]) -> tuple[Any, ...] | None:
    """Key of an epoch or a stage, None for events that may recur."""
    if line.get("type") not in _ONCE:
        return None
    return (line["type"], *_cell_of(line), line.get("epoch"))


def _cell_of(line: dict[str, Any]) -> tuple[Any, ...]:
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

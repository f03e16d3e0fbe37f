"""The reader's side of events.jsonl: new complete lines, a piece at a time, whatever the file holds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import Any

PIECE = 1 << 16
LONGEST = 1 << 20
"""Bytes; a longer line is not an event."""


class EventReader:
    """has_data: whether it was ever not empty. fault: one sentence where it cannot be read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._inode = 0
        self._reset()

    def _reset(self) -> None:
        self._offset = 0
        self._amid_long = False
        self.has_data = False
        self.fault = ""
        self.caught_up = True

    def replaced(self) -> bool:
        """Check the file: whether it was replaced or removed, so that all events read before are invalid."""
        inode, size = 0, 0
        with suppress(OSError):
            now = self._file.stat()
            inode, size = now.st_ino, now.st_size
        self.caught_up = size <= self._offset
        if inode == self._inode and size >= self._offset:
            return False
        self._inode = inode
        was_read = self.has_data
        self._reset()
        self.caught_up = size == 0
        return was_read

    def lines(self, deadline: float) -> Iterator[dict[str, Any]]:
        """The new events since the last call, until time.monotonic() reaches the deadline; at least one
        piece. An incomplete line waits until its end is written. Call `replaced` first."""
        if self.caught_up:
            return
        try:
            with open(self._file, "rb", buffering=0) as file:
                self.has_data, self.fault = True, ""
                yield from self._pieces(file, deadline)
        except OSError as error:
            self.fault = f"{self._file} cannot be read: {error.strerror}."

    def _pieces(self, file: RawIOBase, deadline: float) -> Iterator[dict[str, Any]]:
        while True:
            file.seek(self._offset)
            wanted, piece = PIECE, file.read(PIECE)
            if b"\n" not in piece and len(piece) == PIECE:
                wanted, piece = LONGEST, piece + file.read(LONGEST - PIECE)
            yield from self._whole_lines(piece)
            self.caught_up = len(piece) < wanted
            if self.caught_up or time.monotonic() > deadline:
                return

    def _whole_lines(self, piece: bytes) -> Iterator[dict[str, Any]]:
        end = piece.rfind(b"\n")
        if end < 0:
            if len(piece) >= LONGEST:
                self._amid_long = True
                self._offset += len(piece)
            return
        self._offset += end + 1
        for line in piece[:end].split(b"\n"):
            event: Any = None
            with suppress(ValueError, RecursionError):  # not an event
                event = None if self._amid_long else json.loads(line)
            self._amid_long = False
            if isinstance(event, dict):
                yield event

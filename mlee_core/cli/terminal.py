"""Progress in a terminal, rewritten in place; nothing where the output is no terminal."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import TextIO

from ..events import Progress
from ..runs.event_text import progress_text

EVERY_S = 0.1


class ProgressLine:
    """Shows the latest Progress on one line of `stream`, at most ten times a second."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._on = stream.isatty() and not quiet
        self._shown_at = 0.0

    def show(self, progress: Progress) -> None:
        now = time.monotonic()
        if self._on and now - self._shown_at >= EVERY_S:
            self._shown_at = now
            self._stream.write(f"\r\x1b[K{progress_text(progress)}")
            self._stream.flush()

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._on:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class Board:
    """Several lines at the bottom of a terminal that change in place, below lines that stay."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self.live = stream.isatty() and not quiet
        self._lines = 0
        self._shown_at = 0.0

    def show(self, lines: Sequence[str], *, at_once: bool = False) -> None:
        """Put these lines where the last ones were, at most ten times a second unless at_once."""
        now = time.monotonic()
        if self.live and (at_once or now - self._shown_at >= EVERY_S):
            self._shown_at = now
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be overwritten
            self._stream.write(self._home() + "".join(f"\x1b[K{line[:width]}\n" for line in lines) + "\x1b[J")
            self._stream.flush()
            self._lines = len(lines)

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self.live and self._lines:
            self._stream.write(f"{self._home()}\x1b[J")
            self._stream.flush()
            self._lines = 0

    def _home(self) -> str:
        return f"\x1b[{self._lines}A\r" if self._lines else "\r"

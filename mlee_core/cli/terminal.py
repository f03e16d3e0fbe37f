"""Progress in a terminal, rewritten in place; nothing where the output is no terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO, TypeVar

from ..events import Progress
from ..runs.event_text import progress_text

EVERY_S = 0.1
Result = TypeVar("Result")


def print_note(text: str) -> None:
    """Print a remark, for example on a corpus, to stderr."""
    print(f"mlee: note: {text}", file=sys.stderr)


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

    def follow(self, steps: Iterable[object], kind: type[Result]) -> Result:
        """Show the Progress among the steps of some work; returns the last step of this kind."""
        result: Result | None = None
        for step in steps:
            if isinstance(step, Progress):
                self.show(step)
            elif isinstance(step, kind):
                result = step
        assert result is not None, f"the work ends with {kind.__name__}"
        self.clear()
        return result

    def clear(self) -> None:
        """Remove the line, so that others can be printed."""
        if self._on:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


class Board:
    """Several lines at the bottom of a terminal that change in place, below permanent lines."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self.live = stream.isatty() and not quiet
        self._lines = 0
        self._shown_at = 0.0

    def show(self, lines: Sequence[str], *, at_once: bool = False) -> None:
        """Replace the lines, at most ten times a second unless at_once."""
        now = time.monotonic()
        if self.live and (at_once or now - self._shown_at >= EVERY_S):
            self._shown_at = now
            width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be overwritten
            self._stream.write(self._home() + "".join(f"\x1b[K{line[:width]}\n" for line in lines) + "\x1b[J")
            self._stream.flush()
            self._lines = len(lines)

    def clear(self) -> None:
        """Remove the lines, so that others can be printed."""
        if self.live and self._lines:
            self._stream.write(f"{self._home()}\x1b[J")
            self._stream.flush()
            self._lines = 0

    def _home(self) -> str:
        return f"\x1b[{self._lines}A\r" if self._lines else "\r"

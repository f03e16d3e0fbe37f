"""One line of progress in a terminal, rewritten in place; nothing where the output is no terminal."""

from __future__ import annotations

import time
from typing import TextIO

from ..events import Progress

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
            self._stream.write(f"\r\x1b[K{in_words(progress)}")
            self._stream.flush()

    def clear(self) -> None:
        """Make room for a line that stays."""
        if self._on:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def in_words(progress: Progress) -> str:
    """ "mlee-all Epoch 3 41 %, 12 s left"."""
    parts = [progress.stage, progress.what]
    if progress.total:
        parts.append(f"{100 * progress.done / progress.total:.0f} %")
    text = " ".join(part for part in parts if part)
    return text if progress.left_s is None else f"{text}, {duration(progress.left_s)} left"


def duration(seconds: float) -> str:
    """ "45 s", "3 min 20 s", "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"

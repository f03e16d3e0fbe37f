"""Qt without a display: the same window, and no complaints about what pixels in memory do not need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QtMsgType, qInstallMessageHandler

_NEEDLESS = "This plugin does not support"
"""So begins what the off-screen platform says, at each widget, of size hints, raising and grabbing."""


@contextmanager
def without_needless_words() -> Iterator[None]:
    """Let Qt's messages through as ever, less those."""
    before = qInstallMessageHandler(_tell)
    try:
        yield
    finally:
        qInstallMessageHandler(before)


def _tell(kind: QtMsgType, context: object, text: str) -> None:
    if not text.startswith(_NEEDLESS):
        print(text, file=sys.stderr)

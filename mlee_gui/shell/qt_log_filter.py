"""Filter for the warnings of Qt's off-screen platform."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QtMsgType, qInstallMessageHandler

_UNSUPPORTED = "This plugin does not support"
"""Start of its warnings, at each widget, about size hints, raising and grabbing."""


@contextmanager
def without_offscreen_warnings() -> Iterator[None]:
    """Print Qt's messages as usual, but not these warnings."""
    before = qInstallMessageHandler(_print)
    try:
        yield
    finally:
        qInstallMessageHandler(before)


def _print(kind: QtMsgType, context: object, text: str) -> None:
    if not text.startswith(_UNSUPPORTED):
        print(text, file=sys.stderr)

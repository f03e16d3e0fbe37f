"""SIGTERM cancels: noted at any time, raised where nothing is interrupted in the middle. For the main thread.

An exception from a signal handler may be raised while numpy or torch is imported, which neither survives, or
inside one of their callbacks, where it is lost (both seen).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STATUS = 130
_received = False


@contextmanager
def deferred() -> Iterator[None]:
    """From the first SIGTERM on, `check` raises; further ones do nothing."""
    global _received

    def receive(*_: object) -> None:
        global _received
        _received = True

    with _handled(receive):
        try:
            yield
        finally:
            _received = False


def check() -> None:
    """Call it often. Raises: KeyboardInterrupt, as Ctrl-C does, once SIGTERM was received."""
    if _received:
        raise KeyboardInterrupt


@contextmanager
def immediate(before_exit: Callable[[], None]) -> Iterator[None]:
    """While there is nothing to clean up: SIGTERM calls `before_exit` and ends the process."""

    def end(*_: object) -> None:
        before_exit()
        os._exit(STATUS)

    with _handled(end):
        yield


@contextmanager
def _handled(handler: Callable[..., None]) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

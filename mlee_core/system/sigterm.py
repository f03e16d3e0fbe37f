"""SIGTERM cancels: heard at any time, heeded where nothing is broken off in the middle.

An exception out of a signal handler may come while numpy or torch is imported, which neither survives, or
inside one of their callbacks, where it is lost (both seen). For the main thread.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

STATUS = 130
_heard = False


@contextmanager
def heeded() -> Iterator[None]:
    """`check` raises from the first SIGTERM on; further ones do nothing."""
    global _heard

    def hear(*_: object) -> None:
        global _heard
        _heard = True

    with _handled(hear):
        try:
            yield
        finally:
            _heard = False


def check() -> None:
    """To be called often. Raises: KeyboardInterrupt once SIGTERM was heard, as Ctrl-C does."""
    if _heard:
        raise KeyboardInterrupt


@contextmanager
def ending_at_once(last_word: Callable[[], None]) -> Iterator[None]:
    """While there is nothing to clean up: the first SIGTERM ends the process, after its last word."""

    def end(*_: object) -> None:
        last_word()
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

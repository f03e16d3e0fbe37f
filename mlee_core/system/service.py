"""Work in another process, one way for all: requests go in, events come out, each request has one end.

`ServiceProcess` is the parent's half, `serve` the child's loop. What the process does is its handler: a
callable that takes a request and returns the result, or a generator of events whose return value is the
result. It is called as soon as the request arrives. Of the generators the newest runs first (a selection
overtakes the analysis of an hour), and between two of its events the pipe is read, so a Cancel acts within
one event.
"""

from __future__ import annotations

import pkgutil
import sys
import tempfile
import traceback
import weakref
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import MleeError, WorkerDied
from .child_process import GRACE_S, Child, Connection, Outcome, reference
from .temporary_folders import TemporaryFolder

Handler = Callable[[Any], Any]

_MOST_REPLIES = 256  # at a time, or a child that sends many would keep the window from painting


@dataclass(frozen=True)
class Request:
    """number: chosen by the parent, unique. content: what the handler takes; it must pickle."""

    number: int
    content: Any


@dataclass(frozen=True)
class Cancel:
    """Stop a request, whether it waits or runs: it ends with Done(None). One that has ended is ignored."""

    number: int


@dataclass(frozen=True)
class Reply:
    """event: Ready (number 0), what the handler yielded, or the request's end: Done, Refused or Fault."""

    number: int
    event: Any


@dataclass(frozen=True)
class Ready:
    """The process has imported what its handler needs."""


@dataclass(frozen=True)
class Done:
    result: Any = None


@dataclass(frozen=True)
class Refused:
    """The user's input is wrong. message: one sentence. about: see MleeError."""

    message: str
    about: str = ""


@dataclass(frozen=True)
class Fault:
    """A fault of MLEE, whose traceback is in the process's log. error: its class and text."""

    error: str


END = (Done, Refused, Fault)


class ServiceProcess(Child):
    """A running service: a `Child` that takes `Request` and `Cancel` and sends `Reply`.

    Args:
        name: For messages, e.g. "decoder".
        make_handler: Importable; called in the child with `arguments`, it returns the handler.
        arguments: They must pickle.
        log: A file that is appended to and kept; None uses a temporary one.

    Attributes:
        folder: The child's folder for temporary files. A killed child cannot remove it, so the parent does.
    """

    def __init__(
        self, name: str, make_handler: Callable[..., Handler], *arguments: Any, log: Path | None = None
    ) -> None:
        temporary = TemporaryFolder()
        self.folder = temporary.path
        self._remove_folder = weakref.finalize(self, temporary.remove)
        super().__init__(name, serve, reference(make_handler), arguments, str(self.folder), log=log)

    def replies(self) -> list[Reply]:
        """The replies that wait; never blocks. That the process has ended shows in `outcome` alone."""
        replies: list[Reply] = []
        with suppress(WorkerDied):
            while self.poll() and (len(replies) < _MOST_REPLIES or not self.alive):
                replies.append(self.receive())
        return replies

    def stop(self, grace_s: float = GRACE_S) -> Outcome:
        outcome = super().stop(grace_s)
        self._remove_folder()
        return outcome


def call(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call an importable function in a process of its own and return its result; blocks until then.

    Raises: MleeError for what the function refuses, WorkerDied if it fails or its process dies.
    """
    process = ServiceProcess(name, calling, function)
    try:
        process.send(Request(1, arguments))
        event: Any = None
        while not isinstance(event, END):
            event = process.receive().event
    finally:
        process.kill()
    if isinstance(event, Refused):
        raise MleeError(event.message)
    if isinstance(event, Fault):
        raise WorkerDied(f"The {name} failed: {event.error}.")
    return event.result


# ---- the child's side -----------------------------------------------------------------------------------


def calling(function: Callable[..., Any]) -> Handler:
    """The handler that calls `function` with the tuple of arguments that a request is."""
    return lambda arguments: function(*arguments)


def serve(connection: Connection, make_handler: str, arguments: tuple[Any, ...], folder: str) -> None:
    """Answer requests until the parent closes its end of the pipe or ends. make_handler: a `reference`."""
    tempfile.tempdir = folder
    loop = _Loop(connection, pkgutil.resolve_name(make_handler)(*arguments))
    # an error: the pipe is closed; those of the handler do not get here
    with closing(loop), suppress(EOFError, OSError):
        loop.run()


class _Loop:
    def __init__(self, connection: Connection, handle: Handler) -> None:
        self._connection = connection
        self._handle = handle
        self._running: dict[int, Generator[Any, None, Any]] = {}  # oldest first

    def run(self) -> None:
        self._send(0, Ready())
        while True:
            while self._connection.poll(0 if self._running else None):
                message = self._connection.recv()
                if isinstance(message, Cancel):
                    self._cancel(message.number)
                else:
                    self._begin(message)
            self._advance(next(reversed(self._running)))

    def close(self) -> None:
        for work in self._running.values():
            work.close()

    def _begin(self, request: Request) -> None:
        answer = _attempt(lambda: self._handle(request.content))
        if isinstance(answer, Generator):
            self._running[request.number] = answer
        else:
            self._send(request.number, answer if isinstance(answer, END) else Done(answer))

    def _advance(self, number: int) -> None:
        event = _attempt(lambda: next(self._running[number]))
        if isinstance(event, END):
            del self._running[number]
        self._send(number, event)

    def _cancel(self, number: int) -> None:
        work = self._running.pop(number, None)
        if work is not None:
            work.close()
            self._send(number, Done())

    def _send(self, number: int, event: Any) -> None:
        self._connection.send(Reply(number, event))


def _attempt(step: Callable[[], Any]) -> Any:
    """What `step` returns, or the end that its exception stands for."""
    try:
        return step()
    except StopIteration as end:
        return Done(end.value)
    except MleeError as error:
        return Refused(str(error), error.about)
    except Exception as error:  # noqa: BLE001 - a fault in one request must not end the others
        traceback.print_exc()
        sys.stderr.flush()
        return Fault(f"{type(error).__name__}: {error}")

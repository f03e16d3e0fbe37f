"""The one place where helper processes start: spawned, watched, and never left behind.

A child runs one importable function with its end of a pipe. What is easy to get wrong is done here once:
the parent closes its copy of the child's end (or a crash is never noticed), the child ends when its parent
does, its stdout and stderr go to a log whose last lines explain a death, and stopping leaves no zombie, no
open file and no temporary log. Requests and replies over the pipe are in service.py.

The program's `__main__` must be guarded (`if __name__ == "__main__"`), call
`multiprocessing.freeze_support()` first and import little, because a spawned child imports it again.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import pkgutil
import signal
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WorkerDied
from .user_folders import state_folder

Connection = Any
"""A multiprocessing connection; its class differs by platform and Python version."""

GRACE_S = 2.0
"""How long a child may take to end by itself once its pipe is closed."""

_LOG_LINES = 20
_LOG_TAIL = 16_384
_MAX_LOG = 1_000_000
_PR_SET_PDEATHSIG = 1
_NICENESS = 5
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Outcome:
    """How a process ended. exit_code: None if a signal ended it, whose name is then in `signal`."""

    exit_code: int | None
    signal: str | None
    last_log_lines: tuple[str, ...]

    def sentence(self, name: str) -> str:
        """One sentence for the user; with the last log line, an exception's, if it ended by itself."""
        if self.signal is not None:
            why = " (has the machine run out of memory?)" if self.signal == "SIGKILL" else ""
            return f"The {name} was ended by {self.signal}{why}."
        last = f": {self.last_log_lines[-1].rstrip('.')}" if self.last_log_lines else ""
        return f"The {name} ended with status {self.exit_code}{last}."


class Child:
    """A running helper process at the other end of a pipe.

    Args:
        name: For messages, e.g. "decoder".
        target: Importable function target(connection, *args); it should return when `connection.recv()`
            raises EOFError.
        args: They must pickle.
        log: A file that is appended to and kept; None uses a temporary one that is removed in the end.
    """

    def __init__(self, name: str, target: Callable[..., None], *args: Any, log: Path | None = None) -> None:
        self.name = name
        self.log = log
        self._log = _temporary_log(name) if log is None else log
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            if log.exists() and log.stat().st_size > _MAX_LOG:
                log.unlink()
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        self._outcome: Outcome | None = None
        self.connection, childs_end = _SPAWN.Pipe()
        # the kernel's death signal follows the thread that started the child, not the process
        tied = threading.current_thread() is threading.main_thread()
        childs = (reference(target), childs_end, str(self._log), tied, args)
        self._process = _SPAWN.Process(target=_child_main, args=childs, name=f"mlee-{name}")
        try:
            with _signals_blocked():
                self._process.start()
        finally:
            childs_end.close()
        temporary = self._log if log is None else None
        # also runs at interpreter exit, before multiprocessing would wait for the child for ever
        self._end = weakref.finalize(self, _end, self._process, self.connection, temporary)

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def log_name(self) -> str:
        """Name of its log file, "" for a temporary one."""
        return "" if self.log is None else self.log.name

    @property
    def alive(self) -> bool:
        return self._end.alive and self._process.is_alive()

    def send(self, message: Any) -> None:
        """Send `message` (it must pickle). Raises: WorkerDied if the child has ended."""
        try:
            self.connection.send(message)
        except OSError as error:  # broken pipe, reset
            raise self.died() from error

    def poll(self, timeout_s: float = 0.0) -> bool:
        """Whether a message waits, or the child ended (then `receive` raises), within timeout_s seconds."""
        try:
            return bool(self.connection.poll(timeout_s))
        except OSError as error:
            raise self.died() from error

    def receive(self) -> Any:
        """The next message; blocks until there is one. Raises: WorkerDied once the child has ended."""
        try:
            return self.connection.recv()
        except (EOFError, OSError) as error:
            raise self.died() from error

    def died(self) -> WorkerDied:
        """The error that says how this child ended; a child that only closed its pipe is ended first."""
        error = WorkerDied(self.stop().sentence(self.name))
        error.log = self.log_name
        return error

    def outcome(self) -> Outcome | None:
        """How the child ended, None while it runs."""
        if self._outcome is None and not self._process.is_alive():
            self._outcome = self._read_outcome()
        return self._outcome

    def stop(self, grace_s: float = GRACE_S) -> Outcome:
        """Close the pipe, wait grace_s for the child to end, kill it if it did not; return how it ended."""
        if self._outcome is None:
            self.connection.close()
            self._process.join(grace_s)
            _kill(self._process)
            self._outcome = self._read_outcome()
        self._end()
        return self._outcome

    def kill(self) -> Outcome:
        """End the child at once."""
        return self.stop(grace_s=0)

    def _read_outcome(self) -> Outcome:
        code = self._process.exitcode
        lines = _last_lines(self._log, self._log_start)
        if code is not None and code < 0:
            return Outcome(None, _signal_name(-code), lines)
        return Outcome(code, None, lines)


def wait_for(children: Sequence[Child], timeout_s: float | None = None) -> list[Child]:
    """Those of `children` from which a message waits, or which have ended; blocks until there is one.

    Empty only after timeout_s seconds, or at once where there are no children to wait for.
    """
    if not children:
        return []
    ready = multiprocessing.connection.wait([child.connection for child in children], timeout_s)
    return [child for child in children if child.connection in ready]


def log_file(name: str) -> Path:
    """Where the log of helper `name` is kept between runs."""
    return state_folder() / f"{name}.log"


def reference(target: Callable[..., Any]) -> str:
    """The name of `target` for pkgutil.resolve_name: a child imports it once its log is open."""
    return f"{target.__module__}:{target.__qualname__}"


def lower_priority() -> None:
    """Let other processes compute first, where the system allows it."""
    if sys.platform != "win32":
        os.nice(_NICENESS)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block Ctrl-C and TERM in this thread: a child started meanwhile never gets them, not even while it
    imports and cannot ignore them yet. Those that arrive are delivered afterwards."""
    if sys.platform == "win32":
        yield
        return
    multiprocessing.resource_tracker.ensure_running()  # its own start would unblock them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(process: Any, connection: Connection, temporary_log: Path | None) -> None:
    connection.close()
    _kill(process)
    process.close()
    if temporary_log is not None:
        temporary_log.unlink(missing_ok=True)


def _kill(process: Any) -> None:
    process.kill()  # does nothing to one that has ended
    process.join()


def _temporary_log(name: str) -> Path:
    handle, path = tempfile.mkstemp(prefix=f"mlee-{name}-", suffix=".log")
    os.close(handle)
    return Path(path)


def _last_lines(log: Path, start: int) -> tuple[str, ...]:
    if not log.exists():
        return ()
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(start, size - _LOG_TAIL))
        text = file.read().decode("utf-8", "replace")
    return tuple(line for line in text.splitlines() if line.strip())[-_LOG_LINES:]


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


# ---- the child's side -----------------------------------------------------------------------------------


def _child_main(
    target: str, connection: Connection, log: str, tied_to_thread: bool, args: tuple[Any, ...]
) -> None:
    _redirect_output(log)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, lambda *_: None)  # TERM too; not SIG_IGN, which programs inherit
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _end_with_parent(tied_to_thread)
    faulthandler.enable(all_threads=False)
    pkgutil.resolve_name(target)(connection, *args)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # tearing down torch and the watching thread takes half a second and can crash


def _redirect_output(log: str) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _end_with_parent(tied_to_thread: bool) -> None:
    if tied_to_thread and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    assert parent is not None, "only a spawned child gets here"
    threading.Thread(target=_watch, args=(parent.sentinel,), daemon=True, name="parent watch").start()


def _watch(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)

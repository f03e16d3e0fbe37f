"""The window's end of a service process: requests out, replies as calls of a hook, a crash as one signal.

A timer reads the pipe, which never blocks; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from mlee_core.errors import WorkerDied
from mlee_core.events import Progress
from mlee_core.system.service import END, Cancel, Fault, Refused, Reply, Request, ServiceProcess

BUSY_MS = 15
IDLE_MS = 200
MOST_SENT = 32
"""So many requests the process may hold: a full pipe would block the window."""


class ProcessClient(QObject):
    """Starts the process with the first request, and again with the next one after a crash.

    A subclass turns what `_on_event` gets into its signals.
    """

    died = Signal(object, str, str)  # numbers of the requests that are lost, one sentence, last log lines

    GRACE_S = 0.0
    """How long the process may take to end by itself when the client stops, which waits for it."""

    def __init__(self, start: Callable[[], ServiceProcess], parent: QObject | None = None) -> None:
        """start: starts a process, or gives one that was started before."""
        super().__init__(parent)
        self._start = start
        self._process: ServiceProcess | None = None
        self._number = 0
        self._wanted: dict[int, Any] = {}  # number -> request whose end has not come
        self._unsent: list[int] = []
        self._sent: set[int] = set()  # cancelled ones too, until they end
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._poll)

    @property
    def busy(self) -> bool:
        return bool(self._wanted)

    def request(self, content: Any) -> int:
        """Send a request and return its number; `_on_event` or `died` follows."""
        self._number += 1
        self._wanted[self._number] = content
        self._unsent.append(self._number)
        self._send_unsent()
        return self._number

    def cancel(self, number: int) -> None:
        """Stop a request; nothing more of it is reported."""
        if self._wanted.pop(number, None) is None:
            return
        if number in self._unsent:
            self._unsent.remove(number)
        else:
            self._send(Cancel(number))

    def stop(self) -> None:
        """End the process. No signal follows."""
        self._timer.stop()
        self._wanted.clear()
        self._unsent.clear()
        self._release()

    def _on_event(self, number: int, event: Any) -> None:
        """event: what the service yielded, or the end of the request: Done or Refused."""
        raise NotImplementedError

    def _subject(self, request: Any) -> str:
        """What a fault is reported to have happened on."""
        return "this"

    def _send_unsent(self) -> None:
        if self._process is None:
            self._process = self._start()
        while self._unsent and len(self._sent) < MOST_SENT and self._process.alive:
            number = self._unsent.pop(0)
            self._sent.add(number)
            self._send(Request(number, self._wanted[number]))
        interval = BUSY_MS if self._sent or self._unsent else IDLE_MS
        if not self._timer.isActive() or self._timer.interval() != interval:
            self._timer.start(interval)

    def _send(self, message: Request | Cancel) -> None:
        if self._process is not None:
            with suppress(WorkerDied):  # the next poll reports it, for this request too
                self._process.send(message)

    def _poll(self) -> None:
        process = self._process
        assert process is not None, "the timer runs while there is a process"
        was_alive = process.alive  # read before the last replies, so that none is lost
        for reply in _without_stale(process.replies()):
            self._on_reply(reply)
            if self._process is not process:
                return  # a reply led to a stop
        if was_alive:
            self._send_unsent()
        else:
            self._on_death(process)

    def _on_reply(self, reply: Reply) -> None:
        number, event = reply.number, reply.event
        ended = isinstance(event, END)
        if ended:
            self._sent.discard(number)
        request = self._wanted.get(number)
        if request is None:
            return  # cancelled, or that the process is ready
        if ended:
            del self._wanted[number]
        if isinstance(event, Fault):
            log = self._process.log if self._process is not None else None
            details = "" if log is None else f" (details in {log})"
            event = Refused(f"MLEE failed on {self._subject(request)}: {event.error}{details}.")
        self._on_event(number, event)

    def _on_death(self, process: ServiceProcess) -> None:
        outcome = process.outcome()
        assert outcome is not None, "it is not alive"
        lost = frozenset(self._wanted) - set(self._unsent)
        for number in lost:
            del self._wanted[number]
        self._timer.stop()
        self._release()
        sentence = f"{outcome.sentence(process.name).rstrip('.')}; it starts again when it is needed."
        self.died.emit(lost, sentence, "\n".join(outcome.last_log_lines))
        if self._unsent:
            self._send_unsent()

    def _release(self) -> None:
        self._sent.clear()
        if self._process is not None:
            process, self._process = self._process, None
            process.stop(self.GRACE_S)


def _without_stale(replies: list[Reply]) -> list[Reply]:
    """Of each request's progress only the newest: a decoder reports it a thousand times a second, and each
    would be drawn."""
    newest = {reply.number: reply for reply in replies if isinstance(reply.event, Progress)}
    return [r for r in replies if not isinstance(r.event, Progress) or newest[r.number] is r]

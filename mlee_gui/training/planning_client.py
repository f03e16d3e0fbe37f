"""The planning process, seen from the form: its newest question out, answers as signals, a crash as one too.

Nothing here waits: a question that the process has not taken up yet is replaced by the next one, so that the
pipe never fills.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.errors import WorkerDied
from mlee_core.experiments import planning_service
from mlee_core.experiments.planning_service import (
    Ask,
    CorpusRead,
    Look,
    Planned,
    Refused,
    Reply,
    Request,
    Working,
)
from mlee_core.system.child_process import Child, Outcome, log_file
from mlee_core.system.hardware import Hardware
from mlee_core.system.temporary_folders import TemporaryFolder

POLL_MS = 30
NAME = "planning process"


class ProcessLike(Protocol):
    """What is used of `PlanningProcess`; tests hand in one without a process."""

    def send(self, request: Request) -> None: ...
    def poll(self) -> bool: ...
    def receive(self) -> Reply: ...
    def stop(self) -> Outcome | None: ...


class PlanningProcess:
    """A child with a folder for what its trials write, which is removed with it."""

    def __init__(self) -> None:
        self._scratch = TemporaryFolder()
        self._child = Child(NAME, planning_service.serve, str(self._scratch.path), log=log_file("planning"))

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def send(self, request: Request) -> None:
        self._child.send(request)

    def poll(self) -> bool:
        return self._child.poll()

    def receive(self) -> Reply:
        reply: Reply = self._child.receive()
        return reply

    def stop(self) -> Outcome:
        outcome = self._child.kill()
        self._scratch.remove()
        return outcome


class PlanningClient(QObject):
    """Starts the process with the first question, and again after it died.

    Of all answers only those to the newest question are told: `working` several times, `corpus_read`, in the
    end `planned`, `refused` or `died`. `looked` answers `look`.
    """

    working = Signal(object)  # Progress
    corpus_read = Signal(object, object)  # CorpusFacts, names of folds
    planned = Signal(object)  # Plan
    refused = Signal(str, str)  # field of the order or "", one sentence
    looked = Signal(object)  # Hardware
    died = Signal(str, str)  # one sentence, last log lines

    def __init__(
        self, make_process: Callable[[], ProcessLike] = PlanningProcess, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._make_process = make_process
        self._process: ProcessLike | None = None
        self._number = 0
        self._waiting: Ask | None = None  # not sent yet
        self._sent: int | None = None  # not taken up yet
        self._open = False  # the newest question has no last answer yet
        self._looking = False
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.timeout.connect(self._poll)

    @property
    def busy(self) -> bool:
        return self._open

    def ask(self, spec: ExperimentSpec, *, measure: bool = False) -> None:
        """Take the place of the question before."""
        self._number += 1
        self._waiting, self._open = Ask(self._number, spec, measure), True
        self._go_on()

    def drop(self) -> None:
        """Nobody waits for the newest question's answer any more."""
        self._number += 1
        self._waiting, self._open = None, False

    def look(self) -> None:
        """Read the devices, unless that is being done."""
        if not self._looking:
            self._looking = True
            self._send(Look())

    def stop(self) -> None:
        """End the process. No signal follows."""
        self._timer.stop()
        self.drop()
        self._forget()

    def _go_on(self) -> None:
        if self._waiting is not None and self._sent is None:
            ask, self._waiting = self._waiting, None
            self._sent = ask.number
            self._send(ask)

    def _send(self, request: Request) -> None:
        if self._process is None:
            self._process = self._make_process()
        self._timer.start()
        try:
            self._process.send(request)
        except WorkerDied as error:
            self._on_death(error)

    def _poll(self) -> None:
        process = self._process
        try:
            while self._process is process is not None and process.poll():
                self._tell(process.receive())
        except WorkerDied as error:
            self._on_death(error)
        if not self._open and not self._looking and self._sent is None:
            self._timer.stop()

    def _tell(self, reply: Reply) -> None:
        if isinstance(reply, Hardware):
            self._looking = False
            self.looked.emit(reply)
            return
        if reply.number == self._sent:
            self._sent = None
            self._go_on()
        if reply.number != self._number or not self._open:
            return
        match reply:
            case Working(_, progress):
                self.working.emit(progress)
            case CorpusRead(_, facts, folds):
                self.corpus_read.emit(facts, folds)
            case Planned(_, plan):
                self._open = False
                self.planned.emit(plan)
            case Refused(_, about, message):
                self._open = False
                self.refused.emit(about, message)

    def _on_death(self, error: WorkerDied) -> None:
        outcome = self._forget()
        self._timer.stop()
        self._waiting, self._open = None, False
        details = "" if outcome is None else "\n".join(outcome.last_log_lines)
        sentence = f"{str(error).rstrip('.')}; it starts again with the next question."
        self.died.emit(sentence, details)

    def _forget(self) -> Any:
        process, self._process = self._process, None
        self._sent, self._looking = None, False
        return None if process is None else process.stop()

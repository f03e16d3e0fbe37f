"""The inference worker's process, seen from the window: requests out, answers as signals, a crash as one too.

A timer polls the worker's pipe, which never blocks; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from mlee_core.errors import WorkerDied
from mlee_core.inference.protocol import (
    Analyze,
    Analyzed,
    Cancel,
    CancelDone,
    Opened,
    OpenRecording,
    Prepare,
    Progressed,
    Ready,
    Refused,
    Reply,
    Request,
    SegmentDone,
)
from mlee_core.system.child_process import Outcome

BUSY_MS = 15
IDLE_MS = 200
NAME = "analysis process"


class WorkerLike(Protocol):
    """What is used of `mlee_core.inference.worker.Worker`; tests hand in one without a process."""

    @property
    def alive(self) -> bool: ...
    def start(self) -> None: ...
    def send(self, request: Request) -> None: ...
    def poll(self) -> list[Reply]: ...
    def outcome(self) -> Outcome | None: ...
    def stop(self) -> None: ...


class InferenceClient(QObject):
    """Starts the worker when it is needed, and again after a crash; every request gets one last answer.

    The last answer to a job is one of `opened`, `analyzed`, `refused`, `cancelled`, or `died` for all of
    the jobs that ran when the process ended.
    """

    opened = Signal(int, object)  # job, OpenedRecording
    progressed = Signal(int, object)  # job, Progress
    segment_done = Signal(int, object)  # job, Segment
    analyzed = Signal(int, object)  # job, Analysis
    refused = Signal(int, str)  # job, one sentence
    cancelled = Signal(int)  # job
    died = Signal(object, str, str)  # jobs, one sentence, last log lines
    ready = Signal(int)  # threads

    def __init__(self, make_worker: Callable[[], WorkerLike], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._make_worker = make_worker
        self._worker: WorkerLike | None = None
        self._jobs: set[int] = set()
        self._waiting: list[Analyze | OpenRecording] = []  # sent to a dead worker whose death is not told yet
        self._next_job = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._poll)

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def start(self) -> None:
        """Start the process, if there is none."""
        if self._worker is None:
            self._worker = self._make_worker()
            if not self._worker.alive:
                self._worker.start()
        self._pace()

    def prepare(self, model: str) -> None:
        """Have the process get ready for analyses with this model before there is one. No signal follows."""
        self._deliver(Prepare(model))

    def open(self, path: str, folder: str) -> int:
        """Decode `path` and lay its samples and pictures into `folder`; returns the job."""
        job = self._new_job()
        return self._send(job, OpenRecording(job, path, folder))

    def analyze(
        self,
        path: str,
        model: str,
        *,
        span: tuple[float, float] | None = None,
        speaker: str | None = None,
        corpus: str | None = None,
    ) -> int:
        """Analyse all of `path`, or `span` (seconds); returns the job."""
        job = self._new_job()
        start_s, end_s = span if span is not None else (None, None)
        return self._send(job, Analyze(job, path, model, start_s, end_s, speaker, corpus))

    def cancel(self, job: int) -> None:
        """Ask a job to stop; `cancelled` (or its result, if that was faster) follows."""
        if job in self._jobs and self._worker is not None and self._worker.alive:
            self._worker.send(Cancel(job))

    def stop(self) -> None:
        """End the process. No signal follows."""
        self._timer.stop()
        self._jobs.clear()
        self._waiting.clear()
        self._discard()

    def _new_job(self) -> int:
        self._next_job += 1
        return self._next_job

    def _send(self, job: int, request: Analyze | OpenRecording) -> int:
        self._jobs.add(job)
        if self._worker is not None and not self._worker.alive:
            self._waiting.append(request)
        else:
            self._deliver(request)
        return job

    def _deliver(self, request: Analyze | OpenRecording | Prepare) -> None:
        self.start()
        assert self._worker is not None
        with suppress(WorkerDied):  # this instant: the next poll tells of it, for this job too
            self._worker.send(request)

    def _poll(self) -> None:
        worker = self._worker
        if worker is None:
            self._timer.stop()
            return
        was_alive = worker.alive  # asked before the last poll, so that no answer is lost
        for reply in _without_stale(worker.poll()):
            self._tell(reply)
            if self._worker is not worker:
                return  # an answer led to a stop
        if not was_alive:
            self._tell_death(worker)
        self._pace()

    def _tell(self, reply: Reply) -> None:
        match reply:
            case Ready(threads):
                self.ready.emit(threads)
            case Progressed(job, progress):
                self.progressed.emit(job, progress)
            case SegmentDone(job, segment):
                self.segment_done.emit(job, segment)
            case Opened(job, recording):
                self._jobs.discard(job)
                self.opened.emit(job, recording)
            case Analyzed(job, analysis):
                self._jobs.discard(job)
                self.analyzed.emit(job, analysis)
            case Refused(job, message):
                self._jobs.discard(job)
                self.refused.emit(job, message)
            case CancelDone(job):
                self._jobs.discard(job)
                self.cancelled.emit(job)

    def _tell_death(self, worker: WorkerLike) -> None:
        outcome = worker.outcome()
        waiting, self._waiting = self._waiting, []
        lost = frozenset(self._jobs - {request.job for request in waiting})
        self._jobs -= lost
        self._discard()
        sentence = outcome.sentence(NAME) if outcome is not None else f"The {NAME} closed its pipe"
        details = "\n".join(outcome.last_log_lines) if outcome is not None else ""
        self.died.emit(lost, f"{sentence.rstrip('.')}; it starts again when it is needed.", details)
        for request in waiting:
            self._deliver(request)

    def _discard(self) -> None:
        if self._worker is not None:
            worker, self._worker = self._worker, None
            worker.stop()

    def _pace(self) -> None:
        if self._worker is None:
            self._timer.stop()
            return
        interval = BUSY_MS if self._jobs else IDLE_MS
        if not self._timer.isActive() or self._timer.interval() != interval:
            self._timer.start(interval)


def _without_stale(replies: list[Reply]) -> list[Reply]:
    """Of each job's progress only the newest: a decoder tells a thousand times a second how far it is, and
    every one would be drawn."""
    newest = {reply.job: reply for reply in replies if isinstance(reply, Progressed)}
    return [r for r in replies if not isinstance(r, Progressed) or newest[r.job] is r]

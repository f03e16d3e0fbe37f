"""The inference process as the window uses it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal

from mlee_core.events import Progress
from mlee_core.inference.protocol import OpenedRecording, Prepare, Request
from mlee_core.inference.results import Analysis, Segment
from mlee_core.system.service import Done, Refused

from ..shell.process_client import ProcessClient


class InferenceClient(ProcessClient):
    """Each job ends with `opened`, `analyzed`, `refused` or `died`, unless it is cancelled.

    A job is the number of a request: OpenRecording, Analyze or Prepare. What fails in Prepare fails again,
    and is reported, in the first job that needs it.
    """

    opened = Signal(int, object)  # job, OpenedRecording
    progressed = Signal(int, object)  # job, Progress
    segment_done = Signal(int, object)  # job, Segment
    analyzed = Signal(int, object)  # job, Analysis
    refused = Signal(int, str)  # job, one sentence

    GRACE_S = 1.0

    def _on_event(self, number: int, event: Any) -> None:
        match event:
            case Progress():
                self.progressed.emit(number, event)
            case Segment():
                self.segment_done.emit(number, event)
            case Done(OpenedRecording() as recording):
                self.opened.emit(number, recording)
            case Done(Analysis() as analysis):
                self.analyzed.emit(number, analysis)
            case Refused(message):
                self.refused.emit(number, message)

    def _subject(self, request: Request) -> str:
        return request.model if isinstance(request, Prepare) else request.path

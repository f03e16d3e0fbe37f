"""The planning process as the form uses it: only the newest question counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, Signal

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.events import Progress
from mlee_core.experiments.planning_service import (
    CorpusRead,
    Plan,
    PlanningService,
    PlanRequest,
    ReadHardware,
)
from mlee_core.system.child_process import log_file
from mlee_core.system.hardware import Hardware
from mlee_core.system.service import Done, Refused, ServiceProcess

from ..shell.process_client import ProcessClient


def start_planning() -> ServiceProcess:
    return ServiceProcess("planning process", PlanningService, log=log_file("planning"))


class PlanningClient(ProcessClient):
    """A question is answered by `working` several times, `corpus_read`, and in the end `planned`, `refused`
    or `died`, unless a newer one takes its place. `hardware_read` answers `read_hardware`."""

    working = Signal(object)  # Progress
    corpus_read = Signal(object, object)  # CorpusFacts, names of folds
    planned = Signal(object)  # Plan
    refused = Signal(str, str)  # field of the experiment or "", one sentence
    hardware_read = Signal(object)  # Hardware

    def __init__(self, start: Callable[[], ServiceProcess], parent: QObject | None = None) -> None:
        super().__init__(start, parent)
        self._plan = self._hardware = 0  # numbers of the newest requests

    @property
    def busy(self) -> bool:
        return self._plan in self._wanted

    def plan(self, spec: ExperimentSpec, *, measure: bool = False) -> None:
        """Take the place of the question before."""
        self.drop()
        self._plan = self.request(PlanRequest(spec, measure))

    def drop(self) -> None:
        """The answer to the newest question is not needed any more."""
        self.cancel(self._plan)

    def read_hardware(self) -> None:
        """Read the devices, unless that is being done."""
        if self._hardware not in self._wanted:
            self._hardware = self.request(ReadHardware())

    def _on_event(self, number: int, event: Any) -> None:
        match event:
            case Progress():
                self.working.emit(event)
            case CorpusRead(facts, folds):
                self.corpus_read.emit(facts, folds)
            case Done(Plan() as plan):
                self.planned.emit(plan)
            case Done(Hardware() as hardware):
                self.hardware_read.emit(hardware)
            case Refused(message, about):
                self.refused.emit(about, message)

"""Several runs read and compared by a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from mlee_core.report.run_comparison import compare_runs
from mlee_core.system.service import Done, Refused, ServiceProcess, calling

from ..shell.process_client import ProcessClient


class ComparisonClient(ProcessClient):
    """`compared`, `refused` or `died` comes once after `compare`."""

    compared = Signal(object)  # RunComparison
    refused = Signal(str)  # one sentence

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(lambda: ServiceProcess("comparison", calling, compare_runs), parent)

    def compare(self, runs: Sequence[Path]) -> None:
        self.request((tuple(runs),))

    def _on_event(self, number: int, event: Any) -> None:
        self.stop()
        match event:
            case Done(found):
                self.compared.emit(found)
            case Refused(message):
                self.refused.emit(message)

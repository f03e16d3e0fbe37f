"""A queue with real processes for tests: all that was started is known by its environment, and ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.errors import RunError
from mlee_core.jobs.queue import Item, QueueFile
from mlee_core.jobs.runner import ensure_runner
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.child_side import wait_until

MARK = "MLEE_TEST_DESK"
EPOCHS = 6
PATIENCE_S = 120.0

Line = dict[str, Any]


class JobQueue:
    """folder: for the queue and the runs. table: the corpus."""

    def __init__(self, folder: Path, table: Path) -> None:
        self.folder, self.table = folder, table
        self.queue = QueueFile(folder / "queue")

    def spec(self, name: str, **more: Any) -> ExperimentSpec:
        """Three cells of one fold, or others."""
        usual = {
            "rows": ("fusion-hard",),
            "train_sets": ("all",),
            "only": ("s0",),
            "max_epochs": EPOCHS,
            "jobs": 1,
        }
        return ExperimentSpec(self.table, run=self.folder / name, **{**usual, **more})

    def started(self, spec: ExperimentSpec) -> Item:
        item = self.queue.add(spec)
        ensure_runner(self.queue.folder)
        return item

    def again(self, item: Item, **how: Any) -> None:
        self.queue.again(item.id, **how)
        ensure_runner(self.queue.folder)

    def now(self, item: Item) -> Item:
        return self.queue.read().item(item.id)

    def until(self, item: Item, *states: str) -> Item:
        wait_until(lambda: self.now(item).state in states, f"{item.run.name} {states}", PATIENCE_S)
        return self.now(item)

    def until_told(self, item: Item, moment: Callable[[Line], bool]) -> None:
        run = RunFolder(item.run)
        wait_until(lambda: any(map(moment, run.events())), f"the moment of {item.run.name}", PATIENCE_S)

    def until_idle(self) -> None:
        wait_until(lambda: not self.processes(), "all processes to end", 5.0)

    def runner(self) -> int:
        return next(pid for pid in self.processes() if b"mlee_core.jobs.runner" in _told(pid, "cmdline"))

    def processes(self) -> list[int]:
        """The living ones that were started at this desk, without those that only begin to be."""
        wanted = f"{MARK}={self.folder}".encode()
        every = [int(folder.name) for folder in Path("/proc").glob("[0-9]*")]
        return [pid for pid in every if wanted in _told(pid, "environ").split(b"\0")]

    def clear(self) -> None:
        with suppress(RunError):  # a queue that a test has damaged
            self.queue.set_paused(True)
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.processes(), "what was killed to end")


def _told(pid: int, what: str) -> bytes:
    """Nothing of a process that is gone, a zombie or not ours."""
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""

"""Run folders as a job at work leaves them, without any training: for those who read them."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlee_core.events import EpochDone, Event, StageDone
from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import Follower
from mlee_core.runs.heartbeat import Heartbeat, InWork
from mlee_core.runs.run_folder import RunFolder
from mlee_core.runs.status_files import JobState, JobStatus
from mlee_core.system.process_identity import ProcessIdentity
from tests.helpers.report_runs import made_run, small_corpus

NOBODY = ProcessIdentity(ProcessIdentity.own().host, ProcessIdentity.own().boot, 1 << 22, 5)
ELSEWHERE = replace(ProcessIdentity.own(), host="another-machine")


def planned(path: Path, **how: Any) -> RunFolder:
    """An experiment of three folds and two stages (or as `made_run` takes it) of which nothing is trained."""
    return made_run(path, small_corpus(), **{"seeds": 1, "done": lambda cell: False, **how})


def tell(run: Path, *events: Event) -> None:
    with (run / "events.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(event.to_json()) + "\n" for event in events)


def where(cell: Cell) -> dict[str, Any]:
    return {"fold": cell.fold, "seed": cell.seed}


def epoch(cell: Cell, number: int, *, best: bool = True, dev_loss: float = 1.0) -> EpochDone:
    stage, scores = cell.stage.name, (0.5, 0.25)
    return EpochDone(stage, number, 1.5, dev_loss, *scores, best, 2.0, **where(cell))


def done(cell: Cell, at_epoch: int = 2, wa: float | None = 0.75, ua: float | None = 0.5) -> StageDone:
    return StageDone(cell.stage.name, at_epoch, 0.8, wa, ua, **where(cell))


def job(
    run: Path, writer: ProcessIdentity, state: JobState = "running", message: str = "", age_s: float = 0.0
) -> None:
    JobStatus(writer, time.time() - age_s, state, None if state == "running" else time.time(), message).save(
        run
    )


def beat(run: Path, *works: InWork, age_s: float = 0.0, left_s: float | None = 60.0, what: str = "") -> None:
    Heartbeat(time.time() - age_s, 1, 6, left_s, tuple(works), what).save(run)


def work(cell: Cell, number: int | None = 3, share: float | None = 0.5) -> InWork:
    return InWork(cell.name, number, share, 42.0, "" if number else "encoding")


def polled(run: RunFolder) -> Follower:
    follower = Follower(run.path)
    follower.poll()
    return follower


def state_of(run: RunFolder, cell: Cell) -> str:
    return polled(run).cells[cell].state


def states(cells: Sequence[Any]) -> list[str]:
    return [view.state for view in cells]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Leads a session, as a job does."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def known(process: subprocess.Popen[bytes]) -> ProcessIdentity:
    found = ProcessIdentity.of(process.pid)
    assert found is not None
    return found

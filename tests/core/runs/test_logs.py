"""What the logs and events of a run say in words."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from mlee_core.events import Dropped, Failed, Resumed, Started
from mlee_core.runs.logs import LAST_LINES, CellEvents, line_text, log_files, tail
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.job_folders import done, epoch, planned, tell, where


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return planned(tmp_path / "run")


def test_logs_with_words_the_newest_first(tmp_path: Path) -> None:
    assert log_files(tmp_path) == ()
    (tmp_path / "logs").mkdir()
    for at, (name, text) in enumerate({"job": "x", "worker-1": "y", "worker-2": ""}.items()):
        (tmp_path / "logs" / f"{name}.log").write_text(text)
        os.utime(tmp_path / "logs" / f"{name}.log", (at, at))
    assert [file.name for file in log_files(tmp_path)] == ["worker-1.log", "job.log"]


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    assert tail(log) == ()
    log.write_text("")
    assert tail(log) == ()
    log.write_bytes(b"a\tb\r\n\xff\x1b[31m\nlast")
    assert tail(log) == ("a       b", "��[31m", "last")
    log.write_text("".join(f"{n} {'x' * 1000}\n" for n in range(2000)))
    lines = tail(log)
    assert len(lines) == LAST_LINES and lines[-1].startswith("1999 ") and lines[0].startswith("1950 ")
    with pytest.raises(OSError):
        tail(tmp_path)


def test_events_of_one_cell_in_words(run: RunFolder) -> None:
    cell, other = run.cells()[:2]
    reader = CellEvents(run.path, cell)
    assert reader.read(1.0) == ()
    name = cell.stage.name
    tell(
        run.path,
        Started("3 stages"),
        Started("training 40 utterances", name, **where(cell)),
        epoch(other, 1),
        epoch(cell, 1),
        Resumed(name, 1, **where(cell)),
        Failed("The disk is full.", name, **where(cell)),
        Dropped(name, **where(cell)),
        done(cell),
    )
    told = [line.split("  ", 1)[1] for line in reader.read(1.0)]
    assert [line.removeprefix(f"{name}: ") for line in told] == [
        "training 40 utterances",
        f"{name} epoch 1: loss 1.5000, development loss 1.0000 WA 50.0 % UA 25.0 %, 2.0 s *",
        "resumes after epoch 1",
        "failed: The disk is full.",
        "its results are dropped; it is retrained",
        "best epoch 2, test WA 75.0 % UA 50.0 %",
    ]
    tell(run.path, epoch(cell, 9))
    assert reader.read(1.0)[:6] == reader.read(1.0)[:6] and "epoch 9" in reader.read(1.0)[-1]
    assert reader.caught_up


def test_the_clock_is_local() -> None:
    told = line_text({"type": "resumed", "stage": "mlee-all", "epoch": 3, "at": 1_700_000_000.5})
    assert told.startswith(time.strftime("%d %b %H:%M:%S", time.localtime(1_700_000_000)))


@pytest.mark.parametrize(
    "line",
    [
        {"type": "epoch_done", "at": "x"},
        {"type": "epoch_done", "stage": "s", "epoch": 1, "train_loss": "much", "dev_loss": None, "dev_wa": 1,
         "dev_ua": 1, "best": True, "seconds": 1},
        {"type": "stage_done", "stage": 3, "epoch": [], "dev_loss": {}, "wa": "high", "ua": None},
        {"type": ["a"], "at": 1e300},
        {},
    ],
)  # fmt: skip
def test_nonsense_is_told_by_its_kind(line: dict[str, object]) -> None:
    assert json.dumps(line) and str(line.get("type")) in line_text(line)

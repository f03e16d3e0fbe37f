"""An experiment that is killed, stopped, fails in a stage or runs out of disk goes on as if it had not."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlee_core import cli
from mlee_core.config.stages import LINES
from mlee_core.nets import tensor_file
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.run_folders import (
    EPOCHS,
    children_of,
    content,
    epoch,
    finished,
    kept,
    started,
    stopped,
    table3,
    told,
    until,
)

pytestmark = pytest.mark.timeout(900)  # many processes, which may have to wait for the machine


@dataclass(frozen=True)
class Broken:
    """A run that was stopped several times, and what was seen on the way."""

    run: Path
    killed: tuple[int, int]
    stopped: tuple[int, str]
    after_stop: str
    scratch: tuple[int, int, int]
    done_before: dict[Path, int]
    cut: list[str]


@pytest.fixture(scope="module")
def broken(small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """Begun with two processes and only the encoders of s0, killed in one's second epoch; then with one
    process and all rows, stopped by Ctrl-C; killed again in the dense rows; the last lines of events lost
    and half of one left; and in the end brought home by two."""
    run = tmp_path_factory.mktemp("broken") / "run"

    def scratch() -> int:
        return len(list(run.glob("mlee-scratch-*")))

    few = ("--rows", "dominant", "mlee", "--only", "s0", "--max-epochs", EPOCHS, "--jobs", 2)
    first, _ = stopped(table3(small_table, run, *few), epoch("s0", "dominant-soft-dominant"), signal.SIGKILL)
    left = [scratch()]
    for name in (".last.x.tmp.safetensors", ".tmpx"):  # as a kill leaves them if it comes while one writes
        (run / "s0/seed-0/dominant-soft-dominant" / name).write_text("half of a checkpoint")
    grown = table3(small_table, run, "--resume", "--rows", *LINES, "--only", "s0", "s1", "--jobs", 1)
    second = stopped(grown, epoch("s0", "mlee-all"), signal.SIGINT)
    after_stop = [line["type"] for line in RunFolder(run).events()][-1]
    left.append(scratch())
    again = table3(small_table, run, "--resume", "--jobs", 1)
    third, _ = stopped(again, epoch("s0", "fusion-hard-dominant"), signal.SIGKILL)
    done_before = {f: (run / f).stat().st_mtime_ns for f in _weights_of_finished(run)}
    lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    (run / "events.jsonl").write_text("".join(lines[:-9]) + lines[-9][:20])
    finished(table3(small_table, run, "--resume", "--jobs", 2))
    left.append(scratch())
    return Broken(run, (first, third), second, after_stop, tuple(left), done_before, lines[-9:])


def _weights_of_finished(run: Path) -> Iterator[Path]:
    for result in run.rglob("result.json"):
        yield from (file.relative_to(run) for file in result.parent.glob("*.safetensors"))


def test_weights_optimisers_and_results_are_bit_identical_to_a_straight_run(
    broken: Broken, straight: Path
) -> None:
    files = list(kept(straight))
    assert len(files) == 2 * (13 * 3 + 1)  # two folds: last, best and result of each stage, and a model
    assert files == list(kept(broken.run))
    for file in files:
        assert content(broken.run / file) == content(straight / file), file


def test_every_epoch_and_stage_is_told_once_and_as_in_a_straight_run(broken: Broken, straight: Path) -> None:
    """Although lines were lost, those of finished stages too."""
    assert any('"stage_done"' in line for line in broken.cut)
    expected = told(straight)
    assert set(expected.values()) == {1} and len(expected) == 2 * 13 * (EPOCHS + 1)
    assert told(broken.run) == expected


def test_what_was_finished_is_not_trained_again_and_what_was_begun_goes_on(broken: Broken) -> None:
    assert len(broken.done_before) > 2 * 5
    now = {file: (broken.run / file).stat().st_mtime_ns for file in broken.done_before}
    assert now == broken.done_before
    resumed = [e for e in RunFolder(broken.run).events() if e["type"] == "resumed"]
    assert ("s0", "dominant-soft-dominant") in {(e["fold"], e["stage"]) for e in resumed}
    assert all(1 <= e["epoch"] < EPOCHS for e in resumed)


def test_ctrl_c_is_told_and_a_kill_leaves_nothing_for_long(broken: Broken) -> None:
    assert broken.killed == (-signal.SIGKILL, -signal.SIGKILL)
    status, said = broken.stopped
    assert (status, said.splitlines()[-1]) == (130, "mlee: stopped.") and "Traceback" not in said
    assert broken.after_stop == "cancelled"
    assert broken.scratch == (1, 0, 0)  # a killed process removes nothing, the next one does
    assert not [file for file in broken.run.rglob(".*") if file.is_file()]


def test_what_a_run_did_not_get_to_tell_of_its_last_stage_is_told_when_it_goes_on(
    small_table: Path, straight: Path, tmp_path: Path
) -> None:
    """Killed between the last result and its event: nothing is left to train, but something to tell."""
    run = shutil.copytree(straight, tmp_path / "run", ignore=shutil.ignore_patterns("last.safetensors"))
    lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    (run / "events.jsonl").write_text("".join(lines[:-3]))
    assert told(run) != told(straight)
    assert cli.main(table3(small_table, run, "--resume")[3:]) == 0
    assert told(run) == told(straight)
    types = [line["type"] for line in RunFolder(run).events()]
    assert types[len(lines) - 3 :] == ["started", "epoch_done", "stage_done", "finished"]


# ---- one stage that fails -------------------------------------------------------------------------------

LEFT_OUT = "of fold {} was not trained: its encoder {} failed."


def test_a_stage_that_fails_leaves_the_others(small_table: Path, straight: Path, tmp_path: Path) -> None:
    """mlee-all of s0 and pretrain-hard of s1 find foreign checkpoints; the process that trains
    dominant-hard of s1 is killed."""
    run = tmp_path / "run"
    foreign = [Path("s0/seed-0/mlee-all"), Path("s1/seed-0/pretrain-hard-all")]
    for folder, source in zip(foreign, ("s1/seed-0/mlee-all", "s0/seed-0/pretrain-hard-all"), strict=True):
        (run / folder).mkdir(parents=True)
        shutil.copy(straight / source / "last.safetensors", run / folder)
    rows = ("--rows", "dominant-hard", "pretrain", "fusion-hard", "--train-sets", "all")
    options = (*rows, "--only", "s0", "s1", "--max-epochs", EPOCHS, "--jobs", 1)
    process = started(table3(small_table, run, *options))
    until(process, epoch("s1", "dominant-hard"))
    (child,) = children_of(process.pid)
    os.kill(child, signal.SIGKILL)
    _, said = process.communicate()
    assert process.returncode == 2
    assert said.splitlines()[-1].startswith("mlee: 7 stages failed, the first in fold s0: ")

    events = list(RunFolder(run).events())
    messages = {(e["fold"], e["stage"]): e["message"] for e in events if e["type"] == "failed"}
    assert messages.keys() == {
        *(("s0", f"{row}-all") for row in ("mlee", "pretrain-hard", "pretrain-soft", "fusion-hard")),
        *(("s1", name) for name in ("dominant-hard", "fusion-hard-all", "pretrain-hard-all")),
        (None, None),  # the whole
    }
    for place in (("s0", "mlee-all"), ("s1", "pretrain-hard-all")):
        assert "was trained on other data or settings" in messages[place]
    assert "training process was ended by SIGKILL" in messages["s1", "dominant-hard"]
    logs = {(e["fold"], e["stage"]): e["log"] for e in events if e["type"] == "failed"}
    assert logs["s1", "dominant-hard"] == logs["s0", "mlee-all"] == "worker-1.log"
    assert logs["s1", "pretrain-hard-all"] == "worker-2.log" and logs["s1", "fusion-hard-all"] == ""
    for row in ("pretrain-hard-all", "pretrain-soft-all", "fusion-hard-all"):
        assert messages["s0", row] == f"{row} {LEFT_OUT.format('s0', 'mlee-all')}"
    assert messages["s1", "fusion-hard-all"].endswith(LEFT_OUT.format("s1", "dominant-hard"))
    done = {(e["fold"], e["stage"]) for e in events if e["type"] == "stage_done"}
    assert done == {("s0", "dominant-hard"), ("s1", "mlee-all"), ("s1", "pretrain-soft-all")}
    assert not list(run.rglob("model.safetensors"))

    for folder in foreign:
        (run / folder / "last.safetensors").unlink()
    finished(table3(small_table, run, "--resume", "--jobs", 1))
    cells = {path.parent for path in kept(run) if path.name == "result.json"}
    assert len(cells) == 2 * 5
    for path in kept(run):
        if path.parent in cells:
            assert content(run / path) == content(straight / path), path
    assert told(run) == Counter({line: 1 for line in told(straight) if _cell_of(line) in cells})


def _cell_of(line: str) -> Path:
    event = json.loads(line)
    return Path(event["fold"], f"seed-{event['seed']}", event["stage"])


# ---- a disk that is full --------------------------------------------------------------------------------


def test_a_disk_that_is_full_at_a_checkpoint_keeps_the_old_one(
    small_table: Path, straight: Path, small_disk: Path
) -> None:
    run, stage = small_disk / "run", Path("s0/seed-0/mlee-all")
    rows = ("--rows", "mlee", "--train-sets", "all", "--only", "s0", "--max-epochs", EPOCHS)
    said = finished(table3(small_table, run, *rows, "--jobs", 1), status=2).splitlines()
    assert len([line for line in said if not line.startswith("mlee: note: ")]) == 1
    assert str(run) in said[-1] and "No space left on device" in said[-1] and "is complete" in said[-1]
    tensors, meta = tensor_file.load(run / stage / "last.safetensors")
    assert meta["history"]["epoch"] == 1 and any(name.startswith("adam.") for name in tensors)
    assert not [file for file in run.rglob("*") if file.name.startswith((".", "mlee-scratch-"))]
    assert [line["type"] for line in RunFolder(run).events()][-2:] == ["failed", "failed"]

    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    finished(table3(small_table, run, "--resume", "--seeds", 2, "--jobs", 1))  # and a second seed
    for name in ("last.safetensors", "best.safetensors", "result.json"):
        assert content(run / stage / name) == content(straight / stage / name), name
    other = content(run / "s0/seed-1/mlee-all/best.safetensors")
    assert other[2] != content(straight / stage / "best.safetensors")[2]
    assert {line["seed"] for line in RunFolder(run).events() if line["type"] == "stage_done"} == {0, 1}

"""What tests of experiments share: `mlee` in a process of its own that is stopped at a moment, and what lies
in a run folder, to be compared with what lies in another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlee_core.runs.cells import RESULT
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.child_side import running, wait_until

Line = dict[str, Any]

EPOCHS = 3
"""Of every stage of the straight run and of those that are to equal it."""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "mlee_core.cli", *map(str, arguments)]


def table3(table: Path, run: Path, *more: object) -> list[str]:
    """Quiet, so that no trial is measured; with every event on stdout."""
    return command("table3", table, "--run", run, "--quiet", "--json", *more)


def finished(command: list[str], status: int = 0) -> str:
    """Run it to its end; its stderr."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done.stderr


def started(command: list[str], **environment: str) -> subprocess.Popen[str]:
    """In a process group of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, **pipes, text=True, process_group=0, env={**os.environ, **environment})


def until(process: subprocess.Popen[str], moment: Callable[[Line], bool]) -> None:
    """Read the process's events up to the first one that is the moment."""
    assert process.stdout is not None
    for line in process.stdout:
        if moment(json.loads(line)):
            return
    raise AssertionError(f"the moment did not come: {process.communicate()[1]}")


def stopped(command: list[str], moment: Callable[[Line], bool], how: signal.Signals) -> tuple[int, str]:
    """Run it, send `how` at the moment; its status and stderr. No process of its may stay behind.

    SIGINT reaches its helpers too, as Ctrl-C in a terminal does; any other signal does not.
    """
    process = started(command)
    until(process, moment)
    children = children_of(process.pid)
    assert children, "nothing was being trained"
    (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
    _, told = process.communicate()
    wait_until(lambda: not any(map(running, children)), "the training processes to end")
    return process.returncode, told


def children_of(pid: int) -> list[int]:
    """The helper processes that a process has started and that run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            helper = b"spawn_main" in (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid and helper:
            found.append(int(folder.name))
    return found


def epoch(fold: str, stage: str, number: int = 1) -> Callable[[Line], bool]:
    """The moment at which an epoch is told: its checkpoint is written and the next epoch begins."""
    wanted = {"type": "epoch_done", "fold": fold, "stage": stage, "epoch": number}
    return lambda line: wanted.items() <= line.items()


def told(run: Path) -> Counter[str]:
    """The events that a run tells once, without when, how fast and by which of its starts."""
    passing = ("at", "seconds", "reused")
    once = (line for line in RunFolder(run).events() if line["type"] in ("epoch_done", "stage_done"))
    return Counter(json.dumps({k: v for k, v in line.items() if k not in passing}) for line in once)


def kept(run: Path, under: str = "") -> Iterator[Path]:
    """Weights and results below a folder of the run, as paths in the run."""
    for pattern in ("*.safetensors", RESULT):
        yield from (file.relative_to(run) for file in sorted((run / under).rglob(pattern)))


def content(file: Path) -> Any:
    """All that weights or results hold, but the commit in their stamp: one may be made while tests run."""
    data = file.read_bytes()
    if file.name == RESULT:
        result = json.loads(data)
        del result["stamp"]["commit"]
        return result
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    own = json.loads(header["__metadata__"].pop("mlee"))
    del own["stamp"]["commit"]
    return header, own, data[end:]


def snapshot(run: Path) -> dict[str, tuple[bytes, int]]:
    """All that is in a folder, and when it was written."""
    files = (file for file in run.rglob("*") if file.is_file())
    return {str(file): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}

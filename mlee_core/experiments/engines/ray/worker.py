"""The worker's side of the Ray engine: trains a task in a temporary folder with the layout of a run folder.

The files written there are sent to the driver with the next event. So the worker needs no access to the run
folder, and a worker that dies loses at most the current epoch.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from ....events import Event, Failed, Progress
from ....runs.run_folder import RunFolder
from ....system import temporary_folders
from ....system.temporary_folders import TemporaryFolder
from ...cell_training import Work
from ..scheduler import train_task
from ..tasks import TrainingTask
from .control_relay import RequestReceiver

Files = dict[str, bytes]
"""Contents of files by their paths in the run folder, in the order to write them."""

LAST = "last.safetensors"


def files_for(run: Path, task: TrainingTask) -> Files:
    """The files of the run folder that a worker needs: all of the task's own cells, to resume from, and its
    encoders without their training state."""
    found: Files = {}
    for cell in (*task.needs, *task.cells):
        for file in _files(RunFolder(run).stage_folder(cell)):
            if cell in task.cells or file.name != LAST:
                found[str(file.relative_to(run))] = file.read_bytes()
    return found


def train(node: str, packed: bytes, shared: bytes, *arrays: Any) -> Iterator[tuple[Event, Files]]:
    """Train a task; each event comes with the files that were written before it.

    node: this machine's name, for messages. packed: a pickled (TrainingTask, Files). shared: a pickled Work,
    whose run folder is on the driver's machine. arrays: of its feature store.
    """
    temporary_folders.sweep()  # after workers that were killed here
    temporary = TemporaryFolder()
    try:
        task, files = pickle.loads(packed)
        common: Work = pickle.loads(shared)
        common.store.attach(arrays)
        run = temporary.path / "run"
        for name, content in files.items():
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_bytes(content)
        fold = run / task.fold.name
        fold.mkdir(parents=True, exist_ok=True)
        with closing(RequestReceiver(run)):
            work = replace(common, run=run)
            events = train_task(work, task, f"the temporary folder on {node}")
            yield from _with_files(events, run, fold, common.run)
    finally:
        temporary.remove()


def _with_files(events: Iterator[Event], run: Path, fold: Path, real: Path) -> Iterator[tuple[Event, Files]]:
    """Each event with the fold's files that were written before it. real: the run folder, for messages."""
    before = _written(run, fold)
    for event in events:
        if isinstance(event, Progress):
            yield event, {}
            continue
        if isinstance(event, Failed):
            event = replace(event, message=event.message.replace(str(run), str(real)))
        now = _written(run, fold)
        changed = sorted(name for name in now if now[name] != before.get(name))
        before = now
        # sorted: best before last before result, as they were written
        yield event, {name: (run / name).read_bytes() for name in changed}


def _files(folder: Path) -> list[Path]:
    """Its files, without temporary ones that are being written."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))


def _written(run: Path, fold: Path) -> dict[str, tuple[int, int]]:
    """A fold's files by their paths in the run, with values that change when one is replaced."""
    states = ((file, file.stat()) for file in _files(fold))
    return {str(file.relative_to(run)): (state.st_ino, state.st_mtime_ns) for file, state in states}

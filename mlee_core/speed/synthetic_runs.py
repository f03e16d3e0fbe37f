"""Run folders as many simultaneous jobs write them, without any training, for `mlee bench gui`.

`python -m mlee_core.speed.synthetic_runs FOLDER RUNS RATE` creates FOLDER/job-1 …, prints "ready", and writes
RATE events a second into each until its input ends.
"""

from __future__ import annotations

import json
import math
import select
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from ..config.recipe import RECIPES
from ..config.run_config import Compute, RunConfig, Selection
from ..config.stages import LINES, TRAIN_SETS
from ..corpora import folds
from ..corpora.corpus import Corpus, Utterance
from ..events import EpochDone, Event, StageDone
from ..labels.votes import CLASSES, Votes
from ..runs.cells import Cell
from ..runs.heartbeat import HEARTBEAT_S, Heartbeat, InWork
from ..runs.run_folder import RunFolder
from ..runs.status_files import JobStatus
from ..system.process_identity import ProcessIdentity

SPEAKERS = 10
EPOCHS = 30
"""Of each cell."""


class SyntheticRun:
    """One run folder and its writer."""

    def __init__(self, path: Path) -> None:
        self.run = RunFolder(path)
        corpus = _corpus()
        parts = folds.loso(corpus)
        selection = Selection(tuple(LINES), TRAIN_SETS, tuple(fold.name for fold in parts.folds))
        recipe, root = RECIPES["paper"], (str(corpus.root),)
        config = RunConfig(root, "table", (), corpus.data_hash(), recipe, Compute(), 0, selection=selection)
        self.run.begin(config, corpus, parts, resume=False)
        self._began_at = time.time()
        self._cells = self.run.cells()
        self._events = self._all()
        self._done = 0
        self._in_work: Cell | None = None
        self._epoch = 0

    def save_job(self, *, ended: bool = False) -> None:
        state, at = ("cancelled", time.time()) if ended else ("running", None)
        JobStatus(ProcessIdentity.own(), self._began_at, state, at).save(self.run.path)  # type: ignore[arg-type]

    def beat(self) -> None:
        cell = self._in_work
        left_s = float(len(self._cells) - self._done)
        works = () if cell is None else (InWork(cell.name, self._epoch, 0.5, left_s, "training"),)
        Heartbeat(time.time(), self._done, len(self._cells), 60 * left_s, works).save(self.run.path)

    def line(self) -> bytes:
        """The next event."""
        return (json.dumps(next(self._events).to_json(), ensure_ascii=False) + "\n").encode()

    def _all(self) -> Iterator[Event]:
        """Events cell by cell; the last cell never ends."""
        for cell in self._cells:
            self._in_work = cell
            where = {"fold": cell.fold, "seed": cell.seed}
            last = math.inf if cell == self._cells[-1] else EPOCHS
            self._epoch = 0
            while self._epoch < last:
                self._epoch += 1
                loss, score = 0.3 + 1.1 / self._epoch, min(0.9, 0.3 + self._epoch / 40)
                losses = (0.8 * loss, loss, score, 0.9 * score)
                yield EpochDone(cell.stage.name, self._epoch, *losses, True, 0.01, **where)  # type: ignore[arg-type]
            self._done += 1
            yield StageDone(cell.stage.name, EPOCHS, 0.34, 0.8, 0.7, **where)  # type: ignore[arg-type]


def report(folder: Path, runs: int, rate: float) -> None:
    """Write until the input ends; if late, catch up at once."""
    all_runs = [SyntheticRun(folder / f"job-{k}") for k in range(1, runs + 1)]
    with ExitStack() as stack:
        files = [stack.enter_context(open(one.run.events_file, "ab", buffering=0)) for one in all_runs]
        for one in all_runs:
            one.save_job()
            one.beat()
        print("ready", flush=True)
        began = time.monotonic()
        written, beat_at = 0, began
        while not select.select([sys.stdin], [], [], max(0.0, began + written / rate - time.monotonic()))[0]:
            for one, file in zip(all_runs, files, strict=True):
                file.write(one.line())
            written += 1
            if time.monotonic() > beat_at:
                beat_at += HEARTBEAT_S
                for one in all_runs:
                    one.beat()
    for one in all_runs:
        one.save_job(ended=True)


def _corpus() -> Corpus:
    root = Path("/nowhere/made.csv")
    utterances = tuple(
        Utterance(f"{speaker:02}-{name}", root, f"{speaker:02}", Votes({name: 3}))
        for speaker in range(SPEAKERS)
        for name in CLASSES
    )
    return Corpus("made", "table", root, utterances)


if __name__ == "__main__":
    report(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))

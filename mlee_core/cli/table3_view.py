"""What `mlee table3` prints: the plan and its cost, and the experiment as it goes on."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from .. import forecast, runs
from ..config import RunConfig, Selection
from ..corpora import Corpus
from ..errors import ConfigError
from ..events import EpochDone, Event, Failed, Progress, StageDone
from ..folds import Folds
from ..forecast import Cost, Forecast, Speed, Workload
from ..runs import Cell, CellResult, RunFolder
from .terminal import Board, duration, in_words, size
from .train import in_words as event_in_words

_Key = tuple[str | None, int | None, str | None]


@dataclass(frozen=True)
class Experiment:
    """What was asked for. folder: need not exist yet. workers: trainings side by side."""

    corpus: Corpus
    parts: Folds
    config: RunConfig
    selection: Selection
    folder: RunFolder
    workers: int

    @property
    def cells(self) -> tuple[Cell, ...]:
        return runs.cells(self.config, self.selection)

    @property
    def results(self) -> tuple[CellResult, ...]:
        """Of the cells that are done already."""
        found = (self.folder.result(cell) for cell in self.cells)
        return tuple(result for result in found if result is not None)

    def workload(self, speed: Speed | None) -> Workload:
        mean_s = 0.0 if speed is None else speed.mean_duration_s
        return Workload(self.config, self.corpus, self.parts.folds, mean_s)

    def cost(self, speed: Speed) -> Cost:
        load = self.workload(speed)
        return forecast.cost(self.config, load, self.cells, self.results, self.workers, speed)

    @property
    def free_bytes(self) -> int:
        """On the disk where the run folder is or will be."""
        here = self.folder.path.absolute()
        return shutil.disk_usage(next(p for p in (here, *here.parents) if p.is_dir())).free


def plan_lines(asked: Experiment, cost: Cost) -> list[str]:
    """What will run and what it takes, for the terminal."""
    chosen, compute = asked.selection, asked.config.compute
    dense = sum(bool(stage.encoders) for stage in chosen.stages)
    encoders = len(chosen.stages) - dense
    size_of_table = f"{len(chosen.folds)} folds × {chosen.seeds} seeds × {len(chosen.stages)}"
    lines = {
        "run": str(asked.folder.path),
        "corpus": f"{asked.corpus.name}, {len(asked.corpus.utterances)} utterances, "
        f"{len(asked.corpus.speakers)} speakers",
        "stages": f"{cost.cells} = {size_of_table} ({encoders} encoders, {dense} standing on them)"
        + (f"; {cost.done} are done" if cost.done else ""),
        "machine": f"{compute.device}, {compute.dtype}; {asked.workers} trainings at once, each on "
        f"{compute.threads} of {os.cpu_count()} cores",
        "time": f"about {duration(cost.seconds)} if encoders stop after {cost.usual_epochs} epochs, at most "
        f"{duration(cost.most_seconds)} (from a measured trial)",
        "disk": f"{size(cost.disk_bytes)}, and {size(cost.features_bytes)} of features while it runs; "
        f"{size(asked.free_bytes)} are free",
        "memory": f"about {size(cost.memory_bytes)}",
    }
    return [f"{name:8} {text}" for name, text in lines.items()]


def refuse_full_disk(asked: Experiment, cost: Cost) -> None:
    """Raises: ConfigError when the run would not fit where it is to be written."""
    needed, free = cost.disk_bytes + cost.features_bytes, asked.free_bytes
    if needed > free:
        raise ConfigError(
            f"{asked.folder.path} needs {size(needed)} of disk and {size(free)} are free there: choose "
            "another folder, or fewer folds, rows or seeds."
        )


def show(
    events: Iterable[Event], asked: Experiment, speed: Speed | None, *, quiet: bool, as_json: bool
) -> None:
    """Print events: on a terminal finished stages above a board of what is in work, else line by line."""
    whole = Forecast(asked.config.recipe, asked.workload(speed), asked.cells, asked.workers, speed)
    whole.take_over(asked.results)
    board = Board(sys.stderr, quiet=quiet or as_json)
    in_work: dict[_Key, str] = {}
    for event in events:
        whole.add(event)
        if as_json:
            print(json.dumps(event.to_json()), flush=True)
            continue
        _keep(in_work, event)
        if _stays(event, quiet=quiet, live=board.live):
            board.clear()
            print(_line(event, asked.selection), flush=True)
        lines = [in_words(whole.progress()), *in_work.values()]
        board.show(lines, at_once=not isinstance(event, Progress))
    board.clear()


def _stays(event: Event, *, quiet: bool, live: bool) -> bool:
    if isinstance(event, StageDone | Failed):
        return True
    return not (quiet or live or isinstance(event, Progress)) and event_in_words(event) is not None


def _line(event: Event, selection: Selection) -> str:
    text = event.message if isinstance(event, Failed) else event_in_words(event)
    return f"{_place(event, selection)}{text}"


def _place(event: Event, selection: Selection) -> str:
    if event.fold is None:
        return ""
    return f"{event.fold} " if selection.seeds == 1 else f"{event.fold} seed {event.seed} "


def _keep(in_work: dict[_Key, str], event: Event) -> None:
    """What the board says of each stage in work: its last epoch's losses, and how far the next one is."""
    key = (event.fold, event.seed, getattr(event, "stage", None))
    if isinstance(event, StageDone | Failed):
        in_work.pop(key, None)
    elif isinstance(event, EpochDone):
        in_work[key] = f"  {event.fold} {event_in_words(event)}"
    elif isinstance(event, Progress) and event.epoch is None:
        in_work[key] = f"  {event.fold or ''} {in_words(event)}"
        if event.done == event.total:
            del in_work[key]
    elif isinstance(event, Progress) and event.total:
        before = in_work.get(key, "").partition(" · ")[0] or f"  {event.fold} {event.stage}"
        in_work[key] = f"{before} · epoch {event.epoch} {event.done / event.total:.0%}"

"""The output of `mlee table3` while it trains."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import replace

from ..events import EpochDone, Event, Failed, Progress, StageDone
from ..experiments.experiment import Experiment
from ..runs.event_text import duration, event_line, event_text, progress_text
from ..runs.forecast import Speed
from .terminal import Board

_Key = tuple[str | None, int | None, str | None]
_BEFORE: _Key = (None, None, None)
"""Work for all folds, such as features, which ends when the first fold begins."""


def show(
    events: Iterable[Event], experiment: Experiment, speed: Speed | None, *, quiet: bool, as_json: bool
) -> None:
    """Print events: on a terminal finished stages above a board of those in work, else line by line."""
    forecast = experiment.forecast(speed)
    board = Board(sys.stderr, quiet=quiet or as_json)
    in_work: dict[_Key, str] = {}
    several = len({cell.seed for cell in experiment.cells}) > 1
    for event in events:
        forecast.add(event)
        if as_json:
            print(json.dumps(event.to_json()), flush=True)
            continue
        _update(in_work, event)
        line = event_line(event, several=several)
        if line is not None and (isinstance(event, StageDone | Failed) or not (quiet or board.live)):
            board.clear()
            print(line, flush=True)
        whole = forecast.progress()
        left = "" if whole.left_s is None else f", {duration(whole.left_s)} left"
        total = f"{whole.done:.0f} of {whole.total:.0f} {whole.what}{left}"
        board.show([total, *in_work.values()], at_once=not isinstance(event, Progress))
    board.clear()


def _update(in_work: dict[_Key, str], event: Event) -> None:
    """The board's line of each stage in work: losses of the last epoch, and progress of the next one."""
    key = (event.fold, event.seed, getattr(event, "stage", None))
    between = (event.fold, event.seed, None)  # work outside a stage's epochs, such as encoding
    in_work.pop(between, None)
    in_work.pop(_BEFORE, None)
    if isinstance(event, StageDone | Failed):
        in_work.pop(key, None)
    elif isinstance(event, EpochDone):
        in_work[key] = f"  {event.fold} {event_text(event)}"
    elif isinstance(event, Progress) and event.epoch is None:
        in_work[between] = f"  {event.fold or ''} {progress_text(replace(event, stage=None))}"
    elif isinstance(event, Progress) and event.total:
        before = in_work.get(key, "").partition(" · ")[0] or f"  {event.fold} {event.stage}"
        in_work[key] = f"{before} · epoch {event.epoch} {event.done / event.total:.0%}"

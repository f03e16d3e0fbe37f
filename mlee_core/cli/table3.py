"""`mlee table3`: the paper's whole experiment over folds, rows, train sets and seeds, resumable."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from .. import folds
from ..config import LINES, RECIPES, TRAIN_SETS, Selection
from ..errors import ConfigError
from ..events import Event, Failed, Progress, StageDone
from ..runs import RunFolder
from .running import add_running_arguments, disk_faults_told, opened, recorded, run_config
from .terminal import ProgressLine
from .train import in_words


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_running_arguments(parser)
    parser.add_argument(
        "--rows", nargs="+", metavar="ROW", help=f"lines of Table 3 (default: all): {', '.join(LINES)}"
    )
    parser.add_argument("--train-sets", nargs="+", choices=TRAIN_SETS, help="default: both")
    parser.add_argument("--folds", metavar="HOW", help="loso, sessions, a number of groups, or a saved file")
    parser.add_argument(
        "--only", nargs="+", metavar="FOLD", help="train these folds alone (speakers or groups)"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="repeat everything N times (default: 1)")
    parser.add_argument("--recipe", choices=RECIPES, default="paper", help="default: paper")
    parser.add_argument("--jobs", type=int, metavar="N", help="trainings side by side (default: one a core)")
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")


def run(args: argparse.Namespace) -> int:
    """Train, print, and write events.jsonl. Raises: MleeError for what is wrong with the input."""
    from .. import table3

    corpus = opened(args)
    begun = RunFolder(args.run) if args.resume and (args.run / "config.json").exists() else None
    parts = begun.folds() if begun and args.folds is None else folds.make(corpus, args.folds)
    selection = _selection(args, parts, None if begun is None else begun.config().selection)
    config = run_config(args, corpus, args.recipe, selection)
    table3.refuse_untrainable(config, corpus, parts.folds)
    folder = args.run or Path("runs") / f"{corpus.name}-table3-{time.strftime('%Y%m%d-%H%M%S')}"
    run_folder = RunFolder(folder)
    with disk_faults_told(run_folder):
        run_folder.begin(config, corpus, parts, resume=args.resume)
        print(f"run {folder}: {len(run_folder.cells())} stages", file=sys.stderr)
        events = table3.train_table(run_folder, args.jobs or max(1, (os.cpu_count() or 1) // args.threads))
        _show(recorded(run_folder, events, "table3"), args)
    return 0


def _selection(args: argparse.Namespace, parts: folds.Folds, begun: Selection | None) -> Selection:
    """What the options ask for; what they leave out is as the run was begun, else everything."""
    names = tuple(fold.name for fold in parts.folds)
    unknown = [name for name in args.only or () if name not in names]
    if unknown:
        raise ConfigError(f"fold {unknown[0]!r}: the folds are {', '.join(names)}.")
    if begun is None:
        begun = Selection(tuple(LINES), TRAIN_SETS, names)
    return Selection(
        rows=tuple(args.rows or begun.rows),
        train_sets=tuple(args.train_sets or begun.train_sets),
        folds=tuple(name for name in names if name in (args.only or begun.folds)),
        seeds=begun.seeds if args.seeds is None else args.seeds,
    )


def _show(events: Iterable[Event], args: argparse.Namespace) -> None:
    line = ProgressLine(sys.stderr, quiet=args.quiet)
    for event in events:
        if args.json:
            print(json.dumps(event.to_json()), flush=True)
        elif isinstance(event, Progress):
            line.show(event)
        else:
            line.clear()
            text = event.message if isinstance(event, Failed) else in_words(event)
            if text and (isinstance(event, StageDone) or not args.quiet):
                print(f"{event.fold} {text}" if event.fold else text, flush=True)

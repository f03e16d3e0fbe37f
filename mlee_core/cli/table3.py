"""`mlee table3`: the paper's whole experiment over folds, rows, train sets and seeds, resumable."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from .. import folds
from ..config import LINES, TRAIN_SETS, Compute, RunConfig, Selection
from ..engines import ENGINES, Engine, cluster_of, slots_here
from ..engines.ray_nodes import Cluster
from ..errors import ConfigError
from ..events import Progress
from ..recipe import RECIPES
from ..report import collect
from ..runs import RunFolder
from ..table3 import Experiment
from . import report
from .running import add_running_arguments, begun, disk_faults_told, opened, recorded, run_config
from .table3_view import plan_lines, show
from .terminal import ProgressLine

SMOKE_EPOCHS = 2
Answer = TypeVar("Answer")


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
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="trainings side by side (default: one a core, or one a GPU)"
    )
    parser.add_argument(
        "--engine", choices=ENGINES, default="local", help="train in processes, or as tasks of a Ray cluster"
    )
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="the Ray cluster (default: Ray is started on this machine)"
    )
    parser.add_argument("--plan", action="store_true", help="print what it would cost, and stop")
    parser.add_argument(
        "--smoke", action="store_true", help=f"everything once: one fold, {SMOKE_EPOCHS} epochs a stage"
    )
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")


def run(args: argparse.Namespace) -> int:
    """Print the plan, train, print, write events.jsonl. Raises: MleeError for wrong input."""
    asked = _experiment(args)
    asked.refuse_untrainable()
    speed = None
    if args.plan and not asked.measurable:
        raise ConfigError("--plan measures on this machine, which has no GPU: call it on one that has.")
    if args.plan or (asked.measurable and not args.quiet):
        speed = _told(asked.trial(), quiet=args.quiet or args.json)
        cost = asked.cost(speed)
        if args.plan and args.json:
            print(json.dumps(cost.to_json()))
        else:
            print("\n".join(plan_lines(asked, cost)), file=sys.stdout if args.plan else sys.stderr)
        if args.plan:
            return 0
        asked.refuse_full_disk(cost)
    with disk_faults_told(asked.folder):
        asked.begin(resume=args.resume)
        with closing(recorded(asked.folder, asked.train(), "table3")) as events:
            show(events, asked, speed, quiet=args.quiet, as_json=args.json)
    if args.smoke:
        report.written(asked.folder, None, quiet=args.quiet or args.json)
    if not args.json:
        print(report.in_words(collect(asked.folder)[0]))
        print(f"mlee report {asked.folder.path} draws it and writes predictions and tables.", file=sys.stderr)
    return 0


def _experiment(args: argparse.Namespace) -> Experiment:
    if args.smoke and args.resume:
        raise ConfigError("--smoke with --resume: a smoke run is short and always begins anew.")
    if args.jobs is not None and args.jobs < 1:
        raise ConfigError(f"--jobs {args.jobs}: allowed are whole numbers from 1.")
    engine = Engine(args.engine, args.address)
    was = begun(args)
    corpus = opened(args)
    cluster = _cluster(engine, args, was)
    config = run_config(args, corpus, was, RECIPES["paper"], cluster)
    if was is None:
        parts = folds.make(corpus, args.folds)
    else:  # refused now if changed: most of what follows would fail with a less telling reason
        parts = RunFolder(args.run).folds() if args.folds is None else folds.make(corpus, args.folds)
        RunFolder(args.run).refuse_difference(replace(config, selection=was.selection), corpus, parts)
    selection = _selection(args, parts, None if was is None else was.selection)
    config = replace(config, selection=selection)
    if args.smoke:
        selection = replace(selection, folds=selection.folds[:1], seeds=1)
        recipe = replace(config.recipe, max_epochs=SMOKE_EPOCHS)
        config = replace(config, selection=selection, recipe=recipe)
    what = "smoke" if args.smoke else "table3"
    folder = args.run or Path("runs") / f"{corpus.name}-{what}-{time.strftime('%Y%m%d-%H%M%S')}"
    slots = slots_here(config.compute) if cluster is None else cluster.slots(config.compute)
    return Experiment(corpus, parts, config, RunFolder(folder), args.jobs or slots, engine)


def _cluster(engine: Engine, args: argparse.Namespace, was: RunConfig | None) -> Cluster | None:
    """What the Ray cluster offers, None on this machine. Raises: ConfigError where Ray cannot be used."""
    device = args.device or (Compute() if was is None else was.compute).device
    line = ProgressLine(sys.stderr, quiet=args.quiet or args.json)
    if engine.address is not None:
        line.show(Progress(f"Asking the machines of {engine.place}", 0.0))
    try:
        return cluster_of(engine, device, ask_dtype=was is None and args.dtype is None)
    finally:
        line.clear()


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


def _told(work: Generator[Progress, None, Answer], *, quiet: bool) -> Answer:
    """Run work to its end with its progress on one line; its answer."""
    line = ProgressLine(sys.stderr, quiet=quiet)
    try:
        while True:
            line.show(next(work))
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    finally:
        line.clear()

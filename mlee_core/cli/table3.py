"""`mlee table3`: the paper's whole experiment over folds, rows, train sets and seeds, resumable."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

from ..config.experiment_spec import ENGINES, ExperimentSpec
from ..config.stages import LINES, TRAIN_SETS
from ..errors import ConfigError
from ..events import Progress
from ..experiments.builder import SMOKE_EPOCHS, experiment
from ..experiments.experiment import Experiment
from ..experiments.experiment_text import plan_lines
from ..report import collect
from ..runs.writer import disk_faults_as_run_errors, recorded
from ..system import sigterm
from . import report
from .experiment_progress import show
from .terminal import ProgressLine
from .training_options import add_running_arguments, noted

Answer = TypeVar("Answer")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_running_arguments(parser)
    parser.add_argument(
        "--rows",
        nargs="+",
        action="extend",
        metavar="ROW",
        help=f"lines of Table 3 (default: all): {', '.join(LINES)}",
    )
    parser.add_argument("--train-sets", nargs="+", choices=TRAIN_SETS, help="default: both")
    parser.add_argument("--folds", metavar="HOW", help="loso, sessions, a number of groups, or a saved file")
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        metavar="FOLD",
        help="train these folds alone (speakers or groups)",
    )
    parser.add_argument(
        "--cells",
        nargs="+",
        action="extend",
        metavar="CELL",
        help="train these alone, with the encoders they need: 03/seed-0/fusion-soft-all, say",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="repeat everything N times (default: 1), a recipe's whole ensemble each time",
    )
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
    with disk_faults_as_run_errors(asked.folder), sigterm.deferred():
        asked.begin(resume=args.resume)
        with closing(recorded(asked.folder, asked.train(), "table3", asked.forecast(speed))) as events:
            show(events, asked, speed, quiet=args.quiet, as_json=args.json)
    if args.smoke:
        report.written(asked.folder, None, quiet=args.quiet or args.json)
    if not args.json:
        print(report.in_words(collect(asked.folder)[0]))
        print(f"mlee report {asked.folder.path} draws it and writes predictions and tables.", file=sys.stderr)
    return 0


def _experiment(args: argparse.Namespace) -> Experiment:
    line = ProgressLine(sys.stderr, quiet=args.quiet or args.json)
    try:
        return experiment(ExperimentSpec.of(args), noted, line.show)
    finally:
        line.clear()


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

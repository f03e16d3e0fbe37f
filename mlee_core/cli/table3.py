"""`mlee table3`: the paper's whole experiment over folds, rows, train sets and seeds, resumable."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from typing import Any

from ..config.experiment_spec import ENGINES, ExperimentSpec
from ..config.stages import LINES, TRAIN_SETS
from ..errors import ConfigError
from ..experiments import builder
from ..experiments.experiment import Experiment
from ..experiments.experiment_text import plan_lines
from ..report import collect
from ..runs.forecast import Speed
from ..runs.writer import disk_faults_as_run_errors, recorded
from ..system import sigterm
from . import report
from .experiment_progress import show
from .terminal import ProgressLine, print_note
from .training_options import add_running_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    several: dict[str, Any] = {"nargs": "+", "action": "extend"}
    add_running_arguments(parser)
    lines = f"lines of Table 3 (default: all): {', '.join(LINES)}"
    parser.add_argument("--rows", **several, metavar="ROW", help=lines)
    parser.add_argument("--train-sets", nargs="+", choices=TRAIN_SETS, help="default: both")
    parser.add_argument("--folds", metavar="HOW", help="loso, sessions, a number of groups, or a saved file")
    parser.add_argument(
        "--only", **several, metavar="FOLD", help="train these folds alone (speakers or groups)"
    )
    cells = "train these alone, with the encoders they need, for example 03/seed-0/fusion-soft-all"
    parser.add_argument("--cells", **several, metavar="CELL", help=cells)
    repeat = "repeat everything N times (default: 1), a recipe's whole ensemble each time"
    parser.add_argument("--seeds", type=int, metavar="N", help=repeat)
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
    smoke = f"everything once: one fold, {builder.SMOKE_EPOCHS} epochs a stage"
    parser.add_argument("--smoke", action="store_true", help=smoke)
    parser.add_argument("--json", action="store_true", help="print each event as a line of JSON")


def run(args: argparse.Namespace) -> int:
    """Print the plan, train, print, write events.jsonl. Raises: MleeError for wrong input."""
    line = ProgressLine(sys.stderr, quiet=args.quiet or args.json)
    try:
        experiment = builder.experiment(ExperimentSpec.of(args), print_note, line.show)
    finally:
        line.clear()
    experiment.refuse_untrainable()
    speed = None
    if args.plan and not experiment.measurable:
        raise ConfigError("--plan measures on this machine, which has no GPU: call it on one that has.")
    if args.plan or (experiment.measurable and not args.quiet):
        speed = _measured(experiment, line)
        cost = experiment.cost(speed)
        if args.plan and args.json:
            print(json.dumps(asdict(cost)))
        else:
            print("\n".join(plan_lines(experiment, cost)), file=sys.stdout if args.plan else sys.stderr)
        if args.plan:
            return 0
        experiment.refuse_full_disk(cost)
    folder = experiment.folder
    with disk_faults_as_run_errors(folder), sigterm.deferred():
        experiment.begin(resume=args.resume)
        with closing(recorded(folder, experiment.train(), "table3", experiment.forecast(speed))) as events:
            show(events, experiment, speed, quiet=args.quiet, as_json=args.json)
    if args.smoke:
        report.written(folder, None, quiet=args.quiet or args.json)
    if not args.json:
        print(report.report_text(collect(folder)[0]))
        print(f"mlee report {folder.path} draws it and writes predictions and tables.", file=sys.stderr)
    return 0


def _measured(experiment: Experiment, line: ProgressLine) -> Speed:
    trial = experiment.trial()
    try:
        while True:
            line.show(next(trial))
    except StopIteration as end:
        speed: Speed = end.value
        return speed
    finally:
        line.clear()

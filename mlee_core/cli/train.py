"""`mlee train`: the networks of one fold, resumable, with progress in the terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace

from ..config.experiment_spec import ExperimentSpec
from ..config.stages import ROWS, TRAIN_SETS, Stage
from ..events import Event, Progress, StageDone
from ..experiments.builder import single_stage
from ..runs.event_text import event_text
from ..runs.writer import disk_faults_as_run_errors, recorded
from ..system import sigterm
from .terminal import ProgressLine, print_note
from .training_options import add_running_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_running_arguments(parser)
    parser.add_argument("--row", required=True, choices=ROWS, help="which network of the paper's Table 3")
    parser.add_argument("--label", choices=("hard", "soft"), help="its targets; mlee takes none")
    parser.add_argument(
        "--train-set", default="all", choices=TRAIN_SETS, help="utterances with a dominant class, or all"
    )
    parser.add_argument("--fold", metavar="SPEAKER", help="the test speaker (default: the first in order)")


def run(args: argparse.Namespace) -> int:
    """Train, print, and write events.jsonl. Raises: MleeError for what is wrong with the input."""
    stage = Stage(args.row, args.label, args.train_set)
    line = f"{args.row}-{args.label}" if args.label else args.row
    spec = replace(ExperimentSpec.of(args), rows=(line,), train_sets=(args.train_set,))
    experiment = single_stage(spec, args.fold, print_note)
    experiment.refuse_untrainable()  # before a run folder is made
    folder, fold = experiment.folder, experiment.folds.folds[0]
    with disk_faults_as_run_errors(folder), sigterm.deferred():
        experiment.begin(resume=args.resume)
        parts = f"test {fold.name}, development {', '.join(fold.dev)}"
        print(f"run {folder.path}: {stage.name}, {parts}", file=sys.stderr)
        with closing(recorded(folder, experiment.train(), stage.name, experiment.forecast(None))) as events:
            _show(events, quiet=args.quiet, several=experiment.config.recipe.ensemble > 1)
    return 0


def _show(events: Iterable[Event], *, quiet: bool, several: bool) -> None:
    """Print the events of cells. several: prefix the seed, since several networks form an ensemble."""
    line = ProgressLine(sys.stderr, quiet=quiet)
    for event in events:
        if isinstance(event, Progress):
            line.show(event)
            continue
        line.clear()
        text = event_text(event)
        if text and event.seed is not None and (isinstance(event, StageDone) or not quiet):
            print(f"seed {event.seed} {text}" if several else text, flush=True)

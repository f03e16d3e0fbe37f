"""`mlee train`: the networks of one fold, resumable, with progress in the terminal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path

from ..config.experiment_spec import ExperimentSpec
from ..config.recipe import Recipe
from ..config.run_config import RunConfig
from ..config.stages import ROWS, TRAIN_SETS, Stage, plan
from ..corpora import Corpus, folds
from ..events import Cancelled, Event, Finished, Progress, StageDone
from ..experiments.builder import completed, opened, run_config
from ..runs.cells import Cell
from ..runs.event_text import event_text
from ..runs.file_names import MODEL_FILE
from ..runs.forecast import USUAL_S, Forecast, Workload
from ..runs.run_folder import RunFolder
from ..runs.writer import disk_faults_as_run_errors, recorded
from ..system import sigterm
from ..system.temporary_folders import TemporaryFolder
from .terminal import ProgressLine
from .training_options import add_running_arguments, noted


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
    spec, was = completed(ExperimentSpec.of(args))
    corpus = opened(spec, noted)
    fold = folds.one(corpus, args.fold or _fold_of(args, was) or corpus.speakers[0])
    parts = folds.Folds(corpus.name, corpus.data_hash(), (fold,))
    config = run_config(spec, corpus, was, Recipe())
    if was is not None:
        RunFolder(args.run).refuse_difference(config, corpus, parts)
    from ..experiments.cells import refuse_untrainable

    refuse_untrainable(config, corpus, fold, [stage])  # before a run folder is begun
    folder = args.run or Path("runs") / f"{corpus.name}-{fold.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    run_folder = RunFolder(folder)
    with disk_faults_as_run_errors(run_folder), sigterm.heeded():
        run_folder.begin(config, corpus, parts, resume=args.resume)
        print(
            f"run {folder}: {stage.name}, test {fold.name}, development {', '.join(fold.dev)}",
            file=sys.stderr,
        )
        events = _train(run_folder, config, corpus, fold, stage)
        cells = [Cell(fold.name, seed, part) for seed in config.ensembles()[0] for part in plan((stage,))]
        ahead = Forecast(config, Workload(config, corpus, [fold], USUAL_S), cells, 1, None)
        with closing(recorded(run_folder, events, stage.name, ahead)) as told:
            _show(told, quiet=args.quiet, several=config.recipe.ensemble > 1)
    return 0


def _fold_of(args: argparse.Namespace, was: RunConfig | None) -> str | None:
    """The test speaker of the run that goes on."""
    return None if was is None else RunFolder(args.run).folds().folds[0].name


def _train(
    run_folder: RunFolder, config: RunConfig, corpus: Corpus, fold: folds.Fold, stage: Stage
) -> Generator[Event]:
    from ..experiments import cells, model_export

    scratch, seeds = TemporaryFolder(run_folder.path), config.ensembles()[0]
    try:
        work = yield from cells.prepare(run_folder, config, corpus, scratch.path)
        for seed in seeds:
            yield from cells.train_cells(work, fold, seed, [stage])
    finally:
        scratch.remove()
    if run_folder.result(Cell(fold.name, seeds[-1], stage)) is None:  # it was asked to stop before
        yield Cancelled("stopped")
        return
    model_export.export(run_folder, config, corpus, fold, run_folder.path / MODEL_FILE)
    yield Finished(stage.name)


def _show(events: Iterable[Event], *, quiet: bool, several: bool) -> None:
    """several: networks that judge together, told apart by their seeds."""
    line = ProgressLine(sys.stderr, quiet=quiet)
    for event in events:
        if isinstance(event, Progress):
            line.show(event)
            continue
        line.clear()
        text = event_text(event)
        if text and (isinstance(event, StageDone) or not quiet):
            print(f"seed {event.seed} {text}" if several and event.seed is not None else text, flush=True)

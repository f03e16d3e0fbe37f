"""`mlee train`: the networks of one fold, resumable, with progress in the terminal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import folds
from ..config import ROWS, Compute, Recipe, RunConfig, Stage
from ..corpora import Corpus
from ..corpora.labelmap import from_pairs, make
from ..errors import ConfigError, RunError
from ..events import Cancelled, EpochDone, Event, Failed, Progress, Resumed, StageDone, Started
from ..runs import RunFolder
from .corpus import add_opening_arguments, corpus_of
from .terminal import ProgressLine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_opening_arguments(parser)
    parser.add_argument("--row", required=True, choices=ROWS, help="which network of the paper's Table 3")
    parser.add_argument("--label", choices=("hard", "soft"), help="its targets; mlee takes none")
    parser.add_argument(
        "--train-set",
        default="all",
        choices=("dominant", "all"),
        help="utterances with a dominant class, or all",
    )
    parser.add_argument("--fold", metavar="SPEAKER", help="the test speaker (default: the first in order)")
    parser.add_argument("--run", type=Path, metavar="DIR", help="run folder (default: runs/CORPUS-FOLD-DATE)")
    parser.add_argument("--resume", action="store_true", help="go on with this run, or add a row to it")
    parser.add_argument("--max-epochs", type=int, default=Recipe.max_epochs, metavar="N")
    parser.add_argument("--patience", type=int, default=Recipe.patience, metavar="N")
    parser.add_argument(
        "--level", default="peak", choices=("peak", "none"), help="scale utterances to peak 1"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--device", default="cpu", metavar="D", help="cpu, cuda or cuda:0 (default: cpu)")
    parser.add_argument(
        "--dtype", default="auto", choices=("auto", "fp32", "bf16"), help="auto: bf16 where fast"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N")
    parser.add_argument("--quiet", action="store_true", help="print results only")


def run(args: argparse.Namespace) -> int:
    """Train, print, and write events.jsonl. Raises: MleeError for what is wrong with the input."""
    stage = Stage(args.row, args.label, args.train_set)
    corpus = corpus_of(args)
    fold = folds.one(corpus, args.fold or corpus.speakers[0])
    config = _config(args, corpus)
    if args.resume and args.run is None:
        raise ConfigError("--resume without --run: say which run folder to go on with.")
    from ..experiment import refuse_untrainable

    refuse_untrainable(config, corpus, fold, [stage])  # before a run folder is begun
    folder = args.run or Path("runs") / f"{corpus.name}-{fold.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    run_folder = RunFolder(folder)
    try:
        run_folder.begin(config, resume=args.resume)
        with run_folder.writing():
            _keep_fold(folder / "folds.json", corpus, fold)
            parts = f"test {fold.name}, development {', '.join(fold.dev)}"
            print(f"run {folder}: {stage.name}, {parts}", file=sys.stderr)
            _show(_recorded(run_folder, config, corpus, fold, stage), quiet=args.quiet)
    except BrokenPipeError:  # of our output, not of the run
        raise
    except OSError as error:  # a full disk, a closed folder
        raise RunError(
            f"run {folder} cannot be written: {error.strerror or error}; what was saved before is whole, "
            "and --resume goes on from there."
        ) from error
    return 0


def _keep_fold(file: Path, corpus: Corpus, fold: folds.Fold) -> None:
    """Write the run's fold. Raises: RunError if it has another one, whose model would be overwritten."""
    if file.exists():
        begun = folds.load(file, corpus).folds
        if begun != (fold,):
            names = ", ".join(known.name for known in begun)
            raise RunError(f"{file.parent} tests {names}, not {fold.name}: use another run folder.")
        return
    folds.save(folds.Folds(corpus.name, corpus.data_hash(), (fold,)), file)


def _config(args: argparse.Namespace, corpus: Corpus) -> RunConfig:
    from .. import devices  # imports torch

    compute = Compute(
        device=devices.checked(args.device),
        dtype=devices.dtype(args.device) if args.dtype == "auto" else args.dtype,
        threads=args.threads,
    )
    label_map = {**make(args.label_map).own, **from_pairs(args.map).own}
    recipe = Recipe(level=args.level, max_epochs=args.max_epochs, patience=args.patience)
    return RunConfig(
        str(corpus.root),
        corpus.format,
        tuple(sorted(label_map.items())),
        corpus.data_hash(),
        recipe,
        compute,
        args.seed,
    )


def _recorded(
    folder: RunFolder, config: RunConfig, corpus: Corpus, fold: folds.Fold, stage: Stage
) -> Iterator[Event]:
    """The training's events, all but Progress written to events.jsonl, its end included."""
    from .. import models
    from ..experiment import train_fold

    try:
        for event in train_fold(folder, config, corpus, fold, [stage]):
            if not isinstance(event, Progress):
                folder.append(event)
            yield event
        models.export(folder, config, corpus, fold)
    except KeyboardInterrupt:
        folder.append(Cancelled(stage.name))
        raise
    except Exception as error:
        folder.append(Failed(str(error) or type(error).__name__, stage.name))
        raise


def _show(events: Iterable[Event], *, quiet: bool) -> None:
    line = ProgressLine(sys.stderr, quiet=quiet)
    for event in events:
        if isinstance(event, Progress):
            line.show(event)
            continue
        line.clear()
        text = _in_words(event)
        if text and (isinstance(event, StageDone) or not quiet):
            print(text, flush=True)


def _in_words(event: Event) -> str | None:
    if isinstance(event, Started):
        return f"{event.stage}: {event.what}"
    if isinstance(event, Resumed):
        return f"{event.stage}: goes on after epoch {event.epoch}"
    if isinstance(event, EpochDone):
        mark = " *" if event.best else ""
        return (
            f"{event.stage} epoch {event.epoch}: loss {event.train_loss:.4f}, development loss "
            f"{event.dev_loss:.4f} {_scores(event.dev_wa, event.dev_ua)}, {event.seconds:.1f} s{mark}"
        )
    if isinstance(event, StageDone):
        reused = " (taken over)" if event.reused else ""
        return f"{event.stage}: best epoch {event.epoch}{reused}, test {_scores(event.wa, event.ua)}"
    return None


def _scores(wa: float | None, ua: float | None) -> str:
    return f"WA {_percent(wa)} UA {_percent(ua)}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"

"""What `mlee train` and `mlee table3` share: their options, the run's configuration, keeping its events."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from ..config import Compute, RunConfig
from ..corpora import Corpus
from ..corpora.presence import present
from ..engines.ray_nodes import Cluster
from ..errors import ConfigError, RunError
from ..events import Cancelled, Event, Failed, Progress
from ..recipe import RECIPES, Recipe
from ..runs import RunFolder
from .corpus import add_opening_arguments, corpus_of, label_map_of


def add_running_arguments(parser: argparse.ArgumentParser) -> None:
    """Corpus, run folder, recipe and machine."""
    add_opening_arguments(parser)
    parser.add_argument("--skip-missing", action="store_true", help="leave out any number of missing files")
    parser.add_argument("--run", type=Path, metavar="DIR", help="run folder (default: runs/CORPUS-…-DATE)")
    parser.add_argument("--resume", action="store_true", help="go on with this run, or add to it")
    parser.add_argument("--max-epochs", type=int, metavar="N", help=f"default: {Recipe.max_epochs}")
    parser.add_argument(
        "--patience", type=int, metavar="N", help=f"epochs without a better one (default: {Recipe.patience})"
    )
    parser.add_argument("--level", choices=("peak", "none"), help="scale utterances to peak 1, or leave them")
    parser.add_argument(
        "--recipe", choices=RECIPES, help="how networks are trained: the paper's way, or the best found"
    )
    parser.add_argument(
        "--set",
        nargs="+",
        metavar="NAME=VALUE",
        default=[],
        help="change settings of the recipe: warp=0 mixup=0.4, say",
    )
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help=f"utterances a step (default: {Recipe.batch_size})"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="default: 0")
    parser.add_argument("--device", metavar="D", help="cpu, cuda or cuda:0 (default: cpu)")
    parser.add_argument(
        "--dtype", choices=("fp32", "bf16"), help="default: bf16 where the device is fast at it"
    )
    parser.add_argument(
        "--cuda-graphs", action="store_true", help="replay recorded steps on a GPU (not tried on one yet)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of one training (default: 1)")
    parser.add_argument("--quiet", action="store_true", help="print results only")


def begun(args: argparse.Namespace) -> RunConfig | None:
    """The configuration of the run that --resume goes on with; None for a new run. Options that were left
    out are then as the run was begun. Raises: MleeError."""
    if not args.resume:
        return None
    if args.run is None:
        raise ConfigError("--resume without --run: say which run folder to go on with.")
    if not (args.run / "config.json").exists():
        return None
    config = RunFolder(args.run).config()
    args.format = args.format or config.format
    args.map = args.map or ([] if args.label_map else list(config.label_map))
    args.scripted, args.self_reports = (
        args.scripted or config.scripted,
        args.self_reports or config.self_reports,
    )
    return config


def opened(args: argparse.Namespace) -> Corpus:
    """The corpus, without the utterances whose audio is missing. Raises: MleeError."""
    corpus = corpus_of(args)
    usable = present(corpus, skip_missing=args.skip_missing)
    for warning in usable.warnings[len(corpus.warnings) :]:
        print(f"mlee: note: {warning}", file=sys.stderr)
    return usable


def run_config(
    args: argparse.Namespace,
    corpus: Corpus,
    was: RunConfig | None,
    default: Recipe,
    cluster: Cluster | None = None,
) -> RunConfig:
    """The configuration that the options ask for; what they leave out is as it `was`, or the default.

    cluster: where it is to run, if not on this machine. Raises: ConfigError for what contradicts itself or is
    not to be had there.
    """
    from .. import devices  # imports torch

    compute = Compute() if was is None else was.compute
    device = args.device or compute.device
    if cluster is None:
        device = devices.checked(device)
    usual = compute.dtype
    if was is None:
        usual = devices.dtype(device) if cluster is None else cluster.dtype or usual
    if cluster is None:
        devices.refuse_dtype(args.dtype or usual, device)
    given = {name: getattr(args, name) for name in ("level", "max_epochs", "patience", "batch_size")}
    recipe = RECIPES[args.recipe] if args.recipe else default if was is None else was.recipe
    for setting in args.set:
        recipe = recipe.changed(*_parsed(setting))
    seed = 0 if was is None else was.seed
    return RunConfig(
        corpus=str(corpus.root),
        format=corpus.format,
        label_map=tuple(sorted(label_map_of(args).own.items())),
        data_hash=corpus.data_hash(),
        recipe=replace(recipe, **{name: value for name, value in given.items() if value is not None}),
        compute=Compute(
            device=device,
            dtype=args.dtype or usual,
            threads=compute.threads if args.threads is None else args.threads,
            graphs=args.cuda_graphs or compute.graphs,
        ),
        seed=seed if args.seed is None else args.seed,
        scripted=args.scripted,
        self_reports=args.self_reports,
    )


def _parsed(setting: str) -> tuple[str, object]:
    """NAME=VALUE, the value as JSON has it, or a word. Raises: ConfigError."""
    name, equals, value = setting.partition("=")
    if not equals:
        raise ConfigError(f"--set {setting}: expected NAME=VALUE, warp=0 say.")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, tuple(parsed) if isinstance(parsed, list) else parsed


@contextmanager
def disk_faults_told(run: RunFolder) -> Iterator[None]:
    """Raises: RunError, one sentence, for a full disk or a closed folder."""
    try:
        yield
    except BrokenPipeError:  # of our output, not of the run
        raise
    except OSError as error:
        raise RunError(
            f"run {run.path} cannot be written: {error.strerror or error}; what was saved before is whole, "
            "and --resume goes on from there."
        ) from error


def recorded(run: RunFolder, work: Generator[Event], what: str) -> Generator[Event]:
    """Pass events on, all but Progress written to events.jsonl, the end of the work included.

    What a resumed training tells again, and the run knows already, is not passed on. Close the generator to
    stop the work.
    """
    with run.writing() as journal, closing(work):
        try:
            for event in work:
                if isinstance(event, Progress) or journal.append(event):
                    yield event
        except (KeyboardInterrupt, GeneratorExit):
            journal.append(Cancelled(what))
            raise
        except Exception as error:
            journal.append(Failed(str(error) or type(error).__name__))
            raise

"""`mlee corpus info`: what a corpus holds and what each label scheme admits."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ..corpora import FORMATS, Corpus, open_corpus
from ..corpora.info import as_text, info
from ..corpora.labelmap import LabelMap, from_pairs, make


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-subcommands of `mlee corpus`."""
    commands = parser.add_subparsers(dest="corpus_command", required=True, metavar="COMMAND")
    command = commands.add_parser("info", help="utterances, speakers, votes, what each label scheme admits")
    add_opening_arguments(command, "PATH")
    command.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """Print what the corpus holds. Raises: MleeError if it cannot be read."""
    corpus = corpus_of(args)
    print(json.dumps(info(corpus), ensure_ascii=False) if args.json else as_text(corpus))
    return 0


def add_opening_arguments(parser: argparse.ArgumentParser, metavar: str = "CORPUS") -> None:
    """The arguments that every command which opens a corpus shares."""
    parser.add_argument("corpus", type=Path, metavar=metavar, help="a corpus: a folder or a file")
    parser.add_argument(
        "--format", metavar="NAME", help=f"the corpus's format ({', '.join(FORMATS)}); else it is recognised"
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        type=_pair,
        metavar="LABEL=CLASS",
        help="a label of the corpus means this class (neu, hap, sad, ang or other); may be repeated",
    )
    parser.add_argument("--label-map", type=Path, metavar="FILE", help="the same as a CSV: label,class")


def corpus_of(args: argparse.Namespace) -> Corpus:
    """The corpus that `add_opening_arguments` asked for; what was odd about it goes to stderr.

    --map goes before --label-map. Raises: MleeError if it cannot be read.
    """
    label_map = LabelMap({**make(args.label_map).own, **from_pairs(args.map).own})
    corpus = open_corpus(args.corpus, args.format, label_map)
    for warning in corpus.warnings:
        print(f"mlee: note: {warning}", file=sys.stderr)
    return corpus


def _pair(text: str) -> tuple[str, str]:
    label, equals, target = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not LABEL=CLASS, as in excited=hap")
    return label, target

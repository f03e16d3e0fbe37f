"""`mlee corpus convert`: the same corpus as a CSV table or an audformat database."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..corpora.convert import TARGETS, Target, convert, notes, target_of
from .corpus import add_opening_arguments, corpus_of
from .terminal import print_note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_opening_arguments(parser, "PATH")
    parser.add_argument("out", type=Path, metavar="OUT", help="what to write; nothing is overwritten")
    parser.add_argument(
        "--to",
        choices=TARGETS,
        help="a table, or a folder with an audformat database (default: csv if OUT ends in .csv, audformat "
        "if it has no ending)",
    )


def run(args: argparse.Namespace) -> int:
    """Write the corpus in the other format and print where. Raises: MleeError if it cannot be read or
    written."""
    to: Target = args.to or target_of(args.out)
    corpus = corpus_of(args)
    convert(corpus, args.out, to)
    for note in notes(corpus, to):
        print_note(note)
    count, speakers = len(corpus.utterances), len(corpus.speakers)
    kind = {"csv": "table", "audformat": "audformat database"}[to]
    print(f"{args.out}: {count} utterances of {speakers} speakers, as {kind}; the audio stays where it is")
    return 0

"""`mlee corpus info`: what a corpus holds and what each label scheme admits; `mlee corpus convert`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..corpora import FORMATS, Corpus, open_corpus
from ..corpora.convert import TARGETS, Target, convert, notes, target_of
from ..corpora.label_map import combined, pair
from ..corpora.missing_audio import count
from ..corpora.statistics import info
from ..corpora.statistics_text import as_text, remarks_on
from ..errors import CorpusError
from ..figures.page import save, suffix_of
from .terminal import print_note


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-subcommands of `mlee corpus`."""
    commands = parser.add_subparsers(dest="corpus_command", required=True, metavar="COMMAND")
    command = commands.add_parser("info", help="utterances, speakers, votes, what each label scheme admits")
    add_opening_arguments(command, "PATH")
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    instead.add_argument("--missing", action="store_true", help="only the missing audio files, a path a line")
    command.add_argument("--picture", type=Path, metavar="OUT", help="draw it too: .svg, .png or .pdf")
    command = commands.add_parser("convert", help="the same corpus as a CSV table or an audformat database")
    add_opening_arguments(command, "PATH")
    command.add_argument("out", type=Path, metavar="OUT", help="what to write; nothing is overwritten")
    command.add_argument(
        "--to",
        choices=TARGETS,
        help="a table, or a folder with an audformat database (default: csv if OUT ends in .csv, audformat "
        "if it has no ending)",
    )


def run(args: argparse.Namespace) -> int:
    """Print what the corpus holds, or convert it. Raises: MleeError if it cannot be read or written."""
    if args.corpus_command == "convert":
        _convert(args)
        return 0
    if args.picture is not None:
        suffix_of(args.picture)
    corpus = corpus_of(args)
    if args.missing:
        for utterance in count(corpus).absent:
            print(utterance.file)
        return 0
    found = info(corpus, combined(args.label_map, args.map))
    if args.picture is not None:
        from ..figures.corpus_figure import build_corpus_figure

        save(lambda: build_corpus_figure(corpus, found), args.picture)
    if args.json:
        print(json.dumps({**found, **remarks_on(corpus)}, ensure_ascii=False))
    else:
        print(as_text(corpus, found))
    return 0


def add_opening_arguments(
    parser: argparse.ArgumentParser, metavar: str = "CORPUS", *, several: bool = False
) -> None:
    """The arguments that every command which opens a corpus shares, or several corpora as one."""
    parser.add_argument("corpus", type=Path, metavar=metavar, help="a corpus: a folder or a file")
    if several:
        also = "further corpora, to train on all of them together; speakers are then named CORPUS/SPEAKER"
        parser.add_argument("also", nargs="*", type=Path, metavar=metavar, help=also)
    parser.add_argument(
        "--format", metavar="NAME", help=f"the corpus's format ({', '.join(FORMATS)}); else it is recognised"
    )
    label = "a label of the corpus means this class (neu, hap, sad, ang or other); may be repeated"
    parser.add_argument("--map", action="append", default=[], type=_pair, metavar="LABEL=CLASS", help=label)
    parser.add_argument("--label-map", type=Path, metavar="FILE", help="the same as a CSV: label,class")
    scripted = "also utterances that were read from a script (IEMOCAP)"
    parser.add_argument("--scripted", action="store_true", help=scripted)
    own = "also the speakers' ratings of themselves, as votes (IEMOCAP)"
    parser.add_argument("--self-reports", action="store_true", help=own)


def _convert(args: argparse.Namespace) -> None:
    """Write the corpus in the other format and print where."""
    to: Target = args.to or target_of(args.out)
    corpus = corpus_of(args)
    convert(corpus, args.out, to)
    for note in notes(corpus, to):
        print_note(note)
    held = f"{len(corpus.utterances)} utterances of {len(corpus.speakers)} speakers"
    kind = {"csv": "table", "audformat": "audformat database"}[to]
    print(f"{args.out}: {held}, as {kind}; the audio stays where it is")


def corpus_of(args: argparse.Namespace) -> Corpus:
    """The corpus of the arguments of `add_opening_arguments`; its warnings go to stderr.

    Raises: MleeError if it cannot be read.
    """
    label_map = combined(args.label_map, args.map)
    how = {"scripted": args.scripted, "self_reports": args.self_reports}
    corpus = open_corpus(args.corpus, args.format, label_map, **how)
    for warning in corpus.warnings:
        print_note(warning)
    return corpus


def _pair(text: str) -> tuple[str, str]:
    try:
        return pair(text)
    except CorpusError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error

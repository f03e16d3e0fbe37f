"""`mlee corpus info`: what a corpus holds and what each label scheme admits; `mlee corpus convert`."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

from ..corpora import FORMATS, Corpus, open_corpus
from ..corpora.label_map import LabelMap, combined, pair
from ..corpora.missing_audio import count
from ..corpora.statistics import info
from ..corpora.statistics_text import as_text, remarks_on
from ..errors import CorpusError
from ..figures.page import save, suffix_of
from .parser import Parser
from .terminal import print_note

CONVERT = "convert"


class _Parser(Parser):
    """A parser whose arguments may come from a module, which is imported when they are first needed."""

    arguments_of = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.arguments_of:
            _module(self.arguments_of).add_arguments(self)
            self.arguments_of = ""
        return super().parse_known_args(args, namespace)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The sub-subcommands of `mlee corpus`."""
    commands = parser.add_subparsers(
        dest="corpus_command", required=True, metavar="COMMAND", parser_class=_Parser
    )
    command = commands.add_parser("info", help="utterances, speakers, votes, what each label scheme admits")
    add_opening_arguments(command, "PATH")
    instead = command.add_mutually_exclusive_group()
    instead.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    instead.add_argument("--missing", action="store_true", help="only the missing audio files, a path a line")
    command.add_argument("--picture", type=Path, metavar="OUT", help="draw it too: .svg, .png or .pdf")
    convert = commands.add_parser(CONVERT, help="the same corpus as a CSV table or an audformat database")
    convert.arguments_of = "corpus_convert"


def run(args: argparse.Namespace) -> int:
    """Print what the corpus holds, or convert it. Raises: MleeError if it cannot be read."""
    if args.corpus_command == CONVERT:
        return int(_module("corpus_convert").run(args))
    if args.picture is not None:
        suffix_of(args.picture)
    corpus = corpus_of(args)
    if args.missing:
        for utterance in count(corpus).absent:
            print(utterance.file)
        return 0
    found = info(corpus, label_map_of(args))
    if args.picture is not None:
        from ..figures.corpus_figure import build_corpus_figure

        save(lambda: build_corpus_figure(corpus, found), args.picture)
    if args.json:
        print(json.dumps({**found, **remarks_on(corpus)}, ensure_ascii=False))
    else:
        print(as_text(corpus, found))
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
    parser.add_argument(
        "--scripted", action="store_true", help="also utterances that were read from a script (IEMOCAP)"
    )
    parser.add_argument(
        "--self-reports",
        action="store_true",
        help="also the speakers' ratings of themselves, as votes (IEMOCAP)",
    )


def corpus_of(args: argparse.Namespace) -> Corpus:
    """The corpus of the arguments of `add_opening_arguments`; its warnings go to stderr.

    Raises: MleeError if it cannot be read.
    """
    corpus = open_corpus(
        args.corpus, args.format, label_map_of(args), scripted=args.scripted, self_reports=args.self_reports
    )
    for warning in corpus.warnings:
        print_note(warning)
    return corpus


def label_map_of(args: argparse.Namespace) -> LabelMap:
    """The user's label map. Raises: CorpusError for an invalid one."""
    return combined(args.label_map, args.map)


def _pair(text: str) -> tuple[str, str]:
    try:
        return pair(text)
    except CorpusError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def _module(name: str) -> Any:  # a module with add_arguments and run
    return importlib.import_module(f".{name}", __package__)

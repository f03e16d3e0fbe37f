"""`mlee`: the command line. Each command is a module of its own, imported only when it is called.

Exit status: 0 done, 2 the user's input is wrong (one line on stderr), 1 an internal error, 130 stopped.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import traceback
from collections.abc import Sequence

from .. import __version__
from ..errors import MleeError
from .parser import Parser

COMMANDS = {
    "gui": "open the window",
    "analyze": "recordings in, emotions present and dominant out",
    "corpus": "what a corpus holds; the same corpus in another format",
    "train": "train the networks of one fold",
    "table3": "train the paper's whole experiment",
    "evaluate": "the scores of a finished model on a corpus",
    "report": "tables, pictures and predictions of an experiment",
    "bench": "measure speed as ratios inside one run",
    "doctor": "versions, devices, what is missing and how to get it",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    _escape_unprintable()
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = _parser(arguments)
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        return int(_module(args.command).run(args))
    except MleeError as error:
        print(f"mlee: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("mlee: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output has ended, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - outermost: an internal error is one line, details in a file
        print(f"mlee: internal error: {type(error).__name__}: {error}; details: {_report()}", file=sys.stderr)
        return 1


def _escape_unprintable() -> None:
    """File names may be any bytes and terminals may have any encoding: escape what cannot be printed."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="mlee",
        description="Which emotions are present in speech, which dominates, where a model looked.",
    )
    parser.add_argument("--version", action="version", version=f"mlee {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    called = next((word for word in arguments if not word.startswith("-")), None)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        if name == called:
            _module(name).add_arguments(command)
    return parser


def _module(name: str):  # type: ignore[no-untyped-def]  # a module with add_arguments and run
    return importlib.import_module(f".{name}", __name__)


def _report() -> str:
    """Write the traceback to a log file; returns its path, or why there is none."""
    from ..system.child_process import log_file

    path = log_file("fault")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return f"none, since {path} cannot be written ({error.strerror})"
    return str(path)


if __name__ == "__main__":
    sys.exit(main())

"""`mlee gui`: the window."""

from __future__ import annotations

import argparse
import importlib


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="recordings to open, or folders of them")


def run(args: argparse.Namespace) -> int:
    """Start the window with these files; returns its exit status. The core itself imports no Qt."""
    window = importlib.import_module("mlee_gui.__main__")
    return int(window.main(args.files))

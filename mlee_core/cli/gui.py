"""`mlee gui`: the window."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import MleeError

WINDOW = "mlee.window"
"""Entry-point group of the package that provides the window, which the core does not import."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="recordings to open, or folders of them")


def run(args: argparse.Namespace) -> int:
    """Open the window with these files; returns its exit status."""
    return int(window_function("main")(args.files))


def window_function(name: str) -> Any:
    """A function of the window by the name of its entry point. Raises: MleeError where there is none."""
    from importlib.metadata import entry_points

    for entry_point in entry_points(group=WINDOW, name=name):
        return entry_point.load()
    raise MleeError(
        f"No window is installed: no package has the entry point {name!r} of {WINDOW!r}. "
        "Install it again: make setup in a checkout, else pip install mlee-speech."
    )

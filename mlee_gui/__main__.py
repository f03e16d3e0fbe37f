"""The program `mlee-gui`, `python -m mlee_gui` or `mlee gui`.

Modules are imported as late as possible, since a spawned helper process imports this module again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .shell.display import why_no_display

if TYPE_CHECKING:
    from .app import Application
    from .shell.theme import Scheme

WINDOWLESS_PICTURE = Path("build") / "mlee-window.png"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the window until it is closed; returns the exit status.

    Without a display, the window is drawn off-screen into a picture, and its result is printed.
    """
    multiprocessing.freeze_support()
    args = _parser().parse_args(argv)
    why_not = why_no_display()
    picture = args.screenshot
    if picture is None and why_not is not None:
        picture = WINDOWLESS_PICTURE
        print(f"No display ({why_not}): the window is saved as {picture} instead.", flush=True)

    paths = [str(Path(p).absolute()) for p in args.files]
    if picture is None:
        return open_window(paths, args.model, args.scheme)

    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from .run import take_picture  # imports Qt

    return take_picture(picture, paths, args.model, args.scheme or "light")


def open_window(
    paths: Sequence[str],
    model: str = "",
    scheme: Scheme | None = None,
    begin: Callable[[Application], object] = lambda _: None,
) -> int:
    """Run the window; see run.run. The worker's process starts while the window's modules are imported."""
    from mlee_core.inference.worker import start_worker

    worker = start_worker()

    from .run import run  # imports Qt

    return run(paths, model, scheme, worker, begin)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlee-gui",
        description="Which emotions are present in a recording of speech, and what the model attends to.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="recordings to open, or folders of them")
    parser.add_argument(
        "--model", default="", metavar="NAME|RUN", help="a shipped model's name, a model file or a run folder"
    )
    parser.add_argument(
        "--screenshot",
        type=Path,
        metavar="OUT.png",
        help="save the window as a picture once the recording is analysed, print the result, and exit",
    )
    schemes = parser.add_mutually_exclusive_group()
    for scheme in ("dark", "light"):
        schemes.add_argument(
            f"--{scheme}",
            dest="scheme",
            action="store_const",
            const=scheme,
            help=f"{scheme} colours, whatever the system's setting",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())

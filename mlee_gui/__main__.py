"""The window's program: `mlee-gui`, `python -m mlee_gui`, `mlee gui`. Little is imported before it is needed,
since a spawned helper process imports this module again.
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

    Without a display the same window is drawn off-screen into a picture and its result printed.
    """
    multiprocessing.freeze_support()
    wanted = _parser().parse_args(argv)
    why_not = why_no_display()
    picture = wanted.screenshot
    if picture is None and why_not is not None:
        picture = WINDOWLESS_PICTURE
        print(f"No display ({why_not}): the window is drawn into {picture} instead.", flush=True)
    if picture is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"

    paths = [str(Path(p).absolute()) for p in wanted.files]
    if picture is None:
        return open_window(paths, wanted.model, wanted.scheme)

    from .run import take_picture  # Qt, after everything that could end here has ended

    return take_picture(picture, paths, wanted.model, wanted.scheme or "light")


def open_window(
    paths: Sequence[str],
    model: str = "",
    scheme: Scheme | None = None,
    begin: Callable[[Application], object] = lambda _: None,
) -> int:
    """Run the window; see run.run. The worker's process starts beside the imports of the window's own."""
    from mlee_core.inference.worker import start_worker

    worker = start_worker()

    from .run import run  # Qt

    return run(paths, model, scheme, worker, begin)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mlee-gui",
        description="Which emotions are in a recording of speech, and where the model listened.",
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="recordings to open, or folders of them")
    parser.add_argument(
        "--model", default="", metavar="NAME|RUN", help="a shipped model's name, a model file or a run folder"
    )
    parser.add_argument(
        "--screenshot",
        type=Path,
        metavar="OUT.png",
        help="draw the window into a picture once the recording is analysed, print the result, and exit",
    )
    schemes = parser.add_mutually_exclusive_group()
    for scheme in ("dark", "light"):
        schemes.add_argument(
            f"--{scheme}",
            dest="scheme",
            action="store_const",
            const=scheme,
            help=f"{scheme} colours, whatever the system says",
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())

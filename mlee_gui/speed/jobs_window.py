"""The window with jobs to look at (jobs_bench.py): `python -m mlee_gui.speed.jobs_window SECONDS RUN…`.

Once a grid is filled the window is watched for so long, while the keys go from cell to cell and from run to
run. Prints a line of JSON.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..__main__ import open_window
from ..shell.display import why_no_display

if TYPE_CHECKING:
    from ..app import Application


def main(seconds: float, runs: list[Path]) -> int:
    """Run the window until all is measured."""
    from mlee_core.jobs.queue import QueueFile

    if why_no_display() is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    for run in runs:
        QueueFile().adopt(run)

    def begin(application: Application) -> None:
        from .jobs_steps import JobsSteps

        JobsSteps(application, seconds)

    return open_window([], begin=begin)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))

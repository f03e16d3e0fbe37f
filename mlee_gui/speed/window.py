"""The window as a user starts it, which prints how far it is: what the benchmarks measure from outside.

    python -m mlee_gui.speed.window startup SHORT [LONG]
    python -m mlee_gui.speed.window jobs SECONDS RUN…

It starts as `__main__` does, with few imports before they are needed, but off-screen where there is no
display.
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


def main(what: str, arguments: list[str]) -> int:
    """Run the window until the last step is done."""
    if why_no_display() is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if what == "jobs":
        from mlee_core.jobs.queue import QueueFile

        for run in arguments[1:]:
            QueueFile().adopt(Path(run))

    def begin(application: Application) -> None:
        from .window_script import JobsSteps, StartupSteps  # not before the window stands

        if what == "jobs":
            JobsSteps(application, float(arguments[0]))
        else:
            StartupSteps(application, arguments[1:])

    return open_window(arguments[:1] if what == "startup" else [], begin=begin)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

"""The window as a user starts it, telling on standard output how far it is: what start_bench.py measures.

`python -m mlee_gui.speed.startup_window SHORT [LONG]`. Little is imported before it is needed, as in
`__main__`, whose way this goes, but for the window being a window off-screen too, where there is no display.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..__main__ import open_window
from ..shell.display import why_no_display

if TYPE_CHECKING:
    from ..app import Application


def main(paths: list[str]) -> int:
    """Run the window until the last step is done."""
    if why_no_display() is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"

    def begin(application: Application) -> None:
        from .startup_steps import StartupSteps  # not before the window stands

        StartupSteps(application, paths[1:])

    return open_window(paths[:1], begin=begin)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

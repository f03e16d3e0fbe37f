"""Where the files of the user lie: on Linux, as the XDG variables define."""

from __future__ import annotations

from pathlib import Path


def state_folder() -> Path:
    """For logs and the queue of experiments."""
    from platformdirs import user_state_path  # not at the top: the command line starts without it

    return user_state_path("mlee", appauthor=False).absolute()

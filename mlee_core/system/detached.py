"""Processes that outlive the one that starts them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

PACKAGES = Path(__file__).parents[2]
"""Where mlee_core lies: `python -m` finds it from there."""


def start(module: str, *arguments: object) -> int:
    """Run a module as a process in a session of its own.

    Returns: 0 as soon as the process has called `release`; if it ends before, its exit status.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=PACKAGES,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        released = process.stdout.read(1)
    if not released:
        return process.wait()
    # if nobody waited for it, it would stay a zombie
    threading.Thread(target=process.wait, daemon=True, name=f"wait for {module}").start()
    return 0


def release(output: Path | None = None) -> None:
    """Let the process that started this one by `start` continue; what this one prints from now on goes to the
    end of the file `output`, or nowhere."""
    with suppress(OSError):  # the other may have ended
        os.write(1, b"\n")
    with open(output or os.devnull, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)

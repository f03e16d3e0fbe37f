"""How fast the window starts and how long it stalls (`mlee bench gui`), measured from outside.

The clock is read before a real process is started and when a line of it arrives; steps.py lists what the
process goes through. The user's settings, lists and recordings are neither read nor changed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile

from mlee_core.errors import WorkerDied
from mlee_core.system import package_data

from ..shell.display import WINDOWLESS_PLATFORMS
from .stall_watch import Stall

SHORT_S = 3.0
HOUR_S = 3600.0
STARTS = 5
"""Each start is repeated so often, after one to warm the disk; the median counts."""

STALL_MS = 50.0
"""A longer stall is reported with its place."""

_PATIENCE_S = 1800.0
_PRIVATE = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")  # not the cache: fonts are found by it


@dataclass(frozen=True)
class StartupReport:
    """Milliseconds by the benchmark's names, and sentences on how they were measured."""

    values: dict[str, float]
    notes: tuple[str, ...]


def measure(starts: int = STARTS, long_s: float = HOUR_S) -> StartupReport:
    """`help`, `window_visible`, `first_analysis` (medians) and `longest_stall`, with a recording of long_s.

    Raises: WorkerDied if a process ended early.
    """
    with tempfile.TemporaryDirectory(prefix="mlee-bench-") as folder:
        home = Path(folder)
        short, long = _recording(home / "short.wav", SHORT_S), _recording(home / "long.wav", long_s)
        helps = [_help_ms() for _ in range(1 + starts)][1:]
        started = [run_window(home, "startup", short)[0] for _ in range(1 + starts)][1:]
        _, last = run_window(home, "startup", short, long)
    stall, platform = Stall(**last["stall"]), last["platform"]
    values = {
        "help": statistics.median(helps),
        "window_visible": statistics.median(s["painted"] for s in started),
        "first_analysis": statistics.median(s["analysed"] for s in started),
        "longest_stall": stall.ms,
    }
    drawn = "off-screen, with no display" if platform in WINDOWLESS_PLATFORMS else f"on {platform}"
    return StartupReport(values, (f"The window was drawn {drawn}.", *stall_notes(stall)))


def run_window(home: Path, *arguments: object) -> tuple[dict[str, float], dict[str, Any]]:
    """Run window.py in a process of its own, with its settings in `home`.

    Returns its lines with the milliseconds until each arrived, and the results in its last line.
    Raises: WorkerDied if it ended before that line, or gave a reason under "failed".
    """
    command = [sys.executable, "-m", "mlee_gui.speed.window", *map(str, arguments)]
    environment = {**os.environ, **{name: str(home / name.lower()) for name in _PRIVATE}}
    with tempfile.TemporaryFile("w+") as errors:
        arrived, status = _lines(command, environment, errors)
        errors.seek(0)
        last_words = " ".join(errors.read().split()[-60:])
    end: dict[str, Any] = next((json.loads(line) for line in arrived if line.startswith("{")), {})
    if not end or "failed" in end:
        why = end.get("failed") or f"it ended with status {status}: {last_words}"
        raise WorkerDied(f"The measured window ended early: {why}")
    return arrived, end


def _lines(command: list[str], environment: dict[str, str], errors: IO[str]) -> tuple[dict[str, float], int]:
    """Run a command: its printed lines, with the milliseconds until each arrived, and its exit status."""
    arrived: dict[str, float] = {}
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, bufsize=1
    ) as process:
        patience = threading.Timer(_PATIENCE_S, process.kill)
        patience.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                arrived[line.strip()] = 1e3 * (time.perf_counter() - began)
        except BaseException:
            process.kill()  # an interrupt: nothing else would close the window
            raise
        finally:
            patience.cancel()
    return arrived, process.returncode


def _help_ms() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "mlee_core.cli", "--help"], stdout=subprocess.DEVNULL, check=True)
    return 1e3 * (time.perf_counter() - began)


def stall_notes(stall: Stall, when: str = "") -> Iterator[str]:
    """Where the longest stall was, if it was too long. when: " while …"."""
    if stall.ms > STALL_MS:
        where = " < ".join(stall.where) or "no sampled place: the whole process waited"
        times = f"{stall.ms:.0f} ms, {stall.computing_ms:.0f} ms of them computing"
        yield f"The longest stall{when} ({times}) was in {where}."


def _recording(path: Path, duration_s: float) -> Path:
    """A shipped recording, repeated or cut to exactly that length, as a 16-bit WAV."""
    source = min((package_data.root() / "samples").glob("*.flac"))
    speech, rate = soundfile.read(source, dtype="int16")
    wanted = round(duration_s * rate)
    with soundfile.SoundFile(path, "w", rate, 1, "PCM_16") as out:
        for begin in range(0, wanted, len(speech)):
            out.write(np.asarray(speech[: wanted - begin]))
    return path

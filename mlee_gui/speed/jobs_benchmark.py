"""How long the window stalls while many jobs report (`mlee bench gui`).

The window and the files are real; one process writes the files as fast as ten jobs would.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlee_core.errors import WorkerDied
from mlee_core.system import locks

from .stall_watch import Stall
from .startup_benchmark import StartupReport, run_window, stall_notes

RUNS, RATE = 10, 100
SECONDS = 15.0


def measure(runs: int = RUNS, rate: float = RATE, seconds: float = SECONDS) -> StartupReport:
    """`jobs_stall`: the longest time for which the event loop did not run. Raises: WorkerDied."""
    with tempfile.TemporaryDirectory(prefix="mlee-bench-") as folder:
        home = Path(folder)
        with reporting(home / "runs", runs, rate) as paths:
            _, end = run_window(home, "jobs", seconds, *paths)
        for file in home.rglob("runner.lock"):  # the window's runner ends, now that nothing runs
            with locks.locked(file):
                pass
    stall = Stall(**end["stall"])
    load = f" while {runs} jobs reported {rate:g} events a second each"
    how = (
        f"{end['steps']} keys went from cell to cell and from run to run{load}; "
        f"the longest curve had {end['epochs']} epochs."
    )
    return StartupReport({"jobs_stall": stall.ms}, (how, *stall_notes(stall, load)))


@contextmanager
def reporting(folder: Path, runs: int, rate: float) -> Iterator[list[Path]]:
    """Run folders that a process writes while the context lasts. Raises: WorkerDied."""
    command = [sys.executable, "-m", "mlee_core.speed.synthetic_runs", str(folder), str(runs), str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise WorkerDied(f"The process that writes run folders into {folder} did not start.")
            yield [folder / f"job-{k}" for k in range(1, runs + 1)]
        except BaseException:
            process.kill()
            raise
        finally:
            process.stdin.close()

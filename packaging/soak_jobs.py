"""Start jobs, cancel them at different moments, and search for what is left behind.

    python packaging/soak_jobs.py [--cycles 200] [--longest 6]

One runner runs all of them, so that its leaks add up. Exit status 1 if anything is left: a process five
seconds after a cancel, a file descriptor of the runner or of this process, a temporary file.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.jobs import control
from mlee_core.jobs.queue import Item, QueueFile
from mlee_core.jobs.runner import ensure_runner
from mlee_core.system import process_group
from tests.helpers import made_data

GRACE_S = 5.0
START_S = 60.0
MARK = "MLEE_SOAK"
"""In the environment of all processes started here, which are found by it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--longest", type=float, default=6.0, help="seconds from a job's start to its cancel")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlee-soak-") as folder:
        soak = Soak(Path(folder), args.cycles, args.longest)
        soak.run()
        print("\n".join(f"{name:26} {value}" for name, value in soak.figures().items()))
        print("something is left" if soak.faults else "nothing is left")
        print("\n".join(soak.faults))
    return int(bool(soak.faults))


class Soak:
    def __init__(self, folder: Path, cycles: int, longest_s: float) -> None:
        self._folder, self._cycles, self._longest_s = folder, cycles, longest_s
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        os.environ.update({MARK: folder.name, "TMPDIR": str(self._temporary)})
        self._table = made_data.corpus(folder / "corpus", speakers=3, each=1, shortest_s=0.25)
        self._queue = QueueFile(folder / "queue")
        self._ends_s: list[float] = []
        self._states: Counter[str] = Counter()
        self._runner_files: list[int] = []
        self._own_files = [_files(os.getpid())]
        self.faults: list[str] = []

    def run(self) -> None:
        current = self._added(0)
        ensure_runner(self._queue.folder)
        for cycle in range(self._cycles):
            self._await(lambda run=current.run: control.running(run) is not None, "the job to start")
            time.sleep(self._longest_s * (cycle * 0.618 % 1))  # spread evenly over all moments
            self._runner_files.append(_files(self._runner()))
            following = self._added(cycle + 1) if cycle + 1 < self._cycles else None
            self._cancelled(current)
            if following is not None:
                current = following
        self._within(lambda: not marked(self._folder.name), lambda: f"processes {marked(self._folder.name)}")
        remaining = sorted(file.name for file in self._temporary.iterdir())
        self.faults += [f"temporary files: {remaining}"] if remaining else []
        self._own_files.append(_files(os.getpid()))
        for whose, counts in {"this process": self._own_files, "the runner": self._runner_files}.items():
            self.faults += [f"file descriptors of {whose}"] if counts[-1] > counts[0] else []

    def figures(self) -> dict[str, object]:
        ends = sorted(self._ends_s)
        return {
            "cycles": self._cycles,
            "ended as": dict(self._states),
            "seconds until it had ended": f"median {ends[len(ends) // 2]:.2f}, longest {ends[-1]:.2f}",
            "runner's descriptors": f"{self._runner_files[0]} at first, {self._runner_files[-1]} in the end",
            "own descriptors": f"{self._own_files[0]} at first, {self._own_files[-1]} in the end",
        }

    def _added(self, cycle: int) -> Item:
        run = self._folder / f"run-{cycle}"
        long = {"max_epochs": 1000, "patience": 1000}
        spec = ExperimentSpec(self._table, run=run, rows=("mlee",), only=("s0",), jobs=2, **long)
        return self._queue.add(spec)

    def _cancelled(self, item: Item) -> None:
        began, process = time.monotonic(), self._queue.read().item(item.id).process
        assert process is not None, "it runs"
        control.cancel(item.run)
        self._within(
            lambda: not process_group.of_job(process),
            lambda: f"{item.run.name}: {process_group.of_job(process)}",
        )
        self._await(lambda: self._queue.read().item(item.id).state != "running", "the runner to notice")
        self._ends_s.append(time.monotonic() - began)
        self._states[self._queue.read().item(item.id).state] += 1
        names = [file.name for file in item.run.rglob("*")]
        remaining = [name for name in names if "tmp" in name or "scratch" in name]
        self.faults += [f"{item.run.name}: {remaining}"] if remaining else []
        self._queue.remove(item.id)
        control.delete(item.run)

    def _within(self, gone: Callable[[], bool], what: Callable[[], str]) -> None:
        """What is not gone after five seconds is a fault."""
        deadline = time.monotonic() + GRACE_S
        while not gone():
            if time.monotonic() > deadline:
                self.faults.append(what())
                return
            time.sleep(0.02)

    @staticmethod
    def _await(condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_S
        while not condition():
            assert time.monotonic() < deadline, f"not within {START_S:g} s: {what}"
            time.sleep(0.02)

    def _runner(self) -> int:
        pids = marked(self._folder.name)
        return next(pid for pid in pids if "mlee_core.jobs.runner" in psutil.Process(pid).cmdline())


def marked(mark: str) -> list[int]:
    """The living processes that were started with the mark."""
    # environ is None for a process that has ended or belongs to another user
    return [p.pid for p in psutil.process_iter(["environ"]) if (p.info["environ"] or {}).get(MARK) == mark]


def _files(pid: int) -> int:
    """How many file descriptors a process has."""
    return int(psutil.Process(pid).num_fds())


if __name__ == "__main__":
    sys.exit(main())

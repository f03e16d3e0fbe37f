"""A Ray cluster of several nodes on 127.0.0.1, in a process of its own, and who works on it.

A process of its own, because Ray's start and end would otherwise mix with the tests' warnings and signals,
and because all of it ends with that process however the tests end.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.child_side import wait_until

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


class Cluster:
    """A running cluster. Nodes have one CPU each."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address = self._said()

    def workers(self, task: str) -> set[int]:
        """The processes in which a task of this cluster runs, by its name."""
        return {pid for pid, command in descendants(self._process.pid).items() if command == f"ray::{task}"}

    def worker(self, task: str, but: set[int]) -> int:
        """The process in which a task runs, none of these; waits for it."""
        found: set[int] = set()
        wait_until(lambda: bool(found.update(self.workers(task) - but) or found), f"a worker of {task}", 120)
        (pid,) = found
        return pid

    def add_node(self, path: Path) -> None:
        """A node whose workers look for modules in `path` first."""
        self._tell(f"add {path}")
        assert self._said() == "added"

    def remove_node(self) -> None:
        """The one that was added."""
        self._tell("remove")
        assert self._said() == "removed"

    def kill(self) -> None:
        """All of it, at once."""
        self._tell("kill")
        assert self._said() == "killed"

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)

    def _said(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the cluster ended"
        return line


@contextmanager
def cluster(nodes: int, port: int = 0) -> Iterator[Cluster]:
    """port: of the head, 0 is any."""
    with tempfile.TemporaryDirectory(prefix="mlee-ray-", dir="/tmp") as folder:  # paths of sockets are short
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.ray_side", str(nodes), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **SETTINGS, "RAY_TMPDIR": folder, "TMPDIR": folder},
            process_group=0,
        )
        with process:
            try:
                yield Cluster(process)
            finally:
                process.communicate()


def processes() -> dict[int, tuple[int, str]]:
    """Parent and command of all that run, by their ids."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found[int(folder.name)] = (int(parent), command)
    return found


def descendants(pid: int) -> dict[int, str]:
    """The processes below one, with their commands."""
    everybody, found = processes(), {pid}
    while more := {child for child, (parent, _) in everybody.items() if parent in found} - found:
        found |= more
    return {child: everybody[child][1] for child in found - {pid}}


# ---- the process's side ----------------------------------------------------------------------------------

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on 127.0.0.1 alone
}


def main(nodes: int, port: int) -> None:
    from ray.cluster_utils import Cluster as Nodes

    options: dict[str, Any] = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80 * 2**20}
    running = Nodes(
        initialize_head=True, head_node_args={**options, "no_monitor": True, "gcs_server_port": port}
    )
    for _ in range(nodes - 1):
        running.add_node(**options)
    print(running.address, flush=True)
    for line in sys.stdin:
        what, _, path = line.strip().partition(" ")
        if what == "add":
            added = running.add_node(**options, env_vars={"PYTHONPATH": path})
            print("added", flush=True)
        elif what == "remove":
            running.remove_node(added)
            print("removed", flush=True)
        elif what == "kill":
            for pid in descendants(os.getpid()):  # its workers and agents too, which would linger
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            print("killed", flush=True)
            os._exit(0)
    running.shutdown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

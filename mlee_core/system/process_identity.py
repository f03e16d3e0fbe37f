"""Which process it is: its number alone may belong to another process later."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_START_FIELD = 22 - 3
"""Of /proc/PID/stat, counted from the state on: the process's start in clock ticks (proc(5))."""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process for good. start: ticks after the machine's start `boot`; no other has the same three.

    Where the system names no boot, `boot` is "" and `start` counts milliseconds since the epoch.
    """

    host: str
    boot: str
    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """The living process with this number on this machine, None if there is none or it is a zombie."""
        found = _boot_and_start(pid)
        return None if found is None else cls(socket.gethostname(), found[0], pid, found[1])

    @classmethod
    def own(cls) -> ProcessIdentity:
        found = cls.of(os.getpid())
        assert found is not None, "this process is alive"
        return found

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether it is still running. False for another machine's process, about which nothing is known."""
        return self.is_here and ProcessIdentity.of(self.pid) == self

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ProcessIdentity:
        """Raises: KeyError, TypeError, ValueError for anything else."""
        return cls(str(value["host"]), str(value["boot"]), int(value["pid"]), int(value["start"]))


def _boot_and_start(pid: int) -> tuple[str, int] | None:
    """The boot and the start of a process, None if it has ended.

    On Linux not from psutil, whose start times move when the clock is set.
    """
    if sys.platform == "linux":
        try:
            text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = text.rpartition(")")[2].split()  # the name before may hold blanks and brackets itself
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return None if fields[0] in ("Z", "X") else (boot, int(fields[_START_FIELD]))
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else ("", round(process.create_time() * 1000))
    except psutil.NoSuchProcess:
        return None

"""Which process it is: a number alone may be another process's by now."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_START_FIELD = 22
"""Of /proc/PID/stat: when the process began, in clock ticks since the machine did (proc(5))."""


@dataclass(frozen=True)
class ProcessIdentity:
    """A process for good. start: ticks after the machine's start `boot`; no other has the same three."""

    host: str
    boot: str
    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """The living process with this number on this machine, None if there is none or it is a zombie."""
        fields = _stat(pid)
        if fields is None or fields[2] in ("Z", "X"):
            return None
        return cls(socket.gethostname(), _boot(), pid, int(fields[_START_FIELD - 1]))

    @classmethod
    def own(cls) -> ProcessIdentity:
        found = cls.of(os.getpid())
        assert found is not None, "this process lives"
        return found

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, a process of this machine."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether it runs still. Of another machine's process nothing can be said: False."""
        return self.is_here and ProcessIdentity.of(self.pid) == self

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ProcessIdentity:
        """Raises: KeyError, TypeError, ValueError for anything else."""
        return cls(str(value["host"]), str(value["boot"]), int(value["pid"]), int(value["start"]))


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat; the second, the name, may hold blanks and brackets itself."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name_end = text.rindex(")")
    return [str(pid), text[text.index("(") + 1 : name_end], *text[name_end + 2 :].split()]


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

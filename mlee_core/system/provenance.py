"""The stamp that every run, figure and export carries: which software made it."""

from __future__ import annotations

import json
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from .. import __version__

_PACKAGES = ("torch", "numpy", "soundfile", "soxr")


@lru_cache(maxsize=1)
def stamp() -> dict[str, str]:
    """Versions, machine and commit, as plain strings; commit is "" outside a checkout, unless pip installed
    MLEE from the address of one."""
    return {
        "mlee": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: _version(name) for name in _PACKAGES},
    }


def in_one_line() -> str:
    """ "MLEE 0.1.0 (1a2b3c4)": for a figure's footer."""
    commit = stamp()["commit"]
    return f"MLEE {__version__}" + (f" ({commit})" if commit else "")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _commit() -> str:
    """The checkout's short commit, with + for uncommitted changes; else the one that pip installed."""
    top = Path(__file__).resolve().parents[2]
    if not (top / ".git").exists():
        return _installed_commit()
    try:
        done = subprocess.run(
            ["git", "-C", str(top), "describe", "--always", "--dirty=+", "--abbrev=7", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _installed_commit() -> str:
    """The commit that `pip install git+ADDRESS` recorded (PEP 610)."""
    try:
        written = distribution("mlee-speech").read_text("direct_url.json")
        commit: str = json.loads(written or "{}").get("vcs_info", {}).get("commit_id", "")
    except (PackageNotFoundError, ValueError):
        return ""
    return commit[:7]

"""`make check`: style, types, layers, file lengths and the names a wheel installs; reports all faults."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("mlee_core", "mlee_gui", "tests", "packaging")
LINE_LIMIT = 400
PACKAGES = ("mlee_core", "mlee_gui")

COMMANDS = (
    ("ruff", "check", *FOLDERS),
    ("ruff", "format", "--check", *FOLDERS),
    *(
        ("mypy", "--strict", *PACKAGES, "--platform", platform, "--cache-dir", f".mypy_cache/{platform}")
        for platform in ("linux", "darwin", "win32")
    ),
    ("mypy", "packaging/setup.py"),
)
CONTRACTS = ("lint-imports", "--no-logo", "--no-cache")
"""The layers in pyproject.toml; import-linter has no module to start with -m."""


def main() -> int:
    tools = [(sys.executable, "-m", *command) for command in COMMANDS]
    tools.append((str(Path(sys.executable).with_name(CONTRACTS[0])), *CONTRACTS[1:]))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(run, tools))
    faults = [" ".join(command) for command, passed in zip(tools, done, strict=True) if not passed]
    faults += long_files() + stray_names()
    for fault in faults:
        print(f"check failed: {fault}", file=sys.stderr)
    if not faults:
        print("check: no faults")
    return 1 if faults else 0


def run(command: tuple[str, ...]) -> bool:
    """Run a command and print its output in one piece; returns whether it passed."""
    done = subprocess.run(
        command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(f"$ {Path(command[0]).name} {' '.join(command[1:])}\n{done.stdout}", end="", flush=True)
    return done.returncode == 0


def long_files() -> list[str]:
    """One sentence for each Python file over the limit."""
    found = []
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            lines = len(file.read_text(encoding="utf-8").splitlines())
            if lines > LINE_LIMIT:
                found.append(f"{file.relative_to(ROOT)} has {lines} lines, {LINE_LIMIT} are allowed")
    return found


def stray_names() -> list[str]:
    """One sentence for each top-level name in a wheel that is not MLEE's, and for each that is missing."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return [f"no wheel could be built: {(done.stderr.strip().splitlines() or ['?'])[-1]}"]
        (wheel,) = Path(folder).glob("*.whl")
        files = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in files if ".dist-info/" not in name}
    stray = [
        f"the wheel would install {name!r} at the top level" for name in sorted(tops.difference(PACKAGES))
    ]
    lacking = [f"the wheel lacks {name}" for name in sorted(set(PACKAGES) - tops)]
    if not any(name.startswith("mlee_core/_resources/") for name in files):
        lacking.append("the wheel lacks resources/")
    return stray + lacking


if __name__ == "__main__":
    sys.exit(main())

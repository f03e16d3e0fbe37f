"""What only some operating systems have is used in mlee_core/system alone, and nowhere while importing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SYSTEM = ROOT / "mlee_core" / "system"

FORBIDDEN = re.compile(
    r"\b(fcntl|pwd|termios|prctl|killpg|forkpty|setsid|getsid|getpgid|setpgid|geteuid|getuid|pthread_sigmask)\b"
    r"|\bos\.(fork|nice|waitid|sched_getaffinity)\b|\b(import|from) resource\b|\bresource\.[gs]etr"
    r"|/proc\b|\bSIG(KILL|HUP|STOP|CONT|TSTP|QUIT|USR1|USR2|CHLD|PIPE|ALRM)\b"
)
"""Names of what Windows lacks, also in strings."""

WITHOUT = """
import importlib, sys

for name in ("fcntl", "pwd", "resource", "termios"):
    sys.modules[name] = None  # importing it raises ImportError
for name in sys.argv[1:]:
    importlib.import_module(name)
print(len(sys.argv[1:]))
"""


def test_no_module_outside_system_names_what_windows_lacks() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for folder in ("mlee_core", "mlee_gui", "packaging")
        for file in sorted((ROOT / folder).rglob("*.py"))
        if SYSTEM not in file.parents
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if FORBIDDEN.search(line)
    ]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "import fcntl",
        "from resource import getrusage",
        "resource.getrusage(resource.RUSAGE_SELF)",
        'Path("/proc/self/stat")',
        "os.kill(pid, signal.SIGKILL)",
        "if os.fork():",
        "os.killpg(pid, signal.SIGTERM)",
    ],
)
def test_the_search_finds(line: str) -> None:
    assert FORBIDDEN.search(line)


def test_every_module_can_be_imported_where_the_unix_modules_are_missing() -> None:
    files = [file for top in ("mlee_core", "mlee_gui") for file in sorted((ROOT / top).rglob("*.py"))]
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in files
        if file.name != "__main__.py"
    ]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(modules) > 200

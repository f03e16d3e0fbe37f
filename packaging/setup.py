"""Makes .venv with everything MLEE needs, and the system's libraries; does nothing when that is done already.

Started by setup.sh with a Python that fits, before anything is installed: standard library only. What was
done is written to .venv/mlee-setup.json last, so an interrupted set-up is noticed and gone on with.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mlee_core.system import locks, system_libraries  # noqa: E402  (nothing is installed yet: the checkout itself is imported)

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "mlee-setup.json"
CONSTRAINTS = ROOT / "packaging" / "constraints.txt"
NEEDED_GB = 9.0
"""The virtual environment takes 5.3 GB, the downloads another 3 while it is made."""

CHECK = "import torch, torchaudio, soundfile, soxr, safetensors, matplotlib, pytest, mlee_core, mlee_gui"
"""What must import in a finished environment. Qt is left out: that depends on the system's libraries."""


Command = Sequence[str | Path]


class SetupError(Exception):
    """Set-up cannot go on; the message is one line for the user."""


def main(arguments: Sequence[str]) -> int:
    replace = "--replace" in arguments
    with (ROOT / "pyproject.toml").open("rb") as lock:
        locks.lock_for_setup(lock)  # `make run` in one terminal, `make test` in another
        try:
            stamp = read_stamp()
            if not is_current(stamp, replace):
                make_environment(replace)
            report_libraries(stamp)
        except SetupError as error:
            say(str(error))
            return 1
        except KeyboardInterrupt:
            say("set-up was interrupted; the next make goes on with it.")
            return 130
    return 0


def say(text: str) -> None:
    print(f"mlee: {text}", file=sys.stderr, flush=True)


# --- the virtual environment


def wanted() -> dict[str, str]:
    """What a finished environment was made from: any change makes it stale."""
    sources = (ROOT / "pyproject.toml", CONSTRAINTS)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    return {"sources": digest, "root": str(ROOT)}


def read_stamp() -> dict[str, object]:
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(changes: Mapping[str, object]) -> None:
    neighbour = STAMP.with_suffix(".tmp")
    neighbour.write_text(json.dumps({**read_stamp(), **changes}), encoding="utf-8")
    neighbour.replace(STAMP)


def is_current(stamp: dict[str, object], replace: bool) -> bool:
    """Whether .venv is finished, made from today's sources and, with `replace`, by this Python."""
    if any(stamp.get(key) != value for key, value in wanted().items()):
        return False
    return environment_fits(replace)


def environment_fits(replace: bool) -> bool:
    """Whether .venv holds a Python that starts and is ours (with `replace`: this very version)."""
    if not PYTHON.exists():
        return False
    ask = "import sys; print(*sys.version_info[:2], sys.prefix)"
    answer = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        return False
    major, minor, prefix = answer.stdout.rstrip("\n").split(" ", 2)
    version = (int(major), int(minor))
    fits = version == sys.version_info[:2] if replace else (3, 11) <= version <= (3, 13)
    return fits and Path(prefix) == VENV


def make_environment(replace: bool) -> None:
    """Make .venv, or go on with a half-made one; what cannot be mended is made anew, once."""
    STAMP.unlink(missing_ok=True)
    reused = environment_fits(replace)
    if not reused:
        create_environment()
    try:
        install()
    except SetupError:
        if not reused:
            raise
        say("the environment in .venv cannot be mended; making it anew.")
        create_environment()
        install()
    write_stamp(wanted())


def create_environment() -> None:
    if VENV.exists():
        shutil.rmtree(VENV)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        raise SetupError(f"{free:.1f} GB are free for {VENV}, but set-up needs about {NEEDED_GB:.0f} GB.")
    say(f"making .venv with Python {sys.version.split()[0]} ({sys.executable})")
    # Debian keeps ensurepip in a package of its own (python3-venv); the pip that is there can serve as well.
    venv = subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=False)
    if venv.returncode != 0:
        raise SetupError(f"{sys.executable} cannot make a virtual environment in {VENV}.")
    bootstraps: tuple[Command, ...] = (
        [PYTHON, "-m", "ensurepip", "--default-pip"],
        [sys.executable, "-m", "pip", "--python", PYTHON, "install", "-q", "pip"],
        ["pip3", "--python", PYTHON, "install", "-q", "pip"],
    )
    if not any(succeeds(command) for command in bootstraps):
        raise SetupError("no pip found: install it (apt-get install python3-pip) and run make again.")


def succeeds(command: Command) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def install() -> None:
    """Install MLEE (editable) with all it needs; raises SetupError unless it all imports afterwards."""
    say("installing what MLEE needs into .venv (about 3 GB to fetch, some minutes)")
    scratch = VENV / "tmp"  # /tmp may be a small RAM disk, too small for torch's wheels
    shutil.rmtree(scratch, ignore_errors=True)  # an interrupted set-up leaves it
    scratch.mkdir()
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    pip += ["--only-binary=:all:", "--constraint", CONSTRAINTS]
    mlee = ["--no-build-isolation", "--editable", f"{ROOT}[dev]"]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    for what in (["hatchling"], mlee):  # its build tool first: so it is pinned too, and needs no second fetch
        if subprocess.run([*pip, *what], env=environment, check=False).returncode != 0:
            raise SetupError("pip could not install everything (see above); run make again to go on.")
    shutil.rmtree(scratch, ignore_errors=True)
    check = subprocess.run([PYTHON, "-c", CHECK], cwd="/", capture_output=True, text=True, check=False)
    if check.returncode != 0:
        raise SetupError(f"the environment is incomplete: {(check.stderr.splitlines() or ['?'])[-1]}")


# --- the system's libraries


def report_libraries(stamp: dict[str, object]) -> None:
    """Install missing system libraries where that is possible, else say in one line what to type."""
    missing = system_libraries.missing()
    if not missing:
        return
    names = list(system_libraries.packages(missing))
    if stamp.get("without") != names and system_libraries.may_install() and shutil.which("apt-get"):
        say(f"installing system libraries: {' '.join(names)}")
        apt_install(names)
        missing = system_libraries.missing()
        write_stamp({"without": list(system_libraries.packages(missing))})  # not tried again at every start
    if missing:
        say(f"{system_libraries.consequences(missing)} until you run: {system_libraries.remedy(missing)}")


def apt_install(names: Sequence[str]) -> None:
    """apt-get install, with fresh package lists if the present ones do not do; says so if it cannot."""
    path = os.environ.get("PATH", os.defpath)
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin",  # dpkg refuses to work without ldconfig
    }
    options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=1"]
    options += ["-o", "Acquire::http::Timeout=20"]
    install: Command = ["apt-get", *options, "install", "--no-install-recommends", *names]
    update: Command = ["apt-get", *options, "update"]
    for command in (install, update, install):
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if command is install and done.returncode == 0:
            return
    reason = (done.stderr.strip().splitlines() or ["apt-get gave no reason"])[-1]
    say(f"apt-get could not install them ({reason})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Creates .venv with everything MLEE needs, and installs the system's libraries; skips what is done.

Started by setup.sh with a suitable Python, before anything is installed: standard library only. The result is
written to .venv/mlee-setup.json last, so that an interrupted set-up is noticed and resumed.
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
"""The virtual environment takes 5.3 GB, the downloads another 3 while it is created."""

CHECK = "import torch, torchaudio, soundfile, soxr, safetensors, matplotlib, pytest, mlee_core, mlee_gui"
"""What must import in a finished environment; not Qt, which depends on the system's libraries."""

Command = Sequence[str | Path]


class SetupError(Exception):
    """Set-up cannot continue; the message is one line for the user."""


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
            report(str(error))
            return 1
        except KeyboardInterrupt:
            report("set-up was interrupted; the next make resumes it.")
            return 130
    return 0


def report(text: str) -> None:
    print(f"mlee: {text}", file=sys.stderr, flush=True)


# --- the virtual environment


def wanted() -> dict[str, str]:
    """What a finished environment is made from: after any change it is out of date."""
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
    """Whether .venv is finished, made from the present sources and, with `replace`, by this Python."""
    return wanted().items() <= stamp.items() and environment_fits(replace)


def environment_fits(replace: bool) -> bool:
    """Whether .venv holds a Python that starts and is MLEE's own (with `replace`: of this version)."""
    if not PYTHON.exists():
        return False
    probe = "import sys; print(*sys.version_info[:2], sys.prefix)"
    done = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return False
    major, minor, prefix = done.stdout.rstrip("\n").split(" ", 2)
    version = (int(major), int(minor))
    fits = version == sys.version_info[:2] if replace else (3, 11) <= version <= (3, 13)
    return fits and Path(prefix) == VENV


def make_environment(replace: bool) -> None:
    """Create .venv, or complete it; one that cannot be repaired is created again, once."""
    STAMP.unlink(missing_ok=True)
    reused = environment_fits(replace)
    if not reused:
        create_environment()
    try:
        install()
    except SetupError:
        if not reused:
            raise
        report("the environment in .venv cannot be repaired; creating it again.")
        create_environment()
        install()
    write_stamp(wanted())


def create_environment() -> None:
    if VENV.exists():
        shutil.rmtree(VENV)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < NEEDED_GB:
        raise SetupError(f"{free:.1f} GB are free for {VENV}, but set-up needs about {NEEDED_GB:.0f} GB.")
    report(f"creating .venv with Python {sys.version.split()[0]} ({sys.executable})")
    # Debian has ensurepip in a package of its own (python3-venv); an installed pip will do as well
    venv = subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=False)
    if venv.returncode != 0:
        raise SetupError(f"{sys.executable} cannot create a virtual environment in {VENV}.")
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
    """Install MLEE (editable) with all it needs. Raises: SetupError unless all of it can be imported then."""
    report("installing what MLEE needs into .venv (about 3 GB to fetch, some minutes)")
    scratch = VENV / "tmp"  # /tmp may be a small RAM disk, too small for torch's wheels
    shutil.rmtree(scratch, ignore_errors=True)  # an interrupted set-up leaves it
    scratch.mkdir()
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    pip += ["--only-binary=:all:", "--constraint", CONSTRAINTS]
    mlee = ["--no-build-isolation", "--editable", f"{ROOT}[dev]"]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    for what in (["hatchling"], mlee):  # the build tool first: so it is pinned too, and fetched once
        if subprocess.run([*pip, *what], env=environment, check=False).returncode != 0:
            raise SetupError("pip could not install everything (see above); run make again to resume.")
    shutil.rmtree(scratch, ignore_errors=True)
    check = subprocess.run([PYTHON, "-c", CHECK], cwd="/", capture_output=True, text=True, check=False)
    if check.returncode != 0:
        raise SetupError(f"the environment is incomplete: {(check.stderr.splitlines() or ['?'])[-1]}")


# --- the system's libraries


def report_libraries(stamp: dict[str, object]) -> None:
    """Install missing system libraries if that is possible, else print the command that does."""
    missing = system_libraries.missing()
    if not missing:
        return
    names = list(system_libraries.packages(missing))
    if stamp.get("without") != names and system_libraries.may_install() and shutil.which("apt-get"):
        report(f"installing system libraries: {' '.join(names)}")
        apt_install(names)
        missing = system_libraries.missing()
        write_stamp({"without": list(system_libraries.packages(missing))})  # not tried at every start
    if missing:
        report(f"{system_libraries.consequences(missing)} until you run: {system_libraries.remedy(missing)}")


def apt_install(names: Sequence[str]) -> None:
    """apt-get install, after apt-get update if the first try fails; prints the reason if it is impossible."""
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
    report(f"apt-get could not install them ({reason})")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

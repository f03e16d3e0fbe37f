"""Checks of this machine: versions, processor, GPUs, sound, display, models, folders, libraries.

Each check yields findings as it goes, since importing torch takes seconds. Nothing is changed on the machine.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Literal

from .. import __version__
from ..audio import microphone
from ..errors import MleeError
from ..inference import model_file
from ..system import hardware, system_libraries

State = Literal["ok", "note", "missing", "broken"]
"""note: worth knowing. missing: something does not work, the rest does. broken: MLEE does not work."""

PYTHONS = ((3, 11), (3, 13))
"""The first and the last minor version that MLEE is tested on."""

PACKAGES = ("numpy", "soxr", "safetensors", "matplotlib", "audformat", "tensorboardX", "PySide6_Essentials")
"""Distributions whose version is read without importing them."""

SETUP = "run `make setup`, or install mlee-speech again"

QT_PROBE = """
from PySide6 import QtWidgets
from mlee_gui.shell.display import why_no_display
print(why_no_display() or "")
"""


@dataclass(frozen=True)
class Finding:
    """topic: what was checked. value: the result as text. remedy: what to do about it, or ""."""

    topic: str
    value: str
    state: State = "ok"
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """All findings, one after the other; the checks that take long come last."""
    for check in CHECKS:
        yield from check()


def works(findings: Sequence[Finding]) -> bool:
    """Whether MLEE runs here, possibly without a window, sound or GPU."""
    return all(finding.state != "broken" for finding in findings)


def _versions() -> Iterator[Finding]:
    yield Finding("mlee", f"{__version__} ({Path(__file__).resolve().parents[2]})")
    fits = PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]
    known = " to ".join(".".join(map(str, version)) for version in PYTHONS)
    text = f"{platform.python_version()} ({sys.executable})"
    remedy = "" if fits else f"MLEE is tested on Python {known}"
    yield Finding("python", text, "ok" if fits else "note", remedy)
    yield Finding("system", f"{platform.system()} {platform.release()} {platform.machine()}")
    for name in PACKAGES:
        try:
            yield Finding(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "not installed", "broken", SETUP)


def _sound_files() -> Iterator[Finding]:
    module = _imported("soundfile")
    if isinstance(module, Finding):
        yield module
    else:
        yield Finding("soundfile", f"{module.__version__} (libsndfile {module.__libsndfile_version__})")


def _processor() -> Iterator[Finding]:
    text = f"{hardware.processor()}, {hardware.usable_cores()} of {os.cpu_count()} cores usable"
    yield Finding("processor", text)
    yield Finding("memory", f"{hardware.free_memory() / 2**30:.1f} GiB available")


def _sound_devices() -> Iterator[Finding]:
    with _quiet_stderr():  # ALSA writes its own complaints there
        try:
            inputs = [device.name for device in microphone.devices()]
        except MleeError as error:
            yield Finding("microphone", "recording is off", "missing", str(error))
        else:
            yield Finding("microphone", ", ".join(inputs))
        yield from _players()


def _players() -> Iterator[Finding]:
    try:
        sounddevice = importlib.import_module("sounddevice")
    except OSError:
        return  # PortAudio is missing: reported with the microphone
    version = sounddevice.get_portaudio_version()[1].split(",")[0]
    yield Finding("portaudio", f"{version}, sounddevice {sounddevice.__version__}")
    outputs = [device["name"] for device in sounddevice.query_devices() if device["max_output_channels"] > 0]
    if outputs:
        yield Finding("loudspeaker", ", ".join(outputs))
    else:
        remedy = "connect one, or start the sound server (pipewire or pulseaudio)"
        yield Finding("loudspeaker", "none found: playback is off", "missing", remedy)


def _system_libraries() -> Iterator[Finding]:
    missing = system_libraries.missing()
    if not missing:
        count = len(system_libraries.LIBRARIES)
        yield Finding("libraries", f"all {count} system libraries and a font are installed")
        return
    names = " ".join(system_libraries.packages(missing))
    text = f"{system_libraries.consequences(missing)}: {names} not found"
    yield Finding("libraries", text, "missing", system_libraries.remedy(missing))


def _models() -> Iterator[Finding]:
    try:
        shipped = model_file.shipped()
    except MleeError as error:
        yield Finding("models", str(error), "missing", SETUP)
        return
    if not shipped:
        yield Finding("models", "none is shipped", "missing", "train one: mlee train")
    for info in shipped:
        yield Finding("model", f"{info.name} (trained on {info.trained_on}; {', '.join(info.heads)})")


def _folders() -> Iterator[Finding]:
    """The folders that are written to: temporary files, settings, recordings, working folder."""
    from platformdirs import user_config_path, user_data_path

    places = {
        "temporary files": Path(tempfile.gettempdir()),
        "settings": user_config_path(),
        "recordings": user_data_path(),
        "working folder": Path.cwd(),
    }
    for topic, place in places.items():
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        free = f"{place}, {shutil.disk_usage(there).free / 1e9:.1f} GB free"
        if os.access(there, os.W_OK | os.X_OK):
            yield Finding(topic, free)
        else:
            yield Finding(topic, f"{free}, not writable", "missing", f"make {there} writable")


def _window() -> Iterator[Finding]:
    """Checked in another process: the core imports no Qt."""
    probe = subprocess.run([sys.executable, "-c", QT_PROBE], capture_output=True, text=True, check=False)
    if probe.returncode != 0:
        reason = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
        remedy = "see libraries above; if none is missing: " + SETUP
        yield Finding("window", f"Qt does not start: {reason}", "missing", remedy)
        return
    why_not = probe.stdout.strip()
    if why_not:
        yield Finding("window", f"drawn off-screen only: {why_not}", "note")
    else:
        yield Finding("window", "can be shown")


def _torch() -> Iterator[Finding]:
    torch = _imported("torch")
    if isinstance(torch, Finding):
        yield torch
        return
    yield Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads")
    devices = importlib.import_module("mlee_core.training.devices")
    fast = devices.dtype("cpu") == "bf16"
    yield Finding("bf16", "fast on this processor" if fast else "emulated by this processor: fp32 is used")
    yield from _gpus(torch)


def _gpus(torch: ModuleType) -> Iterator[Finding]:
    count, why_not = hardware.usable_gpus(torch)
    if not count:
        yield Finding("gpu", f"none: {why_not}; the processor is used", "note")
    for index in range(count):
        properties = torch.cuda.get_device_properties(index)
        yield Finding("gpu", f"cuda:{index} {properties.name}, {properties.total_memory / 2**30:.0f} GiB")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _versions,
    _sound_files,
    _processor,
    _system_libraries,
    _sound_devices,
    _models,
    _folders,
    _window,
    _torch,
)


def _imported(name: str) -> ModuleType | Finding:
    """The module, or the finding that it is broken. A wheel that misfits its neighbours raises OSError."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return Finding(name, f"cannot be imported: {reason}", "broken", SETUP)


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Suppress what C libraries write to the terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)

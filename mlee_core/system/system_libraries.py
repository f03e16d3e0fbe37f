"""System libraries that MLEE's wheels need: which are missing, and how to install them.

Standard library only: packaging/setup.py calls it before anything is installed, `mlee doctor` afterwards. The
names are Debian's; a library is present if the dynamic loader finds it, whoever installed it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Need = Literal["window", "display", "recording"]
"""window: MLEE's window cannot be drawn without it, not even off-screen. display: not shown on a screen.
recording: everything works but the microphone."""


@dataclass(frozen=True)
class Library:
    """soname: the name for the dynamic loader. package: the Debian package with it."""

    soname: str
    package: str
    need: Need


_SONAMES: dict[Need, str] = {
    "window": "libstdc++.so.6 libz.so.1 libzstd.so.1 libglib-2.0.so.0 libgthread-2.0.so.0 libEGL.so.1"
    " libGL.so.1 libX11.so.6 libfontconfig.so.1 libfreetype.so.6 libdbus-1.so.3 libxkbcommon.so.0",
    "display": "libX11-xcb.so.1 libxkbcommon-x11.so.0 libxcb.so.1 libxcb-cursor.so.0 libxcb-icccm.so.4"
    " libxcb-image.so.0 libxcb-keysyms.so.1 libxcb-randr.so.0 libxcb-render.so.0 libxcb-render-util.so.0"
    " libxcb-shape.so.0 libxcb-shm.so.0 libxcb-sync.so.1 libxcb-util.so.1 libxcb-xfixes.so.0"
    " libxcb-xkb.so.1",
    "recording": "libportaudio.so.2",
}
_EXCEPTIONS = {"libz1": "zlib1g", "libglib-2.0-0": "libglib2.0-0", "libgthread-2.0-0": "libglib2.0-0"}
"""Packages that Debian names otherwise than by its rule for libraries."""


def _package(soname: str) -> str:
    """The Debian package of a library: libX11.so.6 -> libx11-6, libz.so.1 -> zlib1g."""
    name, _, version = soname.lower().partition(".so.")
    package = f"{name}-{version}" if name[-1].isdigit() else name + version
    return _EXCEPTIONS.get(package, package)


LIBRARIES = tuple(
    Library(soname, _package(soname), need) for need, names in _SONAMES.items() for soname in names.split()
)

FONT = Library("a font", "fonts-dejavu-core", "window")
"""Qt brings no font: without one the window's text is empty boxes."""

CONSEQUENCE: dict[Need, str] = {
    "window": "the window cannot be drawn",
    "display": "the window cannot be shown on a screen",
    "recording": "recording is off",
}


def missing() -> tuple[Library, ...]:
    """The libraries this machine lacks, in the order of LIBRARIES; FONT last."""
    found = tuple(library for library in LIBRARIES if not loads(library.soname))
    return found if has_font() else (*found, FONT)


def packages(libraries: Iterable[Library]) -> tuple[str, ...]:
    """Their Debian packages, each once."""
    return tuple(dict.fromkeys(library.package for library in libraries))


def remedy(libraries: Iterable[Library]) -> str:
    """The command that installs them, e.g. "sudo apt-get install libgl1"."""
    return f"{'' if may_install() else 'sudo '}apt-get install {' '.join(packages(libraries))}"


def may_install() -> bool:
    """Whether this user is root."""
    return sys.platform != "win32" and os.geteuid() == 0


def consequences(libraries: Iterable[Library]) -> str:
    """What does not work without them."""
    needs = dict.fromkeys(library.need for library in libraries)
    return "; ".join(CONSEQUENCE[need] for need in needs)


def loads(soname: str, load: Callable[[str], object] = ctypes.CDLL) -> bool:
    """Whether the dynamic loader finds `soname` and all that it depends on."""
    try:
        load(soname)
    except OSError:
        return False
    return True


def has_font(folders: Iterable[Path] | None = None) -> bool:
    """Whether a TrueType or OpenType font lies in fontconfig's folders (or in `folders`)."""
    home = Path(os.environ.get("HOME", "/nonexistent"))
    places = folders or (
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".fonts",
        home / ".local/share/fonts",
    )
    endings = {".ttf", ".otf", ".ttc"}
    return any(file.suffix.lower() in endings for place in places for file in place.rglob("*"))

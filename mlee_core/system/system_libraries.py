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


LIBRARIES: tuple[Library, ...] = (
    Library("libstdc++.so.6", "libstdc++6", "window"),
    Library("libz.so.1", "zlib1g", "window"),
    Library("libzstd.so.1", "libzstd1", "window"),
    Library("libglib-2.0.so.0", "libglib2.0-0", "window"),
    Library("libgthread-2.0.so.0", "libglib2.0-0", "window"),
    Library("libEGL.so.1", "libegl1", "window"),
    Library("libGL.so.1", "libgl1", "window"),
    Library("libX11.so.6", "libx11-6", "window"),
    Library("libfontconfig.so.1", "libfontconfig1", "window"),
    Library("libfreetype.so.6", "libfreetype6", "window"),
    Library("libdbus-1.so.3", "libdbus-1-3", "window"),
    Library("libxkbcommon.so.0", "libxkbcommon0", "window"),
    Library("libX11-xcb.so.1", "libx11-xcb1", "display"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", "display"),
    Library("libxcb.so.1", "libxcb1", "display"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", "display"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", "display"),
    Library("libxcb-image.so.0", "libxcb-image0", "display"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", "display"),
    Library("libxcb-randr.so.0", "libxcb-randr0", "display"),
    Library("libxcb-render.so.0", "libxcb-render0", "display"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", "display"),
    Library("libxcb-shape.so.0", "libxcb-shape0", "display"),
    Library("libxcb-shm.so.0", "libxcb-shm0", "display"),
    Library("libxcb-sync.so.1", "libxcb-sync1", "display"),
    Library("libxcb-util.so.1", "libxcb-util1", "display"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0", "display"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1", "display"),
    Library("libportaudio.so.2", "libportaudio2", "recording"),
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

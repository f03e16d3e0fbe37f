"""Whether a window can be shown. Checked before Qt, which aborts the process where it cannot."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from pathlib import Path

WINDOWLESS_PLATFORMS = ("offscreen", "minimal")


def why_no_display() -> str | None:
    """The reason why no window can be shown, None where one can. Other systems than Linux have a desktop."""
    if not sys.platform.startswith("linux"):
        return None
    platform = os.environ.get("QT_QPA_PLATFORM", "").split(";")[0].split(":")[0]
    if platform in WINDOWLESS_PLATFORMS:
        return f"QT_QPA_PLATFORM={platform} shows no window"
    if platform not in ("", "xcb", "wayland"):
        return None  # the user's own choice (vnc, eglfs …) needs neither X nor Wayland
    if platform != "xcb" and _wayland_answers():
        return None
    return _why_no_x()


def _wayland_answers() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY")
    if not name or sys.platform == "win32":
        return False
    path = Path(os.environ.get("XDG_RUNTIME_DIR", "/run")) / name
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(2)
        try:
            end.connect(str(path))
        except OSError:
            return False
    return True


def _why_no_x() -> str | None:
    """Connect with the library of Qt's xcb plugin, which finds a dead DISPLAY or a rejected key."""
    display = os.environ.get("DISPLAY")
    if not display:
        return "neither DISPLAY nor WAYLAND_DISPLAY names a running display server"
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError as error:
        return f"DISPLAY is {display}, but a library for it is missing: {error}"
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)  # never NULL; must be closed even after an error
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return f"DISPLAY is {display}, but no X server answers" if failed else None

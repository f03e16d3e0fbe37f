"""What the window remembers between two starts, typed, over QSettings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QByteArray, QSettings

RECENT = 12
"""How many recent files are kept."""


class Settings:
    """One property a remembered value. Every value has a default, and a damaged one reads as the default.

    path: an ini file of its own (screenshots, tests), or None for the user's.
    """

    def __init__(self, path: str | None = None) -> None:
        ini = QSettings.Format.IniFormat
        if path is None:
            self._store = QSettings(ini, QSettings.Scope.UserScope, "mlee", "window")
        else:
            self._store = QSettings(path, ini)

    @property
    def open_paths(self) -> list[str]:
        """The recordings that were in the list."""
        return self._strings("session/open")

    @open_paths.setter
    def open_paths(self, paths: Sequence[str]) -> None:
        self._store.setValue("session/open", list(paths))

    @property
    def current_path(self) -> str:
        """The recording that was shown, or ""."""
        return self._text("session/current")

    @current_path.setter
    def current_path(self, path: str) -> None:
        self._store.setValue("session/current", path)

    @property
    def was_used(self) -> bool:
        """Whether a list of recordings, be it an empty one, was ever kept."""
        return bool(self._store.contains("session/open"))

    @property
    def recent(self) -> list[str]:
        """Files opened by the user, newest first."""
        return self._strings("recent")[:RECENT]

    def add_recent(self, paths: Sequence[str]) -> None:
        self._store.setValue("recent", list(dict.fromkeys([*paths, *self.recent]))[:RECENT])

    def clear_recent(self) -> None:
        self._store.remove("recent")

    @property
    def model(self) -> str:
        """Name or path of the chosen model, or "" for the default."""
        return self._text("model")

    @model.setter
    def model(self, name: str) -> None:
        self._store.setValue("model", name)

    @property
    def last_folder(self) -> str:
        """Where the last file dialog was, or ""."""
        return self._text("last_folder")

    @last_folder.setter
    def last_folder(self, folder: str) -> None:
        self._store.setValue("last_folder", folder)

    @property
    def input_device(self) -> str:
        """Name of the chosen microphone, or "" for the system's."""
        return self._text("input_device")

    @input_device.setter
    def input_device(self, name: str) -> None:
        self._store.setValue("input_device", name)

    @property
    def db_range(self) -> tuple[float, float]:
        """What the spectrogram's colours span, dB below the recording's loudest; low < high."""
        low, high = self._number("view/db_low", -80.0), self._number("view/db_high", 0.0)
        return (low, high) if low < high else (-80.0, 0.0)

    @db_range.setter
    def db_range(self, span: tuple[float, float]) -> None:
        self._store.setValue("view/db_low", span[0])
        self._store.setValue("view/db_high", span[1])

    @property
    def colormap(self) -> str:
        """Name of the spectrogram's colour map, or "" for the first."""
        return self._text("view/colormap")

    @colormap.setter
    def colormap(self, name: str) -> None:
        self._store.setValue("view/colormap", name)

    @property
    def hidden_encoders(self) -> list[str]:
        """Encoders whose attention curve is switched off."""
        return self._strings("view/hidden_encoders")

    @hidden_encoders.setter
    def hidden_encoders(self, names: Sequence[str]) -> None:
        self._store.setValue("view/hidden_encoders", list(names))

    @property
    def dominant_head(self) -> str:
        """The dominant head whose bars are shown, or "" for the model's own rule."""
        return self._text("view/dominant_head")

    @dominant_head.setter
    def dominant_head(self, head: str) -> None:
        self._store.setValue("view/dominant_head", head)

    @property
    def segments_wanted(self) -> bool:
        """Whether the list of segments appears where a recording has many."""
        return self._text("view/segments") != "off"

    @segments_wanted.setter
    def segments_wanted(self, wanted: bool) -> None:
        self._store.setValue("view/segments", "on" if wanted else "off")

    @property
    def page(self) -> str:
        """The page of the window that was shown last, or ""."""
        return self._text("window/page")

    @page.setter
    def page(self, page: str) -> None:
        self._store.setValue("window/page", page)

    @property
    def window(self) -> tuple[QByteArray, QByteArray]:
        """The main window's geometry and its docks' state; empty before the first close."""
        return self._bytes("window/geometry"), self._bytes("window/state")

    @window.setter
    def window(self, value: tuple[QByteArray, QByteArray]) -> None:
        self._store.setValue("window/geometry", value[0])
        self._store.setValue("window/state", value[1])

    def sync(self) -> None:
        """Write now."""
        self._store.sync()

    def _text(self, key: str) -> str:
        value = self._store.value(key, "")
        return value if isinstance(value, str) else ""

    def _strings(self, key: str) -> list[str]:
        value = self._store.value(key, [])  # an ini file turns a list of one into a plain string
        if isinstance(value, str):
            return [value] if value else []
        return [v for v in cast(list[object], value) if isinstance(v, str)] if isinstance(value, list) else []

    def _number(self, key: str, default: float) -> float:
        try:
            return float(cast(str, self._store.value(key, default)))
        except (TypeError, ValueError):
            return default

    def _bytes(self, key: str) -> QByteArray:
        value = self._store.value(key)
        return value if isinstance(value, QByteArray) else QByteArray()

"""What the window remembers between two starts, typed, over QSettings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from PySide6.QtCore import QByteArray, QSettings

RECENT = 12
"""Number of recent files that are kept."""

T = TypeVar("T")


class Setting(Generic[T]):
    """A remembered value as an attribute of `Settings`; its type is that of its default.

    Args:
        key: Its key in the file.
        default: Its value where the file has none, or one of another type, or one that is not allowed.
        allowed: Whether a value of the right type is allowed.
    """

    def __init__(self, key: str, default: T, allowed: Callable[[T], bool] = lambda _: True) -> None:
        self.key, self.default, self._allowed = key, default, allowed

    def __get__(self, settings: Settings, owner: type[Settings]) -> T:
        value = cast(T | None, _converted(settings.store.value(self.key), type(self.default)))
        return value if value is not None and self._allowed(value) else self.default

    def __set__(self, settings: Settings, value: T) -> None:
        settings.store.setValue(self.key, ("off", "on")[value] if isinstance(value, bool) else value)


class PairSetting(Generic[T]):
    """Two remembered values that are only valid together. allowed: of the first and the second value."""

    def __init__(
        self, first: Setting[T], second: Setting[T], allowed: Callable[[T, T], bool] = lambda *_: True
    ) -> None:
        self._first, self._second, self._allowed = first, second, allowed

    def __get__(self, settings: Settings, owner: type[Settings]) -> tuple[T, T]:
        pair = self._first.__get__(settings, owner), self._second.__get__(settings, owner)
        return pair if self._allowed(*pair) else (self._first.default, self._second.default)

    def __set__(self, settings: Settings, values: tuple[T, T]) -> None:
        self._first.__set__(settings, values[0])
        self._second.__set__(settings, values[1])


def _converted(value: Any, kind: type) -> object:
    """A stored value as an object of `kind`, None where it is none.

    An ini file stores numbers as text, a list of one element as that element, and an empty list as nothing.
    """
    if kind is list:
        return [v for v in (value if isinstance(value, list) else [value]) if v and isinstance(v, str)]
    if kind is bool:
        return {"on": True, "off": False}.get(value) if isinstance(value, str) else None
    if kind is float:
        try:
            return float(value)
        except (TypeError, ValueError):
            return None
    return value if isinstance(value, kind) else None


class Settings:
    """Every value has a default, and a damaged one reads as the default.

    path: an ini file of its own (screenshots, tests), or None for the user's.
    """

    open_paths = Setting[list[str]]("session/open", [])
    """The recordings that were in the list."""
    current_path = Setting("session/current", "")
    """The recording that was shown, or ""."""
    recent = Setting[list[str]]("recent", [])
    """Files opened by the user, newest first."""
    model = Setting("model", "")
    """Name or path of the chosen model, or "" for the default."""
    last_folder = Setting("last_folder", "")
    """Folder of the last file dialog, or ""."""
    input_device = Setting("input_device", "")
    """Name of the chosen microphone, or "" for the system's."""
    db_range = PairSetting(
        Setting("view/db_low", -80.0), Setting("view/db_high", 0.0), allowed=lambda low, high: low < high
    )
    """Levels that the spectrogram's colours span, dB below the recording's loudest."""
    colormap = Setting("view/colormap", "")
    """Name of the spectrogram's colour map, or "" for the first."""
    hidden_encoders = Setting[list[str]]("view/hidden_encoders", [])
    """Encoders whose attention curve is hidden."""
    dominant_head = Setting("view/dominant_head", "")
    """The dominant head whose bars are shown, or "" for the model's own rule."""
    show_segments = Setting("view/segments", True)
    """Whether the list of segments appears where a recording has several."""
    page = Setting("window/page", "analysis", allowed=("analysis", "training").__contains__)
    """The page of the window that was shown last."""
    window = PairSetting(Setting("window/geometry", QByteArray()), Setting("window/state", QByteArray()))
    """The main window's geometry and its docks' state; empty before the first close."""

    def __init__(self, path: str | None = None) -> None:
        ini = QSettings.Format.IniFormat
        if path is None:
            self.store = QSettings(ini, QSettings.Scope.UserScope, "mlee", "window")
        else:
            self.store = QSettings(path, ini)

    @property
    def has_session(self) -> bool:
        """Whether a list of recordings, even an empty one, was ever stored."""
        return bool(self.store.contains("session/open"))

    def add_recent(self, paths: Sequence[str]) -> None:
        self.recent = list(dict.fromkeys([*paths, *self.recent]))[:RECENT]

    def clear_recent(self) -> None:
        self.recent = []

"""What the window remembers comes back with its type, and a damaged file with the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from mlee_gui.shell.settings import RECENT, Settings
from tests.helpers.windows import Make

DEFAULTS: dict[str, object] = {
    "open_paths": [],
    "current_path": "",
    "recent": [],
    "model": "",
    "last_folder": "",
    "input_device": "",
    "db_range": (-80.0, 0.0),
    "colormap": "",
    "hidden_encoders": [],
    "dominant_head": "",
    "show_segments": True,
    "page": "analysis",
    "window": (QByteArray(), QByteArray()),
}
OF_ANOTHER_TYPE = """\
recent=@ByteArray(x)
model=a, list
last_folder=@ByteArray(x)
input_device=@Invalid()
[session]
open=@ByteArray(x)
current=one, two
[view]
db_low=loud
db_high=@ByteArray(\\x1)
colormap=@Invalid()
hidden_encoders=@ByteArray(x)
dominant_head=a, b
segments=@ByteArray(off)
[window]
page=a, b
geometry=text
state=1, 2
"""


def test_values_come_back_with_their_type(tmp_path: Path) -> None:
    file = str(tmp_path / "settings.ini")
    first = Settings(file)
    assert not first.has_session
    values = {
        "open_paths": ["/only one.wav"],
        "current_path": "/only one.wav",
        "recent": ["/a", "/b"],
        "hidden_encoders": [],
        "db_range": (-60.0, -5.0),
        "show_segments": False,
        "page": "training",
        "window": (QByteArray(b"\x01g"), QByteArray(b"\x00s")),
    }
    for name, value in values.items():
        setattr(first, name, value)
    first.store.sync()
    second = Settings(file)
    assert second.has_session
    assert {name: getattr(second, name) for name in values} == values
    assert "segments=off" in Path(file).read_text()


def test_an_empty_list_of_recordings_is_a_session(tmp_path: Path) -> None:
    first = Settings(str(tmp_path / "settings.ini"))
    first.open_paths = []
    first.store.sync()
    second = Settings(str(tmp_path / "settings.ini"))
    assert second.has_session and second.open_paths == []


def test_recent_files_are_newest_first_and_limited(tmp_path: Path) -> None:
    settings = Settings(str(tmp_path / "settings.ini"))
    settings.add_recent(["/a", "/b"])
    settings.add_recent(["/b", "/c"])
    assert settings.recent == ["/b", "/c", "/a"]
    settings.add_recent([f"/{k}" for k in range(20)])
    assert settings.recent == [f"/{k}" for k in range(RECENT)]
    settings.clear_recent()
    assert settings.recent == []


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("text", ["", OF_ANOTHER_TYPE], ids=["no value", "a value of another type"])
def test_missing_and_damaged_values_read_as_the_default(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / "settings.ini"
    file.write_text(text)
    assert getattr(Settings(str(file)), name) == DEFAULTS[name]


def test_values_that_are_not_allowed_read_as_the_default(tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    file.write_text("[view]\ndb_low=0\ndb_high=-20\nsegments=perhaps\n[window]\npage=nowhere\n")
    settings = Settings(str(file))
    assert (settings.db_range, settings.show_segments, settings.page) == ((-80.0, 0.0), True, "analysis")


def test_the_window_starts_with_a_damaged_file(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "settings.ini"
    file.write_text(OF_ANOTHER_TYPE)
    application = make("/x/a.wav", settings_file=str(file))
    assert application.window.isVisible() and application.timeline.db_range == (-80.0, 0.0)

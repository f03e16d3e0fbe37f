"""Atomic files: a kill, a full disk or an error in the middle of writing leaves the old file whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mlee_core.system.files import atomic_path, stable_hash, sweep, write_json, write_text

OLD = "the old file"

WRITER = """
import json, sys
from pathlib import Path
from mlee_core.system.files import atomic_path
for count in range(10**6):
    text = json.dumps({"count": count, "filling": ["x" * 100] * 50})
    with atomic_path(Path(sys.argv[1])) as neighbour, neighbour.open("w") as file:
        for start in range(0, len(text), 1000):
            file.write(text[start : start + 1000])
            file.flush()
            print(count, flush=True)
            sys.stdin.readline()
"""

HALF = """
import signal, sys
from pathlib import Path
from mlee_core.system.files import atomic_path
with atomic_path(Path(sys.argv[1])) as neighbour:
    neighbour.write_text("half of the n")
    print("half", flush=True)
    signal.pause()
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_text(OLD)
    return path


@contextmanager
def child(script: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Every file this process writes beyond `size` bytes fails, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_kill_in_the_middle_of_writing_keeps_the_old_file(old: Path) -> None:
    with child(HALF, old) as process:
        assert line_of(process) == "half"
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(timeout=30) == -signal.SIGKILL
    assert old.read_text() == OLD
    write_text(old, "new")  # what the killed writer left behind does not stand in the way
    assert old.read_text() == "new"
    assert len(list(old.parent.iterdir())) == 2
    (old.parent / ".hidden").touch()
    sweep(old.parent.parent)
    assert sorted(file.name for file in old.parent.iterdir()) == [".hidden", old.name]


@pytest.mark.parametrize("steps", range(7, 31))
def test_whenever_a_writer_is_killed_the_file_is_whole(tmp_path: Path, steps: int) -> None:
    path = tmp_path / "events.json"
    with child(WRITER, path) as process:
        assert process.stdin is not None
        for _ in range(steps):
            process.stdin.write("\n")
            process.stdin.flush()
            count = int(line_of(process))
        os.kill(process.pid, signal.SIGKILL)  # it has written a part of number `count`, or all but the rename
        process.wait(timeout=30)
    value = json.loads(path.read_text())
    assert value["count"] in (count - 1, count)
    assert len(value["filling"]) == 50


def test_a_disk_that_fills_up_keeps_the_old_file(old: Path) -> None:
    with file_size_limit(1000), pytest.raises(OSError, match="File too large"):
        write_text(old, "x" * 5000)
    assert old.read_text() == OLD
    assert list(old.parent.iterdir()) == [old]


def test_a_full_disk_seen_only_at_fsync_keeps_the_old_file(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(old, "new")
    assert old.read_text() == OLD
    assert list(old.parent.iterdir()) == [old]


@pytest.mark.parametrize("error", [ValueError("bad"), KeyboardInterrupt()])
def test_an_error_of_the_writer_keeps_the_old_file(old: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), atomic_path(old) as neighbour:
        neighbour.write_text("half")
        raise error
    assert old.read_text() == OLD
    assert list(old.parent.iterdir()) == [old]


def test_nothing_is_seen_at_the_path_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "figure.svg"
    with atomic_path(path) as neighbour:
        neighbour.write_text("<svg/>")
        assert not path.exists()
        assert neighbour.suffix == ".svg"
        assert neighbour.parent == path.parent
    assert path.read_text() == "<svg/>"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_text(tmp_path / "nowhere" / "file.txt", "text")


def test_json_keeps_every_letter(tmp_path: Path) -> None:
    value = {"größe": [1, 2.5, None, True], "": "✓\n"}
    write_json(tmp_path / "value.json", value)
    assert json.loads((tmp_path / "value.json").read_text(encoding="utf-8")) == value


def test_the_hash_is_sha256_of_canonical_json() -> None:
    expected = hashlib.sha256('{"a":[1,2],"ö":null}'.encode()).hexdigest()[:16]
    assert stable_hash({"ö": None, "a": [1, 2]}) == expected
    assert stable_hash({"a": [2, 1], "ö": None}) != expected

"""Temporary folders: removed by their owner, swept after a killed one, left alone while it lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import pytest

from mlee_core.system import locks, temporary_folders

OWNER = """
import sys
from mlee_core.system.temporary_folders import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "samples.f32").write_bytes(bytes(1000))
print(folder.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_the_owner_removes_its_folder_and_no_other() -> None:
    mine, other = temporary_folders.TemporaryFolder(), temporary_folders.TemporaryFolder()
    mine.remove()
    mine.remove()
    assert not mine.path.exists() and other.path.is_dir()
    other.remove()


def test_a_living_owners_folder_stays_and_a_killed_ones_is_swept() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None and owner.stdin is not None
    folder = Path(owner.stdout.readline().strip())
    assert temporary_folders.sweep() == 0 and (folder / "samples.f32").is_file()
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    owner.stdin.close()
    assert folder.is_dir()  # a killed process removes nothing
    assert temporary_folders.sweep() == 1 and not folder.exists()


def test_a_folder_that_is_swept_before_it_is_locked_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    real, swept = locks.lock, []

    def lock(file: IO[bytes], *, wait: bool) -> bool:
        if not swept:
            swept.append(None)
            assert temporary_folders.sweep() == 1
        return real(file, wait=wait)

    monkeypatch.setattr(locks, "lock", lock)
    folder = temporary_folders.TemporaryFolder()
    assert swept and folder.path.is_dir()
    folder.remove()


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "mlee-scratch-without-a-lock").mkdir()
    (tmp_path / "somebody").mkdir()
    (tmp_path / "somebody" / "lock").touch()
    assert temporary_folders.sweep() == 0 and len(list(tmp_path.iterdir())) == 2

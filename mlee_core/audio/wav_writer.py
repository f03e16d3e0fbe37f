"""Takes on disk: WAV files that are readable at whatever moment the recording ends.

While a take grows, the sizes in its header are 0xFFFFFFFF, "not known yet", as in streamed files; `finish`
writes the true ones, and `recover` does so for takes left by a crash.
"""

from __future__ import annotations

import errno
import os
import struct
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from ..system import locks

_UNKNOWN = 0xFFFFFFFF
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")

Frames = npt.NDArray[np.int16]


def recover(folder: Path) -> list[Path]:
    """Complete the headers of takes left by a crash; returns those takes, sorted.

    Takes that another process is still recording, and takes without a sample, are left unchanged.
    """
    return [path for path in sorted(Path(folder).glob("*.wav")) if _recover_one(path)]


class WavWriter:
    """A growing 16-bit WAV file, locked while it grows so that `recover` leaves it alone."""

    def __init__(self, folder: Path, rate: int, channels: int) -> None:
        """Raises: OSError if `folder`, which is created if missing, is not writable."""
        folder.mkdir(parents=True, exist_ok=True)
        self._rate, self._channels = rate, channels
        self.path, self._file = _new_file(folder)
        with suppress(locks.LocksUnsupported):  # then `recover` leaves all files alone
            locks.lock(self._file, wait=True)
        self._file.write(_header(rate, channels, None))
        self.frames = 0

    def append(self, frames: Frames) -> None:
        """frames: int16 [n, channels]. Raises: OSError (disk full)."""
        if len(frames):
            self._file.write(frames.astype("<i2", copy=False).tobytes())
            self.frames += len(frames)

    def sync(self) -> None:
        """Make the appended frames survive a power cut."""
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Write the sizes into the header and close."""
        if not self._file.closed:
            with self._file:
                _complete_header(self._file, self._rate, self._channels)


def _new_file(folder: Path) -> tuple[Path, BinaryIO]:
    stem = datetime.now().strftime("take-%Y%m%d-%H%M%S")
    for suffix in ("", *(f"-{n}" for n in range(2, 1000))):
        path = folder / f"{stem}{suffix}.wav"
        try:
            return path, path.open("xb", buffering=0)
        except FileExistsError:
            continue
    raise FileExistsError(errno.EEXIST, "too many takes in one second", str(folder))


def _header(rate: int, channels: int, data_bytes: int | None) -> bytes:
    """The 44 bytes before the samples. data_bytes: None if not known yet."""
    known = data_bytes is not None and data_bytes + 36 < _UNKNOWN
    sizes = (data_bytes + 36, data_bytes) if known and data_bytes is not None else (_UNKNOWN, _UNKNOWN)
    frame = 2 * channels
    return _HEADER.pack(
        *(b"RIFF", sizes[0], b"WAVE"),
        *(b"fmt ", 16, 1, channels, rate, rate * frame, frame, 16),
        *(b"data", sizes[1]),
    )


def _complete_header(file: BinaryIO, rate: int, channels: int) -> None:
    """Remove a half-written frame, write the sizes and flush to disk."""
    frame = 2 * channels
    size = file.seek(0, os.SEEK_END)
    data = max(0, size - _HEADER.size) // frame * frame
    file.truncate(_HEADER.size + data)
    file.seek(0)
    file.write(_header(rate, channels, data))
    os.fsync(file.fileno())


def _recover_one(path: Path) -> bool:
    if not os.access(path, os.R_OK | os.W_OK):
        return False  # another user's file
    with path.open("r+b", buffering=0) as file:
        try:
            if not locks.lock(file, wait=False):
                return False
        except locks.LocksUnsupported:  # whether it is still being recorded cannot be known
            return False
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            return False
        fields = _HEADER.unpack(head)
        channels, rate = fields[6], fields[7]
        if channels < 1 or head != _header(rate, channels, None):
            return False
        if path.stat().st_size < _HEADER.size + 2 * channels:
            return False
        _complete_header(file, rate, channels)
        return True

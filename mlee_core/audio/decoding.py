"""A sound file as 16 kHz mono float32, safely: decoding runs in a process that can be killed.

Nothing is cut silently: a file is read completely, accepted with notes on how it was converted, or refused
with one sentence (AudioError). Measured (FACTS.md): 60,000 mutated files crash nothing but decode to
non-finite samples or claim 10⁸ frames, and libsndfile can hang; hence the child, the blocks and the checks.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import AudioError, WorkerDied
from ..events import Progress
from ..system.service import END, Done, Fault, Refused, Request, ServiceProcess, calling
from . import decode_file
from .frames import MAX_SEGMENT_S, SAMPLE_RATE
from .levels import AudioSignal, Samples, speech_digest

HANG_S = 10.0
"""Seconds without progress after which decoding is stopped."""

START_S = 60.0
"""Seconds that the decoder's process may take to start on a busy machine."""

LONG_S = 300.0
"""Recordings from here on (19 MB) are mapped from disk instead of held in memory."""

_HEARTBEAT_S = 0.2

SUFFIXES = frozenset(
    {".aif", ".aifc", ".aiff", ".au", ".caf", ".flac", ".mp3", ".nist", ".oga", ".ogg", ".opus"}
    | {".rf64", ".snd", ".sph", ".voc", ".w64", ".wav", ".wave"}
)
"""File name endings by which `find_audio` recognises sound files in a folder."""


@dataclass(frozen=True)
class Recording:
    """A decoded sound file.

    samples: float32 [N], 16 kHz mono, finite, read-only; a np.memmap when long. source_rate: Hz, channels:
    of the file. notes: conversions and anomalies, one sentence each. digest: first 16 hex digits of the
    sha256 of the samples' little-endian bytes, which identify the recording.
    """

    path: Path
    samples: Samples
    source_rate: int
    channels: int
    notes: tuple[str, ...]
    digest: str

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @cached_property
    def signal(self) -> AudioSignal:
        """The samples with their levels, measured at first use."""
        return AudioSignal.of(self.samples)

    def digests(self) -> tuple[str, ...]:
        """By which a model recognises it: all of it and, of an utterance, its speech whatever quiet is around
        it."""
        short = self.duration_s <= MAX_SEGMENT_S
        return (self.digest, *((speech_digest(self.samples),) if short else ()))


class Decoder:
    """Decodes any number of files, one at a time, in one process that starts at first use.

    hang_s: seconds without progress after which a file is given up and the process replaced.
    decode: the child's function, importable; another one in tests.
    """

    def __init__(
        self, hang_s: float = HANG_S, *, decode: decode_file.DecodeFunction = decode_file.decode_file
    ) -> None:
        self._hang_s = hang_s
        self._decode = decode
        self._process: ServiceProcess | None = None
        self._ready = False
        self._open = False  # a generator of `decode` is
        self._working = False  # the process owes a reply

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and remove its files."""
        if self._process is not None:
            self._process.kill()
        self._process, self._ready, self._working = None, False, False

    def start(self) -> None:
        """Start the process, or another one if it ended, without waiting until it is ready."""
        if self._process is None or not self._process.alive:
            self.close()
            self._process = ServiceProcess("decoder", calling, self._decode)

    def load(self, path: Path | str) -> Recording:
        """The decoded file. Raises: AudioError."""
        *_, recording = self.decode(path)
        assert isinstance(recording, Recording), "decode ends with a Recording or an error"
        return recording

    def decode(self, path: Path | str) -> Iterator[Progress | Recording]:
        """Yield Progress (in seconds of sound) at least five times a second, then the Recording.

        Each yield is a point to stop at: closing the generator ends the decoding.
        Raises: AudioError if the file is refused; WorkerDied if the decoder fails by a fault of ours.
        """
        path = Path(path)
        if self._open:
            raise RuntimeError("a Decoder decodes one file at a time; use another one")
        self._open = True
        out: Path | None = None
        try:
            process = self._started(path)
            out = process.folder / "samples.f32"
            self._working = True
            process.send(Request(1, (path, out)))
            decoded = yield from self._progress(process, path)
            yield _recording(path, decoded, out)
        finally:
            if self._working:  # stopped midway
                self.close()
            if out is not None:
                out.unlink(missing_ok=True)
            self._open = False

    def _started(self, path: Path) -> ServiceProcess:
        self.start()
        process = self._process
        assert process is not None
        if not self._ready:
            if not process.poll(START_S):
                raise WorkerDied(f"The decoder did not start within {START_S:g} s, so {path} was not read.")
            process.receive()
            self._ready = True
        return process

    def _progress(
        self, process: ServiceProcess, path: Path
    ) -> Generator[Progress, None, decode_file.Decoded]:
        latest = Progress(f"Reading {path.name}", 0.0)
        began = time.monotonic()
        waited = 0.0
        while True:
            wait_began = time.monotonic()
            if not process.poll(_HEARTBEAT_S):
                waited += time.monotonic() - wait_began  # only our own waiting: a paused caller is no hang
                if waited >= self._hang_s:
                    raise AudioError(
                        f"{path} cannot be read: decoding hung for {self._hang_s:g} s and was stopped."
                    )
                yield latest
                continue
            waited = 0.0
            event = _receive(process, path)
            self._working = not isinstance(event, END)
            match event:
                case decode_file.Step():
                    latest = _progress(latest.what, event, time.monotonic() - began)
                    yield latest
                case Done(decode_file.Decoded() as decoded):
                    return decoded
                case Refused(message):
                    raise AudioError(message)
                case Fault(error):
                    raise WorkerDied(f"The decoder failed on {path}: {error}.")


def _receive(process: ServiceProcess, path: Path) -> Any:
    try:
        return process.receive().event
    except WorkerDied as error:
        outcome = process.outcome()
        if outcome is not None and outcome.signal is not None:
            raise AudioError(
                f"{path} cannot be read: decoding it crashed the decoder ({outcome.signal})."
            ) from error
        raise


def find_audio(path: Path | str) -> tuple[Path, ...]:
    """A file: itself, whatever its name. A folder: its sound files (by SUFFIXES), recursively, sorted.

    Hidden files and folders are left out. Raises: AudioError if nothing is found or the folder is unreadable.
    """
    path = Path(path)
    if not stat.S_ISDIR(decode_file.file_status(path).st_mode):
        return (path,)
    found = sorted(_walk(path))
    if not found:
        raise AudioError(
            f"{path} is a folder without a sound file; expected are {' '.join(sorted(SUFFIXES))}."
        )
    return tuple(found)


def _walk(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise AudioError(f"{error.filename} cannot be listed: {error.strerror}.") from error

    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(root, name)


def _progress(what: str, step: decode_file.Step, elapsed_s: float) -> Progress:
    left = None
    if step.total_s is not None and step.done_s > 0:
        left = max(0.0, elapsed_s * (step.total_s - step.done_s) / step.done_s)
    return Progress(what, step.done_s, step.total_s, left)


def _recording(path: Path, decoded: decode_file.Decoded, out: Path) -> Recording:
    """Take over the raw file: short ones are read, long ones mapped; the caller unlinks it either way."""
    samples: Samples
    if decoded.samples >= LONG_S * SAMPLE_RATE:
        samples = np.memmap(out, dtype="<f4", mode="r")
    else:
        samples = np.fromfile(out, dtype="<f4")
        samples.flags.writeable = False
    return Recording(path, samples, decoded.source_rate, decoded.channels, decoded.notes, decoded.digest)

"""What the decoder process does: one sound file to raw 16 kHz mono float32, block by block.

It runs in a process that can be killed, because libsndfile can hang or crash on damaged files. It imports
numpy, soundfile and soxr only, so that it starts fast.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import stat
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import soundfile
import soxr

from ..errors import AudioError
from .file_headers import (
    Claim,
    Mp3,
    NeverClosed,
    ends_as_ogg_stream,
    joined_ogg_streams,
    read_claim,
    read_mp3,
)
from .frames import SAMPLE_RATE
from .levels import AudioSignal, Samples
from .quality import clipping_notes

MIN_RATE, MAX_RATE = 1_000, 768_000
MAX_PEAK = 1e6
"""+120 dB over full scale: what is above is a damaged float file, not a loud recording."""

_BLOCK_SAMPLES = 1 << 16  # over all channels: 256 KiB of float32, 4 s of 16 kHz mono
_UNKNOWN_FRAMES = 1 << 62  # libsndfile gives 2⁶³ − 1 where a format does not know its length
_SIZED = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "NIST", "FLAC", "MP3", "CAF", "SDS", "OGG"}
"""Formats whose completeness is known, from file_headers.py or from libsndfile's own frame count."""


@dataclass(frozen=True)
class Step:
    """done_s of total_s seconds are decoded; total_s None when unknown."""

    done_s: float
    total_s: float | None


@dataclass(frozen=True)
class Decoded:
    """`out` holds `samples` float32 values, little-endian, 16 kHz mono; digest: 16 hex of their sha256."""

    samples: int
    source_rate: int
    channels: int
    notes: tuple[str, ...]
    digest: str


DecodeFunction = Callable[[Path, Path], Generator[Step, None, Decoded]]


def decode_file(path: Path, out: Path) -> Generator[Step, None, Decoded]:
    """Decode one file into the raw file `out`. Raises: AudioError with one sentence."""
    size = _regular_size(path)
    try:
        with path.open("rb", buffering=0) as file:
            facts = _read_facts(path, file, size)
            with _source(file, facts) as source, soundfile.SoundFile(source, closefd=False) as sound:
                return (yield from _decode(path, sound, facts, out))
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path} is not sound that MLEE can read ({error.error_string.strip().rstrip('.')}); "
            "WAV, FLAC, OGG, MP3, AIFF and the other formats of libsndfile are."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise AudioError(
                f"{path} cannot be decoded: no space is left in {out.parent} for its samples."
            ) from error
        raise AudioError(f"{path} cannot be read: {error.strerror or error}.") from error


def file_status(path: Path) -> os.stat_result:
    """Raises: AudioError if the file does not exist or is not accessible."""
    try:
        return path.stat()
    except FileNotFoundError:
        raise AudioError(f"{path} does not exist.") from None
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise AudioError(f"{str(path)!r} cannot be read: no file name holds a null character.") from error


def _regular_size(path: Path) -> int:
    status = file_status(path)
    if stat.S_ISDIR(status.st_mode):
        raise AudioError(f"{path} is a folder; a sound file is needed here.")
    if not stat.S_ISREG(status.st_mode):
        raise AudioError(f"{path} is a pipe or a device; only regular sound files can be read.")
    if status.st_size == 0:
        raise AudioError(f"{path} is empty (0 bytes).")
    return status.st_size


@dataclass(frozen=True)
class _Facts:
    """What is known of a file before libsndfile opens it."""

    claim: Claim | None
    mp3: Mp3 | None
    ogg_ended: bool


def _read_facts(path: Path, file: io.FileIO, size: int) -> _Facts:
    claim = read_claim(file, size)
    if claim is not None and claim.claimed is not None and claim.claimed > claim.present:
        raise AudioError(
            f"{path} is cut short or its header is wrong: the header claims {claim.claimed} bytes of sound, "
            f"the file has {max(0, claim.present)}."
        )
    if joined_ogg_streams(file, size):
        raise AudioError(f"{path} is several Ogg streams in one file; only files of one stream can be read.")
    return _Facts(claim, read_mp3(file, size), ends_as_ogg_stream(file, size))


@contextmanager
def _source(file: io.FileIO, facts: _Facts) -> Iterator[int | NeverClosed]:
    """What libsndfile reads: no name, since it takes text for sound if its name ends in .au."""
    file.seek(0)
    if facts.claim is not None and facts.claim.never_closed:
        yield NeverClosed(file)
    elif facts.mp3 is not None and not facts.mp3.tagged:
        with _piped(file, facts.mp3.start) as descriptor:
            yield descriptor
    else:
        yield file.fileno()


@contextmanager
def _piped(file: io.FileIO, start: int) -> Iterator[int]:
    """The reading end of a pipe that carries `file` from `start` on: a file without a length to guess."""
    reading, writing = os.pipe()

    def feed() -> None:
        file.seek(start)
        with suppress(BrokenPipeError), os.fdopen(writing, "wb") as pipe:
            shutil.copyfileobj(file, pipe)

    feeder = threading.Thread(target=feed, name="feeder")
    feeder.start()
    try:
        yield reading
    finally:
        os.close(reading)
        feeder.join()


def _decode(
    path: Path, sound: soundfile.SoundFile, facts: _Facts, out: Path
) -> Generator[Step, None, Decoded]:
    rate, channels = sound.samplerate, sound.channels
    if not MIN_RATE <= rate <= MAX_RATE:
        raise AudioError(
            f"{path} claims a sample rate of {rate} Hz; allowed are {MIN_RATE} to {MAX_RATE} Hz."
        )
    claimed = sound.frames if 0 <= sound.frames < _UNKNOWN_FRAMES else None
    resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
    peak, frames, written, clipped = 0.0, 0, 0, 0
    changed = resampler is not None or channels > 1  # which hides clipping in the result
    digest = hashlib.sha256()
    with out.open("wb") as raw:
        for block in _blocks(path, sound):
            peak = max(peak, _checked_peak(path, block, frames / rate))
            frames += len(block)
            clipped += sum(AudioSignal.of(channel).clipped for channel in block.T) if changed else 0
            written += _write(raw, digest, _resampled(resampler, _mixed(block), last=False))
            yield Step(frames / rate, None if claimed is None else claimed / rate)
        if resampler is not None:
            written += _write(raw, digest, _resampled(resampler, np.zeros(0, np.float32), last=True))
    _refuse_missing(path, frames, claimed, rate, written)
    notes = (*_notes(sound, facts, claimed, peak), *clipping_notes(clipped, frames * channels))
    return Decoded(written, rate, channels, notes, digest.hexdigest()[:16])


def _blocks(path: Path, sound: soundfile.SoundFile) -> Iterator[Samples]:
    """Blocks [n, channels] until the end; memory does not depend on what the header claims."""
    size = max(1024, _BLOCK_SAMPLES // sound.channels)
    done = 0
    while True:
        try:
            block = sound.read(size, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioError(
                f"{path} is damaged: decoding failed between {done / sound.samplerate:.2f} "
                f"and {min(done + size, sound.frames) / sound.samplerate:.2f} s "
                f"({error.error_string.strip().rstrip('.')})."
            ) from error
        if len(block) == 0:
            return
        done += len(block)
        yield block


def _checked_peak(path: Path, block: Samples, start_s: float) -> float:
    peak = float(np.max(np.abs(block)))  # NaN if any sample is
    if not np.isfinite(peak):
        raise AudioError(f"{path} holds samples that are not finite numbers, from {start_s:.2f} s on.")
    if peak > MAX_PEAK:
        raise AudioError(f"{path} holds samples up to {peak:.3g}; allowed are {MAX_PEAK:g} and less.")
    return peak


def _mixed(block: Samples) -> Samples:
    if block.shape[1] == 1:
        return np.ascontiguousarray(block[:, 0])
    return np.asarray(np.mean(block, axis=1, dtype=np.float64), dtype=np.float32)


def _resampled(resampler: soxr.ResampleStream | None, samples: Samples, *, last: bool) -> Samples:
    return samples if resampler is None else resampler.resample_chunk(samples, last=last)


def _write(raw: BinaryIO, digest: Any, samples: Samples) -> int:
    data = samples.astype("<f4", copy=False).tobytes()
    raw.write(data)
    digest.update(data)
    return len(samples)


def _refuse_missing(path: Path, frames: int, claimed: int | None, rate: int, written: int) -> None:
    if frames == 0 or written == 0:
        raise AudioError(f"{path} holds no samples.")
    if claimed is not None and frames < claimed:
        raise AudioError(
            f"{path} is cut short or its header is wrong: it claims {claimed / rate:.2f} s, "
            f"only {frames / rate:.2f} s could be decoded."
        )


def _notes(sound: soundfile.SoundFile, facts: _Facts, claimed: int | None, peak: float) -> Iterator[str]:
    rate, channels = sound.samplerate, sound.channels
    changes = [f"{channels} channels were mixed down to one"] if channels > 1 else []
    if rate != SAMPLE_RATE:
        changes.append(f"{rate} Hz was resampled to {SAMPLE_RATE} Hz")
    if changes:
        yield f"{' and '.join(changes)}."
    if rate < SAMPLE_RATE // 2:
        yield f"The recording holds nothing above {rate // 2} Hz; the models use up to 4000 Hz."
    if (facts.claim is not None and facts.claim.claimed is None) or claimed is None:
        yield "The header does not state the recording's length (a streamed file); all of it was read."
    if sound.format == "OGG" and not facts.ogg_ended:
        yield "The file has no end mark: it may have been cut short; all of it was read."
    if facts.mp3 is not None and facts.mp3.excess:
        yield f"{facts.mp3.excess} bytes after the end that the header names were not read: joined files?"
    if facts.claim is not None and facts.claim.beyond:
        yield f"{facts.claim.beyond} bytes after the end that the header names were not read: is it wrong?"
    if sound.format not in _SIZED:
        yield f"Files of type {sound.format} do not state their length; this one may be cut short."
    if peak > 1 and sound.subtype in ("FLOAT", "DOUBLE"):
        yield f"Samples reach {peak:.3g}, beyond full scale (1.0)."

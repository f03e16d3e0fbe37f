"""What a sound file's header claims about its size, read before libsndfile opens the file.

libsndfile silently shortens a WAV, AIFF, AU, W64, RF64 or NIST file whose header claims more bytes than the
file has, so that a half-copied recording would pass for a complete one. Only sizes are read here, by the
published layouts; no allocation depends on them.
"""

from __future__ import annotations

import io
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STREAMED_FROM = 0x7FFF0000
"""A 32-bit size from here on means "not known when writing": programs that write to a pipe use 0xFFFFFFFF
(ffmpeg), 0x7FFFF000 (espeak), 0x80000000 (arecord) and neighbours."""

UNCOMPRESSED = (1, 3, 0xFFFE)
"""Format numbers of a WAV with samples of equal size: PCM, float, and either with an extension."""

_TAIL = 4096  # padding and tags of other formats at the end of a WAV
_OGG = b"OggS\0"
_OGG_TAIL = 70_000  # an Ogg page is at most 65,307 bytes
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


@dataclass(frozen=True)
class Claim:
    """Bytes of sound in a file.

    claimed: by the header, None if it states no size. present: in the file.
    never_closed: the header states 0 bytes, as a killed recorder leaves it.
    beyond: bytes of a WAV after its sound that are no chunk: sound that the header leaves out, or a joined
    file.
    """

    claimed: int | None
    present: int
    never_closed: bool = False
    beyond: int = 0


class NeverClosed(io.RawIOBase):
    """A WAV file whose writer was killed before it wrote the sizes, in a form that libsndfile reads.

    libsndfile reads sound from a `data` chunk of size 0 only if the RIFF size is 8, so this is substituted.
    """

    _AT = 4

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._size = b"\x00\x00\x00\x08" if file.read(4) == b"RIFX" else b"\x08\x00\x00\x00"
        file.seek(0)

    def readinto(self, buffer: Any) -> int:
        start = self._file.tell()
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view)
        for at in range(max(start, self._AT), min(start + count, self._AT + 4)):
            view[at - start] = self._size[at - self._AT]
        return count

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def read_claim(file: io.FileIO, size: int) -> Claim | None:
    """What the header of `file` (`size` bytes long) claims; None where the layout states no byte count.

    Moves the position in `file`. Damaged headers give None: libsndfile then reports the damage.
    """
    file.seek(0)
    head = file.read(1024)
    match head[:4]:
        case b"RIFF" | b"RIFX" | b"RF64":
            return _riff(file, size, head)
        case b"FORM":
            return _aiff(file, size)
        case b".snd" | b"dns." if len(head) >= 12:
            offset, claimed = struct.unpack((">" if head[:4] == b".snd" else "<") + "II", head[4:12])
            return Claim(_known(claimed), size - offset)
        case b"riff" if head.startswith(_W64_RIFF) and len(head) >= 24:
            return Claim(int.from_bytes(head[16:24], "little"), size)
        case b"NIST":
            return _nist(head, size)
    return None


def wav_seconds(path: Path) -> float | None:
    """Duration of an uncompressed WAV file, by its header and size alone.

    None for other, unreadable and damaged files, whose duration only decoding finds.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return _wav_seconds(file, os.fstat(file.fileno()).st_size)
    except OSError:
        return None


def _wav_seconds(file: io.FileIO, size: int) -> float | None:
    head = file.read(4)
    claim = read_claim(file, size) if head in (b"RIFF", b"RIFX", b"RF64") else None
    if claim is None:
        return None
    order = ">" if head == b"RIFX" else "<"
    for name, length, position in _chunks(file, size, order):
        if name == b"fmt " and length >= 16:  # it ends before the sound, so it is in the file
            file.seek(position)
            kind, _, rate, _, frame, _ = struct.unpack(order + "HHIIHH", file.read(16))
            sound = claim.present if claim.claimed is None else min(claim.claimed, claim.present)
            return sound // frame / rate if kind in UNCOMPRESSED and frame and rate else None
    return None


def ends_as_ogg_stream(file: io.FileIO, size: int) -> bool:
    """Whether an Ogg file's last page has the end-of-stream mark, which a truncated file lacks."""
    page = _last_ogg_page(file, size)
    if len(page) < 27:
        return False
    segments = page[26]
    whole = 27 + segments + sum(page[27 : 27 + segments]) <= len(page)
    return whole and bool(page[5] & 4)


def joined_ogg_streams(file: io.FileIO, size: int) -> bool:
    """Whether an Ogg file's last page belongs to another stream than its first: libsndfile reads one only."""
    file.seek(0)
    head, page = file.read(18), _last_ogg_page(file, size)
    return head.startswith(_OGG) and len(page) >= 18 and head[14:18] != page[14:18]


def _last_ogg_page(file: io.FileIO, size: int) -> bytes:
    """From the last page's mark to the end of the file; empty without a mark."""
    file.seek(max(0, size - _OGG_TAIL))
    tail = file.read()
    return tail[tail.rfind(_OGG) :] if _OGG in tail else b""


def _known(claimed: int) -> int | None:
    return None if claimed >= STREAMED_FROM else claimed


def _chunks(file: io.FileIO, size: int, order: str) -> list[tuple[bytes, int, int]]:
    """(id, claimed size, position of the content) of each chunk, up to that of the sound."""
    found: list[tuple[bytes, int, int]] = []
    position = 12
    while position + 8 <= size and len(found) < 1000:
        file.seek(position)
        name, length = struct.unpack(order + "4sI", file.read(8))
        found.append((name, length, position + 8))
        if name in (b"data", b"SSND"):
            break
        position += 8 + length + length % 2
    return found


def _riff(file: io.FileIO, size: int, head: bytes) -> Claim | None:
    order = ">" if head[:4] == b"RIFX" else "<"
    whole = size - 9 <= struct.unpack(order + "I", head[4:8].ljust(4, b"\0"))[0] <= size - 8
    wide: int | None = None
    for name, length, position in _chunks(file, size, order):
        if name == b"ds64" and position + 16 <= size:
            file.seek(position + 8)
            wide = int.from_bytes(file.read(8), "little")
        if name == b"data":
            present = size - position
            if wide is not None and length == 0xFFFFFFFF:
                return Claim(wide, present)
            if length == 0 and present > 0 and not whole:
                return Claim(None, present, never_closed=True)
            end = position + length + length % 2
            return Claim(_known(length), present, beyond=_beyond(file, size, order, end))
    return None


def _beyond(file: io.FileIO, size: int, order: str, position: int) -> int:
    """Bytes from the first position after the sound where no chunk begins; 0 if few enough for a tag."""
    while position + 8 <= size:
        file.seek(position)
        name, length = struct.unpack(order + "4sI", file.read(8))
        printable = all(32 <= byte < 127 for byte in name)
        if not printable or name in (b"RIFF", b"RIFX", b"data") or position + 8 + length > size:
            break
        position += 8 + length + length % 2
    beyond = size - position
    return beyond if beyond > _TAIL else 0


def _aiff(file: io.FileIO, size: int) -> Claim | None:
    chunks = _chunks(file, size, ">")
    return next((Claim(_known(n), size - at) for name, n, at in chunks if name == b"SSND"), None)


def _nist(head: bytes, size: int) -> Claim | None:
    fields = dict(re.findall(rb"(\w+) -i (\d+)", head))
    try:
        header = int(head[8:16])
        parts = [int(fields[key]) for key in (b"sample_count", b"channel_count", b"sample_n_bytes")]
    except (KeyError, ValueError):
        return None
    return Claim(parts[0] * parts[1] * parts[2], size - header)


_SEARCHED = 8192
_TAG_REACH = 64  # the tag follows at most 4 + 2 + 32 bytes of headers
_SPARE = 16_384  # bytes of other tags that may follow the sound


@dataclass(frozen=True)
class Mp3:
    """start: position of the first frame. tagged: whether a tag states the length. excess: bytes after that
    length, 0 if few enough for tags at the end."""

    start: int
    tagged: bool
    excess: int


def read_mp3(file: io.FileIO, size: int) -> Mp3 | None:
    """Read the first frame; None if this is no MP3. Moves the position in `file`."""
    start = _after_id3(file, size)
    file.seek(start)
    head = file.read(_SEARCHED)
    reach = _SEARCHED if start > 0 else 4
    offset = next((at for at in range(min(reach, len(head)) - 3) if _is_frame(head[at : at + 4])), None)
    if offset is None:
        return None
    start += offset
    first = head[offset:]
    at = max(first.find(b"Xing", 0, _TAG_REACH), first.find(b"Info", 0, _TAG_REACH))
    if at < 0:
        return Mp3(start, tagged=False, excess=0)
    return Mp3(start, tagged=True, excess=_excess(first[at + 4 : at + 16], size - start))


def _after_id3(file: io.FileIO, size: int) -> int:
    """End of the ID3v2 tags at the start; 0 without any."""
    position = 0
    while position + 10 <= size:
        file.seek(position)
        head = file.read(10)
        if not head.startswith(b"ID3"):
            break
        length = 0
        for byte in head[6:10]:
            length = length << 7 | byte & 0x7F
        position += 10 + length + (10 if head[5] & 0x10 else 0)
    return position


def _is_frame(head: bytes) -> bool:
    """Whether four bytes are a frame header of layer I to III with valid version, bit rate and rate."""
    synchronised = head[0] == 0xFF and head[1] & 0xE0 == 0xE0
    valid_rates = head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C
    return synchronised and head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0 and valid_rates


def _excess(fields: bytes, present: int) -> int:
    """fields: flags, number of frames, number of bytes; the numbers are present only if the flags are set."""
    if len(fields) < 12 or fields[3] & 3 != 3:
        return 0
    beyond = present - int.from_bytes(fields[8:12], "big")
    return beyond if beyond > max(_SPARE, present // 100) else 0

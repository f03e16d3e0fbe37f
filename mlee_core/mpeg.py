"""What is known of an MP3's length before it is decoded.

An MP3 states its length only in the "Xing" or "Info" tag that some encoders put into the first frame. Without
it libsndfile guesses from the first frame's bit rate and stops there: measured, 11 of the 20 s of a
variable-rate file. Such a file has to be read as a stream, which has no length to stop at.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

_SEARCHED = 8192
_TAG_REACH = 64  # the tag stands behind at most 4 + 2 + 32 bytes of headers
_SPARE = 16_384  # what may stand behind the sound without being any: other tags


@dataclass(frozen=True)
class Mp3:
    """start: position of the first frame. tagged: the length is stated. excess: bytes that follow the sound
    which the tag names, beyond what tags at the end need: 0 if there are none."""

    start: int
    tagged: bool
    excess: int


def read_mp3(file: io.FileIO, size: int) -> Mp3 | None:
    """Look at the first frame; None if this is no MP3. The position in `file` is moved."""
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
    """Where the ID3v2 tags at the start end; 0 if there are none."""
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
    return synchronised and head[1] & 0x18 != 0x08 and head[1] & 0x06 != 0 and _valid_rates(head[2])


def _valid_rates(byte: int) -> bool:
    return byte >> 4 not in (0, 15) and byte & 0x0C != 0x0C


def _excess(fields: bytes, present: int) -> int:
    """fields: flags, number of frames, number of bytes; the numbers only where the flags say so."""
    if len(fields) < 12 or fields[3] & 3 != 3:
        return 0
    beyond = present - int.from_bytes(fields[8:12], "big")
    return beyond if beyond > max(_SPARE, present // 100) else 0

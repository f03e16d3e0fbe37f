"""Git-LFS pointer files, which a clone without Git LFS contains in place of audio and large tables.

A pointer is a text file of a few lines that begins with `version https://git-lfs` (Git LFS
specification, https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
"""

from __future__ import annotations

import stat
from pathlib import Path

from ..errors import CorpusError

BEGINS = b"version https://git-lfs"
MAX_BYTES = 1024  # the specification's own limit: a pointer is smaller
ADVICE = "run `git lfs pull` in the corpus's folder to fetch the real file"


def is_pointer(path: Path) -> bool:
    """Whether `path` is a Git-LFS pointer; False for anything missing or unreadable."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size >= MAX_BYTES:
            return False  # a FIFO would make open() wait
        with path.open("rb") as stream:
            return stream.read(len(BEGINS)) == BEGINS
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False


def refuse_pointer(path: Path) -> None:
    """Raises: CorpusError with advice on Git LFS if `path` is a pointer instead of the file itself."""
    if is_pointer(path):
        raise CorpusError(f"{path} is a Git-LFS pointer instead of the file itself: {ADVICE}.")

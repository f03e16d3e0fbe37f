"""Paths of audio as a table refers to them."""

from __future__ import annotations

import os
from pathlib import Path


def plain(file: Path) -> Path:
    """The same file without `..`, which cannot simply be crossed out: what stands before it may be a link."""
    return Path(os.path.realpath(file)) if ".." in file.parts else file


def relative(file: Path, folder: Path) -> str:
    """`file` as seen from `folder`, which has no links in its path; `file` is absolute and need not exist."""
    return os.path.relpath(plain(file), folder)

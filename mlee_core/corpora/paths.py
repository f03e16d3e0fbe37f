"""Paths of audio files relative to the table that lists them."""

from __future__ import annotations

import os
from pathlib import Path


def without_parents(file: Path) -> Path:
    """The same file without `..`, which cannot be removed as text: the folder before it may be a link."""
    return Path(os.path.realpath(file)) if ".." in file.parts else file


def relative(file: Path, folder: Path) -> str:
    """`file` (absolute, need not exist) relative to `folder`, which has no links in its path."""
    return os.path.relpath(without_parents(file), folder)

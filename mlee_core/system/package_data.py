"""Where the files shipped with MLEE are: beside the packages in a checkout, inside them when installed."""

from __future__ import annotations

from pathlib import Path


def root() -> Path:
    """The `resources` folder, with the folders icons, models and samples."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_resources"
    return installed if installed.is_dir() else package.parent / "resources"

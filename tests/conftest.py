"""Shared fixtures: real data where it is at hand, made audio everywhere else."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# a shell starts what it puts into the background deaf to Ctrl-C, and its children inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED_DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real recordings (emodb/) and real votes (cremad/), or a skip."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real data not at hand: {SHARED_DATA} does not exist")
    return SHARED_DATA


@pytest.fixture(scope="session")
def emodb(shared_data: Path) -> Path:
    return shared_data / "emodb"

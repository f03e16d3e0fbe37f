"""Which commit a result is stamped with, where MLEE is no checkout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlee_core.system import provenance


@pytest.mark.parametrize(
    ("written", "commit"),
    [
        ({"url": "https://x.invalid/mlee", "vcs_info": {"vcs": "git", "commit_id": "1a2b3c4d5e"}}, "1a2b3c4"),
        ({"url": "file:///home/me/mlee", "dir_info": {}}, ""),
        (None, ""),
    ],
)
def test_an_installed_copy_has_the_commit_that_pip_wrote_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: dict[str, object] | None, commit: str
) -> None:
    about = tmp_path / "mlee_speech-0.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mlee-speech\nVersion: 0.0\n")
    if written is not None:
        (about / "direct_url.json").write_text(json.dumps(written))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        provenance, "__file__", str(tmp_path / "mlee_core" / "system" / "provenance.py")
    )  # no checkout
    provenance.stamp.cache_clear()
    try:
        assert provenance.stamp()["commit"] == commit
    finally:
        provenance.stamp.cache_clear()

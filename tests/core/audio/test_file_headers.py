"""How long a WAV is, by its header: soundfile's own count is the oracle."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.audio.file_headers import wav_seconds


def wav(path: Path, **options: object) -> Path:
    sound = np.zeros((12_345, options.pop("channels", 1)), np.float32)
    soundfile.write(path, sound, options.pop("rate", 16_000), **options)
    return path


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rate": 44_100, "channels": 2, "subtype": "PCM_24"},
        {"subtype": "PCM_U8"},
        {"subtype": "FLOAT", "endian": "BIG"},
        {"format": "WAVEX", "channels": 3},
        {"format": "RF64"},
    ],
    ids=str,
)
def test_as_soundfile_counts(tmp_path: Path, options):
    path = wav(tmp_path / "a.wav", **options)
    assert wav_seconds(path) == soundfile.info(path).duration > 0


def test_a_file_cut_short_is_as_long_as_what_is_there(tmp_path: Path):
    path = wav(tmp_path / "a.wav")
    os.truncate(path, 44 + 2 * 8000 + 1)  # half a sample more
    assert wav_seconds(path) == 0.5


@pytest.mark.parametrize(
    "options", [{"subtype": "MS_ADPCM"}, {"format": "FLAC"}, {"format": "AIFF"}], ids=str
)
def test_others_tell_nothing(tmp_path: Path, options):
    assert wav_seconds(wav(tmp_path / "a.wav", **options)) is None


@pytest.mark.parametrize(("at", "size"), [(24, 4), (32, 2)], ids=["rate", "frame"])
def test_a_header_of_zeros_tells_nothing(tmp_path: Path, at, size):
    path = wav(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    content[at : at + size] = bytes(size)
    path.write_bytes(content)
    assert wav_seconds(path) is None


def test_what_cannot_be_opened_tells_nothing(tmp_path: Path):
    assert wav_seconds(tmp_path / "none.wav") is None
    assert wav_seconds(tmp_path) is None


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_damage_gives_a_length_or_nothing(tmp_path_factory, data):
    path = wav(tmp_path_factory.getbasetemp() / "damaged.wav")
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, 50), max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    seconds = wav_seconds(path)
    assert seconds is None or 0 <= seconds <= len(content)

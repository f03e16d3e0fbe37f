"""Sound files that are refused: one sentence each, never a fault, never half a file taken for a whole one."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from mlee_core.audio import decode_file as decoder_module
from mlee_core.audio.decode_file import decode_file
from mlee_core.audio.decoding import Decoder
from mlee_core.errors import AudioError
from tests.helpers.sounds import RNG_SEED, noise, refusal, wav, with_data_size


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as one:
        yield one


def test_what_is_not_a_sound_file_is_refused(decoder, tmp_path):
    assert "does not exist" in refusal(decoder, tmp_path / "missing.wav")
    assert "is a folder" in refusal(decoder, tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "is empty (0 bytes)" in refusal(decoder, tmp_path / "empty.wav")
    for name in ("text.wav", "text.au", "text.raw", "text.vox", "text.gsm", "text.mp3", "text.sd2"):
        (tmp_path / name).write_text("This is a shopping list, no sound.\n" * 300)
        assert "is not sound" in refusal(decoder, tmp_path / name)
    os.mkfifo(tmp_path / "fifo.wav")
    assert "is a pipe or a device" in refusal(decoder, tmp_path / "fifo.wav")
    assert "is a pipe or a device" in refusal(decoder, Path("/dev/zero"))
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    assert "cannot be read" in refusal(decoder, tmp_path / "loop.wav")
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    assert "does not exist" in refusal(decoder, tmp_path / "gone.wav")
    assert "cannot be read" in refusal(decoder, tmp_path / ("x" * 300 + ".wav"))
    with pytest.raises(AudioError, match="no file name holds a null character"):
        decoder.load(tmp_path / "a\0b.wav")


def test_an_unreadable_file_is_refused(decoder, tmp_path, monkeypatch):
    path = wav(tmp_path / "a.wav", noise(100))
    path.chmod(0)
    if os.geteuid() != 0:
        assert "Permission denied" in refusal(decoder, path)
        return

    def denied(*_: object, **__: object) -> None:  # root may read everything: inject what others meet
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(AudioError, match="cannot be read: Permission denied"):
        list(decode_file(path, tmp_path / "out"))


def test_a_full_temporary_folder_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    path = wav(tmp_path / "a.wav", noise(100))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(decoder_module, "_write", full)
    with pytest.raises(AudioError, match=f"no space is left in {tmp_path}"):
        list(decode_file(path, tmp_path / "out"))


def test_a_file_without_samples_is_refused(decoder, tmp_path):
    for container in ("WAV", "W64", "AIFF", "CAF", "AU"):
        path = wav(tmp_path / f"a.{container}", noise(0), format=container)
        assert "holds no samples" in refusal(decoder, path), container


@pytest.mark.parametrize("size", [0x7FFE0000, 1_000_000, 40_002])
def test_a_wav_that_claims_more_than_it_has_is_refused(decoder, tmp_path, size):
    message = refusal(decoder, with_data_size(wav(tmp_path / "a.wav", noise(20_000)), size))
    assert f"claims {size} bytes" in message and "the file has 40000" in message


@pytest.mark.parametrize(
    "container", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "MP3", "NIST", "SDS"]
)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.97])
def test_a_file_cut_short_is_never_read_as_if_it_were_whole(decoder, tmp_path, container, kept):
    path = wav(tmp_path / "a.bin", noise(100_000), format=container)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    message = refusal(decoder, path)
    assert any(words in message for words in ("cut short", "damaged", "malformed")), message


def test_a_flac_header_that_claims_an_hour_is_refused_without_the_memory_for_it(decoder, tmp_path):
    path = wav(tmp_path / "a.flac", noise(16_000))
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the upper bits of STREAMINFO's 36-bit sample count: 6.4e10 samples
    path.write_bytes(data)
    assert "decoding failed between 0.00 and 4.10 s" in refusal(decoder, path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 99_999])
def test_samples_that_are_no_numbers_are_refused(decoder, tmp_path, value, at):
    sound = noise(100_000, 2)
    sound[at, 1] = value
    assert "not finite" in refusal(decoder, wav(tmp_path / "a.wav", sound, subtype="FLOAT"))


def test_absurd_sample_values_and_rates_are_refused(decoder, tmp_path):
    loud = wav(tmp_path / "loud.wav", noise(100) * np.float32(1e30), subtype="FLOAT")
    assert "allowed are 1e+06 and less" in refusal(decoder, loud)
    for rate in (1, 999, 768_001, 2_000_000_000):
        odd = wav(tmp_path / "rate.wav", noise(100), rate)
        assert f"{rate} Hz; allowed are 1000 to 768000 Hz" in refusal(decoder, odd)
    short = wav(tmp_path / "short.wav", noise(2), 768_000)
    assert "holds no samples" in refusal(decoder, short), "two samples at 768 kHz are none at 16 kHz"


def test_damage_in_the_middle_is_refused_naming_how_far(decoder, tmp_path):
    path = wav(tmp_path / "a.flac", noise(160_000))
    data = bytearray(path.read_bytes())
    middle = len(data) * 3 // 4
    data[middle : middle + 2000] = bytes(2000)
    path.write_bytes(data)
    message = refusal(decoder, path)
    assert "damaged: decoding failed between" in message and " 0.00 and" not in message


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF", "OGG", "MP3", "NIST"])
def test_mutated_files_are_read_with_finite_samples_or_refused(tmp_path, container):
    rng = np.random.default_rng(RNG_SEED)
    sound = noise(3000, 2)
    subtype = "FLOAT" if container == "WAV" else None
    seed = wav(tmp_path / "seed.bin", sound, format=container, subtype=subtype).read_bytes()
    path, read = tmp_path / "mutant.bin", 0
    with Decoder(hang_s=5) as decoder:
        for _ in range(80):
            data = bytearray(seed)
            for _ in range(rng.integers(1, 9)):
                reach = 100 if rng.random() < 0.7 else len(data)  # mostly the header
                data[rng.integers(min(reach, len(data)))] = rng.choice(
                    [0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]
                )
            path.write_bytes(data[: rng.integers(1, len(data) + 1)] if rng.random() < 0.2 else data)
            try:
                recording = decoder.load(path)
            except AudioError as error:
                assert str(path) in str(error) and str(error).endswith(".")
            else:
                read += 1
                assert np.isfinite(recording.samples).all() and len(recording.samples) > 0
    assert read > 0 or container == "OGG", "all are refused (right for OGG only: its pages have checksums)"

"""Sound files in: the right samples, and a note on what is odd.

Oracles: soundfile's and soxr's own one-shot functions, headers written by hand, real EmoDB files.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlee_core.audio.decoding import LONG_S, SAMPLE_RATE, Decoder, Recording, find_audio
from mlee_core.errors import AudioError
from mlee_core.events import Progress
from tests.helpers.sounds import load, mp3, noise, refusal, wav, with_data_size


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as one:
        yield one


def test_emodb_files_are_read_sample_for_sample(decoder, emodb):
    files = find_audio(emodb)
    assert len(files) == 535
    for file in files[::25]:
        recording = decoder.load(file)
        expected, rate = soundfile.read(file, dtype="float32")
        assert rate == SAMPLE_RATE and np.array_equal(recording.samples, expected)
        assert recording.digest == hashlib.sha256(expected.astype("<f4").tobytes()).hexdigest()[:16]
        assert recording.duration_s == soundfile.info(file).duration
        assert recording.notes == ()


def test_a_recording_is_read_only_and_finite(decoder, tmp_path):
    recording = decoder.load(wav(tmp_path / "a.wav", noise(1000)))
    assert recording.samples.dtype == np.float32 and recording.samples.shape == (1000,)
    with pytest.raises(ValueError, match="read-only"):
        recording.samples[0] = 0


def test_stereo_is_the_mean_of_its_channels(decoder, tmp_path):
    stereo = noise(5000, 2)
    recording = decoder.load(wav(tmp_path / "a.wav", stereo))
    np.testing.assert_allclose(recording.samples, (stereo[:, 0] + stereo[:, 1]) / 2, atol=1e-7)
    assert recording.channels == 2 and recording.notes == ("2 channels were mixed down to one.",)


def test_eight_channels_at_96_khz_are_accepted_with_a_note(decoder, tmp_path):
    recording = decoder.load(wav(tmp_path / "a.wav", noise(96_000, 8), 96_000))
    assert recording.duration_s == 1.0 and (recording.channels, recording.source_rate) == (8, 96_000)
    assert recording.notes == ("8 channels were mixed down to one and 96000 Hz was resampled to 16000 Hz.",)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.one_of(st.integers(1000, 200_000), st.sampled_from([8000, 16_000, 44_100, 48_000])),
    channels=st.integers(1, 9),
    count=st.integers(200, 200_000),
)
def test_any_rate_channel_count_and_length(decoder, tmp_path, rate, channels, count):
    count = min(count, 400_000 // channels)
    sound = noise(count, channels)
    recording = decoder.load(wav(tmp_path / "a.wav", sound, rate))
    mono = np.mean(sound, axis=1, dtype=np.float64).astype(np.float32)
    expected = soxr.resample(mono, rate, SAMPLE_RATE)
    assert abs(len(recording.samples) - len(expected)) <= 1
    assert abs(len(recording.samples) - count * SAMPLE_RATE / rate) <= 1
    shared = min(len(expected), len(recording.samples))
    np.testing.assert_allclose(recording.samples[:shared], expected[:shared], atol=2e-5)


@pytest.mark.parametrize("count", [1, 10, 159, 640])
def test_very_short_files_are_accepted(decoder, tmp_path, count):
    sound = noise(count)
    assert np.array_equal(decoder.load(wav(tmp_path / "a.wav", sound)).samples, sound[:, 0])


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "DOUBLE"), ("WAVEX", "PCM_32"), ("FLAC", "PCM_24")]
    + [(container, "PCM_16") for container in ("AIFF", "AU", "CAF", "W64", "RF64", "NIST")],
)
def test_lossless_formats_give_the_same_samples(decoder, tmp_path, container, subtype):
    sound = noise(30_000)
    path = wav(tmp_path / "a.bin", sound, format=container, subtype=subtype)
    recording = decoder.load(path)
    np.testing.assert_allclose(recording.samples, sound[:, 0], atol=1e-7)
    assert recording.notes == ()


@pytest.mark.parametrize(
    ("container", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
)
def test_lossy_formats_are_read_whole(decoder, tmp_path, container, subtype):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48_000) / SAMPLE_RATE)
    recording = decoder.load(wav(tmp_path / "a.bin", tone, format=container, subtype=subtype))
    assert recording.duration_s == pytest.approx(3.0, abs=0.05) and recording.notes == ()
    spectrum = np.abs(np.fft.rfft(recording.samples))
    assert np.argmax(spectrum) / recording.duration_s == pytest.approx(440, abs=1)


def test_a_long_recording_is_mapped_from_disk_and_read_whole(decoder, tmp_path):
    count = int(LONG_S * SAMPLE_RATE) + 12_345
    sound = noise(count)
    items = list(decoder.decode(wav(tmp_path / "a.wav", sound)))
    recording = items.pop()
    assert isinstance(recording, Recording) and isinstance(recording.samples, np.memmap)
    assert np.array_equal(recording.samples, sound[:, 0])
    with pytest.raises(ValueError, match="read-only"):
        recording.samples[0] = 0
    done = [item.done for item in items if isinstance(item, Progress)]
    assert done == sorted(done) and done[-1] == pytest.approx(recording.duration_s)
    assert len(set(done)) > 50, "progress comes in small steps"
    assert items[-1].total == pytest.approx(recording.duration_s) and items[-1].left_s == 0


# ---- with a note -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFDB, 0])
def test_streamed_wavs_are_read_whole_with_a_note(decoder, tmp_path, size):
    sound = noise(20_000)
    recording = decoder.load(with_data_size(wav(tmp_path / "a.wav", sound), size))
    assert np.array_equal(recording.samples, sound[:, 0])
    assert len(recording.notes) == 1 and "streamed" in recording.notes[0]


def test_an_empty_wav_with_tags_behind_is_not_taken_for_a_stream(decoder, tmp_path):
    tags = b"LIST" + struct.pack("<I", 1000) + bytes(1000)
    path = with_data_size(wav(tmp_path / "a.wav", noise(0)), 0)
    data = path.read_bytes() + tags
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    assert "holds no samples" in refusal(decoder, path)


@pytest.mark.parametrize("behind", ["sound", "tags"])
def test_a_wav_whose_header_leaves_sound_out_is_noted(decoder, tmp_path, behind):
    path = wav(tmp_path / "a.wav", noise(20_000))
    if behind == "sound":
        with_data_size(path, 30_000)
    else:
        path.write_bytes(path.read_bytes() + b"LIST" + struct.pack("<I", 9000) + bytes(9000) + b"TAG" * 42)
    notes = decoder.load(path).notes
    expected = ("10000 bytes after the end that the header names were not read: is it wrong?",)
    assert notes == (expected if behind == "sound" else ())


def test_float_samples_beyond_full_scale_are_kept_and_noted(decoder, tmp_path):
    sound = noise(1000) * np.float32(4)
    recording = decoder.load(wav(tmp_path / "a.wav", sound, subtype="FLOAT"))
    assert np.array_equal(recording.samples, sound[:, 0])
    assert recording.notes == (f"Samples reach {np.abs(sound).max():.3g}, beyond full scale (1.0).",)


def test_a_rate_too_low_for_the_models_is_noted(decoder, tmp_path):
    notes = decoder.load(wav(tmp_path / "a.wav", noise(4000), 4000)).notes
    assert any("nothing above 2000 Hz" in note for note in notes)


def test_an_ogg_file_cut_short_is_noted(decoder, tmp_path):
    path = wav(tmp_path / "a.ogg", noise(160_000), format="OGG", subtype="VORBIS")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    recording = decoder.load(path)
    assert 1 < recording.duration_s < 9 and "may have been cut short" in recording.notes[0]


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("before", [b"", b"ID3\x03\0\0\0\0\x07\x76" + bytes(1014)], ids=["plain", "id3"])
def test_an_mp3_that_states_no_length_is_read_to_its_end(decoder, tmp_path, mode, before):
    path = mp3(tmp_path / "a.mp3", mode)
    whole = decoder.load(path)
    assert whole.duration_s == 20.0 and whole.notes == ()
    data = path.read_bytes()
    second = data.index(data[:2], 100)  # without the first frame, which holds the length
    path.write_bytes(before + data[second:] + b"TAG" + bytes(125))
    recording = decoder.load(path)
    assert 20.0 < recording.duration_s < 20.2, "the whole and the encoder's padding"
    assert len(recording.notes) == 1 and "does not state the recording's length" in recording.notes[0]
    delay = np.argmax(np.correlate(recording.samples[8000:24_000], whole.samples[8000:20_000], "valid"))
    aligned = recording.samples[delay:][: len(whole.samples)]
    np.testing.assert_allclose(aligned[4000:], whole.samples[4000:], atol=1e-3)


def test_joined_files_are_never_read_as_if_they_were_one(decoder, tmp_path):
    path = mp3(tmp_path / "a.mp3", "CONSTANT")
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() * 2)
    recording = decoder.load(path)
    assert recording.duration_s == 20.0 and recording.notes[0].startswith(f"{size} bytes after the end")
    path = tmp_path / "a.ogg"
    parts = [wav(path, noise(30_000), format="OGG").read_bytes() for _ in range(2)]
    path.write_bytes(b"".join(parts))
    assert "several Ogg streams" in refusal(decoder, path)


def test_a_format_that_states_no_length_is_noted(decoder, tmp_path):
    recording = decoder.load(wav(tmp_path / "a.voc", noise(8000), format="VOC", subtype="PCM_16"))
    assert recording.notes == ("Files of type VOC do not state their length; this one may be cut short.",)


# ---- find_audio ------------------------------------------------------------------------------------------


def test_a_folder_is_searched_for_sound_files_in_order(tmp_path):
    names = ["b.wav", "a.FLAC", "sub/c.mp3", "sub/notes.txt", ".hidden.wav", ".cache/d.wav", "e.wav.part"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_audio(tmp_path) == (tmp_path / "a.FLAC", tmp_path / "b.wav", tmp_path / "sub" / "c.mp3")
    assert find_audio(str(tmp_path / "sub/notes.txt")) == (tmp_path / "sub/notes.txt",), (
        "a named file is taken"
    )


def test_a_folder_without_sound_and_a_missing_path_are_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(AudioError, match="is a folder without a sound file"):
        find_audio(tmp_path)
    with pytest.raises(AudioError, match="does not exist"):
        find_audio(tmp_path / "nowhere")


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (16_000, 2), (48_000, 2)])
def test_clipping_is_noted_before_resampling_and_mixing_hide_it(
    rate: int, channels: int, tmp_path: Path
) -> None:
    t = np.arange(3 * rate) / rate
    voice = np.sin(2 * np.pi * (120 + 20 * np.sin(3 * t)) * t) * (0.5 + 0.4 * np.sin(2 * np.pi * 2.3 * t))
    for gain, clipped in ((1.0, False), (2.5, True)):
        path = tmp_path / f"{gain}.wav"
        soundfile.write(path, np.clip(np.stack([gain * voice, voice][:channels], axis=1), -0.99, 0.99), rate)
        assert any(note.startswith("Clipped") for note in load(path).notes) == clipped

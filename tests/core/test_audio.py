"""Sound files in: the right samples, a note on what is odd, or one sentence of refusal; never a fault.

Oracles: soundfile's and soxr's own one-shot functions, headers written by hand, real EmoDB files.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlee_core import audio
from mlee_core.audio import LONG_S, SAMPLE_RATE, Decoder, Recording, change_speed, find_audio, load
from mlee_core.decoder import Request, decode_file
from mlee_core.errors import AudioError, WorkerDied
from mlee_core.events import Progress
from mlee_core.processes import Child
from tests.core.child_side import decode_by_name

RNG_SEED = 20190915


def noise(count: int, channels: int = 1, peak: float = 0.9) -> np.ndarray:
    """float32 [count, channels] that 16 bits hold exactly."""
    steps = np.random.default_rng(RNG_SEED).integers(-32768 * peak, 32767 * peak, (count, channels))
    return (steps / 32768).astype(np.float32)


def wav(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE, **how: str) -> Path:
    soundfile.write(path, samples, rate, **how)
    return path


def with_data_size(path: Path, size: int) -> Path:
    """Overwrite the sizes in a plain 44-byte WAV header."""
    with path.open("r+b") as file:
        file.seek(4)
        file.write(struct.pack("<I", min(size + 36, 0xFFFFFFFF)))
        file.seek(40)
        file.write(struct.pack("<I", size))
    return path


@pytest.fixture(scope="module")
def decoder():
    with Decoder() as one:
        yield one


# ---- what is read ----------------------------------------------------------------------------------------


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


def test_speed_perturbation_shortens_and_raises_the_pitch():
    tone = np.sin(2 * np.pi * 440 * np.arange(32_000) / SAMPLE_RATE).astype(np.float32)
    for factor in (0.9, 1.1):
        changed = change_speed(tone, factor)
        assert len(changed) == pytest.approx(32_000 / factor, abs=1)
        peak = np.argmax(np.abs(np.fft.rfft(changed))) * SAMPLE_RATE / len(changed)
        assert peak == pytest.approx(440 * factor, abs=1)


# ---- what is accepted with a note ------------------------------------------------------------------------


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


def test_a_format_that_states_no_length_is_noted(decoder, tmp_path):
    recording = decoder.load(wav(tmp_path / "a.voc", noise(8000), format="VOC", subtype="PCM_16"))
    assert recording.notes == ("Files of type VOC do not say how long they are; this one may be cut short.",)


# ---- what is refused -------------------------------------------------------------------------------------


def refusal(decoder: Decoder, path: Path) -> str:
    with pytest.raises(AudioError) as error:
        decoder.load(path)
    message = str(error.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message
    return message


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
        list(decode_file(Request(str(path), str(tmp_path / "out"))))


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


# ---- the process behind it -------------------------------------------------------------------------------


def test_a_file_whose_decoding_hangs_is_given_up_and_the_next_one_is_read(tmp_path):
    good, hangs = wav(tmp_path / "good.wav", noise(100)), wav(tmp_path / "hangs.wav", noise(100))
    with Decoder(hang_s=0.5, decode=decode_by_name) as decoder:
        decoder.load(good)
        began = time.monotonic()
        assert "hung for 0.5 s" in refusal(decoder, hangs)
        assert 0.5 <= time.monotonic() - began < 5
        assert len(decoder.load(good).samples) == 100


def test_waiting_for_a_hanging_file_can_be_cancelled_at_once(tmp_path):
    good, hangs = wav(tmp_path / "good.wav", noise(100)), wav(tmp_path / "hangs.wav", noise(100))
    with Decoder(hang_s=600, decode=decode_by_name) as decoder:
        waiting = decoder.decode(hangs)
        assert [next(waiting).done for _ in range(3)] == [0.5, 0.5, 0.5], "it yields while it waits"
        waiting.close()
        assert len(decoder.load(good).samples) == 100


def test_a_caller_that_pauses_is_not_taken_for_a_hang(tmp_path):
    good = wav(tmp_path / "good.wav", noise(300_000))
    with Decoder(hang_s=0.2) as decoder:
        decoder.load(good)
        items = decoder.decode(good)
        next(items)
        paused = time.monotonic()
        while time.monotonic() - paused < 0.5:
            os.sched_yield()
        *_, last = items
        assert isinstance(last, Recording)


def test_a_crash_of_the_decoder_refuses_the_file_and_nothing_else(tmp_path):
    good, crashes = wav(tmp_path / "good.wav", noise(100)), wav(tmp_path / "crashes.wav", noise(100))
    with Decoder(decode=decode_by_name) as decoder:
        assert "crashed the decoder (SIGSEGV)" in refusal(decoder, crashes)
        assert len(decoder.load(good).samples) == 100


def test_a_fault_of_ours_is_told_as_ours_and_not_blamed_on_the_file(tmp_path):
    with Decoder(decode=decode_by_name) as decoder:
        with pytest.raises(WorkerDied, match="ValueError: a fault of ours"):
            decoder.load(wav(tmp_path / "fails.wav", noise(100)))
        assert len(decoder.load(wav(tmp_path / "good.wav", noise(100))).samples) == 100


def test_one_decoder_reads_one_file_at_a_time(tmp_path):
    path = wav(tmp_path / "a.wav", noise(300_000))
    with Decoder() as decoder:
        first = decoder.decode(path)
        next(first)
        with pytest.raises(RuntimeError, match="one file at a time"):
            decoder.load(path)
        *_, last = first
        assert len(last.samples) == 300_000


def test_many_files_share_one_process_and_refusals_do_not_cost_it(tmp_path, monkeypatch):
    started: list[str] = []

    def counted(name, target, *arguments):
        started.append(name)
        return Child(name, target, *arguments)

    monkeypatch.setattr(audio, "Child", counted)
    path = wav(tmp_path / "a.wav", noise(100))
    with Decoder() as decoder:
        for _ in range(5):
            decoder.load(path)
            refusal(decoder, tmp_path / "missing.wav")
    assert started == ["decoder"]


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    path = wav(tmp_path / "a.wav", noise(300_000))
    long = load(wav(tmp_path / "long.wav", noise(int(LONG_S * SAMPLE_RATE))))
    assert isinstance(long.samples, np.memmap) and long.samples[-1] == noise(int(LONG_S * SAMPLE_RATE))[-1, 0]
    with Decoder() as decoder:
        items = decoder.decode(path)
        next(items)
        items.close()
        decoder.load(path)
        refusal(decoder, tmp_path / "missing.wav")
    assert list(temporary.iterdir()) == []


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

"""Takes: what is played arrives on the disk, whatever ends the recording.

Real sound goes through a PulseAudio null sink of the test's own; a device that misbehaves is played by a
stand-in for `sounddevice` whose stream the test drives.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from mlee_core.audio import decoding, microphone, wav_writer
from mlee_core.audio.microphone import FLOOR_DB, Recorder, RecorderUnavailable, devices
from mlee_core.audio.wav_writer import recover
from tests.helpers.child_side import wait_until

ROOT = Path(__file__).resolve().parents[3]
PEAK, HERTZ = 0.5, 440


# ---- a stand-in for PortAudio ----------------------------------------------------------------------------


class FakeStream:
    def __init__(self, fake: FakePortAudio, **settings) -> None:
        self.settings, self.callback, self.closed = settings, settings["callback"], False
        if fake.busy:
            raise fake.PortAudioError("Device unavailable [PaErrorCode -9985]")
        fake.streams.append(self)

    def start(self) -> None: ...
    def stop(self, ignore_errors: bool = True) -> None: ...
    def close(self, ignore_errors: bool = True) -> None:
        self.closed = True

    def deliver(self, frames: np.ndarray, overflow: bool = False) -> None:
        self.callback(frames, len(frames), None, SimpleNamespace(input_overflow=overflow))


class FakePortAudio:
    class PortAudioError(Exception):
        pass

    def __init__(self, accepts=((16_000, 1),), inputs: int = 2) -> None:
        self.accepts, self.busy, self.streams = accepts, False, []
        self.default = SimpleNamespace(device=(1, 0))
        self.inputs = inputs

    def query_devices(self, index=None, kind=None):
        names = ["speaker", "built-in", "headset"]
        listed = [
            {
                "name": name,
                "index": n,
                "max_input_channels": 0 if n == 0 or n > self.inputs else 2,
                "default_samplerate": 48_000.0,
            }
            for n, name in enumerate(names)
        ]
        return listed if kind is None else listed[1 if index is None else index]

    def check_input_settings(self, device, channels, dtype, samplerate) -> None:
        if (samplerate, channels) not in self.accepts:
            raise self.PortAudioError("Invalid sample rate")

    def InputStream(self, **settings):
        return FakeStream(self, **settings)


@pytest.fixture
def portaudio(monkeypatch):
    fake = FakePortAudio()
    monkeypatch.setattr(microphone, "_portaudio", lambda: fake)
    return fake


def frames(count: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(3).integers(-20_000, 20_000, (count, channels)).astype(np.int16)


def test_what_the_device_delivers_is_on_the_disk_while_it_still_records(portaudio, tmp_path):
    take = Recorder(tmp_path / "takes")
    assert (take.level_db, take.elapsed_s, take.path) == (FLOOR_DB, 0.0, None)
    take.start()
    sound = frames(5000)
    portaudio.streams[0].deliver(sound)
    wait_until(lambda: take.path.stat().st_size == 44 + 10_000, "the sound to be on the disk", 2)
    assert take.recording and take.elapsed_s == 5000 / 16_000
    running = decoding.load(take.path)
    assert np.array_equal(running.samples, sound[:, 0] / np.float32(32768))
    assert "streamed" in running.notes[0]
    assert recover(take.path.parent) == [], "a take in progress is left alone"
    path = take.stop()
    assert not take.recording and take.error is None and portaudio.streams[0].closed
    whole, rate = soundfile.read(path, dtype="int16")
    assert rate == 16_000 and np.array_equal(whole, sound[:, 0])
    assert decoding.load(path).notes == ()


def test_the_ring_loses_nothing_over_many_rounds(portaudio, tmp_path):
    take = Recorder(tmp_path)
    take.start()
    sound = frames(16_000 * 35)  # three and a half rings
    for start in range(0, len(sound), 9973):
        wait_until(
            lambda at=start: take.path.stat().st_size >= 44 + 2 * (at - 100_000), "the writer to follow"
        )
        portaudio.streams[0].deliver(sound[start : start + 9973])
    path = take.stop()
    assert take.error is None and np.array_equal(soundfile.read(path, dtype="int16")[0], sound[:, 0])


def test_sound_that_comes_too_fast_is_told_as_a_gap(portaudio, tmp_path):
    take = Recorder(tmp_path)
    take.start()
    portaudio.streams[0].deliver(frames(1600))
    portaudio.streams[0].deliver(frames(16_000 * 11))  # more than the ring holds
    portaudio.streams[0].deliver(frames(1600), overflow=True)
    path = take.stop()
    assert soundfile.info(path).frames == 3200
    assert take.error == "The take has gaps: 11.10 s of sound arrived too fast to be written."


def test_the_level_is_the_peak_of_the_last_50_ms(portaudio, tmp_path):
    take = Recorder(tmp_path)
    take.start()
    stream = portaudio.streams[0]
    stream.deliver(np.full((100, 1), -32768, np.int16))
    assert take.level_db == 0.0
    stream.deliver(np.full((800, 1), 3277, np.int16))
    assert take.level_db == pytest.approx(-20, abs=0.01)
    stream.deliver(np.zeros((800, 1), np.int16))
    assert take.level_db == FLOOR_DB
    take.stop()


@pytest.mark.parametrize("accepted", [(16_000, 1), (48_000, 1), (48_000, 2)])
def test_a_device_is_recorded_at_the_first_format_that_it_takes(portaudio, tmp_path, accepted):
    portaudio.accepts = (accepted, (48_000, 2))
    rate, channels = accepted
    take = Recorder(tmp_path, "headset")
    take.start()
    settings = portaudio.streams[0].settings
    assert (settings["device"], settings["samplerate"], settings["channels"]) == (2, rate, channels)
    sound = frames(rate, channels)
    portaudio.streams[0].deliver(sound)
    path = take.stop()
    written, written_rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert written_rate == rate and np.array_equal(written, sound)
    assert decoding.load(path).duration_s == 1.0


def test_a_lost_device_keeps_the_take_so_far_and_says_so(portaudio, tmp_path, monkeypatch):
    monkeypatch.setattr(microphone, "SILENT_DEVICE_S", 0.2)
    take = Recorder(tmp_path)
    take.start()
    portaudio.streams[0].deliver(frames(8000))
    wait_until(lambda: not take.recording, "the loss to be noticed", 5)
    assert take.error == "The microphone stopped after 0.5 s; the take so far is kept."
    path = take.stop()
    assert decoding.load(path).duration_s == 0.5 and decoding.load(path).notes == ()


def test_a_full_disk_keeps_what_was_written_and_says_so(portaudio, tmp_path, monkeypatch):
    take = Recorder(tmp_path)
    take.start()
    portaudio.streams[0].deliver(frames(1600))
    wait_until(lambda: take.path.stat().st_size > 44, "the first sound")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(wav_writer.WavWriter, "append", full)
    wait_until(lambda: not take.recording, "the full disk to be noticed")
    assert (
        take.error
        == "The take could not be written further (No space left on device); the part on disk is kept."
    )
    assert decoding.load(take.stop()).duration_s == 0.1


def test_a_take_without_a_sample_is_no_file_but_a_message(portaudio, tmp_path):
    take = Recorder(tmp_path)
    take.start()
    with pytest.raises(RecorderUnavailable, match="No sound arrived"):
        take.stop()
    assert list(tmp_path.iterdir()) == []


def test_takes_of_the_same_second_have_their_own_files(portaudio, tmp_path):
    made = []
    for _ in range(3):
        take = Recorder(tmp_path)
        take.start()
        portaudio.streams[-1].deliver(frames(10))
        made.append(take.stop())
    assert len(set(made)) == 3 and all(path.exists() for path in made)


def test_microphones_are_listed_with_the_systems_choice_first(portaudio):
    portaudio.default.device = (2, 0)
    assert [(d.name, d.default) for d in devices()] == [("headset", True), ("built-in", False)]


def test_why_recording_is_impossible_is_said_with_what_to_do(portaudio, tmp_path):
    with pytest.raises(
        RecorderUnavailable, match=r"Microphone 'gone' is not connected; available are: built-in, headset\."
    ):
        Recorder(tmp_path, "gone").start()
    portaudio.accepts = ()
    with pytest.raises(RecorderUnavailable, match=r"cannot be opened \(Invalid sample rate\)"):
        Recorder(tmp_path).start()
    portaudio.accepts, portaudio.busy = ((16_000, 1),), True
    with pytest.raises(RecorderUnavailable, match="not in use by another program"):
        Recorder(tmp_path).start()
    portaudio.busy = False
    (tmp_path / "file").touch()
    with pytest.raises(RecorderUnavailable, match="No take can be written into"):
        Recorder(tmp_path / "file").start()
    assert all(stream.closed for stream in portaudio.streams)
    portaudio.inputs = 0
    with pytest.raises(RecorderUnavailable, match="No microphone was found"):
        devices()


def test_without_portaudio_the_package_is_named(monkeypatch):
    class Absent:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(RecorderUnavailable, match="apt install libportaudio2"):
        devices()


def test_recover_touches_nothing_but_takes_left_by_a_crash(tmp_path):
    sound = frames(1000)
    soundfile.write(tmp_path / "whole.wav", sound, 16_000)
    soundfile.write(tmp_path / "song.flac", sound, 16_000)
    (tmp_path / "text.wav").write_text("no sound")
    header = (tmp_path / "whole.wav").read_bytes()[:44]
    left = header[:4] + b"\xff" * 4 + header[8:40] + b"\xff" * 4
    (tmp_path / "empty.wav").write_bytes(left)
    (tmp_path / "left.wav").write_bytes(left + sound.tobytes() + b"\x01")  # killed within a sample
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert recover(tmp_path) == [tmp_path / "left.wav"]
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.pop("left.wav") == before["whole.wav"], "as if it had been stopped in good order"
    before.pop("left.wav")
    assert after == before
    assert recover(tmp_path) == [] and recover(tmp_path / "nowhere") == []


# ---- real sound through a sound server -------------------------------------------------------------------


@pytest.fixture
def sound_server(tmp_path):
    """Environment of a PulseAudio of our own that plays a tone into its null sink; .pulse is its process."""
    for program in ("pulseaudio", "pactl", "paplay"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (packages pulseaudio, pulseaudio-utils)")
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        pytest.skip("ALSA's PulseAudio plugin is not installed (package libasound2-plugins)")
    pytest.importorskip("sounddevice", exc_type=OSError, reason="PortAudio is not installed (libportaudio2)")
    home, runtime = tmp_path / "home", tmp_path / "run"
    home.mkdir()
    runtime.mkdir(mode=0o700)
    environment = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
    for name in ("PULSE_SERVER", "DBUS_SESSION_BUS_ADDRESS", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    quiet = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    modules = ["-L", "module-native-protocol-unix", "-L", "module-null-sink sink_name=mlee"]
    tone = PEAK * np.sin(2 * np.pi * HERTZ * np.arange(16_000 * 60) / 16_000)
    soundfile.write(tmp_path / "tone.wav", tone, 16_000)
    with ExitStack() as stack:
        command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "-n", *modules]
        pulse = stack.enter_context(subprocess.Popen(command, **quiet))
        stack.callback(pulse.kill)
        ready = ["pactl", "set-default-source", "mlee.monitor"]
        wait_until(lambda: subprocess.run(ready, check=False, **quiet).returncode == 0, "PulseAudio to start")
        player = stack.enter_context(
            subprocess.Popen(["paplay", "-d", "mlee", tmp_path / "tone.wav"], **quiet)
        )
        stack.callback(player.kill)
        yield SimpleNamespace(environment=environment, pulse=pulse)


def recording(server, folder: Path, seconds: float, until: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "tests.helpers.recording_side", str(folder), str(seconds), until]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=server.environment, **pipes)


def heard(process: subprocess.Popen) -> dict:
    line = process.stdout.readline()
    assert line, f"the recording process ended with {process.wait()}"
    return json.loads(line)


def check_tone(samples: np.ndarray) -> None:
    """The last 0.4 s are the tone that is played, at its level."""
    tail = samples[-6400:]
    spectrum = np.abs(np.fft.rfft(tail * np.hanning(len(tail))))
    assert np.argmax(spectrum) * 16_000 / len(tail) == pytest.approx(HERTZ, abs=3)
    assert np.sqrt(np.mean(tail**2)) == pytest.approx(PEAK / np.sqrt(2), rel=0.05)


def test_a_tone_that_is_played_is_recorded(sound_server, tmp_path):
    with recording(sound_server, tmp_path / "takes", 1.5, "stopped") as process:
        running, done = heard(process), heard(process)
    assert "pulse" in running["names"]
    assert running["level_db"] == pytest.approx(20 * np.log10(PEAK), abs=0.5)
    assert done["error"] is None
    take = decoding.load(done["path"])
    assert take.notes == () and take.source_rate == 16_000
    assert take.duration_s == pytest.approx(done["elapsed_s"]) and take.duration_s >= 1.5
    check_tone(take.samples)


def test_a_killed_recording_loses_no_take(sound_server, tmp_path):
    with recording(sound_server, tmp_path / "takes", 1.5, "killed") as process:
        running = heard(process)
        path = Path(running["path"])
        wait_until(lambda: path.stat().st_size >= 44 + 32_000, "a second on the disk")
        assert recover(path.parent) == [], "it is still being recorded"
        process.kill()
    left = decoding.load(path)
    assert len(left.notes) == 1 and "streamed" in left.notes[0]
    assert left.duration_s >= 1.0
    check_tone(left.samples)
    assert recover(path.parent) == [path]
    whole = decoding.load(path)
    assert whole.notes == () and whole.digest == left.digest


def test_a_sound_server_that_dies_ends_the_take_but_keeps_it(sound_server, tmp_path):
    with recording(sound_server, tmp_path / "takes", 1.0, "lost") as process:
        heard(process)
        sound_server.pulse.kill()
        done = heard(process)
    assert done["error"].startswith("The microphone stopped after ")
    take = decoding.load(done["path"])
    assert take.duration_s >= 1.0 and take.notes == ()
    check_tone(take.samples)

"""Recording from a microphone to disk, so that a crash loses no take.

PortAudio's callback only copies into a ring buffer; a thread writes the ring to a WAV file ten times a second
(wav_writer.py; `recover` completes files left by a crash). PortAudio (`sounddevice`) is imported only when it
is used, since it needs a system library.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import MleeError
from .frames import SAMPLE_RATE
from .wav_writer import Frames, WavWriter

FLOOR_DB = -96.0
"""Level of digital silence: the lowest of 16 bits."""

SILENT_DEVICE_S = 3.0
"""A device that delivers nothing (not even silence) for so long counts as disconnected."""

FIRST_SOUND_S = 10.0
"""Limit for the first sound: sound servers and wireless headsets need seconds to start."""

_RING_S = 10.0
_WRITE_EVERY_S = 0.1
_SYNC_EVERY_S = 1.0
_LEVEL_S = 0.05
_LATENCY_S = 0.1  # enough that a busy window does not make the device overflow


class RecorderUnavailable(MleeError):
    """Recording is not possible; the message gives the reason and a remedy."""


@dataclass(frozen=True)
class InputDevice:
    """A microphone. name: for Recorder. rate: its default, Hz. default: whether the system's default."""

    name: str
    channels: int
    rate: int
    default: bool


def devices(*, rescan: bool = False) -> tuple[InputDevice, ...]:
    """The microphones, the system's default first; never empty.

    rescan: also find devices connected since PortAudio started; this stops every stream of the process,
    playback too. Raises: RecorderUnavailable.
    """
    sounddevice = _portaudio()
    if rescan:
        sounddevice._terminate()
        sounddevice._initialize()
    default = sounddevice.default.device[0]
    found = [
        InputDevice(d["name"], d["max_input_channels"], int(d["default_samplerate"]), d["index"] == default)
        for d in sounddevice.query_devices()
        if d["max_input_channels"] > 0
    ]
    if not found:
        raise RecorderUnavailable(
            "No microphone was found: connect one, or start the sound server (pipewire, pulseaudio)."
        )
    return tuple(sorted(found, key=lambda device: not device.default))


class Recorder:
    """One take: a 16-bit WAV file in `folder`, 16 kHz mono if the device supports it, else at its own rate.

    device: a name from `devices`, None for the system's default.
    """

    def __init__(self, folder: Path, device: str | None = None) -> None:
        self._folder = Path(folder)
        self._device = device
        self._stream: Any = None
        self._take: WavWriter | None = None
        self._ring: _Ring | None = None
        self._writer: threading.Thread | None = None
        self._stopping = threading.Event()
        self.error: str | None = None
        """Why the take ended early or has gaps, in one sentence; None without such a problem."""

    @property
    def path(self) -> Path | None:
        """The take's file, None before `start`."""
        return None if self._take is None else self._take.path

    @property
    def recording(self) -> bool:
        """Whether sound is being written; False once stopped, or after the device was disconnected."""
        return self._writer is not None and self._writer.is_alive()

    @property
    def level_db(self) -> float:
        """Peak of the last 50 ms in dB of full scale, FLOOR_DB to 0."""
        return FLOOR_DB if self._ring is None else self._ring.level_db()

    @property
    def elapsed_s(self) -> float:
        """Seconds of sound that arrived."""
        return 0.0 if self._ring is None else self._ring.written / self._ring.rate

    def start(self) -> None:
        """Start the take. Raises: RecorderUnavailable (no PortAudio or device, busy, folder not writable)."""
        if self._take is not None:
            raise RuntimeError("a Recorder records one take; create another Recorder for the next")
        sounddevice = _portaudio()
        index = _device_index(sounddevice, self._device)
        rate, channels = _accepted_format(sounddevice, index)
        ring = _Ring(rate, channels)
        try:
            stream = sounddevice.InputStream(
                samplerate=rate,
                device=index,
                channels=channels,
                dtype="int16",
                latency=_LATENCY_S,
                callback=ring.callback,
            )
        except sounddevice.PortAudioError as error:
            raise _unavailable(error) from error
        try:
            self._take = WavWriter(self._folder, rate, channels)
            stream.start()
        except OSError as error:
            stream.close()
            raise RecorderUnavailable(
                f"No take can be written into {self._folder}: {error.strerror}."
            ) from error
        except sounddevice.PortAudioError as error:
            stream.close()
            self._discard()
            raise _unavailable(error) from error
        self._ring, self._stream = ring, stream
        self._writer = threading.Thread(
            target=self._write, args=(ring, self._take), name="recorder", daemon=True
        )
        self._writer.start()

    def stop(self) -> Path:
        """End the take and return its file, complete up to the last sound that arrived.

        Raises: RecorderUnavailable if no sample arrived (the empty file is removed).
        """
        if self._take is None or self._writer is None:
            raise RuntimeError("stop() without start()")
        self._stopping.set()
        self._writer.join()
        if self._stream is not None:
            self._stream.close(ignore_errors=True)
            self._stream = None
        if self._take.frames == 0:
            path = self._discard()
            raise RecorderUnavailable(
                self.error or f"No sound arrived from the microphone, so {path} was not created."
            )
        return self._take.path

    def _discard(self) -> Path:
        assert self._take is not None
        self._take.finish()
        self._take.path.unlink(missing_ok=True)
        return self._take.path

    def _write(self, ring: _Ring, take: WavWriter) -> None:
        """The writing thread, until stopped or until the device or the disk fails."""
        synced = time.monotonic()
        try:
            while not self._stopping.wait(_WRITE_EVERY_S):
                take.append(ring.read())
                if time.monotonic() - synced > _SYNC_EVERY_S:
                    take.sync()
                    synced = time.monotonic()
                patience = SILENT_DEVICE_S if ring.written else FIRST_SOUND_S
                if time.monotonic() - ring.last_arrival > patience:
                    self.error = (
                        f"The microphone stopped after {self.elapsed_s:.1f} s; the take so far is kept."
                    )
                    break
            if self.error is None:
                self._stream.stop(ignore_errors=True)
            take.append(ring.read())
        except OSError as error:
            self.error = (
                f"The take could not be written further ({error.strerror}); the part on disk is kept."
            )
        finally:
            take.finish()
        if ring.lost and self.error is None:
            self.error = (
                f"The take has gaps: {ring.lost / ring.rate:.2f} s of sound arrived too fast to be written."
            )


class _Ring:
    """The last ten seconds of sound: one thread (PortAudio's) writes, one reads."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate = rate
        self.written = 0  # frames in total; only the callback changes it
        self.lost = 0
        self.last_arrival = time.monotonic()
        self._read = 0  # frames in total; only `read` changes it
        self._frames: Frames = np.zeros((int(_RING_S * rate), channels), np.int16)

    def callback(self, indata: Frames, frames: int, when: Any, status: Any) -> None:
        """PortAudio's callback: only copies."""
        size = len(self._frames)
        self.last_arrival = time.monotonic()
        if status.input_overflow or self.written + frames - self._read > size:
            self.lost += frames
            if self.written + frames - self._read > size:
                return
        at = self.written % size
        first = min(frames, size - at)
        self._frames[at : at + first] = indata[:first]
        self._frames[: frames - first] = indata[first:]
        self.written += frames

    def read(self) -> Frames:
        """The frames since the last call, [n, channels]."""
        until = self.written
        frames = self._between(self._read, until)
        self._read = until
        return frames

    def level_db(self) -> float:
        until = self.written
        latest = self._between(max(0, until - int(_LEVEL_S * self.rate)), until)
        peak = int(np.abs(latest.astype(np.int32)).max(initial=0))
        return FLOOR_DB if peak == 0 else max(FLOOR_DB, 20 * float(np.log10(peak / 32768)))

    def _between(self, start: int, stop: int) -> Frames:
        return self._frames.take(np.arange(start, stop) % len(self._frames), axis=0)


def _portaudio() -> ModuleType:
    try:
        import sounddevice
    except OSError as error:
        raise RecorderUnavailable(
            "Recording needs PortAudio, which is not installed: run `apt install libportaudio2`."
        ) from error
    module: ModuleType = sounddevice
    return module


def _device_index(sounddevice: ModuleType, name: str | None) -> int | None:
    known = devices()
    if name is None:
        return None
    for device in sounddevice.query_devices():
        if device["name"] == name and device["max_input_channels"] > 0:
            return int(device["index"])
    names = ", ".join(device.name for device in known)
    raise RecorderUnavailable(f"Microphone {name!r} is not connected; available are: {names}.")


def _accepted_format(sounddevice: ModuleType, index: int | None) -> tuple[int, int]:
    """(rate, channels): the first that the device supports."""
    info = sounddevice.query_devices(index, "input")
    rate_of_device, most = int(info["default_samplerate"]), int(info["max_input_channels"])
    refused: Exception | None = None
    for rate, channels in ((SAMPLE_RATE, 1), (rate_of_device, 1), (rate_of_device, most)):
        try:
            sounddevice.check_input_settings(device=index, channels=channels, dtype="int16", samplerate=rate)
        except sounddevice.PortAudioError as error:
            refused = error
        else:
            return rate, channels
    raise _unavailable(refused)


def _unavailable(error: Exception | None) -> RecorderUnavailable:
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else "no reason given"
    return RecorderUnavailable(
        f"The microphone cannot be opened ({reason}): is it connected, and not in use by another program?"
    )

"""A sound card and a microphone without devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from mlee_core.audio.microphone import FLOOR_DB, InputDevice, RecorderUnavailable

MICROPHONES = (
    InputDevice("Built-in", 2, 48_000, True),
    InputDevice("Headset", 1, 16_000, False),
)


class FakeStream:
    """An output stream whose clock and callbacks a test drives."""

    def __init__(self, backend: FakeBackend, samplerate: int, callback: Callable[..., None], **options: Any):
        self.time = 100.0
        self.latency = 0.2
        self.rate = samplerate
        self.calls: list[str] = []
        self._backend, self._callback = backend, callback
        self._finished = options["finished_callback"]

    def start(self) -> None:
        self.calls.append("start")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")

    def pull(self, frames: int) -> np.ndarray:
        out = np.zeros((frames, 1), np.float32)
        when = SimpleNamespace(outputBufferDacTime=self.time + self.latency, currentTime=self.time)
        try:
            self._callback(out, frames, when, None)
        except self._backend.CallbackStop:
            assert self._finished() is None  # anything else is an error message on stderr
        return out[:, 0]


class FakeBackend:
    class PortAudioError(Exception):
        pass

    class CallbackStop(Exception):
        pass

    def __init__(self, rates: tuple[int, ...] = (16_000,), devices: int = 1) -> None:
        self.rates, self.devices = rates, devices
        self.streams: list[FakeStream] = []

    def query_devices(self, kind: str) -> dict[str, float]:
        if not self.devices:
            raise self.PortAudioError("Error querying device -1")
        return {"default_samplerate": float(self.rates[0])}

    def check_output_settings(self, samplerate: int, **_: Any) -> None:
        if samplerate not in self.rates:
            raise self.PortAudioError("Invalid sample rate")

    def OutputStream(self, **options: Any) -> FakeStream:
        self.streams.append(FakeStream(self, **options))
        return self.streams[-1]


class FakeRecorder:
    """Writes a take of one byte; a test sets level, time and error."""

    def __init__(self, folder: Path, device: str | None, why_not: str = "") -> None:
        self.folder, self.device, self.why_not = folder, device, why_not
        self.error: str | None = None
        self.recording = False
        self.level_db = FLOOR_DB
        self.elapsed_s = 0.0
        self.path: Path | None = None

    def start(self) -> None:
        if self.why_not:
            raise RecorderUnavailable(self.why_not)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / "take-1.wav"
        self.path.write_bytes(b".")
        self.recording = True

    def stop(self) -> Path:
        self.recording = False
        assert self.path is not None
        return self.path

"""Playback of a recording. The position is that of the audible sample, not of the last one sent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from mlee_core.audio.frames import SAMPLE_RATE

from ..shell.messages import Messages
from ..shell.tasks import Tasks
from .playback_stream import PlaybackStream, Samples, Stretch

TICK_MS = 33

State = Literal["stopped", "starting", "playing"]


@dataclass(frozen=True)
class _Mark:
    """Sample `position` is audible at `at_s` of the stream's clock; its block is `length_s` long."""

    at_s: float
    position: float
    length_s: float
    stretch: Stretch

    def position_at(self, now_s: float) -> float:
        """The sample audible at a time from at_s on, at most the end of the block.

        A sound server's first estimate of at_s may be half a second early.
        """
        return self.stretch.wrap(self.position + min(now_s - self.at_s, self.length_s) * SAMPLE_RATE)


@dataclass(frozen=True)
class Sound:
    """An open output stream and its source. marks: of the latest blocks, oldest first."""

    device: Any
    stream: PlaybackStream
    marks: deque[_Mark]

    def position(self) -> float | None:
        """The sample that is audible now, None before the first."""
        now = self.device.time
        mark = next((m for m in reversed(tuple(self.marks)) if m.at_s <= now), None)
        return None if mark is None else mark.position_at(now)

    def close(self) -> None:
        self.device.abort()
        self.device.close()


class Player(QObject):
    """Plays one recording at a time; streams are opened and closed in a thread, since drivers may take long.

    load_backend: returns the sounddevice module, and raises OSError without PortAudio. Positions are seconds.
    """

    state_changed = Signal(str)
    position_changed = Signal(float)
    availability_changed = Signal(str)  # why nothing can be played, "" if it can
    _ended = Signal(object)  # the PlaybackStream that has ended

    def __init__(
        self, tasks: Tasks, messages: Messages, load_backend: Any, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._tasks = tasks
        self._messages = messages
        self._load_backend = load_backend
        self._samples: Samples | None = None
        self._gain = 1.0
        self._sound: Sound | None = None
        self._generation = 0  # a stream opened for an earlier one is closed at once
        self._loop = False
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)
        self._ended.connect(self._on_ended)
        self.state: State = "stopped"
        self.unavailable = "Searching for a sound device…"

    def probe(self) -> None:
        """Check in the thread whether a sound device is available."""
        self._tasks.run(
            lambda: _why_unavailable(self._load_backend),
            self._set_availability,
            lambda error: self._set_availability(f"Playback is not available: {error}"),
        )

    def load(self, samples_file: str, gain: float) -> None:
        """Set the recording: raw float32 16 kHz mono. gain: factor that scales its peak to 1."""
        self.stop()
        self._samples = np.memmap(samples_file, dtype="<f4", mode="r")
        self._gain = min(1.0, gain)

    def unload(self) -> None:
        self.stop()
        self._samples = None

    @property
    def duration_s(self) -> float:
        return 0.0 if self._samples is None else len(self._samples) / SAMPLE_RATE

    def play(self, from_s: float, stretch_s: tuple[float, float] | None = None) -> None:
        """Play from `from_s` to the end of stretch_s (of the recording, if None)."""
        if self._samples is None or self.unavailable:
            return
        self.stop()
        stretch = self._stretch(stretch_s)
        start = round(from_s * SAMPLE_RATE)
        if not stretch.first <= start < stretch.last:
            start = stretch.first
        samples, gain, generation = self._samples, self._gain, self._generation
        self._set_state("starting")
        self._tasks.run(
            lambda: self._open(samples, stretch, start, gain),
            lambda sound: self._on_open(sound, generation),
            self._on_failed,
        )

    def stop(self) -> None:
        """Stop at once; the position stays."""
        self._generation += 1
        self._timer.stop()
        sound, self._sound = self._sound, None
        if sound is not None:
            self._tasks.run(sound.close, lambda _: None, self._on_failed)
        self._set_state("stopped")

    def seek(self, at_s: float) -> None:
        """Continue from there, if playing; outside the played part, play the whole recording."""
        if self._sound is None:
            return
        stream, position = self._sound.stream, round(at_s * SAMPLE_RATE)
        if not stream.stretch.first <= position < stream.stretch.last:
            stream.set_stretch(self._stretch(None))
        stream.seek(position)
        self._sound.marks.clear()

    def set_loop(self, loop: bool, stretch_s: tuple[float, float] | None) -> None:
        """Repeat stretch_s (or all) from now on, or play only to the end of the current part."""
        self._loop = loop
        if self._sound is not None:
            stream = self._sound.stream
            stream.set_stretch(self._stretch(stretch_s) if loop else replace(stream.stretch, loop=False))

    def _stretch(self, span_s: tuple[float, float] | None) -> Stretch:
        length = 0 if self._samples is None else len(self._samples)
        if span_s is None:
            return Stretch(0, length, self._loop)
        first, last = (max(0, min(round(t * SAMPLE_RATE), length)) for t in span_s)
        return Stretch(first, last, self._loop)

    # --- in the thread

    def _open(self, samples: Samples, stretch: Stretch, start: int, gain: float) -> Sound:
        backend = self._load_backend()
        rate = _accepted_rate(backend)
        stream = PlaybackStream(samples, stretch, start, gain=gain, rate=rate)
        marks: deque[_Mark] = deque(maxlen=256)

        def callback(out: Samples, frames: int, time: Any, status: Any) -> None:
            position = stream.fill(out[:, 0])
            at_s = time.outputBufferDacTime or time.currentTime + device.latency
            marks.append(_Mark(at_s, position, frames / rate, stream.stretch))
            if stream.exhausted:
                raise backend.CallbackStop

        def finished() -> None:
            self._ended.emit(stream)  # returns something, which PortAudio's callback must not

        device = backend.OutputStream(
            samplerate=rate, channels=1, dtype="float32", callback=callback, finished_callback=finished
        )
        device.start()
        return Sound(device, stream, marks)

    # --- back on the GUI thread

    def _on_open(self, sound: Sound, generation: int) -> None:
        if generation != self._generation:
            self._tasks.run(sound.close, lambda _: None, self._on_failed)
            return
        self._sound = sound
        self._set_state("playing")
        self._timer.start()

    def _on_ended(self, stream: PlaybackStream) -> None:
        if self._sound is not None and self._sound.stream is stream:
            self.position_changed.emit(stream.stretch.last / SAMPLE_RATE)
            self.stop()

    def _on_failed(self, error: Exception) -> None:
        self.stop()
        self._messages.warning(f"The sound device cannot play: {error}", _NO_DEVICE)

    def _tick(self) -> None:
        if self._sound is None:
            return
        position, stream = self._sound.position(), self._sound.stream
        if position is not None and stream.exhausted and position >= stream.stretch.last:
            self._on_ended(stream)  # a short one may have ended before _on_open
        elif position is not None:
            self.position_changed.emit(position / SAMPLE_RATE)

    def _set_state(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    def _set_availability(self, why_not: str) -> None:
        self.unavailable = why_not
        self.availability_changed.emit(why_not)


_NO_DEVICE = "Connect a sound device or start the sound server, then press Rescan beside Record."


def _why_unavailable(load_backend: Any) -> str:
    try:
        backend = load_backend()
    except OSError:
        return (
            "Playback needs the PortAudio library, which is not installed: "
            "apt-get install libportaudio2, then restart MLEE."
        )
    try:
        backend.query_devices(kind="output")
    except (ValueError, backend.PortAudioError):
        return f"Playback is not available: no sound device was found. {_NO_DEVICE}"
    return ""


def _accepted_rate(backend: Any) -> int:
    """16 kHz if the device accepts it, else the device's own rate."""
    try:
        backend.check_output_settings(channels=1, dtype="float32", samplerate=SAMPLE_RATE)
    except backend.PortAudioError:
        rate: float = backend.query_devices(kind="output")["default_samplerate"]
        return round(rate)
    return SAMPLE_RATE

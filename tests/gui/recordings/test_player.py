"""Playback: the samples for the sound card, and the position of the cursor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from mlee_core.audio.frames import SAMPLE_RATE as RATE
from mlee_gui.recordings.playback_stream import PlaybackStream, Stretch
from mlee_gui.recordings.player import Player
from mlee_gui.shell.messages import Message, Messages
from mlee_gui.shell.tasks import Tasks
from tests.helpers.fake_sound import FakeBackend, FakeStream

RAMP = np.arange(1000, dtype=np.float32)


def written(stream: PlaybackStream, sizes: list[int]) -> np.ndarray:
    blocks = []
    for size in sizes:
        out = np.full(size, np.nan, np.float32)
        stream.fill(out)
        blocks.append(out)
    return np.concatenate(blocks)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.integers(0, 900), st.integers(1, 100))
def test_loop_is_the_stretch_over_and_over_whatever_the_block_sizes(
    sizes: list[int], first: int, length: int
) -> None:
    stream = PlaybackStream(RAMP, Stretch(first, first + length, True), first)
    expected = np.resize(RAMP[first : first + length], sum(sizes))
    np.testing.assert_array_equal(written(stream, sizes), expected)
    assert not stream.exhausted


def test_once_ends_in_silence_and_is_exhausted() -> None:
    stream = PlaybackStream(RAMP, Stretch(10, 15, False), 12, gain=0.5)
    np.testing.assert_array_equal(written(stream, [2]), [6.0, 6.5])
    assert not stream.exhausted
    np.testing.assert_array_equal(written(stream, [3]), [7.0, 0, 0])
    assert stream.exhausted


def test_position_is_that_of_the_first_sample_of_the_block() -> None:
    stream = PlaybackStream(RAMP, Stretch(0, 100, True), 90)
    out = np.zeros(30, np.float32)
    assert [stream.fill(out) for _ in range(3)] == [90, 20, 50]
    stream.set_stretch(Stretch(0, 1000, False))
    stream.seek(400)
    assert stream.fill(out) == 400 and out[0] == 400


def test_device_at_another_rate_hears_the_same_pitch_for_the_same_time() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE).astype(np.float32)
    stream = PlaybackStream(tone, Stretch(0, RATE, False), 0, rate=44_100)
    blocks = []
    while not stream.exhausted:
        blocks.append(written(stream, [512]))
    sound = np.concatenate(blocks)
    assert abs(np.flatnonzero(np.abs(sound) > 1e-3)[-1] - 44_100) < 200
    spectrum = np.abs(np.fft.rfft(sound[4096 : 4096 + 22_050]))
    assert int(np.argmax(spectrum)) * 2 == 440
    stream.seek(8000)
    assert stream.fill(np.zeros(441, np.float32)) == 8000 and stream.fill(np.zeros(1, np.float32)) == 8160


Make = Callable[..., Player]


@pytest.fixture
def make(qtbot: QtBot, tmp_path: Path) -> Iterator[Make]:
    tasks, messages = Tasks("audio"), Messages()
    players: list[Player] = []

    def make_player(backend: FakeBackend | None) -> Player:
        def load() -> FakeBackend:
            if backend is None:
                raise OSError("PortAudio library not found")
            return backend

        player = Player(tasks, messages, load)
        players.append(player)
        player.posted = []  # type: ignore[attr-defined]
        messages.posted.connect(player.posted.append)  # type: ignore[attr-defined]
        with qtbot.waitSignal(player.availability_changed):
            player.probe()
        (RAMP[:, None] * np.ones(32, np.float32)).astype("<f4").ravel().tofile(tmp_path / "s.f32")
        player.load(str(tmp_path / "s.f32"), gain=4.0)
        return player

    yield make_player
    for player in players:
        player.stop()
    tasks.stop()


def test_cursor_is_where_the_sound_is_not_where_the_buffer_is(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend()
    player = make(backend)
    player.play(0.5)
    qtbot.waitUntil(lambda: player.state == "playing")
    stream = backend.streams[0]
    block = stream.pull(1600)
    assert block[0] == 250.0  # sample 8000 of 32 a step; the gain stays at most 1
    stream.time += 0.2 + 0.05  # the latency, and 50 ms into the block
    with qtbot.waitSignal(player.position_changed) as caught:
        pass
    assert caught.args == [pytest.approx(0.55, abs=1e-6)]


def test_cursor_waits_where_the_next_block_is_late(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend()
    player = make(backend)
    player.play(0.0)
    qtbot.waitUntil(lambda: player.state == "playing")
    stream = backend.streams[0]
    stream.pull(1600)
    stream.time += 0.7  # the block of 0.1 s is long over
    with qtbot.waitSignal(player.position_changed) as caught:
        pass
    assert caught.args == [pytest.approx(0.1, abs=1e-6)]


def test_loop_brings_the_cursor_back(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend()
    player = make(backend)
    player.set_loop(True, None)
    player.play(1.0, (1.0, 1.1))
    qtbot.waitUntil(lambda: player.state == "playing")
    stream = backend.streams[0]
    stream.pull(4000)
    stream.time += 0.2 + 0.13
    with qtbot.waitSignal(player.position_changed) as caught:
        pass
    assert caught.args == [pytest.approx(1.03, abs=1e-6)]


def test_end_stops_and_leaves_the_cursor_there(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend()
    player = make(backend)
    player.play(1.9)
    qtbot.waitUntil(lambda: player.state == "playing")
    with qtbot.waitSignal(player.position_changed, check_params_cb=lambda s: s == 2.0):
        backend.streams[0].pull(4000)
    assert player.state == "stopped"
    qtbot.waitUntil(lambda: backend.streams[0].calls == ["start", "abort", "close"])


def test_seek_goes_on_from_there(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend()
    player = make(backend)
    player.play(0.0, (0.0, 0.5))
    qtbot.waitUntil(lambda: player.state == "playing")
    player.seek(1.5)  # outside what plays
    assert backend.streams[0].pull(32)[0] == 750.0


def test_stopping_before_the_stream_is_open_leaves_silence(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend()
    player = make(backend)
    player.play(0.0)
    player.stop()
    qtbot.waitUntil(lambda: bool(backend.streams) and backend.streams[0].calls[-1:] == ["close"])
    assert player.state == "stopped"


def test_device_that_refuses_16_khz_gets_its_own_rate(qtbot: QtBot, make: Make) -> None:
    backend = FakeBackend(rates=(48_000, 44_100))
    player = make(backend)
    player.play(0.0)
    qtbot.waitUntil(lambda: player.state == "playing")
    assert backend.streams[0].rate == 48_000


@pytest.mark.parametrize(
    ("backend", "reason"), [(None, "libportaudio2"), (FakeBackend(devices=0), "no sound device")]
)
def test_without_portaudio_or_device_the_reason_says_what_to_do(
    make: Make, backend: FakeBackend | None, reason: str
) -> None:
    player = make(backend)
    assert reason in player.unavailable
    player.play(0.0)
    assert player.state == "stopped" and player.posted == []  # type: ignore[attr-defined]


def test_device_that_fails_is_a_message(qtbot: QtBot, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FakeBackend()
    player = make(backend)

    def refuse(_: FakeStream) -> None:
        raise backend.PortAudioError("Device unavailable")

    monkeypatch.setattr(FakeStream, "start", refuse)
    player.play(0.0)
    posted: list[Message] = player.posted  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: len(posted) == 1)
    assert "Device unavailable" in posted[0].text and player.state == "stopped"

"""Sound files that the tests of audio make, and the shape that every refusal has."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlee_core.audio.decoding import SAMPLE_RATE, Decoder, Recording
from mlee_core.errors import AudioError

RNG_SEED = 20190915


def noise(count: int, channels: int = 1, peak: float = 0.9) -> np.ndarray:
    """float32 [count, channels] that 16 bits hold exactly."""
    steps = np.random.default_rng(RNG_SEED).integers(-32768 * peak, 32767 * peak, (count, channels))
    return (steps / 32768).astype(np.float32)


def load(path: Path | str) -> Recording:
    """Decode one file in a process of its own."""
    with Decoder() as decoder:
        return decoder.load(path)


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


def mp3(path: Path, mode: str) -> Path:
    """20 s of changing loudness, so that a variable bit rate varies."""
    rng = np.random.default_rng(RNG_SEED)
    sound = noise(320_000)[:, 0] * np.repeat(rng.random(40) ** 3, 8000).astype(np.float32)
    with soundfile.SoundFile(
        path, "w", SAMPLE_RATE, 1, format="MP3", bitrate_mode=mode, compression_level=0.3
    ) as file:
        file.write(sound)
    return path


def refusal(decoder: Decoder, path: Path) -> str:
    with pytest.raises(AudioError) as error:
        decoder.load(path)
    message = str(error.value)
    assert message.startswith(str(path)) and message.endswith(".") and "\n" not in message
    return message

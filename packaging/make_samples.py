"""Makes resources/samples: five utterances, five manners, spoken by espeak-ng (apt-get install espeak-ng).

    .venv/bin/python packaging/make_samples.py [FOLDER]

The same espeak-ng (1.51) gives the same samples again. Nobody's voice is in them, and no emotion either: the
manners differ in speed, pitch and level only, which is what a model of acted speech listens to as well.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from mlee_core.audio.frames import SAMPLE_RATE

SILENCE_S = 0.15
"""Seconds without speech before and after."""

ROOM_PEAK = 10 ** (-50 / 20)
"""Peak of the noise: -50 dB of full scale."""


@dataclass(frozen=True)
class Sample:
    """words_per_minute, pitch (0-99), pitch_range (SSML): espeak-ng's. peak: of the file, full scale is 1."""

    name: str
    voice: str
    words_per_minute: int
    pitch: int
    pitch_range: str
    peak: float
    text: str


SAMPLES = (
    Sample(
        "calm_en", "en-us+f2", 165, 45, "+0%", 0.5, "The tram stops at the corner. The market opens at nine."
    ),
    Sample(
        "agitated_de",
        "de+f4",
        150,
        60,
        "+120%",
        0.9,
        "Mach die Tür zu! Ich habe es dir schon dreimal gesagt!",
    ),
    Sample(
        "lively_de", "de+Andrea", 215, 90, "+60%", 0.8, "Wir haben gewonnen! Komm, das müssen wir feiern!"
    ),
    Sample("plain_de", "de", 215, 90, "+60%", 0.8, "Der Zug fährt um neun Uhr ab, vom dritten Gleis."),
    Sample("slow_de", "de+Andrea", 105, 20, "-60%", 0.3, "Heute hat es nur geregnet. Niemand ist gekommen."),
)


def main(arguments: Sequence[str]) -> int:
    default = Path(__file__).resolve().parents[1] / "resources" / "samples"
    folder = Path(arguments[0]) if arguments else default
    folder.mkdir(parents=True, exist_ok=True)
    for sample in SAMPLES:
        samples = speak(sample)
        file = folder / f"{sample.name}.flac"
        soundfile.write(file, samples, SAMPLE_RATE, subtype="PCM_16")
        print(f"{file}: {len(samples) / SAMPLE_RATE:.2f} s, {file.stat().st_size} bytes")
    return 0


def speak(sample: Sample) -> np.ndarray:
    """The utterance, float32 [N] at SAMPLE_RATE, mono."""
    markup = f'<speak><prosody range="{sample.pitch_range}">{sample.text}</prosody></speak>'
    speed = ["-s", str(sample.words_per_minute), "-p", str(sample.pitch)]
    command = ["espeak-ng", "-m", "-v", sample.voice, *speed, "--stdout", markup]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    # Streamed to a pipe, the header cannot know the length: what is there counts.
    spoken, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    samples = soxr.resample(spoken, rate, SAMPLE_RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.001 * np.abs(samples).max())
    voiced = samples[loud[0] : loud[-1] + 1]
    quiet = round(SILENCE_S * SAMPLE_RATE)
    spoken = np.pad(voiced * (sample.peak / np.abs(voiced).max()), quiet)
    return (spoken + room(len(spoken))).astype(np.float32)


def room(samples: int) -> np.ndarray:
    """Noise of a quiet room (power falls as 1/f above 50 Hz); the same at every call."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 50))
    noise = np.fft.irfft(spectrum, samples)
    return noise * (ROOM_PEAK / np.abs(noise).max())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

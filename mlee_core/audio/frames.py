"""Sampling rate, frames, hops and attention steps: the one place for these numbers (SPEC.md "Features")."""

from __future__ import annotations

from typing import Literal

SAMPLE_RATE = 16_000
"""Hz; every recording is converted to it."""

FRAME, HOP = 640, 160
"""Samples in a frame (40 ms) and from the start of one frame to the next (10 ms)."""

DFT, BINS = 1600, 400
"""Points of the transform, and how many of its bins are kept: 0 Hz ≤ f < 4 kHz."""

FLOOR = 1e-10
"""Least power of a bin, so that its logarithm exists."""

FRAMES_PER_STEP = 16
"""One attention step: stride 2 and three 2 × 2 poolings."""

BIN_HZ = SAMPLE_RATE / DFT
MAX_HZ = BINS * BIN_HZ
FRAMES_PER_SECOND = SAMPLE_RATE // HOP
HOP_S = HOP / SAMPLE_RATE
STEP_S = FRAMES_PER_STEP * HOP / SAMPLE_RATE

FIRST_STEP_S = (FRAME - HOP) / 2 / SAMPLE_RATE
"""Where frame 0 and step 0 begin. Frame t covers samples 160 t … 160 t + 639, so its centre is 10 t + 20 ms
and it stands for 5 ms each side; frames 16 i … 16 i + 15 therefore reach from 0.16 i + 0.015 s on."""

MAX_SEGMENT_S = 30.0
"""Over this, one softmax over the whole says nothing (SPEC.md): the recording is cut into segments."""

Level = Literal["peak", "none"]
"""What recordings are scaled to before the transform: a peak of 1, or nothing."""


def frame_count(samples: int) -> int:
    """T for N samples: 1 + (N - 640) // 160, or 0 below one frame."""
    return 0 if samples < FRAME else 1 + (samples - FRAME) // HOP

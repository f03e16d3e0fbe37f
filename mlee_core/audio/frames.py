"""Sampling rate, frames, hops and attention steps: the one place for these numbers (SPEC.md "Features")."""

from __future__ import annotations

from typing import Literal

SAMPLE_RATE = 16_000
FRAME = 640
HOP = 160
DFT = 1600
BINS = 400
HZ_A_BIN = SAMPLE_RATE / DFT
FLOOR = 1e-10
FRAMES_PER_SECOND = SAMPLE_RATE // HOP
Level = Literal["peak", "none"]


STEP_S = 0.160
"""Length of one attention step: 16 frames of 10 ms."""


FIRST_STEP_S = 0.015
"""Where step 0 begins. Frame t covers samples 160 t … 160 t + 639, so its centre is 10 t + 20 ms and it
stands for 5 ms each side; frames 16 i … 16 i + 15 therefore reach from 0.16 i + 0.015 s on."""


MAX_SEGMENT_S = 30.0
"""Over this, one softmax over the whole says nothing (SPEC.md): the recording is cut into segments."""

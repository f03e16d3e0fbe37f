"""The values at one point of the plots, as text."""

from __future__ import annotations

from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.inference.results import ENCODER_NAMES, ENCODERS, Segment

from ..shell.time_text import time_and_unit
from .attention_curves import AttentionSteps


def readout_text(
    time_s: float,
    frequency_hz: float | None,
    pyramid: Pyramid | None,
    steps: AttentionSteps,
    segment: Segment | None,
) -> str:
    """Time, frequency and level (if any), attention of each encoder in percent or why there is none, verdict.

    "1.234 s · 1.25 kHz · -34.5 dB · attention: hard 4.1 %, MLEE 6.0 % · fusion: sad 0.61; present: sad"
    """
    parts = [time_and_unit(time_s, 0.001)]
    if frequency_hz is not None:
        parts.append(f"{frequency_hz / 1000:.2f} kHz")
        level = None if pyramid is None else pyramid.db_at(time_s, frequency_hz)
        if level is not None:
            parts.append(f"{level:.1f} dB")
    shares = steps.at(time_s)
    if segment is not None and segment.has_speech and segment.is_cut(time_s):
        parts.append("not attended: quiet, left out before the network")
    elif shares:
        named = (f"{ENCODER_NAMES[name]} {100 * shares[name]:.1f} %" for name in ENCODERS if name in shares)
        parts.append("attention: " + ", ".join(named))
    elif segment is not None and segment.has_speech:
        parts.append("not attended: shorter than a step of 160 ms")
    if segment is not None:
        parts.append(segment.verdict())
    return " · ".join(parts)

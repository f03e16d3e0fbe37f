"""Round numbers along an axis, and texts for times."""

from __future__ import annotations

import math

_ROUND = (15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)


def spacing(span: float, most: int) -> float:
    """The smallest of 1, 2, 5 × 10ⁿ that puts at most `most` steps into `span`."""
    least = span / max(most, 1)
    decade = 10.0 ** math.floor(math.log10(least))
    return next(m * decade for m in (1, 2, 5, 10) if m * decade >= least * (1 - 1e-9))


def time_spacing(span_s: float, most: int) -> float:
    """As `spacing`, in seconds below a minute and in round minutes or hours above."""
    least = span_s / max(most, 1)
    if least <= 10:
        return spacing(span_s, most)
    return next((s for s in _ROUND if s >= least), _ROUND[-1] * math.ceil(least / _ROUND[-1]))


def ticks(low: float, high: float, step: float) -> list[float]:
    """Multiples of `step` from low to high, both included."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def time_and_unit(time_s: float, step_s: float) -> str:
    """As `time_text`, with the unit below a minute: "1.25 s", "1:02:30.50"."""
    text = time_text(time_s, step_s)
    return text if ":" in text else f"{text} s"


def time_text(time_s: float, step_s: float) -> str:
    """A time with as many digits as a step of `step_s` needs: "1.25", "42", "3:05", "1:02:30"."""
    digits = max(0, -math.floor(math.log10(step_s) + 1e-9)) if step_s > 0 else 0
    total = round(max(time_s, 0.0), digits)
    if total < 60:
        return f"{total:.{digits}f}"
    minutes, seconds = divmod(total, 60)
    tail = f"{seconds:0{3 + digits if digits else 2}.{digits}f}"
    if minutes < 60:
        return f"{minutes:.0f}:{tail}"
    return f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{tail}"

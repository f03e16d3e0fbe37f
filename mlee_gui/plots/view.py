"""Which part of a recording is on the screen, and where a time lies on it. Numbers only, no widgets."""

from __future__ import annotations

from dataclasses import dataclass

MIN_SPAN_S = 0.1
"""Nothing shorter is shown: ten columns of spectrogram."""


@dataclass(frozen=True)
class View:
    """The visible stretch [start_s, end_s] of a recording of duration_s; never reaches outside of it."""

    duration_s: float
    start_s: float
    end_s: float

    @classmethod
    def whole(cls, duration_s: float) -> View:
        return cls(duration_s, 0.0, duration_s)

    @property
    def span_s(self) -> float:
        return self.end_s - self.start_s

    def to(self, start_s: float, end_s: float) -> View:
        """The stretch asked for, made long enough, then moved inside the recording."""
        span = min(max(end_s - start_s, MIN_SPAN_S), self.duration_s)
        start = (start_s + end_s - span) / 2
        start = min(max(start, 0.0), self.duration_s - span)
        return View(self.duration_s, start, min(start + span, self.duration_s))

    def zoomed(self, factor: float, at_s: float) -> View:
        """`factor` times as long (below 1 zooms in), with `at_s` staying at its place on the screen."""
        span = min(max(self.span_s * factor, MIN_SPAN_S), self.duration_s)
        start = at_s - (at_s - self.start_s) * span / self.span_s
        return self.to(start, start + span)

    def moved(self, seconds: float) -> View:
        """As long as before, later by `seconds`, stopping at the recording's ends."""
        start = min(max(self.start_s + seconds, 0.0), self.duration_s - self.span_s)
        return View(self.duration_s, start, min(start + self.span_s, self.duration_s))


@dataclass(frozen=True)
class TimeScale:
    """Time <-> horizontal pixel, for a stretch drawn from `left` on, `width` pixels wide."""

    start_s: float
    end_s: float
    left: float
    width: float

    @property
    def pixels_per_s(self) -> float:
        return self.width / (self.end_s - self.start_s)

    def x(self, time_s: float) -> float:
        return self.left + (time_s - self.start_s) * self.pixels_per_s

    def time(self, x: float) -> float:
        return self.start_s + (x - self.left) / self.pixels_per_s

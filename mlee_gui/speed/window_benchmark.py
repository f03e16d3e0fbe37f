"""All measurements of `mlee bench gui`: the entry point through which the command line finds them."""

from __future__ import annotations

from . import frame_benchmark, jobs_benchmark, startup_benchmark
from .startup_benchmark import StartupReport

RECORDING_S, FRAMES = 3600.0, 500
PERCENTILE = 0.99


def measure() -> StartupReport:
    """Start-up, stalls while jobs report, and `frame_1h`: the 99th percentile of the times that frames of a
    recording of one hour take. Raises: WorkerDied."""
    startup, jobs = startup_benchmark.measure(), jobs_benchmark.measure()
    times = sorted(frame_benchmark.frame_times(RECORDING_S, FRAMES))
    frame_ms = times[round(PERCENTILE * (len(times) - 1))]
    return StartupReport(
        {**startup.values, **jobs.values, "frame_1h": frame_ms}, (*startup.notes, *jobs.notes)
    )

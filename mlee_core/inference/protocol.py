"""What the window and the inference worker say to each other: frozen values that pickle small."""

from __future__ import annotations

from dataclasses import dataclass

from ..events import Progress
from .results import Analysis, Segment


@dataclass(frozen=True)
class OpenRecording:
    """Decode `path`; write its samples and its pyramid into `folder`. Answer: Opened."""

    job: int
    path: str
    folder: str


@dataclass(frozen=True)
class Analyze:
    """Analyse `path` with `model` from start_s to end_s (seconds; None: all of it). Answer: Analyzed.

    speaker, corpus: the speaker's id in an opened corpus, if known, to tell what the model has seen.
    """

    job: int
    path: str
    model: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    corpus: str | None = None


@dataclass(frozen=True)
class Cancel:
    """Stop a job, whether waiting or running. Answer: CancelDone, also for a job that is over."""

    job: int


@dataclass(frozen=True)
class Prepare:
    """Nobody waits yet: import what analyses need, load `model` and run it once. No answer.

    What fails here fails again, and is told, in the first job that needs it.
    """

    model: str


@dataclass(frozen=True)
class Quit:
    """End the worker."""


@dataclass(frozen=True)
class Ready:
    """The worker listens. threads: how many it computes with."""

    threads: int


@dataclass(frozen=True)
class OpenedRecording:
    """A recording as the window shows and plays it.

    samples_file: raw little-endian float32, 16 kHz mono. pyramid: a folder for Pyramid.open.
    source_rate: Hz, channels: of the file. notes: what was done to it. digest: see audio.Recording.
    """

    path: str
    duration_s: float
    samples_file: str
    pyramid: str
    source_rate: int
    channels: int
    notes: tuple[str, ...]
    digest: str


@dataclass(frozen=True)
class Opened:
    job: int
    recording: OpenedRecording


@dataclass(frozen=True)
class Progressed:
    job: int
    progress: Progress


@dataclass(frozen=True)
class SegmentDone:
    """One verdict of a long analysis, as soon as it is known."""

    job: int
    segment: Segment


@dataclass(frozen=True)
class Analyzed:
    job: int
    analysis: Analysis


@dataclass(frozen=True)
class Refused:
    """The job ended without a result. message: one sentence for the user."""

    job: int
    message: str


@dataclass(frozen=True)
class CancelDone:
    job: int


Request = OpenRecording | Analyze | Cancel | Prepare | Quit
Reply = Ready | Opened | Progressed | SegmentDone | Analyzed | Refused | CancelDone

"""Requests to the inference process and their results: frozen values that pickle small."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OpenRecording:
    """Decode `path`; write its samples and its pyramid into `folder`. Result: OpenedRecording."""

    path: str
    folder: str


@dataclass(frozen=True)
class Analyze:
    """Analyse `path` with `model` from start_s to end_s (seconds; None: all of it). Result: Analysis.

    speaker, corpus: the speaker's id in an opened corpus, if known: the model may have seen that speaker.
    """

    path: str
    model: str
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    corpus: str | None = None


@dataclass(frozen=True)
class Prepare:
    """Import what analyses need, load `model` and run it once, while nothing else is to be done."""

    model: str


Request = OpenRecording | Analyze | Prepare


@dataclass(frozen=True)
class OpenedRecording:
    """A recording as the window shows and plays it.

    samples_file: raw little-endian float32, 16 kHz mono. pyramid: a folder for Pyramid.open.
    source_rate: Hz, channels: of the file. notes: what was done to it. digest: see decoding.Recording.
    """

    path: str
    duration_s: float
    samples_file: str
    pyramid: str
    source_rate: int
    channels: int
    notes: tuple[str, ...]
    digest: str

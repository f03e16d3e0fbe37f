"""Stand-ins for what is slow or needs a device: a worker without a process, a model without weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlee_core.inference.model_info import ModelInfo
from mlee_core.inference.protocol import (
    Analyze,
    Analyzed,
    Cancel,
    CancelDone,
    Opened,
    OpenedRecording,
    OpenRecording,
    Prepare,
)
from mlee_core.inference.results import Analysis, Attention, Segment
from mlee_core.labels.votes import CLASSES
from mlee_core.system.child_process import Outcome

MODEL = ModelInfo(
    name="emodb-test",
    path="/nowhere/emodb-test",
    classes=CLASSES,
    heads=("hard", "soft", "mlee", "fusion"),
    trained_on="emodb",
    speakers={"train": ("08", "09"), "dev": ("10",), "test": ("03",)},
    scores={"fusion": {"wa": 0.8, "ua": 0.75}},
    limits=("It has heard acted German only.",),
)


def segment(start_s: float = 0.0, end_s: float = 2.0, predicted: str = "sad") -> Segment:
    """A verdict with attention that sums to 1."""
    steps = max(1, int((end_s - start_s) / 0.16))
    times = tuple(start_s + 0.095 + 0.16 * k for k in range(steps))
    weights = tuple(np.full(steps, 1 / steps).tolist())
    probabilities = tuple(0.7 if c == predicted else 0.1 for c in CLASSES)
    return Segment(
        start_s,
        end_s,
        CLASSES,
        {"hard": probabilities, "soft": probabilities, "fusion": probabilities},
        tuple(0.9 if c == predicted else 0.2 for c in CLASSES),
        predicted,
        "fusion",
        Attention(times, weights, weights, weights),
    )


def analysis(path: str, duration_s: float = 2.0, segments: tuple[Segment, ...] = ()) -> Analysis:
    return Analysis(
        path, duration_s, MODEL.name, CLASSES, MODEL.heads, segments or (segment(0.0, min(duration_s, 30.0)),)
    )


def tone(duration_s: float) -> np.ndarray:
    """A 433 Hz tone, float32 at 16 kHz."""
    samples: np.ndarray = np.sin(np.arange(int(16_000 * duration_s)) * 0.17).astype("<f4") * np.float32(0.5)
    return samples


def opened(request: OpenRecording, duration_s: float, pyramid: Path | None) -> OpenedRecording:
    """Samples on disk, and a pyramid if one was built."""
    folder = Path(request.folder)
    file = folder / "samples.f32"
    tone(duration_s).tofile(file)
    if pyramid is not None:
        shutil.copytree(pyramid, folder / "pyramid")
    return OpenedRecording(
        request.path, duration_s, str(file), str(folder / "pyramid"), 16_000, 1, (), "0" * 16
    )


class FakeWorker:
    """Keeps requests; a test answers them by `reply`, or `answering=True` answers each at the next poll."""

    def __init__(self, answering: bool = False, duration_s: float = 2.0, pyramid: Path | None = None) -> None:
        self.requests: list[object] = []
        self.prepared: list[str] = []
        self.replies: list[object] = []
        self.answering = answering
        self.duration_s = duration_s
        self.pyramid = pyramid
        self.alive = False
        self.starts = 0

    def start(self) -> None:
        self.alive = True
        self.starts += 1

    def send(self, request: object) -> None:
        if isinstance(request, Prepare):
            self.prepared.append(request.model)
            return
        self.requests.append(request)
        if isinstance(request, Cancel):
            self.replies.append(CancelDone(request.job))
        elif self.answering:
            self.replies.append(self.answer(request))

    def answer(self, request: object) -> object:
        if isinstance(request, OpenRecording):
            return Opened(request.job, opened(request, self.duration_s, self.pyramid))
        assert isinstance(request, Analyze)
        result = analysis(request.path, self.duration_s)
        if request.start_s is not None and request.end_s is not None:
            result = replace(result, segments=(segment(request.start_s, request.end_s, "hap"),))
        return Analyzed(request.job, result)

    def reply(self, *replies: object) -> None:
        self.replies.extend(replies)

    def answer_next(self) -> object:
        """Answer the oldest request that was not answered, and return it."""
        request = self.requests.pop(0)
        self.reply(self.answer(request))
        return request

    def poll(self) -> list[object]:
        replies, self.replies = self.replies, []
        return replies

    def die(self) -> None:
        self.alive = False

    def outcome(self) -> Outcome | None:
        return None if self.alive else Outcome(None, "SIGKILL", ("last words", "of the worker"))

    def stop(self) -> None:
        self.alive = False

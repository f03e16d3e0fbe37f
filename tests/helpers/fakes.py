"""Fakes: a worker without a process, a model without weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from mlee_core.inference.model_file import ModelInfo
from mlee_core.inference.protocol import Analyze, OpenedRecording, OpenRecording, Prepare
from mlee_core.inference.results import Analysis, Attention, Segment
from mlee_core.labels.votes import CLASSES
from mlee_core.system.child_process import Outcome
from mlee_core.system.service import Cancel, Done, Reply, Request

MODEL = ModelInfo(
    name="emodb-test",
    path="/nowhere/emodb-test",
    classes=CLASSES,
    heads=("hard", "soft", "mlee", "fusion"),
    trained_on="emodb",
    speakers={"train": ("08", "09"), "dev": ("10",), "test": ("03",)},
    scores={"fusion": {"wa": 0.8, "ua": 0.75}},
    scored_on={"speakers": 10, "utterances": 339},
    elsewhere={"cremad": {"wa": 0.6, "ua": 0.5}},
    limits=("It was trained on acted German only.",),
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


class FakeProcess:
    """A service without a process: it keeps the requests, and a test gives the replies."""

    name = "fake process"

    def __init__(self) -> None:
        self.log: Path | None = None
        self.requests: list[Request] = []
        self.cancelled: list[int] = []
        self.waiting: list[Reply] = []
        self.alive = True
        self.stopped = False

    def send(self, message: Request | Cancel) -> None:
        if isinstance(message, Cancel):
            self.cancelled.append(message.number)
            self.reply(message.number, Done())
        else:
            self.requests.append(message)

    def reply(self, number: int, *events: object) -> None:
        self.waiting += [Reply(number, event) for event in events]

    def replies(self) -> list[Reply]:
        replies, self.waiting = self.waiting, []
        return replies

    def die(self) -> None:
        self.alive = False

    def outcome(self) -> Outcome | None:
        return None if self.alive else Outcome(None, "SIGKILL", ("first words", "last words"))

    def stop(self, grace_s: float) -> Outcome:
        self.alive, self.stopped = False, True
        return Outcome(None, "SIGKILL", ())


class FakeWorker(FakeProcess):
    """The inference process; `answering=True` answers each request at the next poll."""

    name = "analysis process"

    def __init__(self, answering: bool = False, duration_s: float = 2.0, pyramid: Path | None = None) -> None:
        super().__init__()
        self.prepared: list[str] = []
        self.answering = answering
        self.duration_s = duration_s
        self.pyramid = pyramid

    def send(self, message: Request | Cancel) -> None:
        if isinstance(message, Request) and isinstance(message.content, Prepare):
            self.prepared.append(message.content.model)
            self.reply(message.number, Done())
            return
        super().send(message)
        if isinstance(message, Request) and self.answering:
            self.reply(message.number, self.answer(message))

    def answer(self, request: Request) -> Done:
        content = request.content
        if isinstance(content, OpenRecording):
            return Done(opened(content, self.duration_s, self.pyramid))
        assert isinstance(content, Analyze)
        result = analysis(content.path, self.duration_s)
        if content.start_s is not None and content.end_s is not None:
            result = replace(result, segments=(segment(content.start_s, content.end_s, "hap"),))
        return Done(result)

    def answer_next(self) -> object:
        """Answer the oldest request that was not answered, and return what it was."""
        request = self.requests.pop(0)
        self.reply(request.number, self.answer(request))
        return request.content

"""The inference worker's own side: `serve` is its loop, `InferenceEngine` what it can do.

Jobs are generators, the newest runs first (a selection overtakes the analysis of an hour), and between two
of its items the pipe is looked at, so a Cancel acts within one item.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import traceback
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ..audio.decoding import LONG_S, Decoder, Recording
from ..audio.frames import SAMPLE_RATE
from ..errors import MleeError
from ..events import Progress
from ..system.child_process import Connection
from .protocol import (
    Analyze,
    Analyzed,
    Cancel,
    CancelDone,
    Opened,
    OpenedRecording,
    OpenRecording,
    Prepare,
    Progressed,
    Quit,
    Ready,
    Refused,
    Reply,
    Request,
    SegmentDone,
)
from .results import Analysis, Segment

if TYPE_CHECKING:
    from .analyzer import Analyzer

Item = Progress | Segment | Analysis | OpenedRecording
Items = Generator[Item, None, None]

_KEPT_RECORDINGS = 4
_COPY_SAMPLES = 1 << 20


class InferenceEngine:
    """What the child can do: decode, draw pyramids, analyse. Keeps the last recordings and every model."""

    def __init__(self) -> None:
        self._decoders = ExitStack()
        self._idle: list[Decoder] = []
        self._recordings: OrderedDict[tuple[str, int, int], Recording] = OrderedDict()
        self._analyzers: dict[tuple[Path, int], Analyzer] = {}

    def __enter__(self) -> InferenceEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoders.close()

    def prepare(self, model: str) -> Iterator[None]:
        """What the first analysis would wait for, in steps: the decoder, torch, the model, its first run."""
        decoder = self._decoders.enter_context(Decoder())
        decoder.start()  # it starts while torch is imported
        self._idle.append(decoder)
        importlib.import_module(".analyzer", __package__)  # torch
        yield
        analyzer = self.analyzer(model)
        yield
        silence = Recording(Path(), np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE, 1, (), "")
        for _ in analyzer.analyze(silence):
            pass

    def open(self, request: OpenRecording) -> Items:
        """Decode, write samples.f32 and the pyramid; the last item is the OpenedRecording."""
        recording = yield from self._decoded(request.path)
        folder = Path(request.folder)
        folder.mkdir(parents=True, exist_ok=True)
        samples_file, pyramid = folder / "samples.f32", folder / "pyramid"
        yield from _write_samples(recording, samples_file)
        if recording.duration_s >= LONG_S:  # let go of the decoder's own copy on disk
            mapped = np.memmap(samples_file, dtype="<f4", mode="r")
            recording = replace(recording, samples=mapped)
            self._keep(request.path, recording)
        yield from self.build_pyramid(recording, pyramid)
        yield OpenedRecording(
            path=request.path,
            duration_s=recording.duration_s,
            samples_file=str(samples_file),
            pyramid=str(pyramid),
            source_rate=recording.source_rate,
            channels=recording.channels,
            notes=recording.notes,
            digest=recording.digest,
        )

    def analyze(self, request: Analyze) -> Items:
        """Decode if need be, then what the Analyzer yields; the last item is the Analysis."""
        recording = yield from self._decoded(request.path)
        analyzer = self.analyzer(request.model)
        yield from analyzer.analyze(
            recording, request.start_s, request.end_s, speaker=request.speaker, corpus=request.corpus
        )

    def build_pyramid(self, recording: Recording, folder: Path) -> Iterator[Progress]:
        from ..audio import zoom_pyramid  # torch comes with it

        yield from zoom_pyramid.build(recording.samples, folder)

    def analyzer(self, model: str) -> Analyzer:
        """The model's Analyzer, loaded once; again if its file changed, or old weights would answer."""
        from . import model_file
        from .analyzer import Analyzer

        path = model_file.find(model)
        key = (path, path.stat().st_mtime_ns)
        if key not in self._analyzers:
            self._analyzers[key] = Analyzer(model_file.load(path))
        return self._analyzers[key]

    def _decoded(self, path: str) -> Generator[Progress, None, Recording]:
        key = _file_key(path)
        if key is not None and key in self._recordings:
            self._recordings.move_to_end(key)
            return self._recordings[key]
        decoder = self._idle.pop() if self._idle else self._decoders.enter_context(Decoder())
        try:
            for item in decoder.decode(path):
                if isinstance(item, Recording):
                    self._keep(path, item)
                    return item
                yield item
        finally:
            self._idle.append(decoder)
        raise AssertionError("decode ends with a Recording or an error")

    def _keep(self, path: str, recording: Recording) -> None:
        key = _file_key(path)
        if key is None:
            return
        self._recordings[key] = recording
        self._recordings.move_to_end(key)
        while len(self._recordings) > _KEPT_RECORDINGS:
            self._recordings.popitem(last=False)


def serve(connection: Connection, make_engine: Callable[[], InferenceEngine], log: str, scratch: str) -> None:
    """Answer requests until Quit, or until the parent's end is closed."""
    tempfile.tempdir = scratch
    jobs: dict[int, _Job] = {}
    ahead: Iterator[None] | None = None  # goes on while there are no jobs
    with make_engine() as engine:
        connection.send(Ready(_threads()))
        while True:
            while connection.poll(0 if jobs or ahead else None):
                request = _receive(connection)
                if isinstance(request, Quit):
                    for job in jobs.values():
                        job.items.close()
                    return
                if isinstance(request, Prepare):
                    ahead = _stepped(engine.prepare(request.model))  # at once: all that follows needs it
                else:
                    _accept(request, jobs, engine, connection)
            if jobs:
                newest = next(reversed(jobs))
                if not _advance(jobs[newest], connection, log):
                    del jobs[newest]
            elif ahead:
                ahead = _stepped(ahead)


def _threads() -> int:
    """How many cores this process may use (a container may allow fewer than there are)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class _Job:
    number: int
    path: str
    items: Items


def _stepped(steps: Iterator[None]) -> Iterator[None] | None:
    """`steps` one step further, None once they are over."""
    try:
        next(steps)
    except StopIteration:
        return None
    except (ImportError, MleeError, OSError):
        traceback.print_exc()  # to the log; every job that needs it will say so
        return None
    return steps


def _receive(connection: Connection) -> Request:
    try:
        request: Request = connection.recv()
    except (EOFError, OSError):
        return Quit()
    return request


def _accept(request: Request, jobs: dict[int, _Job], engine: InferenceEngine, connection: Connection) -> None:
    match request:
        case OpenRecording():
            jobs[request.job] = _Job(request.job, request.path, engine.open(request))
        case Analyze():
            jobs[request.job] = _Job(request.job, request.path, engine.analyze(request))
        case Cancel():
            job = jobs.pop(request.job, None)
            if job is not None:
                job.items.close()
            connection.send(CancelDone(request.job))


def _advance(job: _Job, connection: Connection, log: str) -> bool:
    """Send one more item of a job; False when it is over."""
    try:
        item = next(job.items, None)
    except MleeError as error:
        connection.send(Refused(job.number, str(error)))
        return False
    except Exception as error:  # noqa: BLE001 - the boundary: a fault of ours must not end the other jobs
        traceback.print_exc()
        sys.stderr.flush()
        what = f"{type(error).__name__}: {error}"
        connection.send(Refused(job.number, f"MLEE failed on {job.path}: {what} (details in {log})."))
        return False
    if item is None:
        return False
    connection.send(_reply(job.number, item))
    return True


def _reply(job: int, item: Item) -> Reply:
    match item:
        case Progress():
            return Progressed(job, item)
        case Segment():
            return SegmentDone(job, item)
        case Analysis():
            return Analyzed(job, item)
        case OpenedRecording():
            return Opened(job, item)


def _write_samples(recording: Recording, file: Path) -> Iterator[Progress]:
    """Raw float32 in blocks; an unfinished file is removed."""
    samples, what = recording.samples, "Writing the samples"
    total = recording.duration_s
    whole = False
    try:
        with file.open("wb") as raw:
            for start in range(0, len(samples), _COPY_SAMPLES):
                raw.write(samples[start : start + _COPY_SAMPLES].astype("<f4", copy=False).tobytes())
                yield Progress(what, min(start + _COPY_SAMPLES, len(samples)) / SAMPLE_RATE, total)
        whole = True
    finally:
        if not whole:
            file.unlink(missing_ok=True)


def _file_key(path: str) -> tuple[str, int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None  # decoding says what is wrong
    return path, status.st_mtime_ns, status.st_size

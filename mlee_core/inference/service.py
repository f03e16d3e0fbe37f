"""What the inference process does: decode recordings, draw their pyramids, analyse them."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..audio.decoding import LONG_S, Decoder, Recording
from ..audio.frames import SAMPLE_RATE
from ..events import Progress
from .protocol import Analyze, OpenedRecording, OpenRecording, Prepare, Request
from .results import Analysis, Segment

if TYPE_CHECKING:
    from .analyzer import Analyzer

_KEPT_RECORDINGS = 4
_COPY_SAMPLES = 1 << 20


class InferenceService:
    """Answers the requests of protocol.py. Keeps the last recordings and every model."""

    def __init__(self) -> None:
        self._idle: list[Decoder] = []
        self._recordings: OrderedDict[tuple[str, int, int], Recording] = OrderedDict()
        self._analyzers: dict[tuple[Path, int], Analyzer] = {}

    def __call__(self, request: Request) -> Generator[Progress | Segment | None, None, object]:
        match request:
            case OpenRecording():
                return self.open(request)
            case Analyze():
                return self.analyze(request)
            case Prepare(model):
                return self.prepare(model)

    def prepare(self, model: str) -> Generator[None]:
        """What the first analysis would wait for: at once the decoder and torch, which all that follows
        needs, then the model and its first run."""
        decoder = Decoder()
        decoder.start()  # it starts while torch is imported
        self._idle.append(decoder)
        for module in (".analyzer", "..audio.zoom_pyramid"):  # torch
            importlib.import_module(module, __package__)
        return self._first_run(model)

    def _first_run(self, model: str) -> Generator[None]:
        analyzer = self.analyzer(model)
        yield
        silence = Recording(Path(), np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE, 1, (), "")
        for _ in analyzer.analyze(silence):
            pass

    def open(self, request: OpenRecording) -> Generator[Progress, None, OpenedRecording]:
        """Decode, write samples.f32 and the pyramid."""
        recording = yield from self._decoded(request.path)
        folder = Path(request.folder)
        folder.mkdir(parents=True, exist_ok=True)
        samples_file, pyramid = folder / "samples.f32", folder / "pyramid"
        yield from _write_samples(recording, samples_file)
        if recording.duration_s >= LONG_S:  # release the decoder's own copy on disk
            mapped = np.memmap(samples_file, dtype="<f4", mode="r")
            recording = replace(recording, samples=mapped)
            self._keep(request.path, recording)
        yield from self.build_pyramid(recording, pyramid)
        return OpenedRecording(
            path=request.path,
            duration_s=recording.duration_s,
            samples_file=str(samples_file),
            pyramid=str(pyramid),
            source_rate=recording.source_rate,
            channels=recording.channels,
            notes=recording.notes,
            digest=recording.digest,
        )

    def analyze(self, request: Analyze) -> Generator[Progress | Segment, None, Analysis]:
        """Decode if need be, then yield the Analyzer's progress and segments."""
        recording = yield from self._decoded(request.path)
        analyzer = self.analyzer(request.model)
        for item in analyzer.analyze(
            recording, request.start_s, request.end_s, speaker=request.speaker, corpus=request.corpus
        ):
            if isinstance(item, Analysis):
                return item
            yield item
        raise AssertionError("analyze ends with the Analysis")

    def build_pyramid(self, recording: Recording, folder: Path) -> Iterator[Progress]:
        from ..audio import zoom_pyramid  # torch comes with it

        yield from zoom_pyramid.build(recording.signal, folder)

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
        decoder = self._idle.pop() if self._idle else Decoder()
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


def _write_samples(recording: Recording, file: Path) -> Iterator[Progress]:
    """Raw float32 in blocks; an unfinished file is removed."""
    samples = recording.samples
    try:
        with file.open("wb") as raw:
            for start in range(0, len(samples), _COPY_SAMPLES):
                raw.write(samples[start : start + _COPY_SAMPLES].astype("<f4", copy=False).tobytes())
                done = min(start + _COPY_SAMPLES, len(samples)) / SAMPLE_RATE
                yield Progress("Writing the samples", done, recording.duration_s)
    except BaseException:  # closed midway too
        file.unlink(missing_ok=True)
        raise


def _file_key(path: str) -> tuple[str, int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None  # decoding reports what is wrong
    return path, status.st_mtime_ns, status.st_size

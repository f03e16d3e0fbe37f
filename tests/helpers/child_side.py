"""What runs in the children of the process, audio and worker tests: importable, and light to import.

`wait_until` is for the parents: they wait for a condition, never for a time.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np

from mlee_core.audio.decode_file import Decoded, Step, decode_file
from mlee_core.audio.decoding import Recording
from mlee_core.errors import MleeError, ModelError
from mlee_core.events import Progress
from mlee_core.inference.protocol import Analyze
from mlee_core.inference.results import Analysis, Attention, Segment
from mlee_core.inference.service import InferenceService
from mlee_core.system.child_process import Child


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        pause.wait(0.005)


def running(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---- for processes --------------------------------------------------------------------------------------


def echo(connection, prefix="") -> None:
    """Answer with prefix + message; "exit", "raise", "segv", "print" and "pid" do what they say."""
    while True:
        try:
            message = connection.recv()
        except EOFError:
            return
        match message:
            case "exit":
                sys.exit(7)
            case "raise":
                raise ValueError("the child's own words")
            case "segv":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "print":
                print("said on stdout", flush=True)
        connection.send(os.getpid() if message == "pid" else f"{prefix}{message}")


def deaf(connection) -> None:
    """Never looks at its pipe."""
    connection.send("here")
    threading.Event().wait()


def parent_of_one(from_thread: bool) -> None:
    """A process that starts a child, prints its id and waits to be killed."""
    started: list[Child] = []

    def start() -> None:
        started.append(Child("deaf", deaf))
        started[0].receive()  # it notices its parent's end by now

    if from_thread:
        thread = threading.Thread(target=start)
        thread.start()
        thread.join()
    else:
        start()
    print(started[0].pid, flush=True)
    threading.Event().wait()


# ---- for services ---------------------------------------------------------------------------------------


def count_to(number: int | None) -> Generator[int, None, str]:
    if number is None:
        raise TypeError("no number")
    if number < 0:
        error = MleeError(f"{number} is below 0.")
        error.about = "number"
        raise error
    yield from range(number)
    return f"counted to {number}"


class CountingHandler:
    """Counts to the number that it gets; the texts do what they say."""

    def __call__(self, request: object) -> object:
        if request == "die":
            os._exit(3)
        if request == "write":
            return tempfile.mkstemp()
        return request if isinstance(request, str) else count_to(request)  # type: ignore[arg-type]


# ---- for the decoder ------------------------------------------------------------------------------------


def decode_by_name(path: Path, out: Path) -> Generator[Step, None, Decoded]:
    """Hangs, crashes or fails where the file's name says so; decodes as ever otherwise."""
    name = path.stem
    if name == "hangs":
        yield Step(0.5, 1.0)
        threading.Event().wait()
    if name == "slow":
        for step in range(6):
            threading.Event().wait(0.3)
            yield Step(step / 10, 1.0)
    if name == "crashes":
        yield Step(0.5, 1.0)
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "fails":
        raise ValueError("a fault of ours")
    return (yield from decode_file(path, out))


# ---- for the worker -------------------------------------------------------------------------------------


def make_segment(start_s: float = 0.0, end_s: float = 1.0) -> Segment:
    probabilities = (0.1, 0.2, 0.6, 0.1)
    dominant = {"hard": None, "soft": None, "fusion": probabilities}
    classes = ("neu", "hap", "sad", "ang")
    attention = Attention((0.095,), None, None, (1.0,))
    return Segment(start_s, end_s, classes, dominant, probabilities, "sad", "fusion", attention)


class FakeAnalyzer:
    """Analyses by the model's name: see FakeService.analyzer."""

    def __init__(self, model: str) -> None:
        self.model = model

    def analyze(
        self, recording: Recording, start_s, end_s, *, speaker, corpus
    ) -> Iterator[Progress | Segment | Analysis]:
        if self.model == "dies":
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if self.model == "fails":
            raise ZeroDivisionError("our fault")
        if self.model == "endless":
            count = 0
            while True:
                count += 1
                yield Progress("Analysing", count)
        yield Progress("Analysing", 1, 2, left_s=0.1)
        segment = make_segment(start_s or 0.0, end_s or recording.duration_s)
        yield segment
        notes = (f"speaker {speaker}", f"corpus {corpus}", f"peak {np.abs(recording.samples).max():.3f}")
        heads = ("mlee", "fusion")
        yield Analysis(
            str(recording.path),
            recording.duration_s,
            self.model,
            segment.classes,
            heads,
            (segment,),
            notes=notes,
        )


class FakeService(InferenceService):
    """The real decoding and bookkeeping, without torch."""

    def build_pyramid(self, recording: Recording, folder: Path) -> Iterator[Progress]:
        folder.mkdir()
        yield Progress("drawing", 0.5, 1.0)
        (folder / "built").write_text(str(len(recording.samples)))

    def analyzer(self, model: str) -> FakeAnalyzer:  # type: ignore[override]
        if model == "missing":
            raise ModelError("There is no model 'missing'.")
        return FakeAnalyzer(model)


class CountingService(FakeService):
    """Appends one character to the file's .count for each time that it is decoded."""

    def _keep(self, path: str, recording: Recording) -> None:
        with Path(path).with_suffix(".count").open("a") as file:
            file.write("x")
        super()._keep(path, recording)


class PreparingService(FakeService):
    """Prepares in three steps, each appended to the file that is named as the model."""

    def prepare(self, model: str) -> Generator[None]:
        if model == "missing":
            raise ModelError("There is no model 'missing'.")
        _append(model, "torch ")
        return self._first_run(model)

    def _first_run(self, model: str) -> Generator[None]:
        _append(model, "model ")
        yield
        _append(model, "run ")

    def analyze(self, request: Analyze) -> Generator[Progress | Segment, None, Analysis]:
        _append(request.model, "analysis ")
        return (yield from super().analyze(request))


def _append(file: str, text: str) -> None:
    with Path(file).open("a") as opened:
        opened.write(text)


if __name__ == "__main__":
    parent_of_one(sys.argv[1] == "thread")

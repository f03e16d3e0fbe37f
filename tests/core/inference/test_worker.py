"""The inference worker: real decoding in its process, a stand-in for the models where they do not matter."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mlee_core.audio.decoding import LONG_S, load
from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.errors import WorkerDied
from mlee_core.events import Progress
from mlee_core.inference import model_file
from mlee_core.inference.protocol import Analyze, OpenedRecording, OpenRecording, Prepare
from mlee_core.inference.results import Analysis, Segment
from mlee_core.inference.worker import start_worker
from mlee_core.system.service import END, Cancel, Done, Fault, Ready, Refused, Reply, Request, ServiceProcess
from tests.helpers.child_side import CountingService, FakeService, PreparingService, running, wait_until


class Talk:
    """A worker and all it has replied."""

    def __init__(self, worker: ServiceProcess) -> None:
        self.worker = worker
        self.replies: list[Reply] = []

    def send(self, number: int, content: object) -> None:
        self.worker.send(Request(number, content))

    def until(self, condition: Callable[[Reply], bool], what: str, timeout_s: float = 60) -> Any:
        """The first event, from now on or before, whose reply fits; the worker must live."""

        def read() -> bool:
            self.replies += self.worker.replies()
            return any(map(condition, self.replies)) or self.worker.outcome() is not None

        wait_until(read, what, timeout_s)
        found = [reply.event for reply in self.replies if condition(reply)]
        assert found, f"the worker ended: {self.worker.outcome()}; its replies were {self.replies}"
        return found[0]

    def end(self, number: int) -> Any:
        """The event that ends a request."""
        return self.until(
            lambda r: isinstance(r.event, END) and r.number == number, f"the end of request {number}"
        )

    def result(self, number: int) -> Any:
        end = self.end(number)
        assert isinstance(end, Done), end
        return end.result

    def of(self, number: int) -> list[Any]:
        return [reply.event for reply in self.replies if reply.number == number]


def analysing(reply: Reply) -> bool:
    return isinstance(reply.event, Progress) and reply.event.what == "Analysing"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a worker; all are stopped in the end, and must leave no temporary file."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    workers: list[ServiceProcess] = []

    def make(service=FakeService) -> Talk:
        workers.append(start_worker(tmp_path / "worker.log", service))
        return Talk(workers[-1])

    yield make
    for worker in workers:
        worker.stop()
    assert list(temporary.iterdir()) == []


@pytest.fixture
def tone(tmp_path) -> Path:
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.5 * np.sin(np.arange(32_000) * 0.1), 16_000)
    return path


def test_an_opened_recording_lies_in_its_folder(start, tone, tmp_path):
    talk, folder = start(), tmp_path / "session" / "1"
    talk.send(1, OpenRecording(str(tone), str(folder)))
    facts = talk.result(1)
    assert isinstance(facts, OpenedRecording)
    expected = load(tone)
    assert (facts.path, facts.duration_s, facts.source_rate, facts.channels) == (str(tone), 2.0, 16_000, 1)
    assert (facts.digest, facts.notes) == (expected.digest, expected.notes)
    assert Path(facts.samples_file).parent == folder
    assert np.array_equal(np.fromfile(facts.samples_file, "<f4"), expected.samples)
    assert (Path(facts.pyramid) / "built").read_text() == "32000"
    assert any(isinstance(event, Progress) for event in talk.of(1))


def test_an_analysis_sends_progress_then_segments_then_the_result(start, tone):
    talk = start()
    talk.send(5, Analyze(str(tone), "m", 0.25, 1.5, speaker="03", corpus="emodb"))
    analysis = talk.result(5)
    kinds = [type(event) for event in talk.of(5)]
    assert kinds[-2:] == [Segment, Done] and set(kinds[:-2]) == {Progress}
    assert isinstance(analysis, Analysis)
    assert (analysis.file, analysis.model, analysis.duration_s) == (str(tone), "m", 2.0)
    assert (analysis.segments[0].start_s, analysis.segments[0].end_s) == (0.25, 1.5)
    assert analysis.notes == ("speaker 03", "corpus emodb", "peak 0.500")
    assert talk.of(5)[-3].left_s == 0.1


def test_a_file_is_decoded_once_until_it_changes(start, tone, tmp_path):
    talk, count = start(CountingService), tone.with_suffix(".count")
    talk.send(1, OpenRecording(str(tone), str(tmp_path / "a")))
    talk.end(1)
    talk.send(2, Analyze(str(tone), "m"))
    talk.end(2)
    talk.send(3, OpenRecording(str(tone), str(tmp_path / "b")))
    again = talk.result(3)
    assert count.read_text() == "x", "decoded once for three jobs"
    assert np.fromfile(again.samples_file, "<f4").size == 32_000
    soundfile.write(tone, np.zeros(100) + 0.25, 16_000)
    talk.send(4, Analyze(str(tone), "m"))
    assert talk.result(4).notes[-1] == "peak 0.250"
    assert count.read_text() == "xx"


def test_a_long_recording_is_written_whole_and_its_temporary_copy_let_go(start, tmp_path):
    path = tmp_path / "long.wav"
    sound = np.random.default_rng(1).integers(-9000, 9000, int((LONG_S + 5) * 16_000)).astype(np.int16)
    soundfile.write(path, sound, 16_000)
    talk = start()
    talk.send(1, OpenRecording(str(path), str(tmp_path / "a")))
    opened = talk.result(1)
    assert np.array_equal(np.memmap(opened.samples_file, "<f4", "r"), sound / np.float32(32768))
    mapped = Path(f"/proc/{talk.worker.pid}/maps").read_text()
    assert "samples.f32 (deleted)" not in mapped and opened.samples_file in mapped
    talk.send(2, Analyze(str(path), "m"))
    assert talk.result(2).notes[-1] == f"peak {np.abs(sound).max() / 32768:.3f}"


def test_the_newest_job_overtakes_and_the_older_one_goes_on(start, tone):
    talk = start()
    talk.send(1, Analyze(str(tone), "endless"))
    talk.until(analysing, "the long job to run")
    talk.send(2, Analyze(str(tone), "m"))
    assert isinstance(talk.end(2), Done), "a selection overtakes an endless analysis"
    count = len(talk.of(1))
    talk.until(lambda r: len(talk.of(1)) > count + 10, "the long job to go on")
    talk.worker.send(Cancel(1))
    assert talk.end(1) == Done()
    talk.send(3, Analyze(str(tone), "m"))
    talk.end(3)
    assert talk.of(1)[-1] == Done(), "nothing more of a cancelled job"


def test_a_cancelled_opening_leaves_no_half_written_samples(start, tmp_path):
    path, folder = tmp_path / "long.wav", tmp_path / "a"
    soundfile.write(path, np.full(16_000 * 900, 0.1, np.float32), 16_000)
    talk = start()
    talk.send(1, OpenRecording(str(path), str(folder)))
    talk.until(lambda r: isinstance(r.event, Progress) and "Writing" in r.event.what, "the writing to begin")
    talk.worker.send(Cancel(1))
    end = talk.result(1)
    assert isinstance(end, OpenedRecording) or not (folder / "samples.f32").exists()


def test_bad_input_is_refused_in_the_errors_own_words_and_the_worker_lives(start, tone, tmp_path):
    talk = start()
    talk.send(1, OpenRecording(str(tmp_path / "no.wav"), str(tmp_path / "a")))
    assert talk.end(1) == Refused(f"{tmp_path / 'no.wav'} does not exist.")
    talk.send(2, Analyze(str(tone), "missing"))
    assert talk.end(2) == Refused("There is no model 'missing'.")
    talk.send(3, Analyze(str(tone), "m"))
    assert isinstance(talk.end(3), Done)


def test_a_fault_of_ours_is_told_with_the_place_of_its_traceback(start, tone, tmp_path):
    talk = start()
    talk.send(1, Analyze(str(tone), "fails"))
    log = tmp_path / "worker.log"
    assert talk.end(1) == Fault("ZeroDivisionError: our fault")
    assert "Traceback" in log.read_text() and "our fault" in log.read_text()
    (tmp_path / "file").touch()
    talk.send(2, OpenRecording(str(tone), str(tmp_path / "file")))
    assert "FileExistsError" in talk.end(2).error
    assert talk.worker.alive


def test_a_death_is_seen_with_the_last_words_and_a_new_start_works(start, tone):
    talk = start()
    talk.send(1, Analyze(str(tone), "dies"))

    def dead() -> bool:
        talk.replies += talk.worker.replies()
        return talk.worker.outcome() is not None

    wait_until(dead, "the death to be seen")
    outcome = talk.worker.outcome()
    assert outcome.signal == "SIGKILL" and outcome.last_log_lines == ("last words",)
    assert not talk.worker.alive and talk.worker.replies() == []
    assert [type(event) for event in talk.of(1)] == [Progress], "what it sent before is not lost"
    with pytest.raises(WorkerDied, match="SIGKILL"):
        talk.send(2, Analyze(str(tone), "m"))
    again = start()
    again.send(3, Analyze(str(tone), "m"))
    assert isinstance(again.end(3), Done)


def test_stopping_amid_work_ends_the_worker_and_its_decoder(start, tone):
    talk = start()
    talk.send(1, Analyze(str(tone), "endless"))
    talk.until(analysing, "the job to run")
    pid = talk.worker.pid
    children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert children, "the decoder is a child of the worker"
    talk.worker.stop()
    wait_until(lambda: not any(map(running, [pid, *children])), "all of them to end")


def test_a_killed_worker_takes_its_decoder_along(start, tone):
    talk = start()
    talk.send(1, Analyze(str(tone), "m"))
    talk.end(1)
    pid = talk.worker.pid
    children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(running, [pid, *children])), "the decoder to end")


def test_it_prepares_while_nobody_waits_and_a_job_comes_first(start, tone, tmp_path):
    talk, steps = start(PreparingService), tmp_path / "steps"
    os.kill(talk.worker.pid, signal.SIGSTOP)  # so that both requests wait for it
    talk.send(100, Prepare(str(steps)))
    talk.send(1, Analyze(str(tone), str(steps)))
    os.kill(talk.worker.pid, signal.SIGCONT)
    assert isinstance(talk.end(1), Done)
    wait_until(lambda: steps.read_text().count(" ") == 4, "the preparation to end")
    assert steps.read_text() == "torch analysis model run "
    talk.send(2, Analyze(str(tone), str(steps)))
    assert isinstance(talk.end(2), Done), "it waits for requests again"


def test_what_cannot_be_prepared_is_told_by_the_job_that_needs_it(start, tone, tmp_path):
    talk = start(PreparingService)
    talk.send(100, Prepare("missing"))
    talk.send(1, OpenRecording(str(tone), str(tmp_path / "a")))
    assert isinstance(talk.end(1), Done)
    assert talk.of(100) == [Refused("There is no model 'missing'.")]


def test_torch_comes_with_the_preparation_and_not_before(start, tone):
    talk = start(None)
    talk.until(lambda r: isinstance(r.event, Ready), "Ready")
    maps = Path(f"/proc/{talk.worker.pid}/maps")
    assert "libtorch" not in maps.read_text()
    talk.send(100, Prepare(model_file.DEFAULT))
    wait_until(lambda: "libtorch" in maps.read_text(), "torch to be imported", 200)
    talk.send(1, Analyze(str(tone), model_file.DEFAULT))
    assert isinstance(talk.end(1), Done)


def test_the_parents_half_is_light():
    code = "import sys, mlee_core.inference.worker\n"
    code += "sys.exit(bool({'torch', 'numpy', 'soundfile'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_the_real_engine_opens_and_analyses_a_real_utterance(start, emodb, tmp_path):
    path = shutil.copy(sorted((emodb / "flac").glob("03*.flac"))[0], tmp_path)
    talk = start(None)
    talk.send(1, OpenRecording(str(path), str(tmp_path / "a")))
    opened = talk.result(1)
    pyramid = Pyramid.open(Path(opened.pyramid))
    assert pyramid.duration_s == opened.duration_s
    talk.send(2, Analyze(str(path), model_file.DEFAULT))
    analysis = talk.result(2)
    segment = analysis.single
    assert segment is not None
    for encoder in ("hard", "soft", "mlee"):
        weights = segment.attention.of(encoder)
        assert weights is None or sum(weights) == pytest.approx(1, abs=1e-4)
    assert segment.predicted in analysis.classes

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

import numpy as np
import pytest
import soundfile

from mlee_core.audio.decoding import LONG_S, load
from mlee_core.audio.zoom_pyramid import Pyramid
from mlee_core.errors import WorkerDied
from mlee_core.inference import model_file
from mlee_core.inference.protocol import (
    Analyze,
    Analyzed,
    Cancel,
    CancelDone,
    Opened,
    OpenRecording,
    Prepare,
    Progressed,
    Ready,
    Refused,
    Reply,
    SegmentDone,
)
from mlee_core.inference.worker import Worker
from tests.helpers.child_side import CountingEngine, FakeEngine, PreparingEngine, running, wait_until


class Talk:
    """A worker and all it has replied."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.replies: list[Reply] = []

    def until(self, condition: Callable[[Reply], bool], what: str, timeout_s: float = 60) -> Reply:
        """The first reply, from now on or before, that fits; the worker must live."""

        def look() -> bool:
            self.replies += self.worker.poll()
            return any(map(condition, self.replies)) or self.worker.outcome() is not None

        wait_until(look, what, timeout_s)
        found = [reply for reply in self.replies if condition(reply)]
        assert found, f"the worker ended: {self.worker.outcome()}; it had said {self.replies}"
        return found[0]

    def last(self, job: int) -> Reply:
        """The reply that ends a job."""
        ends = (Opened, Analyzed, Refused, CancelDone)
        return self.until(lambda r: isinstance(r, ends) and r.job == job, f"the end of job {job}")

    def of(self, job: int) -> list[Reply]:
        return [reply for reply in self.replies if getattr(reply, "job", None) == job]


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Make and start a worker; all are stopped in the end, and must leave no temporary file."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    workers: list[Worker] = []

    def make(engine=FakeEngine) -> Talk:
        workers.append(Worker(tmp_path / "worker.log", make_engine=engine))
        workers[-1].start()
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


def test_it_says_that_it_is_ready_and_with_how_many_threads(start):
    talk = start()
    ready = talk.until(lambda r: isinstance(r, Ready), "Ready")
    assert ready == Ready(len(os.sched_getaffinity(0)))
    assert talk.worker.alive and talk.worker.outcome() is None


def test_an_opened_recording_lies_in_its_folder(start, tone, tmp_path):
    talk, folder = start(), tmp_path / "session" / "1"
    talk.worker.send(OpenRecording(1, str(tone), str(folder)))
    opened = talk.last(1)
    assert isinstance(opened, Opened)
    expected = load(tone)
    facts = opened.recording
    assert (facts.path, facts.duration_s, facts.source_rate, facts.channels) == (str(tone), 2.0, 16_000, 1)
    assert (facts.digest, facts.notes) == (expected.digest, expected.notes)
    assert Path(facts.samples_file).parent == folder
    assert np.array_equal(np.fromfile(facts.samples_file, "<f4"), expected.samples)
    assert (Path(facts.pyramid) / "built").read_text() == "32000"
    assert any(isinstance(reply, Progressed) for reply in talk.of(1))


def test_an_analysis_sends_progress_then_segments_then_the_result(start, tone):
    talk = start()
    talk.worker.send(Analyze(5, str(tone), "m", 0.25, 1.5, speaker="03", corpus="emodb"))
    analyzed = talk.last(5)
    kinds = [type(reply) for reply in talk.of(5)]
    assert kinds[-2:] == [SegmentDone, Analyzed] and set(kinds[:-2]) == {Progressed}
    assert isinstance(analyzed, Analyzed)
    analysis = analyzed.analysis
    assert (analysis.file, analysis.model, analysis.duration_s) == (str(tone), "m", 2.0)
    assert (analysis.segments[0].start_s, analysis.segments[0].end_s) == (0.25, 1.5)
    assert analysis.notes == ("speaker 03", "corpus emodb", "peak 0.500")
    assert talk.of(5)[-3].progress.left_s == 0.1


def test_a_file_is_decoded_once_until_it_changes(start, tone, tmp_path):
    talk, count = start(CountingEngine), tone.with_suffix(".count")
    talk.worker.send(OpenRecording(1, str(tone), str(tmp_path / "a")))
    talk.last(1)
    talk.worker.send(Analyze(2, str(tone), "m"))
    talk.last(2)
    talk.worker.send(OpenRecording(3, str(tone), str(tmp_path / "b")))
    again = talk.last(3)
    assert count.read_text() == "x", "decoded once for three jobs"
    assert np.fromfile(again.recording.samples_file, "<f4").size == 32_000
    soundfile.write(tone, np.zeros(100) + 0.25, 16_000)
    talk.worker.send(Analyze(4, str(tone), "m"))
    assert talk.last(4).analysis.notes[-1] == "peak 0.250"
    assert count.read_text() == "xx"


def test_a_long_recording_is_written_whole_and_its_temporary_copy_let_go(start, tmp_path):
    path = tmp_path / "long.wav"
    sound = np.random.default_rng(1).integers(-9000, 9000, int((LONG_S + 5) * 16_000)).astype(np.int16)
    soundfile.write(path, sound, 16_000)
    talk = start()
    talk.worker.send(OpenRecording(1, str(path), str(tmp_path / "a")))
    opened = talk.last(1).recording
    assert np.array_equal(np.memmap(opened.samples_file, "<f4", "r"), sound / np.float32(32768))
    mapped = Path(f"/proc/{talk.worker.pid}/maps").read_text()
    assert "samples.f32 (deleted)" not in mapped and opened.samples_file in mapped
    talk.worker.send(Analyze(2, str(path), "m"))
    assert talk.last(2).analysis.notes[-1] == f"peak {np.abs(sound).max() / 32768:.3f}"


def test_the_newest_job_overtakes_and_the_older_one_goes_on(start, tone):
    talk = start()
    talk.worker.send(Analyze(1, str(tone), "endless"))
    talk.until(lambda r: isinstance(r, Progressed) and r.progress.what == "Analysing", "the long job to run")
    talk.worker.send(Analyze(2, str(tone), "m"))
    assert isinstance(talk.last(2), Analyzed), "a selection overtakes an endless analysis"
    count = len(talk.of(1))
    talk.until(lambda r: len(talk.of(1)) > count + 10, "the long job to go on")
    talk.worker.send(Cancel(1))
    assert talk.last(1) == CancelDone(1)
    talk.worker.send(Analyze(3, str(tone), "m"))
    talk.last(3)
    assert talk.of(1)[-1] == CancelDone(1), "nothing more of a cancelled job"


def test_a_cancel_of_a_waiting_or_finished_or_unknown_job_is_answered(start, tone):
    talk = start()
    talk.worker.send(Analyze(1, str(tone), "endless"))
    talk.worker.send(Analyze(2, str(tone), "endless"))
    for job in (1, 2, 99):
        talk.worker.send(Cancel(job))
        assert talk.last(job) == CancelDone(job)


def test_a_cancelled_opening_leaves_no_half_written_samples(start, tmp_path):
    path, folder = tmp_path / "long.wav", tmp_path / "a"
    soundfile.write(path, np.full(16_000 * 900, 0.1, np.float32), 16_000)
    talk = start()
    talk.worker.send(OpenRecording(1, str(path), str(folder)))
    talk.until(lambda r: isinstance(r, Progressed) and "Writing" in r.progress.what, "the writing to begin")
    talk.worker.send(Cancel(1))
    end = talk.last(1)
    assert isinstance(end, Opened) or not (folder / "samples.f32").exists()


def test_bad_input_is_refused_in_the_errors_own_words_and_the_worker_lives(start, tone, tmp_path):
    talk = start()
    talk.worker.send(OpenRecording(1, str(tmp_path / "no.wav"), str(tmp_path / "a")))
    assert talk.last(1) == Refused(1, f"{tmp_path / 'no.wav'} does not exist.")
    talk.worker.send(Analyze(2, str(tone), "missing"))
    assert talk.last(2) == Refused(2, "There is no model 'missing'.")
    talk.worker.send(Analyze(3, str(tone), "m"))
    assert isinstance(talk.last(3), Analyzed)


def test_a_fault_of_ours_is_told_with_the_place_of_its_traceback(start, tone, tmp_path):
    talk = start()
    talk.worker.send(Analyze(1, str(tone), "fails"))
    log = tmp_path / "worker.log"
    message = f"MLEE failed on {tone}: ZeroDivisionError: our fault (details in {log})."
    assert talk.last(1) == Refused(1, message)
    assert "Traceback" in log.read_text() and "our fault" in log.read_text()
    (tmp_path / "file").touch()
    talk.worker.send(OpenRecording(2, str(tone), str(tmp_path / "file")))
    assert "FileExistsError" in talk.last(2).message
    assert talk.worker.alive


def test_a_death_is_seen_with_the_last_words_and_a_new_start_works(start, tone):
    talk = start()
    talk.worker.send(Analyze(1, str(tone), "dies"))

    def dead() -> bool:
        talk.replies += talk.worker.poll()
        return talk.worker.outcome() is not None

    wait_until(dead, "the death to be seen")
    outcome = talk.worker.outcome()
    assert outcome.signal == "SIGKILL" and outcome.last_log_lines == ("last words",)
    assert not talk.worker.alive and talk.worker.poll() == []
    assert [type(r) for r in talk.of(1)] == [Progressed], "what it had said before is not lost"
    with pytest.raises(WorkerDied, match="SIGKILL"):
        talk.worker.send(Analyze(2, str(tone), "m"))
    talk.worker.start()
    talk.worker.send(Analyze(3, str(tone), "m"))
    assert isinstance(talk.last(3), Analyzed)


def test_a_worker_that_was_not_started_or_was_stopped_says_so(tmp_path):
    worker = Worker(tmp_path / "log", make_engine=FakeEngine)
    assert not worker.alive and worker.poll() == [] and worker.outcome() is None
    with pytest.raises(WorkerDied, match="has not been started"):
        worker.send(Cancel(1))
    worker.start()
    worker.stop()
    worker.stop()
    assert not worker.alive
    with pytest.raises(WorkerDied, match="has not been started"):
        worker.send(Cancel(1))


def test_stopping_amid_work_ends_the_worker_and_its_decoder(start, tone):
    talk = start()
    talk.worker.send(Analyze(1, str(tone), "endless"))
    talk.until(lambda r: isinstance(r, Progressed) and r.progress.what == "Analysing", "the job to run")
    pid = talk.worker.pid
    children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert children, "the decoder is a child of the worker"
    talk.worker.stop()
    wait_until(lambda: not any(map(running, [pid, *children])), "all of them to end")


def test_a_killed_worker_takes_its_decoder_along(start, tone):
    talk = start()
    talk.worker.send(Analyze(1, str(tone), "m"))
    talk.last(1)
    pid = talk.worker.pid
    children = [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(running, [pid, *children])), "the decoder to end")


def test_it_prepares_while_nobody_waits_and_a_job_comes_first(start, tone, tmp_path):
    talk, steps = start(PreparingEngine), tmp_path / "steps"
    os.kill(talk.worker.pid, signal.SIGSTOP)  # so that both requests wait for it
    talk.worker.send(Prepare(str(steps)))
    talk.worker.send(Analyze(1, str(tone), str(steps)))
    os.kill(talk.worker.pid, signal.SIGCONT)
    assert isinstance(talk.last(1), Analyzed)
    wait_until(lambda: steps.read_text().count(" ") == 4, "the preparation to end")
    assert steps.read_text() == "torch analysis model run "
    talk.worker.send(Analyze(2, str(tone), str(steps)))
    assert isinstance(talk.last(2), Analyzed), "it waits for requests again"


def test_what_cannot_be_prepared_is_told_by_the_job_that_needs_it(start, tone, tmp_path):
    talk = start(PreparingEngine)
    talk.worker.send(Prepare("missing"))
    talk.worker.send(OpenRecording(1, str(tone), str(tmp_path / "a")))
    assert isinstance(talk.last(1), Opened)
    assert "There is no model 'missing'." in (tmp_path / "worker.log").read_text()
    assert len(talk.of(1)) == len([r for r in talk.replies if not isinstance(r, Ready)])


def test_torch_comes_with_the_preparation_and_not_before(start, tone):
    talk = start(None)
    talk.until(lambda r: isinstance(r, Ready), "Ready")
    maps = Path(f"/proc/{talk.worker.pid}/maps")
    assert "libtorch" not in maps.read_text()
    talk.worker.send(Prepare(model_file.DEFAULT))
    wait_until(lambda: "libtorch" in maps.read_text(), "torch to be imported", 200)
    talk.worker.send(Analyze(1, str(tone), model_file.DEFAULT))
    assert isinstance(talk.last(1), Analyzed)


def test_the_parents_half_is_light():
    code = "import sys, mlee_core.inference.worker\n"
    code += "sys.exit(bool({'torch', 'numpy', 'soundfile'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_the_real_engine_opens_and_analyses_a_real_utterance(start, emodb, tmp_path):
    path = shutil.copy(sorted((emodb / "flac").glob("03*.flac"))[0], tmp_path)
    talk = start(None)
    talk.worker.send(OpenRecording(1, str(path), str(tmp_path / "a")))
    opened = talk.last(1)
    assert isinstance(opened, Opened), opened
    pyramid = Pyramid.open(Path(opened.recording.pyramid))
    assert pyramid.duration_s == opened.recording.duration_s
    talk.worker.send(Analyze(2, str(path), model_file.DEFAULT))
    analyzed = talk.last(2)
    assert isinstance(analyzed, Analyzed), analyzed
    segment = analyzed.analysis.single
    assert segment is not None
    for encoder in ("hard", "soft", "mlee"):
        weights = segment.attention.of(encoder)
        assert weights is None or sum(weights) == pytest.approx(1, abs=1e-4)
    assert segment.predicted in analyzed.analysis.classes

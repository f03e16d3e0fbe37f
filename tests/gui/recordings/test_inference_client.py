"""The worker as the window sees it: answers become signals, a crash becomes one message and a new process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from mlee_core.events import Progress
from mlee_core.inference.protocol import Analyze, OpenRecording, Progressed, Ready, Refused, SegmentDone
from mlee_gui.recordings.inference_client import BUSY_MS, InferenceClient
from tests.helpers.fakes import FakeWorker, segment


class Workers:
    """Makes fake workers and keeps them, oldest first."""

    def __init__(self) -> None:
        self.made: list[FakeWorker] = []

    def __call__(self) -> FakeWorker:
        self.made.append(FakeWorker())
        return self.made[-1]


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def inference(qtbot: QtBot, workers: Workers) -> Iterator[InferenceClient]:
    made = InferenceClient(workers)
    yield made
    made.stop()


def test_polls_often_enough_to_feel_immediate() -> None:
    assert BUSY_MS <= 20


def test_process_starts_once_and_tells_when_ready(
    qtbot: QtBot, inference: InferenceClient, workers: Workers
) -> None:
    inference.start()
    inference.start()
    workers.made[0].reply(Ready(2))
    with qtbot.waitSignal(inference.ready) as caught:
        pass
    assert caught.args == [2] and len(workers.made) == 1


def test_each_job_gets_its_answer(
    qtbot: QtBot, inference: InferenceClient, workers: Workers, tmp_path: object
) -> None:
    first = inference.open("/a.wav", str(tmp_path))
    second = inference.analyze("/a.wav", "m", span=(0.5, 1.5), speaker="03", corpus="emodb")
    worker = workers.made[0]
    assert worker.requests == [
        OpenRecording(first, "/a.wav", str(tmp_path)),
        Analyze(second, "/a.wav", "m", 0.5, 1.5, "03", "emodb"),
    ]
    with qtbot.waitSignal(inference.opened) as opened:
        worker.answer_next()
    worker.requests.clear()
    with qtbot.waitSignal(inference.refused) as refused:
        worker.reply(Refused(second, "no"))
    assert opened.args is not None and opened.args[0] == first
    assert refused.args == [second, "no"] and not inference.busy


def test_of_what_waits_only_the_newest_progress_of_a_job_is_told(
    qtbot: QtBot, inference: InferenceClient, workers: Workers
) -> None:
    told: list[tuple[int, object]] = []
    inference.progressed.connect(lambda job, progress: told.append((job, progress.done)))
    inference.segment_done.connect(lambda job, _: told.append((job, "segment")))
    first, second = inference.analyze("/a.wav", "m"), inference.analyze("/b.wav", "m")
    reading = [Progressed(first, Progress("Reading", float(done))) for done in range(900)]
    half = reading[450:]
    rest = (SegmentDone(first, segment()), Progressed(second, Progress("Reading", 7.0)), *half)
    workers.made[0].reply(*reading[:450], *rest, Refused(first, "no"))
    with qtbot.waitSignal(inference.refused):
        pass
    assert told == [(first, "segment"), (second, 7.0), (first, 899.0)]


def test_it_has_the_process_prepared_without_waiting_for_an_answer(
    inference: InferenceClient, workers: Workers
) -> None:
    inference.prepare("m")
    assert workers.made[0].prepared == ["m"] and not inference.busy


def test_a_process_that_was_started_early_is_not_started_again(qtbot: QtBot) -> None:
    early = FakeWorker()
    early.start()
    inference = InferenceClient(lambda: early)
    inference.start()
    assert early.starts == 1
    inference.stop()


def test_cancel_reaches_the_worker_only_for_what_runs(
    qtbot: QtBot, inference: InferenceClient, workers: Workers
) -> None:
    job = inference.analyze("/a.wav", "m")
    with qtbot.waitSignal(inference.cancelled) as caught:
        inference.cancel(job)
    assert caught.args == [job]
    sent = len(workers.made[0].requests)
    inference.cancel(job)
    assert len(workers.made[0].requests) == sent


def test_crash_is_told_with_the_last_log_lines_and_the_next_job_restarts(
    qtbot: QtBot, inference: InferenceClient, workers: Workers
) -> None:
    job = inference.analyze("/a.wav", "m")
    with qtbot.waitSignal(inference.died) as caught:
        workers.made[0].die()
    assert caught.args is not None
    jobs, sentence, details = caught.args
    assert jobs == {job} and "SIGKILL" in sentence and "\n" not in sentence
    assert details == "last words\nof the worker"
    assert len(workers.made) == 1  # not before it is needed
    again = inference.analyze("/a.wav", "m")
    assert len(workers.made) == 2
    with qtbot.waitSignal(inference.analyzed) as answered:
        workers.made[1].answer_next()
    assert answered.args is not None and answered.args[0] == again


def test_job_sent_to_a_dead_worker_is_done_by_the_next(
    qtbot: QtBot, inference: InferenceClient, workers: Workers
) -> None:
    lost = inference.analyze("/a.wav", "m")
    workers.made[0].die()
    kept = inference.analyze("/b.wav", "m")  # before anybody noticed
    with qtbot.waitSignal(inference.died) as caught:
        pass
    assert caught.args is not None and caught.args[0] == {lost}
    assert [r.job for r in workers.made[1].requests] == [kept]  # type: ignore[attr-defined]

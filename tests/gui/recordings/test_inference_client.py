"""The inference process as the window sees it: requests become jobs, events become signals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from mlee_core.events import Progress
from mlee_core.inference.protocol import Analyze, OpenRecording, Prepare
from mlee_core.system.service import Fault, Refused
from mlee_gui.recordings.inference_client import InferenceClient
from tests.helpers.fakes import FakeWorker, segment


@pytest.fixture
def worker() -> FakeWorker:
    return FakeWorker()


@pytest.fixture
def inference(qtbot: QtBot, worker: FakeWorker) -> Iterator[InferenceClient]:
    made = InferenceClient(lambda: worker)
    yield made
    made.stop()


def test_each_job_gets_its_answer(
    qtbot: QtBot, inference: InferenceClient, worker: FakeWorker, tmp_path: object
) -> None:
    contents = OpenRecording("/a.wav", str(tmp_path)), Analyze("/a.wav", "m", 0.5, 1.5, "03", "emodb")
    first, second = map(inference.request, contents)
    requests = {request.number: request.content for request in worker.requests}
    assert requests == dict(zip((first, second), contents, strict=True))
    with qtbot.waitSignal(inference.opened) as opened:
        worker.answer_next()
    with qtbot.waitSignal(inference.analyzed) as analyzed:
        worker.answer_next()
    assert opened.args is not None and opened.args[0] == first
    assert analyzed.args is not None and analyzed.args[0] == second and not inference.busy


def test_progress_segments_and_refusals_are_signals(
    qtbot: QtBot, inference: InferenceClient, worker: FakeWorker
) -> None:
    job, found, progress = inference.request(Analyze("/a.wav", "m")), segment(), Progress("Reading", 7.0)
    worker.reply(job, progress, found, Refused("no"))
    signals = [inference.progressed, inference.segment_done, inference.refused]
    caught: list[tuple[int, object]] = []
    for signal in signals:
        signal.connect(lambda *arguments: caught.append(arguments))
    qtbot.waitUntil(lambda: len(caught) == 3)
    assert caught == [(job, progress), (job, found), (job, "no")]


def test_a_fault_names_the_file(qtbot: QtBot, inference: InferenceClient, worker: FakeWorker) -> None:
    worker.reply(inference.request(Analyze("/a.wav", "m")), Fault("KeyError: 1"))
    with qtbot.waitSignal(inference.refused) as refused:
        pass
    assert refused.args is not None and refused.args[1] == "MLEE failed on /a.wav: KeyError: 1."


def test_the_process_prepares_before_there_is_a_job(inference: InferenceClient, worker: FakeWorker) -> None:
    inference.request(Prepare("m"))
    assert worker.prepared == ["m"]

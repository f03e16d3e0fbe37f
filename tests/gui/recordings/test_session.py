"""The session and its analysis queue: order of reading, effects of edits and answers on the list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from mlee_core.errors import ModelError
from mlee_core.events import Progress
from mlee_core.inference.model_file import ModelInfo
from mlee_core.inference.protocol import Analyze, OpenRecording
from mlee_core.system.service import Refused
from mlee_gui.recordings import analysis_queue as analysis_queue_module
from mlee_gui.recordings.analysis_queue import AnalysisQueue
from mlee_gui.recordings.inference_client import InferenceClient
from mlee_gui.recordings.session import Entry, Session
from mlee_gui.shell.messages import Message, Messages
from tests.helpers.fakes import MODEL, FakeWorker, segment


@dataclass
class Bench:
    """A session with a fake worker under it, and its messages."""

    session: Session
    analysis_queue: AnalysisQueue
    inference: InferenceClient
    worker: FakeWorker
    messages: list[Message]
    qtbot: QtBot

    def add(self, *paths: str, **options: bool) -> list[Entry]:
        with self.qtbot.waitSignal(self.session.listed):
            self.session.add_paths([str(p) for p in paths], **options)  # type: ignore[arg-type]
        return list(self.session.entries())

    def state(self, row: int) -> str:
        return self.session.entries()[row].state

    def states(self) -> list[str]:
        return [e.state for e in self.session.entries()]

    def current_name(self) -> str:
        entry = self.session.current()
        return "" if entry is None else entry.name


def find_model(name: str) -> ModelInfo:
    if name == "missing":
        raise ModelError("No model is named 'missing'.")
    return replace(MODEL, name=name)


@pytest.fixture
def bench(qtbot: QtBot, tmp_path: Path) -> Iterator[Bench]:
    messages = Messages()
    posted: list[Message] = []
    messages.posted.connect(posted.append)
    session = Session(messages, find_model)
    worker = FakeWorker()
    inference = InferenceClient(lambda: worker)
    analysis_queue = AnalysisQueue(session, inference, tmp_path / "work")
    session.set_model("m")
    yield Bench(session, analysis_queue, inference, worker, posted, qtbot)
    inference.stop()
    analysis_queue.close()
    session.close()


def test_recording_is_read_then_analysed(bench: Bench) -> None:
    bench.add("/a.wav")
    assert bench.current_name() == "a.wav" and bench.state(0) == "reading"
    assert isinstance(bench.worker.answer_next(), OpenRecording)
    bench.qtbot.waitUntil(lambda: bench.state(0) == "analysing")
    opened = bench.session.entries()[0].opened
    assert opened is not None and opened.duration_s == 2.0
    request = bench.worker.answer_next()
    assert isinstance(request, Analyze)
    assert (request.path, request.model, request.start_s) == ("/a.wav", "m", None)
    bench.qtbot.waitUntil(lambda: bench.state(0) == "done")
    entry = bench.session.entries()[0]
    assert entry.analysis is not None and entry.segments == entry.analysis.segments


def test_rest_of_a_folder_follows_one_at_a_time(bench: Bench) -> None:
    bench.add(*(f"/{k}.wav" for k in range(4)))
    assert len(bench.worker.requests) == 1  # the current one's picture, nothing else
    for _ in range(2):
        bench.worker.answer_next()
        bench.qtbot.waitUntil(lambda: len(bench.worker.requests) == 1)
    request = bench.worker.requests[0].content
    assert isinstance(request, Analyze) and request.path == "/1.wav"  # not opened: it is not shown
    bench.worker.answering = True
    bench.worker.answer_next()
    bench.qtbot.waitUntil(lambda: bench.states() == ["done"] * 4)
    assert [e.opened is not None for e in bench.session.entries()] == [True, False, False, False]


def test_current_recording_overtakes_the_rest(bench: Bench) -> None:
    entries = bench.add(*(f"/{k}.wav" for k in range(4)))
    bench.worker.answer_next()
    bench.qtbot.waitUntil(lambda: len(bench.worker.requests) == 1)
    bench.worker.answer_next()
    bench.qtbot.waitUntil(lambda: bench.states() == ["done", "analysing", "queued", "queued"])
    bench.session.set_current(entries[3].id)
    newest = bench.worker.requests[-1]
    assert isinstance(newest.content, OpenRecording) and newest.content.path == "/3.wav"
    activity = bench.analysis_queue.activity()
    assert activity is not None and activity.text == "reading 3.wav (2 of 4)" and activity.fraction == 0.25
    bench.worker.reply(newest.number, Progress("seconds", 1, 2))
    bench.qtbot.waitUntil(
        lambda: (now := bench.analysis_queue.activity()) is not None and now.fraction == 0.375
    )


def test_segments_and_progress_arrive_one_by_one(bench: Bench) -> None:
    bench.add("/a.wav")
    bench.worker.answer_next()
    bench.qtbot.waitUntil(lambda: bench.state(0) == "analysing")
    job = bench.worker.requests[0].number
    bench.worker.reply(job, Progress("seconds", 15, 60, 30.0), segment(0, 15))
    bench.qtbot.waitUntil(lambda: len(bench.session.entries()[0].segments) == 1)
    activity = bench.analysis_queue.activity()
    assert activity is not None and (activity.fraction, activity.remaining_s) == (0.25, 30.0)


def test_refused_file_is_a_message_and_nothing_else_is_lost(bench: Bench) -> None:
    bench.add("/bad.wav", "/good.wav")
    request = bench.worker.requests.pop(0)
    bench.worker.reply(request.number, Refused("/bad.wav holds no samples."))
    bench.worker.answering = True
    bench.qtbot.waitUntil(lambda: bench.states() == ["failed", "done"])
    assert [m.text for m in bench.messages] == ["/bad.wav holds no samples."]
    assert bench.session.entries()[0].message == "/bad.wav holds no samples."


def test_a_file_that_was_open_before_fails_in_its_row_until_it_is_tried_again(bench: Bench) -> None:
    """Else the same messages cover the window at every start."""
    (entry,) = bench.add("/gone.wav", undoable=False, restored=True)
    request = bench.worker.requests.pop(0)
    bench.worker.reply(request.number, Refused("/gone.wav does not exist."))
    bench.qtbot.waitUntil(lambda: bench.states() == ["failed"])
    assert bench.messages == [] and bench.session.entries()[0].message == "/gone.wav does not exist."
    bench.session.reanalyse([entry.id])
    request = bench.worker.requests.pop(0)
    bench.worker.reply(request.number, Refused("/gone.wav does not exist."))
    bench.qtbot.waitUntil(lambda: len(bench.messages) == 1)


def test_removal_cancels_and_can_be_undone(bench: Bench) -> None:
    bench.worker.answering = True
    entries = bench.add("/0.wav", "/1.wav", "/2.wav")
    bench.qtbot.waitUntil(lambda: bench.states() == ["done"] * 3)
    bench.session.remove([entries[0].id, entries[2].id])
    assert [e.name for e in bench.session.entries()] == ["1.wav"] and bench.current_name() == "1.wav"
    bench.session.undo_stack.undo()
    assert [e.name for e in bench.session.entries()] == ["0.wav", "1.wav", "2.wav"]
    assert bench.states() == ["done"] * 3  # the results came back with them
    bench.session.undo_stack.undo()  # of adding
    assert bench.session.entries() == () and bench.session.current() is None
    bench.session.undo_stack.redo()
    assert len(bench.session.entries()) == 3 and bench.current_name() == "0.wav"


def test_removing_what_is_analysed_cancels_it_and_undo_starts_again(bench: Bench) -> None:
    bench.add("/a.wav")
    bench.session.clear()
    assert bench.worker.cancelled == [bench.worker.requests[-1].number]
    bench.worker.answering = True
    bench.session.undo_stack.undo()
    bench.qtbot.waitUntil(lambda: bench.states() == ["done"])


def test_file_already_open_is_shown_not_added_again(bench: Bench) -> None:
    bench.add("/a.wav", "/b.wav")
    bench.add("/b.wav")
    assert len(bench.session.entries()) == 2 and bench.current_name() == "b.wav"
    assert bench.session.undo_stack.count() == 1


def test_folder_without_audio_is_one_sentence(bench: Bench, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    bench.add(str(empty))
    assert bench.session.entries() == ()
    assert len(bench.messages) == 1 and str(empty) in bench.messages[0].text


def test_speakers_of_a_corpus_are_known(bench: Bench, emodb: Path) -> None:
    files = sorted(emodb.rglob("03a*.flac")) or sorted(emodb.rglob("03a*.wav"))
    bench.add(str(files[0]))
    assert [(e.speaker, e.corpus) for e in bench.session.entries()] == [("03", "emodb")]
    bench.worker.answer_next()
    bench.qtbot.waitUntil(lambda: bench.state(0) == "analysing")
    request = bench.worker.requests[0].content
    assert isinstance(request, Analyze) and (request.speaker, request.corpus) == ("03", "emodb")


def test_selection_is_clipped_ordered_and_analysed_alone(bench: Bench) -> None:
    bench.worker.answering = True
    bench.add("/a.wav")
    bench.qtbot.waitUntil(lambda: bench.states() == ["done"])
    bench.session.selection_analysis_requested.emit()
    contents = [r.content for r in bench.worker.requests]
    assert not any(isinstance(c, Analyze) and c.start_s is not None for c in contents)
    bench.session.set_selection((9.0, 0.5))
    assert bench.session.selection == (0.5, 2.0)
    bench.session.selection_analysis_requested.emit()
    bench.qtbot.waitUntil(lambda: bench.session.entries()[0].selection_analysis is not None)
    result = bench.session.entries()[0].selection_analysis
    assert result is not None and (result.segments[0].start_s, result.segments[0].end_s) == (0.5, 2.0)
    assert bench.state(0) == "done"
    bench.session.set_selection((1.0, 1.0))  # a click
    assert bench.session.selection is None and bench.session.entries()[0].selection_analysis is None


def test_stop_ends_all_and_a_click_starts_one_again(bench: Bench) -> None:
    entries = bench.add("/0.wav", "/1.wav", "/2.wav")
    bench.session.stop_requested.emit()
    assert bench.states() == ["cancelled"] * 3 and bench.analysis_queue.activity() is None
    bench.worker.answering = True
    bench.session.set_current(entries[1].id)
    bench.qtbot.waitUntil(lambda: bench.states() == ["cancelled", "done", "cancelled"])
    bench.session.reanalyse([entries[0].id])
    bench.qtbot.waitUntil(lambda: bench.states() == ["done", "done", "cancelled"])


def test_cancelled_current_recording_stays_cancelled(bench: Bench) -> None:
    bench.add("/0.wav")
    bench.session.stop_requested.emit()
    bench.session.work_changed.emit()
    assert bench.states() == ["cancelled"]
    assert not bench.inference.busy and bench.worker.cancelled


def test_another_model_analyses_everything_again(bench: Bench) -> None:
    bench.worker.answering = True
    bench.add("/0.wav", "/1.wav")
    bench.qtbot.waitUntil(lambda: bench.states() == ["done"] * 2)
    before = len(bench.worker.requests)
    bench.session.set_model("missing")
    assert bench.messages[-1].text == "No model is named 'missing'." and bench.session.model_name == "m"
    bench.session.set_model("other")
    bench.qtbot.waitUntil(lambda: bench.states() == ["done"] * 2)
    again = [r.content for r in bench.worker.requests[before:] if isinstance(r.content, Analyze)]
    assert sorted(r.path for r in again) == ["/0.wav", "/1.wav"] and {r.model for r in again} == {"other"}


def test_only_recordings_looked_at_lately_stay_on_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(analysis_queue_module, "KEEP_OPEN", 2)
    bench.worker.answering = True
    entries = bench.add(*(f"/{k}.wav" for k in range(4)))
    bench.qtbot.waitUntil(lambda: bench.states() == ["done"] * 4)
    for row in range(4):
        bench.session.set_current(entries[row].id)
        bench.qtbot.waitUntil(lambda row=row: bench.session.entries()[row].opened is not None)
    assert [e.opened is not None for e in bench.session.entries()] == [False, False, True, True]
    bench.qtbot.waitUntil(lambda: len(list((tmp_path / "work").iterdir())) == 2)


def test_big_folder_is_listed_at_once(bench: Bench, emodb: Path) -> None:
    entries = bench.add(str(emodb))
    assert len(entries) == 535 and {e.corpus for e in entries} == {"emodb"}
    assert len(bench.worker.requests) == 1

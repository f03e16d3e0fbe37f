"""Services: requests in, events out, one end each; cancelled, refused, failed, or the process dies."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlee_core.errors import MleeError, WorkerDied
from mlee_core.system import service
from mlee_core.system.service import Cancel, Done, Fault, Ready, Refused, Reply, Request, ServiceProcess
from tests.helpers.child_side import CountingHandler, count_to, running, wait_until


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for temporary files, in which nothing may be left."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def counting(temporary: Path) -> Iterator[ServiceProcess]:
    process = ServiceProcess("counter", CountingHandler)
    assert process.receive() == Reply(0, Ready())
    yield process
    process.stop()


def until_end(process: ServiceProcess, number: int) -> list[object]:
    """The events of a request, with its end; what others send is dropped."""
    events: list[object] = []
    while not events or not isinstance(events[-1], service.END):
        reply = process.receive()
        events += [reply.event] if reply.number == number else []
    return events


def test_events_come_one_by_one_and_the_result_last(counting: ServiceProcess) -> None:
    counting.send(Request(1, 3))
    assert until_end(counting, 1) == [0, 1, 2, Done("counted to 3")]


def test_a_plain_result_overtakes_what_is_in_work(counting: ServiceProcess) -> None:
    counting.send(Request(1, 10**9))
    counting.send(Request(2, "echo"))
    assert until_end(counting, 2) == [Done("echo")]


def test_the_newest_request_comes_first_and_the_older_one_continues(counting: ServiceProcess) -> None:
    counting.send(Request(1, 10**9))
    counting.receive()
    counting.send(Request(2, 3))
    assert until_end(counting, 2) == [0, 1, 2, Done("counted to 3")]
    first, second = counting.receive(), counting.receive()
    assert first.number == second.number == 1 and second.event == first.event + 1


def test_cancelling_ends_a_request_whether_it_runs_or_waits(counting: ServiceProcess) -> None:
    counting.send(Request(1, 10**9))
    counting.send(Request(2, 10**9))
    for number in (1, 2):
        counting.send(Cancel(number))
        assert until_end(counting, number)[-1] == Done()
    counting.send(Cancel(2))  # it has ended: nothing follows
    counting.send(Cancel(99))
    counting.send(Request(3, "echo"))
    assert counting.receive() == Reply(3, Done("echo"))


def test_what_the_user_can_correct_is_refused(counting: ServiceProcess) -> None:
    counting.send(Request(1, -1))
    assert until_end(counting, 1) == [Refused("-1 is below 0.", "number")]


def test_a_fault_is_logged_and_costs_its_own_request_only(tmp_path: Path, temporary: Path) -> None:
    log = tmp_path / "log"
    process = ServiceProcess("counter", CountingHandler, log=log)
    process.send(Request(1, None))
    assert until_end(process, 1) == [Fault("TypeError: no number")]
    assert "Traceback" in log.read_text() and "no number" in log.read_text()
    process.send(Request(2, 1))
    assert until_end(process, 2) == [0, Done("counted to 1")]
    assert process.stop().exit_code == 0


def test_a_process_that_is_killed_leaves_nothing(counting: ServiceProcess) -> None:
    counting.send(Request(1, "write"))
    until_end(counting, 1)
    assert len(list(counting.folder.iterdir())) > 1
    counting.kill()


def test_it_ends_when_the_pipe_is_closed_in_the_middle_of_its_work(counting: ServiceProcess) -> None:
    counting.send(Request(1, 10**9))
    counting.receive()
    pid = counting.pid
    assert pid is not None
    assert counting.stop(grace_s=30).exit_code == 0
    wait_until(lambda: not running(pid), "the process to end")


def test_replies_do_not_block_and_survive_a_death(counting: ServiceProcess) -> None:
    assert counting.replies() == []
    counting.send(Request(1, "die"))
    wait_until(lambda: counting.outcome() is not None, "the death")
    assert counting.replies() == [] and not counting.alive
    with pytest.raises(WorkerDied, match="counter ended with status 3"):
        counting.send(Request(2, 1))


def test_a_function_is_called_in_a_process_of_its_own(temporary: Path) -> None:
    assert service.call("counter", count_to, 2) == "counted to 2"
    with pytest.raises(MleeError, match="-1 is below 0") as refused:
        service.call("counter", count_to, -1)
    assert not isinstance(refused.value, WorkerDied)
    with pytest.raises(WorkerDied, match="The counter failed: TypeError: no number"):
        service.call("counter", count_to, None)

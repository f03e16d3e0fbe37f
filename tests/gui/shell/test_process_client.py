"""A service process as the window sees it: replies reach a hook, a crash is one message and a new process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from mlee_core.events import Progress
from mlee_core.system.service import Done, Fault, Ready, Refused, Reply
from mlee_gui.shell.process_client import BUSY_MS, IDLE_MS, MOST_SENT, ProcessClient
from tests.helpers.fakes import FakeProcess


class Client(ProcessClient):
    """Keeps what the hook gets."""

    def __init__(self) -> None:
        self.made: list[FakeProcess] = []
        self.events: list[tuple[int, Any]] = []
        self.deaths: list[tuple[frozenset[int], str, str]] = []
        super().__init__(self._make)
        self.died.connect(lambda *death: self.deaths.append(death))

    def _make(self) -> FakeProcess:
        self.made.append(FakeProcess())
        return self.made[-1]

    def _on_event(self, number: int, event: Any) -> None:
        self.events.append((number, event))


@pytest.fixture
def client(qtbot: QtBot) -> Iterator[Client]:
    made = Client()
    yield made
    made.stop()


def test_polls_often_enough_to_feel_immediate() -> None:
    assert BUSY_MS <= 20


def test_the_process_starts_with_the_first_request_and_each_gets_its_events(
    qtbot: QtBot, client: Client
) -> None:
    assert not client.made
    first, second = client.request("a"), client.request("b")
    (process,) = client.made
    assert [(r.number, r.content) for r in process.requests] == [(first, "a"), (second, "b")]
    process.reply(0, Ready())
    process.reply(second, "event", Done("result"))
    process.reply(first, Refused("no"))
    qtbot.waitUntil(lambda: not client.busy)
    assert client.events == [(second, "event"), (second, Done("result")), (first, Refused("no"))]
    qtbot.waitUntil(lambda: client._timer.interval() == IDLE_MS)


def test_of_the_progress_that_waits_only_the_newest_of_a_request_is_reported(
    qtbot: QtBot, client: Client
) -> None:
    first, second = client.request("a"), client.request("b")
    reading = [Progress("Reading", float(done)) for done in range(900)]
    client.made[0].reply(first, *reading[:450], "segment")
    client.made[0].reply(second, Progress("Reading", 7.0))
    client.made[0].reply(first, *reading[450:], Done())
    qtbot.waitUntil(lambda: (first, Done()) in client.events)
    told = [(number, getattr(event, "done", event)) for number, event in client.events]
    assert told == [(first, "segment"), (second, 7.0), (first, 899.0), (first, Done())]


def test_nothing_more_is_reported_of_a_cancelled_request(qtbot: QtBot, client: Client) -> None:
    first, second = client.request("a"), client.request("b")
    client.made[0].reply(first, "event", Done("late"))
    client.cancel(first)
    assert client.made[0].cancelled == [first]
    client.cancel(first)
    client.made[0].reply(second, Done())
    qtbot.waitUntil(lambda: not client.busy)
    assert client.events == [(second, Done())] and client.made[0].cancelled == [first]


def test_a_process_that_does_not_answer_is_sent_no_more_than_its_pipe_holds(
    qtbot: QtBot, client: Client
) -> None:
    numbers = [client.request(k) for k in range(MOST_SENT + 2)]
    (process,) = client.made
    assert len(process.requests) == MOST_SENT
    client.cancel(numbers[-2])  # it was not sent
    assert not process.cancelled
    process.reply(numbers[0], Done())
    qtbot.waitUntil(lambda: len(process.requests) == MOST_SENT + 1)
    assert process.requests[-1].number == numbers[-1]


def test_a_fault_is_a_refusal_that_names_the_log(qtbot: QtBot, client: Client) -> None:
    number = client.request("a")
    client.made[0].log = "/logs/x.log"  # type: ignore[assignment]
    client.made[0].waiting.append(Reply(number, Fault("KeyError: 'x'")))
    qtbot.waitUntil(lambda: not client.busy)
    message = "MLEE failed on this: KeyError: 'x' (details in /logs/x.log)."
    assert client.events == [(number, Refused(message))]


def test_a_crash_is_reported_with_the_last_log_lines_and_the_next_request_restarts(
    qtbot: QtBot, client: Client
) -> None:
    number = client.request("a")
    client.made[0].die()
    qtbot.waitUntil(lambda: bool(client.deaths))
    ((lost, sentence, details),) = client.deaths
    assert lost == {number} and "\n" not in sentence and details == "first words\nlast words"
    assert "ended by SIGKILL" in sentence and sentence.endswith("; it starts again when it is needed.")
    assert client.made[0].stopped and not client._timer.isActive()
    assert len(client.made) == 1, "not before it is needed"
    again = client.request("a")
    client.made[1].reply(again, Done(1))
    qtbot.waitUntil(lambda: client.events == [(again, Done(1))])


def test_a_request_to_a_dead_process_is_answered_by_the_next(qtbot: QtBot, client: Client) -> None:
    lost = client.request("a")
    client.made[0].die()
    kept = client.request("b")  # before the death was noticed
    qtbot.waitUntil(lambda: bool(client.deaths))
    assert client.deaths[0][0] == {lost}
    assert [r.number for r in client.made[1].requests] == [kept]


def test_a_reply_may_lead_to_a_stop(qtbot: QtBot, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    number = client.request("a")
    monkeypatch.setattr(client, "_on_event", lambda number, event: client.stop())
    client.made[0].reply(number, "event", Done())
    qtbot.waitUntil(lambda: client.made[0].stopped)
    assert not client._timer.isActive() and not client.busy

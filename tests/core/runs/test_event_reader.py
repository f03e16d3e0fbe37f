"""What a follower makes of events.jsonl: half lines, damaged ones, another file, a big old one."""

from __future__ import annotations

import json
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlee_core.runs import event_reader
from mlee_core.runs.cells import Cell
from mlee_core.runs.follower import Follower
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.job_folders import done, epoch, polled, tell


def test_half_a_line_waits_for_its_end(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    file = run.path / "events.jsonl"
    line = json.dumps(done(cells[0]).to_json())
    file.write_text(line[:40])
    follower = polled(run)
    assert follower.cells[cells[0]].state == "undone" and follower.caught_up  # nobody trains it
    with file.open("a") as more:
        more.write(line[40:] + "\n")
    assert follower.poll() and follower.cells[cells[0]].state == "done"


def test_half_a_line_that_is_cut_off_and_written_again(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    """As a resumed run does."""
    file = run.path / "events.jsonl"
    tell(run.path, epoch(cells[0], 1))
    whole = file.stat().st_size
    with file.open("a") as more:
        more.write('{"type": "epoch_do')
    follower = polled(run)
    os.truncate(file, whole)
    tell(run.path, epoch(cells[0], 2))
    follower.poll()
    assert [row["epoch"] for row in follower.curve(cells[0])] == [1, 2]


DAMAGED = (b"{", b"[]", b"3", b"\xff\xfe", b"", b"[" * 200_000, b'{"seed": 1' + b"0" * 9000 + b"}", b"null")


def test_damaged_lines_are_passed_over(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    (run.path / "events.jsonl").write_bytes(b"".join(line + b"\n" for line in DAMAGED))
    tell(run.path, done(cells[0]))
    follower = polled(run)
    assert follower.cells[cells[0]].state == "done"


def test_a_line_without_end_is_passed_over(
    run: RunFolder, cells: tuple[Cell, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_reader, "PIECE", 100)
    monkeypatch.setattr(event_reader, "LONGEST", 1000)
    (run.path / "events.jsonl").write_bytes(b"x" * 3333)
    follower = polled(run)
    assert follower.caught_up
    with (run.path / "events.jsonl").open("a") as file:
        file.write("xx\n")
    tell(run.path, *(epoch(cells[0], n) for n in range(1, 20)))
    follower.poll()
    assert follower.caught_up
    assert len(follower.curve(cells[0])) == 19


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
FIELDS = ("fold", "seed", "stage", "at", "epoch", "train_loss", "dev_loss", "dev_wa", "best", "wa", "message")
TYPES = ("epoch_done", "stage_done", "failed", "started", "dropped", "resumed", "x")


@given(
    lines=st.lists(
        st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=dict.fromkeys(FIELDS, json_values)),
        max_size=8,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nonsense_in_the_fields_of_an_event_harms_nobody(
    run: RunFolder, lines: list[dict[str, object]]
) -> None:
    cell = run.cells()[0]
    meant = {"fold": cell.fold, "seed": cell.seed, "stage": cell.stage.name}
    text = "".join(json.dumps({**meant, **line}) + "\n" for line in lines)
    (run.path / "events.jsonl").write_text(text)
    tell(run.path, epoch(cell, 7))
    follower = polled(run)
    assert 7 in [row["epoch"] for row in follower.curve(cell)]


def test_another_file_is_read_anew(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    tell(run.path, done(cells[0]), epoch(cells[1], 1))
    follower = polled(run)
    (run.path / "events.jsonl").unlink()
    assert follower.poll() and {v.state for v in follower.cells.values()} == {"undone"}
    tell(run.path, epoch(cells[2], 1))
    follower.poll()
    assert [c for c in cells if follower.curve(c)] == [cells[2]]


def test_a_big_old_file_is_read_in_pieces(run: RunFolder, cells: tuple[Cell, ...]) -> None:
    lines = [json.dumps(epoch(cells[n % 6], 1 + n // 6).to_json()) + "\n" for n in range(100_000)]
    (run.path / "events.jsonl").write_text("".join(lines))
    follower = Follower(run.path)
    follower.poll(0.0)
    one = sum(len(follower.curve(cell)) for cell in cells)
    assert not follower.caught_up and 0 < one < event_reader.PIECE / len(lines[0]) + 6
    longest, polls = 0.0, 0
    while not follower.caught_up:
        before = time.thread_time()
        assert follower.poll(0.01)
        longest, polls = max(longest, time.thread_time() - before), polls + 1
    assert polls > 5 and longest < 0.1  # of this thread's own time, whatever else the machine does
    assert sum(len(follower.curve(cell)) for cell in cells) == 100_000
    assert not follower.poll()


def test_a_damaged_configuration_is_told(run: RunFolder) -> None:
    (run.path / "config.json").write_text("{}")
    follower = polled(run)
    assert "config.json" in follower.message and not follower.cells

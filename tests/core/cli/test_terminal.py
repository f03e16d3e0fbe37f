"""Progress that is rewritten in place, as a terminal would show it."""

from __future__ import annotations

import io
import os
import re

import pytest

from mlee_core.cli.terminal import Board
from mlee_core.runs.event_text import duration, size


class Terminal(io.StringIO):
    """What a terminal shows of the few control sequences that we use."""

    def isatty(self) -> bool:
        return True

    def screen(self) -> list[str]:
        lines, row = [""], 0
        for part in re.findall(r"\x1b\[\d*[AKJ]|\r|\n|[^\x1b\r\n]+", self.getvalue()):
            if part == "\n":
                row += 1
                lines += [""] * (row - len(lines) + 1)
            elif part.endswith("A") and part.startswith("\x1b"):
                row -= int(part[2:-1])
            elif part == "\x1b[J":
                del lines[row:]
                lines.append("")
            elif part == "\x1b[K":
                lines[row] = ""
            elif part != "\r":
                lines[row] = part
        return [line for line in lines if line]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 24)))
    return Terminal()


def test_a_board_changes_in_place_below_lines_that_stay(terminal: Terminal) -> None:
    board = Board(terminal)
    board.show(["1 of 3", "a 10 %", "b 20 %"], at_once=True)
    board.show(["1 of 3", "a 50 %"], at_once=True)
    assert terminal.screen() == ["1 of 3", "a 50 %"]
    board.clear()
    terminal.write("a is done\n")
    board.show(["2 of 3"], at_once=True)
    assert terminal.screen() == ["a is done", "2 of 3"]


def test_a_long_line_is_cut_since_a_wrapped_one_could_not_be_overwritten(terminal: Terminal) -> None:
    Board(terminal).show(["x" * 100], at_once=True)
    assert terminal.screen() == ["x" * 29]


def test_a_board_says_nothing_where_nobody_looks() -> None:
    file = io.StringIO()
    Board(file).show(["a"], at_once=True)
    assert file.getvalue() == ""
    quiet = Terminal()
    Board(quiet, quiet=True).show(["a"], at_once=True)
    assert quiet.getvalue() == ""


@pytest.mark.parametrize(("seconds", "text"), [(45, "45 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(355e6, "355 MB"), (5.44e9, "5.4 GB")])
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text

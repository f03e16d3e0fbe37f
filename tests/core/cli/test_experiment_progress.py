"""The board of `mlee table3` on a terminal: what is in work stands there, what is over does not."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mlee_core.cli.experiment_progress import show
from mlee_core.events import EpochDone, Event, Progress
from mlee_core.experiments.experiment import Experiment

CELL: dict[str, Any] = {"fold": "s0", "seed": 0}
WHOLE = SimpleNamespace(add=lambda event: None, progress=lambda: Progress("stages", 0, 1))
ASKED = cast(Experiment, SimpleNamespace(forecast=lambda speed: WHOLE, cells=()))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def board(monkeypatch: pytest.MonkeyPatch, *events: Event) -> list[str]:
    """The lines that stand on the terminal after these events, each shown at once."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("mlee_core.cli.terminal.EVERY_S", -1.0)
    drawn: list[str] = []

    def told():  # type: ignore[no-untyped-def]
        for event in events:
            terminal.truncate(0)
            terminal.seek(0)
            yield event
        drawn.append(terminal.getvalue())

    show(told(), ASKED, None, quiet=False, as_json=False)
    return [line.partition("\x1b[K")[2].strip() for line in drawn[0].split("\n")[:-1]]


FEATURES = Progress("Computing features", 30, 30)
EPOCH = EpochDone("mlee-all", 1, 1.5, 1.25, 0.5, 0.25, False, 3.0, **CELL)


def test_features_that_are_computed_are_taken_off_when_the_first_fold_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert board(monkeypatch, FEATURES) == ["0 of 1 stages", "Computing features 100 %"]
    begun = Progress("Epoch 1", 8, 16, stage="mlee-all", epoch=1, **CELL)
    assert board(monkeypatch, FEATURES, begun) == ["0 of 1 stages", "s0 mlee-all · epoch 1 50%"]


def test_waiting_is_taken_off_when_a_stage_of_the_fold_says_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = Progress("waiting for the cluster", 0.0, **CELL)
    assert board(monkeypatch, waiting) == ["0 of 1 stages", "s0 waiting for the cluster"]
    (_, line) = board(monkeypatch, waiting, EPOCH)
    assert line.startswith("s0 mlee-all epoch 1: loss 1.5000")

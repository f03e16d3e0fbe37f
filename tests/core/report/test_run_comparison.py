"""Runs beside each other: scores by hand, which is the best, and which cannot be compared."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from mlee_core.errors import RunError
from mlee_core.report.cell_report import confusion_of
from mlee_core.report.document_blocks import as_text
from mlee_core.report.run_comparison import RunComparison, compare_runs
from tests.helpers.report_runs import HARD, MLEE, as_said, made_run, small_corpus, sure_of


@pytest.fixture
def found(tmp_path: Path) -> RunComparison:
    """The first says neutral of everything, the second what SAID has, the third has fold A alone."""
    made_run(tmp_path / "neutral", small_corpus(), lambda cell, utterance: sure_of("neu"), seeds=1)
    made_run(tmp_path / "said", small_corpus(), as_said, seeds=1)
    made_run(tmp_path / "part", small_corpus(), as_said, seeds=1, rows=("dominant-hard",), only=("A",))
    return compare_runs([tmp_path / name for name in ("neutral", "said", "part", "missing")])


def test_scores_and_their_differences_to_the_first(found: RunComparison) -> None:
    neutral, said, part = found.runs
    assert [run.name for run in found.runs] == ["neutral", "said", "part"]
    assert found.stages == (HARD, MLEE)
    # of a1 a2 b2 (neutral), a3 (happy), b1 (sad), c1 (angry): neutral has 3 right, SAID all but a2 and b2
    assert found.score(neutral, HARD, "wa") == pytest.approx(3 / 6)
    assert found.score(neutral, HARD, "ua") == pytest.approx(1 / 4)
    assert found.score(said, HARD, "wa") == pytest.approx(4 / 6)
    assert found.score(said, HARD, "ua") == pytest.approx((1 / 3 + 3) / 4)
    assert found.gap(said, HARD, "ua") == pytest.approx((1 / 3 + 3) / 4 - 1 / 4)
    assert found.gap(neutral, HARD, "wa") is None and found.score(part, MLEE, "wa") is None


def test_the_best_is_the_best_of_those_on_the_same_utterances(found: RunComparison) -> None:
    neutral, said, part = found.runs
    assert found.is_best(said, HARD, "wa") and not found.is_best(neutral, HARD, "wa")
    assert not found.comparable(part, HARD) and not found.is_best(part, HARD, "wa")
    assert found.score_text(part, HARD, "wa") == "66.7 (+16.7*)"
    assert found.networks(part, HARD) == "1 of 1" and found.networks(part, MLEE) == "–"


def test_what_is_to_be_minded(found: RunComparison) -> None:
    star, missing = found.notes()
    assert star.startswith("* Other folds") and "missing is no run folder" in missing
    assert pickle.loads(pickle.dumps(found)) == found


def test_as_text_it_has_a_line_a_row(found: RunComparison) -> None:
    lines = as_text(found.table()).splitlines()
    assert len(lines) == 4 and "neutral WA" in lines[1] and "66.7 (+16.7)" in lines[2]


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("one", "two"):
        made_run(tmp_path / name / "run", small_corpus(), seeds=1)
    found = compare_runs([tmp_path / "one" / "run", tmp_path / "two" / "run"])
    assert [run.name for run in found.runs] == ["one/run", "two/run"]


def test_one_cells_confusion_by_hand(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus())
    a, b, c = (
        next(cell for cell in run.cells() if (cell.fold, cell.stage) == (fold, HARD)) for fold in "ABC"
    )
    of_a = confusion_of(run, a)  # a1 right, a2 neutral taken for happy, a3 right
    assert of_a.counts == ((1, 1, 0, 0), (0, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert (of_a.utterances, of_a.left_out, of_a.tested) == (3, 0, ("A",))
    assert confusion_of(run, b).counts[0] == (0, 0, 1, 0)  # b2 neutral taken for sad
    of_c = confusion_of(run, c)  # c2 is a tie, c4 no class of ours; c3 has no votes
    assert (of_c.utterances, of_c.left_out) == (1, 2)


def test_a_cell_without_a_result_has_none(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), done=lambda cell: False)
    with pytest.raises(RunError, match=r"A/seed-0/dominant-hard .* no result yet"):
        confusion_of(run, run.cells()[0])

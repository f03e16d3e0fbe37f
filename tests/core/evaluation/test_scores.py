"""WA, UA and confusion against tables worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlee_core.evaluation.scores import Tally, confusion, ua, wa

# neu: 4 utterances, 3 right; hap: 1, 0 right; sad: 2, both right; ang: 3, 1 right.
TRUTH = [0, 0, 0, 0, 1, 2, 2, 3, 3, 3]
SAID = [0, 0, 0, 2, 3, 2, 2, 3, 1, 1]


def test_worked_table() -> None:
    assert wa(TRUTH, SAID) == pytest.approx(6 / 10)
    assert ua(TRUTH, SAID) == pytest.approx((3 / 4 + 0 + 1 + 1 / 3) / 4)
    table = [[3, 0, 1, 0], [0, 0, 0, 1], [0, 0, 2, 0], [0, 2, 0, 1]]
    assert confusion(TRUTH, SAID, 4).tolist() == table


def test_majority_class_scores_high_in_wa_alone() -> None:
    truth = [0] * 9 + [3]
    assert wa(truth, [0] * 10) == pytest.approx(0.9)
    assert ua(truth, [0] * 10) == pytest.approx(0.5)


def test_classes_that_never_occur_do_not_count() -> None:
    assert ua([0, 0, 2], [0, 1, 2]) == pytest.approx((0.5 + 1) / 2)


def test_nothing_judged_is_none_not_zero() -> None:
    assert wa([], []) is None
    assert ua([], []) is None
    assert confusion([], [], 4).tolist() == np.zeros((4, 4), int).tolist()


def test_refuses_what_does_not_fit() -> None:
    for score in (wa, ua):
        with pytest.raises(ValueError, match="2 true classes but 1 predicted"):
            score([0, 1], [0])
    with pytest.raises(ValueError, match=r"class 4 is outside 0 … 3"):
        confusion([0], [4], 4)
    with pytest.raises(ValueError, match="class -1"):
        confusion([-1], [0], 4)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
def test_scores_follow_from_the_confusion(pairs: list[tuple[int, int]]) -> None:
    truth, said = [t for t, _ in pairs], [p for _, p in pairs]
    counts = confusion(truth, said, 4)
    assert counts.sum() == len(pairs)
    assert wa(truth, said) == pytest.approx(np.trace(counts) / len(pairs))
    rows = [counts[k, k] / counts[k].sum() for k in range(4) if counts[k].sum()]
    assert ua(truth, said) == pytest.approx(sum(rows) / len(rows))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_a_tally_scores_as_the_utterances_themselves(triples: list[tuple[int, int, int]]) -> None:
    total, right = np.zeros((3, 4)), np.zeros((3, 4))
    for group, true, said in triples:
        total[group, true] += 1
        right[group, true] += true == said
    tally = Tally(("a", "b", "c"), total, right)
    truth, predicted = [t for _, t, _ in triples], [p for _, _, p in triples]
    assert tally.pooled("wa") == pytest.approx(wa(truth, predicted))
    assert tally.pooled("ua") == pytest.approx(ua(truth, predicted))
    for group, name in enumerate(tally.groups):
        own = [t for g, t, _ in triples if g == group], [p for g, _, p in triples if g == group]
        assert tally.each("wa")[name] == pytest.approx(wa(*own))
        assert tally.each("ua")[name] == pytest.approx(ua(*own))

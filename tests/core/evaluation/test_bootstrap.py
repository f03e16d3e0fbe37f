"""Paired comparison of rows: worked by hand, and scipy's bootstrap as the oracle of the interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlee_core.evaluation.bootstrap import Difference, difference
from mlee_core.evaluation.scores import SCORES, Score, Tally


def tally(total: Any, right: Any) -> Tally:
    counts = np.asarray(total, np.float64)
    names = tuple(f"s{i}" for i in range(len(counts)))
    return Tally(names, counts, np.asarray(right, np.float64))


def compared(first: Tally, second: Tally, score: Score) -> Difference:
    found = difference(first, second, score)
    assert found is not None
    return found


def made(speakers: int, seed: int) -> tuple[Tally, Tally]:
    """Speakers of unequal size and classes of unequal frequency; the first row is better by about 8 %."""
    rng = np.random.default_rng(seed)
    total = rng.poisson([9, 3, 5, 4], (speakers, 4)).astype(np.float64)
    ability = rng.normal(0, 0.08, (speakers, 1))
    right = [rng.binomial(total.astype(int), np.clip(p + ability, 0, 1)) for p in (0.75, 0.67)]
    return tally(total, right[0]), tally(total, right[1])


# two speakers, 4 classes: totals 4 2 0 0 and 1 1 1 1
TOTAL = [[4, 2, 0, 0], [1, 1, 1, 1]]
FIRST = [[4, 1, 0, 0], [1, 0, 1, 1]]  # s0: WA 5/6, UA 3/4; s1: WA 3/4, UA 3/4; pooled recalls 1 1/3 1 1
SECOND = [[2, 1, 0, 0], [1, 1, 0, 0]]  # s0: WA 3/6, UA 1/2; s1: WA 1/2, UA 1/2; pooled 3/5 2/3 0 0


def test_worked_table() -> None:
    wa = compared(tally(TOTAL, FIRST), tally(TOTAL, SECOND), "wa")
    assert wa.pooled == pytest.approx(8 / 10 - 5 / 10)
    assert wa.of_speakers == pytest.approx({"s0": 2 / 6, "s1": 1 / 4})
    assert wa.mean == pytest.approx((2 / 6 + 1 / 4) / 2)
    ua = compared(tally(TOTAL, FIRST), tally(TOTAL, SECOND), "ua")
    assert ua.pooled == pytest.approx((1 + 1 / 3 + 1 + 1) / 4 - (3 / 5 + 2 / 3) / 4)
    assert ua.of_speakers == pytest.approx({"s0": 1 / 4, "s1": 1 / 4})


def test_below_five_speakers_there_is_no_interval_but_a_reason() -> None:
    first, second = made(4, 1)
    found = compared(first, second, "wa")
    assert (found.low, found.high) == (None, None)
    assert found.why_not == "4 speakers, an interval needs 5"
    assert compared(*made(5, 1), "wa").why_not is None


def test_speakers_without_a_dominant_class_do_not_count() -> None:
    total = [[1, 1, 1, 1]] * 4 + [[0, 0, 0, 0]]
    found = compared(tally(total, total), tally(total, np.zeros((5, 4))), "wa")
    assert set(found.of_speakers) == {"s0", "s1", "s2", "s3"}
    assert found.why_not == "4 speakers, an interval needs 5"
    nothing = tally(np.zeros((5, 4)), np.zeros((5, 4)))
    assert difference(nothing, nothing, "ua") is None


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("speakers", "seed"), [(6, 3), (10, 4), (40, 5)])
def test_the_interval_is_that_of_scipy(score: Score, speakers: int, seed: int) -> None:
    first, second = made(speakers, seed)
    found = compared(first, second, score)

    def statistic(index: np.ndarray, axis: int) -> np.ndarray:
        """Speakers' numbers [..., S] -> difference of pooled scores, by loops over classes."""
        values = []
        for row in (first, second):
            right = [row.right[index.astype(int), k].sum(axis) for k in range(4)]
            total = [row.total[index.astype(int), k].sum(axis) for k in range(4)]
            wa = np.sum(right, 0) / np.sum(total, 0)
            values.append(
                wa if score == "wa" else np.mean([r / t for r, t in zip(right, total, strict=True)], 0)
            )
        return values[0] - values[1]

    oracle = stats.bootstrap(
        (np.arange(speakers),),
        statistic,
        n_resamples=10_000,
        method="percentile",
        vectorized=True,
        rng=np.random.default_rng(99),
    )
    assert found.low == pytest.approx(oracle.confidence_interval.low, abs=0.004)
    assert found.high == pytest.approx(oracle.confidence_interval.high, abs=0.004)
    assert found.pooled == pytest.approx(float(statistic(np.arange(speakers), 0)))
    assert found.high - found.low > 0.01  # type: ignore[operator]  # the tolerance is not the interval


def test_pairing_narrows_the_interval() -> None:
    """Speakers differ more than rows: on the same draw that cancels, on two draws it does not."""
    rng = np.random.default_rng(8)
    total = np.full((12, 4), 10.0)
    easy = rng.uniform(0.2, 1, (12, 1)).repeat(4, 1)
    first, second = tally(total, 10 * easy), tally(total, 10 * (easy - 0.05))
    found = compared(first, second, "wa")
    assert (found.low, found.high) == pytest.approx((0.05, 0.05))


def test_the_same_seed_gives_the_same_interval() -> None:
    first, second = made(10, 7)
    assert difference(first, second, "ua") == difference(first, second, "ua")
    assert difference(first, second, "ua", seed=1) != difference(first, second, "ua")


def test_refuses_rows_of_other_utterances() -> None:
    first, second = made(6, 1)
    other = tally(second.total + 1, second.right)
    with pytest.raises(ValueError, match="same utterances"):
        difference(first, other, "wa")


@settings(max_examples=30)
@given(st.integers(5, 12), st.integers(0, 1000), st.sampled_from(SCORES))
def test_turned_round_it_changes_sign(speakers: int, seed: int, score: Score) -> None:
    first, second = made(speakers, seed)
    there, back = compared(first, second, score), compared(second, first, score)
    assert there.pooled == pytest.approx(-back.pooled)
    assert there.low == pytest.approx(-back.high)  # type: ignore[operator]
    assert there.low <= there.pooled + 0.05  # type: ignore[operator]
    itself = compared(first, first, score)
    assert (itself.low, itself.high, itself.pooled) == (0, 0, 0)

"""Reliability bins and ECE: a table worked by hand, and predictors whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlee_core.calibration import BINS, ece, of_existence, of_predictions, reliability

# bin (0.2, 0.3]: 0.25 wrong; (0.6, 0.7]: 0.65 right, 0.70 wrong; (0.9, 1]: 0.95 right, 1.0 right.
CONFIDENCE = [0.25, 0.65, 0.70, 0.95, 1.0]
RIGHT = [0, 1, 0, 1, 1]


def test_worked_table() -> None:
    bins = reliability(CONFIDENCE, RIGHT)
    assert len(bins) == BINS == 10
    assert [b.count for b in bins] == [0, 0, 1, 0, 0, 0, 2, 0, 0, 2]
    assert [b.accuracy for b in bins if b.count] == pytest.approx([0, 0.5, 1])
    assert [b.confidence for b in bins if b.count] == pytest.approx([0.25, 0.675, 0.975])
    assert bins[0].accuracy is None
    assert bins[0].confidence is None
    assert [(round(b.low, 9), round(b.high, 9)) for b in bins[:3]] == [(0, 0.1), (0.1, 0.2), (0.2, 0.3)]
    # 1/5 · 0.25 + 2/5 · 0.175 + 2/5 · 0.025
    assert ece(bins) == pytest.approx(0.13)


def test_a_probability_on_an_edge_belongs_below_it() -> None:
    counts = [b.count for b in reliability([0.0, 0.1, 0.25, 0.5, 0.50001, 1.0], [0] * 6, bins=4)]
    assert counts == [3, 1, 1, 1]  # [0, 0.25], (0.25, 0.5], (0.5, 0.75], (0.75, 1]


def test_the_predicted_class_is_what_counts() -> None:
    rows = [[0.7, 0.1, 0.1, 0.1], [0.2, 0.2, 0.2, 0.4], [0.05, 0.05, 0.85, 0.05]]
    bins = of_predictions([0, 0, 2], rows)
    assert [(round(b.high, 9), b.count, b.accuracy) for b in bins if b.count] == [
        (0.4, 1, 0.0),
        (0.7, 1, 1.0),
        (0.9, 1, 1.0),
    ]
    assert ece(bins) == pytest.approx((0.4 + 0.3 + 0.15) / 3)


def test_existence_counts_every_class_of_every_utterance() -> None:
    bins = of_existence([[1, 0, 0, 1], [0, 0, 0, 0]], [[0.9, 0.1, 0.1, 0.6], [0.1, 0.1, 0.1, 0.6]])
    assert [b.count for b in bins if b.count] == [5, 2, 1]
    # five at 0.1 of which none exists, two at 0.6 of which one does, one at 0.9 that does
    assert ece(bins) == pytest.approx((5 * 0.1 + 2 * 0.1 + 1 * 0.1) / 8)


def test_a_calibrated_predictor_has_next_to_none_and_a_boastful_one_its_boast() -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 1, 200_000)
    right = rng.uniform(0, 1, 200_000) < said
    calibrated, boastful = ece(reliability(said, right)), ece(reliability(np.sqrt(said), right))
    assert calibrated is not None
    assert boastful is not None
    assert calibrated < 0.005
    assert boastful == pytest.approx(2 / 3 - 1 / 2, abs=0.005)  # E[√p] − E[p], always over-confident


def test_nothing_is_none() -> None:
    assert ece(reliability([], [])) is None
    assert ece(of_predictions([], [])) is None
    assert ece(of_existence([], [])) is None


def test_refuses_what_is_no_probability() -> None:
    for bad in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="outside 0 … 1"):
            reliability([0.5, bad], [1, 1])
    with pytest.raises(ValueError, match="2 probabilities but 1 outcomes"):
        reliability([0.5, 0.5], [1])


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
def test_bins_keep_everything(pairs: list[tuple[float, bool]], bins: int) -> None:
    said, right = [p for p, _ in pairs], [r for _, r in pairs]
    found = reliability(said, right, bins)
    assert sum(b.count for b in found) == len(pairs)
    assert sum(b.count * (b.accuracy or 0) for b in found) == pytest.approx(sum(right))
    assert sum(b.count * (b.confidence or 0) for b in found) == pytest.approx(sum(said))
    for b in found:
        assert b.confidence is None or b.low - 1e-12 <= b.confidence <= b.high + 1e-12
    error = ece(found)
    assert error is not None
    assert abs(np.mean(said) - np.mean(right)) - 1e-9 <= error <= 1

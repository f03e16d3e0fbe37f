"""Reliability bins and ECE: a table worked by hand, and predictors whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

from mlee_core.evaluation.calibration import (
    BINS,
    Scaling,
    ece,
    of_existence,
    of_predictions,
    reliability,
    temperature,
)
from mlee_core.labels.targets import existence_weights
from mlee_core.training.losses import existence_offset

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


# ---- what makes them right -------------------------------------------------------------------------------


def test_a_scaling_is_less_its_offset_and_divided_by_its_temperature() -> None:
    assert Scaling(2.0, 1.0).of(np.array([5.0, -1.0])).tolist() == [2.0, -1.0]
    assert Scaling().of(np.array([5.0, -1.0])).tolist() == [5.0, -1.0]


def test_a_temperature_is_the_one_scipy_finds_and_undoes_what_was_multiplied() -> None:
    """Fitted on many utterances that happen as often as half the logits say."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (3000, 4))
    classes = np.array([rng.choice(4, p=np.exp(log_softmax(row / 2))) for row in logits])
    exist = (rng.random(logits.shape) < expit(logits / 2)).astype(float)

    def of_classes(log_t: float) -> float:
        return float(-log_softmax(logits / np.exp(log_t), axis=1)[range(3000), classes].sum() + log_t**2)

    def of_existences(log_t: float) -> float:
        z = logits / np.exp(log_t)
        return float((np.logaddexp(0, z) - exist * z).sum() + log_t**2)

    for truth, cost in ((classes, of_classes), (exist, of_existences)):
        best = np.exp(minimize_scalar(cost, bounds=(-3, 3), method="bounded", options={"xatol": 1e-9}).x)
        assert temperature(logits, truth) == pytest.approx(best, rel=1e-5) == pytest.approx(2, rel=0.1)


def test_without_utterances_logits_stay_as_they_are() -> None:
    assert temperature([], []) == pytest.approx(1)


def test_the_offset_is_what_weights_add_to_the_logit_that_fits_best() -> None:
    """One class each in 1, 2, 3 and 5 of ten utterances; the weighted loss's best logits by scipy."""
    counts = np.array([1, 2, 3, 5])
    targets = (np.arange(10)[:, None] < counts).astype(float)  # [10, 4]
    weights = np.array(existence_weights(targets.tolist()))  # [4, 2]

    def loss(z: np.ndarray) -> float:
        return float((weights[:, 1] * targets * np.logaddexp(0, -z)).sum()) + float(
            (weights[:, 0] * (1 - targets) * np.logaddexp(0, z)).sum()
        )

    true = np.log(counts / (10 - counts))
    added = minimize(loss, np.zeros(4), tol=1e-9).x - true
    assert existence_offset(targets.tolist()) == pytest.approx(added.mean(), abs=1e-4)

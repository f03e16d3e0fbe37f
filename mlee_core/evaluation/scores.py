"""Scores of predictions: WA, UA and the confusion matrix (SPEC.md, "Experiments").

Classes are numbers 0 … k - 1. Without utterances a score is None, not 0. True and predicted classes that
differ in number are a ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Score = Literal["wa", "ua"]
SCORES: tuple[Score, ...] = ("wa", "ua")

Counts = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """Correct predictions by group (such as a speaker or a fold) and class.

    groups: names [G].
    total: utterances of each true class [G, K].
    right: those predicted correctly [G, K]; the mean of several seeds, hence not always whole numbers.
    """

    groups: tuple[str, ...]
    total: Counts
    right: Counts

    def pooled(self, score: Score) -> float | None:
        """The score over the utterances of all groups; None without utterances."""
        return _or_none(float(score_of_counts(self.right.sum(0), self.total.sum(0), score)))

    def each(self, score: Score) -> dict[str, float | None]:
        """Each group's own score; None for one without utterances."""
        scores = score_of_counts(self.right, self.total, score)
        return {name: _or_none(value) for name, value in zip(self.groups, scores, strict=True)}


def score_of_counts(right: Counts, total: Counts, score: Score) -> Counts:
    """WA or UA from counts per true class, [..., K] -> [...]; NaN without utterances.

    UA averages over the classes that occur, as `ua` does.
    """
    if score == "wa":
        return _ratio(right.sum(-1), total.sum(-1))
    occurs = total > 0
    recalls = np.where(occurs, _ratio(right, total), 0.0)
    return _ratio(recalls.sum(-1), occurs.sum(-1))


def _ratio(over: Counts, under: NDArray[np.generic]) -> Counts:
    """over / under, NaN where under is 0."""
    empty = np.full(np.shape(over), np.nan)
    return np.asarray(np.divide(over, under, out=empty, where=np.asarray(under) > 0))


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def wa(truth: Sequence[int], predicted: Sequence[int]) -> float | None:
    """Weighted accuracy: the fraction of utterances predicted correctly; None without utterances."""
    right = _right(truth, predicted)
    return float(right.mean()) if len(right) else None


def ua(truth: Sequence[int], predicted: Sequence[int]) -> float | None:
    """Unweighted accuracy: the mean recall of the classes that occur in `truth`; None without utterances."""
    right, true = _right(truth, predicted), np.asarray(truth, np.int64)
    recalls = [float(right[true == k].mean()) for k in np.unique(true)]
    return float(np.mean(recalls)) if recalls else None


def confusion(truth: Sequence[int], predicted: Sequence[int], k: int) -> NDArray[np.int64]:
    """Counts [k, k]: row = true class, column = predicted class.

    Raises: ValueError for a class outside 0 … k - 1.
    """
    _right(truth, predicted)
    true, chosen = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    for values in (true, chosen):
        outside = values[(values < 0) | (values >= k)]
        if len(outside):
            raise ValueError(f"class {outside[0]} is outside 0 … {k - 1}")
    counts = np.zeros((k, k), np.int64)
    np.add.at(counts, (true, chosen), 1)
    return counts


def _right(truth: Sequence[int], predicted: Sequence[int]) -> NDArray[np.bool_]:
    if len(truth) != len(predicted):
        raise ValueError(f"{len(truth)} true classes but {len(predicted)} predicted ones")
    right: NDArray[np.bool_] = np.asarray(truth, np.int64) == np.asarray(predicted, np.int64)
    return right

"""Scores of predictions: WA, UA and the confusion matrix (SPEC.md, "Experiments").

Classes are numbers 0 … k - 1. A score of nothing is None, never 0: no utterance was judged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def wa(truth: Sequence[int], predicted: Sequence[int]) -> float | None:
    """Weighted accuracy: the fraction of all utterances predicted rightly; None without utterances.

    Raises ValueError if the two differ in length.
    """
    right = _right(truth, predicted)
    return float(right.mean()) if len(right) else None


def ua(truth: Sequence[int], predicted: Sequence[int]) -> float | None:
    """Unweighted accuracy: the mean over the classes that occur in `truth` of the fraction of the class's
    utterances predicted rightly, so that a rare class counts as much as a frequent one. None without
    utterances. Raises ValueError if the two differ in length.
    """
    right, true = _right(truth, predicted), np.asarray(truth, np.int64)
    recalls = [float(right[true == k].mean()) for k in np.unique(true)]
    return float(np.mean(recalls)) if recalls else None


def confusion(truth: Sequence[int], predicted: Sequence[int], k: int) -> NDArray[np.int64]:
    """Counts [k, k]: row = true class, column = predicted class.

    Raises ValueError if the two differ in length or hold a class outside 0 … k - 1.
    """
    _right(truth, predicted)
    true, said = np.asarray(truth, np.int64), np.asarray(predicted, np.int64)
    for values in (true, said):
        outside = values[(values < 0) | (values >= k)]
        if len(outside):
            raise ValueError(f"class {outside[0]} is outside 0 … {k - 1}")
    counts = np.zeros((k, k), np.int64)
    np.add.at(counts, (true, said), 1)
    return counts


def _right(truth: Sequence[int], predicted: Sequence[int]) -> NDArray[np.bool_]:
    if len(truth) != len(predicted):
        raise ValueError(f"{len(truth)} true classes but {len(predicted)} predicted ones")
    right: NDArray[np.bool_] = np.asarray(truth, np.int64) == np.asarray(predicted, np.int64)
    return right

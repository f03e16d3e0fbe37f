"""Rank statistics: the area under the ROC curve, Spearman's correlation and its interval over speakers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bootstrap import LEAST_SPEAKERS, LEVEL, SEED, draws

RESAMPLES = 1000
"""Of speakers, for the interval of a correlation."""

Floats = NDArray[np.float64]


def auc(positive: ArrayLike, scores: ArrayLike) -> float | None:
    """Probability that a positive's score is above a negative's, a tie counting half (Mann and Whitney 1947).

    Args:
        positive: Whether each is a positive [N].
        scores: Its score [N].

    Returns:
        0 … 1; None without a positive or without a negative.
    """
    is_positive = np.asarray(positive, np.bool_)
    positives, negatives = int(is_positive.sum()), int((~is_positive).sum())
    if not positives or not negatives:
        return None
    place = _places(scores)
    ranks = _ranks(place, np.ones(len(place)))
    above = ranks[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def spearman(first: ArrayLike, second: ArrayLike) -> float | None:
    """Spearman's rank correlation of two [N], ties with mean ranks; None where one of them is constant."""
    one, other = _places(first), _places(second)
    return _correlation(one, other, np.ones(len(one)))


def spearman_interval(
    first: ArrayLike,
    second: ArrayLike,
    speakers: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float] | None:
    """The 95 % percentile interval of `spearman`, speakers drawn with replacement (bootstrap.py).

    None below LEAST_SPEAKERS speakers or where a drawn correlation is undefined.
    """
    names, speaker = np.unique(np.asarray(speakers, np.str_), return_inverse=True)
    if len(names) < LEAST_SPEAKERS:
        return None
    one, other = _places(first), _places(second)
    found = [_correlation(one, other, times[speaker]) for times in draws(len(names), resamples, seed)]
    given = [value for value in found if value is not None]
    if len(given) < len(found):
        return None
    low, high = (float(np.quantile(given, p)) for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return low, high


def _places(values: ArrayLike) -> NDArray[np.intp]:
    """The place of each value [N] among the distinct ones, 0 for the lowest."""
    _, place = np.unique(np.asarray(values, np.float64), return_inverse=True)
    return np.asarray(place, np.intp)


def _ranks(place: NDArray[np.intp], times: Floats) -> Floats:
    """Mean ranks [N] of a sample in which each value occurs so many times [N]."""
    count = np.bincount(place, weights=times)
    return np.asarray((np.cumsum(count) - count + (count + 1) / 2)[place], np.float64)


def _correlation(one: NDArray[np.intp], other: NDArray[np.intp], times: Floats) -> float | None:
    """Spearman's correlation where each pair occurs so many times [N]."""
    total = times.sum()
    if not total:
        return None
    x, y = (ranks - (ranks @ times) / total for ranks in (_ranks(one, times), _ranks(other, times)))
    spread = float(x**2 @ times) * float(y**2 @ times)
    return float((x * y) @ times) / spread**0.5 if spread > 1e-12 else None

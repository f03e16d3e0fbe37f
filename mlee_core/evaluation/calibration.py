"""Calibration of probabilities: reliability bins, the expected calibration error and temperature scaling.

The rows of Table 3 need two measures, since their outputs differ in meaning:

- rows with a softmax (dominant, pretrain, fusion): `of_predictions` compares the predicted class's
  probability with how often it is right, on utterances that have a dominant class.
- the row MLEE, whose sigmoids predict the existence of each class: `of_existence` compares the probability
  with how often a class exists, over all pairs of a class and an utterance with votes.

Naeini et al., AAAI 2015; Guo et al., ICML 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from torch import Tensor

Logits = TypeVar("Logits", "Tensor", NDArray[np.float64])

BINS = 10
"""Equal-width bins of the probability: [0, 0.1], (0.1, 0.2], … (0.9, 1]."""


@dataclass(frozen=True)
class Bin:
    """One bin of probabilities in (low, high].

    count, confidence, accuracy: how many, their mean, and the share that came true; the latter two are None
    in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of equal width over 0 … 1; a probability on an edge belongs to the lower bin, 0 to the first.

    confidence: probabilities [N]. right: whether each came true [N].
    Raises: ValueError if they differ in length, or a probability is outside 0 … 1 or not a number.
    """
    p, true = np.asarray(confidence, np.float64).ravel(), np.asarray(right, np.float64).ravel()
    if len(p) != len(true):
        raise ValueError(f"{len(p)} probabilities but {len(true)} outcomes")
    if not np.all((p >= 0) & (p <= 1)):
        raise ValueError("a probability is outside 0 … 1")
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(p, edges[1:-1], right=True)  # [N], 0 … bins - 1
    found = []
    for i, (low, high) in enumerate(pairwise(edges.tolist())):
        inside, came_true = p[place == i], true[place == i]
        means = (float(inside.mean()), float(came_true.mean())) if len(inside) else (None, None)
        found.append(Bin(low, high, len(inside), *means))
    return tuple(found)


def ece(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error: |accuracy − confidence| per bin, weighted by counts; None without any."""
    total = sum(b.count for b in bins)
    if not total:
        return None
    gaps = ((b.accuracy or 0.0) - (b.confidence or 0.0) for b in bins)
    return sum(b.count * abs(gap) for b, gap in zip(bins, gaps, strict=True)) / total


def of_predictions(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of the predicted class's probability. truth: classes [N]; probabilities: softmax [N, K]."""
    p = _rows(probabilities)
    right = p.argmax(1) == np.asarray(truth, np.int64)
    return reliability(p.max(1, initial=0.0), right, bins)


def of_existence(exists: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of every existence probability. exists: targets 0 or 1 [N, K]; probabilities: sigmoid [N, K]."""
    return reliability(_rows(probabilities), _rows(exists), bins)


@dataclass(frozen=True)
class Scaling:
    """Calibrates logits: (logits − offset) / temperature.

    Both are the same for all classes, which keeps the order of the classes and so equations 1 and 7.
    """

    temperature: float = 1.0
    offset: float = 0.0

    def of(self, logits: Logits) -> Logits:
        return (logits - self.offset) / self.temperature


def temperature(logits: ArrayLike, truth: ArrayLike) -> float:
    """The divisor of logits, within 1/20 … 20, whose probabilities fit best (Guo et al., ICML 2017).

    A few utterances would allow any divisor. So a prior costs ln² of it: as much for a factor of e as a
    likelihood smaller by e for one utterance. Without utterances the result is 1.

    Args:
        logits: [N, K].
        truth: classes [N] for a softmax over K, or existence 0 or 1 [N, K] for K sigmoids.
    """
    values, true = _rows(logits), np.asarray(truth, np.float64)

    def cost(log_t: float) -> float:
        scaled = values / np.exp(log_t)  # [N, K]
        if true.ndim == 2:
            terms = np.logaddexp(0, scaled) - true * scaled  # [N, K]
            return float(terms.sum()) + log_t**2
        own = scaled[np.arange(len(values)), true.astype(np.int64)]  # [N]
        return float((np.logaddexp.reduce(scaled, axis=1) - own).sum()) + log_t**2

    low, high = -np.log(20), np.log(20)
    for _ in range(60):  # the cost has one minimum: ternary search
        third = (high - low) / 3
        if cost(low + third) < cost(high - third):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))


def _rows(values: ArrayLike) -> NDArray[np.float64]:
    """As [N, K]; an empty array as [0, 1]."""
    array = np.asarray(values, np.float64)
    return array.reshape(len(array), -1) if array.size else np.empty((0, 1))

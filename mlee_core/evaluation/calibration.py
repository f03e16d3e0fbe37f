"""How far probabilities can be believed: reliability bins and the expected calibration error.

Two questions are asked of Table 3's rows, since their outputs mean different things:

- rows with a softmax (dominant, pretrain, fusion): is the predicted class right as often as its own
  probability says? `of_predictions`, on utterances that have a dominant class.
- the row MLEE: its sigmoids say, class by class, whether anybody heard that emotion. `of_existence` asks
  whether a class exists as often as its probability says, over all pairs of a class and an utterance with
  votes, whether or not one class dominates.

Naeini et al., AAAI 2015; Guo et al., ICML 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    """One bin of probabilities in (low, high]: how many, their mean, and how many of them came true.

    confidence and accuracy are None in an empty bin.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of equal width over 0 … 1; a probability on an edge belongs to the lower bin, 0 to the first.

    confidence: probabilities [N]. right: whether each came true [N].
    Raises: ValueError if they differ in length, or a probability is outside 0 … 1 or no number.
    """
    said, true = np.asarray(confidence, np.float64).ravel(), np.asarray(right, np.float64).ravel()
    if len(said) != len(true):
        raise ValueError(f"{len(said)} probabilities but {len(true)} outcomes")
    if not np.all((said >= 0) & (said <= 1)):
        raise ValueError("a probability is outside 0 … 1")
    edges = np.linspace(0, 1, bins + 1)
    place = np.digitize(said, edges[1:-1], right=True)  # [N], 0 … bins - 1
    return tuple(
        _bin(edges[i], edges[i + 1], said[place == i], true[place == i]) for i in range(len(edges) - 1)
    )


def ece(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error: |accuracy − confidence| per bin, weighted by counts; None without any."""
    total = sum(b.count for b in bins)
    if not total:
        return None
    gaps = ((b.accuracy or 0.0) - (b.confidence or 0.0) for b in bins)
    return sum(b.count * abs(gap) for b, gap in zip(bins, gaps, strict=True)) / total


def of_predictions(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of the predicted class's probability. truth: classes [N]; probabilities: softmax [N, K]."""
    said = _rows(probabilities)
    right = said.argmax(1) == np.asarray(truth, np.int64)
    return reliability(said.max(1, initial=0.0), right, bins)


def of_existence(exists: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> tuple[Bin, ...]:
    """Bins of every existence probability. exists: targets 0 or 1 [N, K]; probabilities: sigmoid [N, K]."""
    return reliability(_rows(probabilities), _rows(exists), bins)


@dataclass(frozen=True)
class Scaling:
    """Makes logits of probabilities that can be believed: less `offset`, divided by `temperature`.

    Both are the same for all classes, so that the order of the classes, and with it equations 1 and 7, stays.
    """

    temperature: float = 1.0
    offset: float = 0.0

    def of(self, logits: Logits) -> Logits:
        return (logits - self.offset) / self.temperature


def temperature(logits: ArrayLike, truth: ArrayLike) -> float:
    """The divisor of logits under which probabilities fit best what happened (Guo et al., ICML 2017).

    logits: [N, K]. truth: classes [N] for a softmax over K, or existence 0 or 1 [N, K] for K sigmoids.
    Few utterances would allow any: being sure of a factor e costs as much as one utterance's likelihood
    falling by a factor e, so none at all gives 1. Within 1/20 … 20.
    """
    said, true = _rows(logits), np.asarray(truth, np.float64)

    def cost(log_t: float) -> float:
        scaled = said / np.exp(log_t)  # [N, K]
        if true.ndim == 2:
            terms = np.logaddexp(0, scaled) - true * scaled  # [N, K]
            return float(terms.sum()) + log_t**2
        own = scaled[np.arange(len(said)), true.astype(np.int64)]  # [N]
        return float((np.logaddexp.reduce(scaled, axis=1) - own).sum()) + log_t**2

    low, high = -np.log(20), np.log(20)
    for _ in range(60):  # the cost has one valley: narrow it by thirds
        third = (high - low) / 3
        if cost(low + third) < cost(high - third):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))


def _rows(values: ArrayLike) -> NDArray[np.float64]:
    """[N, K]; nothing at all is [0, 1]."""
    array = np.asarray(values, np.float64)
    return array.reshape(len(array), -1) if array.size else np.empty((0, 1))


def _bin(low: float, high: float, said: NDArray[np.float64], true: NDArray[np.float64]) -> Bin:
    if not len(said):
        return Bin(float(low), float(high), 0, None, None)
    return Bin(float(low), float(high), len(said), float(said.mean()), float(true.mean()))

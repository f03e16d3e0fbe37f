"""The annotators' own ceiling: how well one half of an utterance's annotators predicts the other half.

It is an orientation, not a bound: a half has half as many votes as the whole, so that both the prediction
and the truth are noisier than the votes of all annotators, by which a model is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..labels.targets import ANY_VOTE, ExistsFrom, existence_target, soft_target
from ..labels.votes import Votes
from .vote_scores import VoteScores, mean_of, vote_scores

LEAST_RATERS = 4
REPETITIONS = 20
MOST_HALVES = 28_000
"""Fewer repetitions for a large corpus, whose halves vary less."""

STEPS, PRIOR = 10, 0.1
"""Of the logistic regression: Newton steps, and the inverse variance of its weights."""

SEED = 0
Floats = NDArray[np.float64]


def ceiling(
    votes: Sequence[Votes], speakers: Sequence[str], exists_from: ExistsFrom = ANY_VOTE, *, seed: int = SEED
) -> VoteScores | None:
    """The scores of random halves, means over repetitions; None if no utterance has LEAST_RATERS annotators.

    The distribution over the classes is the first half's smoothed vote shares (equation 4); equal shares are
    in the order of the classes. The probability that a class exists in the second half is calibrated: a
    logistic regression on the first half's shares of all classes, fitted on the same utterances.

    Args:
        votes: Of each utterance [N].
        speakers: Whose it is [N].
        exists_from: When a class exists; applied to the second half as to the whole.
        seed: Of the halves; the same seed gives the same scores.
    """
    chosen = [(v, name) for v, name in zip(votes, speakers, strict=True) if v.raters >= LEAST_RATERS]
    if not chosen:
        return None
    rng = np.random.default_rng(seed)
    names = [name for _, name in chosen]
    times = max(1, min(REPETITIONS, MOST_HALVES // len(chosen)))
    found = []
    for number in range(times):
        halves = [_halves(v, rng, first_is_larger=bool(number % 2)) for v, _ in chosen]
        one, other = ([pair[i] for pair in halves] for i in (0, 1))
        exists = np.array([existence_target(v, exists_from) for v in other])  # [N, K]
        shares = np.array([v.target_counts for v in one]) / np.array([[v.raters] for v in one])  # [N, K]
        distribution = [soft_target(v) for v in one]
        found.append(vote_scores(other, names, distribution, _existence(shares, exists), exists_from))
    mean: VoteScores = _mean(found)
    return mean


def _halves(votes: Votes, rng: np.random.Generator, *, first_is_larger: bool) -> tuple[Votes, Votes]:
    """Two random halves of the annotators; of the votes, where annotators are not named."""
    raters: list[tuple[str, ...]] = [(label,) for label, n in votes.counts.items() for _ in range(n)]
    if votes.annotators is not None:
        raters = [labels for labels in votes.annotators.values() if labels]
    order = rng.permutation(len(raters)).tolist()
    border = (len(raters) + first_is_larger) // 2
    one, other = (
        Votes.from_annotators({str(i): raters[i] for i in half}) for half in (order[:border], order[border:])
    )
    return one, other


def _existence(shares: Floats, exists: Floats) -> Floats:
    """Logistic regression of each class's existence on the shares of all classes, [N, K] -> [N, K].

    A weak prior keeps the weights finite where a share decides (Newton's method; Bishop 2006, section 4.3.3).
    """
    inputs = np.column_stack([shares, np.ones(len(shares))])  # [N, K + 1]
    weights = np.zeros((inputs.shape[1], exists.shape[1]))  # [K + 1, K]
    for k in range(exists.shape[1]):
        for _ in range(STEPS):
            p = _sigmoid(inputs @ weights[:, k])  # [N]
            gradient = inputs.T @ (p - exists[:, k]) + PRIOR * weights[:, k]  # [K + 1]
            curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + PRIOR * np.eye(len(gradient))
            weights[:, k] -= np.linalg.solve(curvature, gradient)
    return _sigmoid(inputs @ weights)


def _sigmoid(x: Floats) -> Floats:
    return 0.5 + 0.5 * np.tanh(x / 2)


def _mean(values: Sequence[Any]) -> Any:
    """The mean of each number in equal structures, without the missing ones."""
    given = [value for value in values if value is not None]
    if not given:
        return None
    first = given[0]
    if is_dataclass(first):
        parts = {f.name: _mean([getattr(value, f.name) for value in given]) for f in fields(first)}
        return type(first)(**parts)  # type: ignore[misc]
    if isinstance(first, Mapping):
        return {name: _mean([value[name] for value in given]) for name in first}
    if isinstance(first, tuple):
        return tuple(_mean(column) for column in zip(*given, strict=True))
    return first if isinstance(first, int) else mean_of(given)

"""How well predictions agree with the votes of all annotators: existence and ambiguity, besides WA and UA.

- existence: probabilities that each class is present, against whether enough annotators gave it (equation 5).
- ambiguity: a distribution over the four classes against the annotators' disagreement.

The annotators' own ceiling (ceiling.py) has the same scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..labels.agreement import agreement
from ..labels.targets import ANY_VOTE, ExistsFrom, existence_target, soft_target
from ..labels.votes import CLASSES, Votes, dominant
from . import calibration
from .ranks import auc, spearman, spearman_interval
from .scores import confusion, ua, wa

TINY = 1e-12
"""Least predicted probability in a divergence, which would be infinite for 0."""

PRESENT = 0.5
"""Above this probability a class counts as predicted to exist, for F1."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ExistenceScores:
    """Existence of every class in every annotated utterance; each score is None where it is undefined.

    auc: of each class; auc_mean: of those that have one. f1_macro: mean F1 of the classes that exist or are
    predicted, above a probability of 0.5. ece: over all pairs of a class and an utterance. brier: the mean
    squared error of the probabilities; brier_base_rate: of the prediction that every class exists as often as
    it does on the whole.
    """

    auc: Mapping[str, float | None]
    auc_mean: float | None
    f1_macro: float | None
    ece: float | None
    brier: float | None
    brier_base_rate: float | None


@dataclass(frozen=True)
class AmbiguityScores:
    """A predicted distribution over the four classes; each score is None where it is undefined.

    kl, js: Kullback-Leibler divergence of the prediction from the smoothed vote shares (equation 4), and
    Jensen-Shannon divergence of the two, in nats; means over the utterances with a vote for a target class.
    entropy_spearman: rank correlation of the prediction's entropy with that of the votes over all labels,
    *other* included, of utterances with at least two annotators; entropy_spearman_ci: its interval over
    speakers. split_auc: area under the ROC curve of that entropy for split votes among them, against
    unanimous ones. top_two: of the utterances with votes for exactly two target classes, the share in which
    both are the two most probable ones.
    """

    kl: float | None
    js: float | None
    entropy_spearman: float | None
    entropy_spearman_ci: tuple[float, float] | None
    split_auc: float | None
    top_two: float | None


@dataclass(frozen=True)
class VoteScores:
    """All scores of predictions for some annotated utterances.

    utterances: how many. wa, ua, recall: of those with a dominant class. ece: of the predicted class, None if
    existence decides. existence, ambiguity: None without such a prediction, ambiguity also where no utterance
    has votes for two target classes.
    """

    utterances: int
    wa: float | None
    ua: float | None
    recall: Mapping[str, float | None]
    ece: float | None
    existence: ExistenceScores | None
    ambiguity: AmbiguityScores | None


def vote_scores(
    votes: Sequence[Votes],
    speakers: Sequence[str],
    distribution: ArrayLike | None,
    existence: ArrayLike | None,
    exists_from: ExistsFrom = ANY_VOTE,
) -> VoteScores:
    """All scores of some predictions.

    Args:
        votes: Of each utterance [N].
        speakers: Whose it is [N].
        distribution: Over the classes [N, K], or None; then existence decides, too (equation 7).
        existence: Probability that each class exists [N, K], or None.
        exists_from: When a class exists.

    Raises: ValueError without any prediction.
    """
    deciding = existence if distribution is None else distribution
    if deciding is None:
        raise ValueError("predictions need a distribution or probabilities of existence")
    scores = np.asarray(deciding, np.float64).reshape(-1, len(CLASSES))  # [N, K]
    winners = [dominant(v) for v in votes]
    scored = np.array([name is not None for name in winners], np.bool_)  # [N]
    truth = [CLASSES.index(name) for name in winners if name is not None]
    predicted = scores[scored].argmax(1).tolist()
    counts = confusion(truth, predicted, len(CLASSES))  # [K, K]
    recall = {
        name: float(counts[k, k] / counts[k].sum()) if counts[k].any() else None
        for k, name in enumerate(CLASSES)
    }
    found = existence_scores([existence_target(v, exists_from) for v in votes], existence)
    return VoteScores(
        utterances=len(votes),
        wa=wa(truth, predicted),
        ua=ua(truth, predicted),
        recall=recall,
        ece=_predicted_ece(truth, None if distribution is None else scores[scored]),
        existence=found,
        ambiguity=None if distribution is None else ambiguity_scores(votes, speakers, scores),
    )


def _predicted_ece(truth: Sequence[int], probabilities: Floats | None) -> float | None:
    if probabilities is None:
        return None
    return calibration.ece(calibration.of_predictions(truth, probabilities))


def existence_scores(exists: ArrayLike, probabilities: ArrayLike | None) -> ExistenceScores | None:
    """exists: 0 or 1 [N, K]. probabilities: [N, K], or None for no prediction, which has no scores."""
    if probabilities is None:
        return None
    true, p = (np.asarray(values, np.float64).reshape(-1, len(CLASSES)) for values in (exists, probabilities))
    areas = {name: auc(true[:, k] > 0, p[:, k]) for k, name in enumerate(CLASSES)}
    rate = true.mean(0) if len(true) else np.zeros(len(CLASSES))  # [K]
    return ExistenceScores(
        auc=areas,
        auc_mean=mean_of(areas.values()),
        f1_macro=mean_of(_f1(true[:, k] > 0, p[:, k] > PRESENT) for k in range(len(CLASSES))),
        ece=calibration.ece(calibration.of_existence(true, p)),
        brier=float(np.mean((p - true) ** 2)) if len(true) else None,
        brier_base_rate=float(np.mean((rate - true) ** 2)) if len(true) else None,
    )


def _f1(true: NDArray[np.bool_], predicted: NDArray[np.bool_]) -> float | None:
    """2 TP / (2 TP + FP + FN); None if the class neither occurs nor is predicted."""
    named = int(true.sum() + predicted.sum())
    return 2 * int((true & predicted).sum()) / named if named else None


def ambiguity_scores(
    votes: Sequence[Votes], speakers: Sequence[str], distribution: ArrayLike
) -> AmbiguityScores | None:
    """distribution: over the classes [N, K]. None where no utterance has votes for two target classes."""
    targets = np.array([v.target_counts for v in votes]).reshape(-1, len(CLASSES))  # [N, K]
    if not ((targets > 0).sum(1) > 1).any():
        return None
    p = np.asarray(distribution, np.float64)  # [N, K]
    kinds = np.array([agreement(v) for v in votes], np.str_)  # [N]
    several = kinds != "one vote"
    voted = targets.sum(1) > 0
    shares = np.array([soft_target(v) for v in votes])[voted]  # [V, K]
    predicted = entropy(p)  # [N]
    of_votes = np.array([_votes_entropy(v) for v in votes])  # [N]
    own = [name for name, chosen in zip(speakers, several, strict=True) if chosen]
    two = (targets > 0).sum(1) == 2  # [N]
    top = np.argsort(-p[two], axis=1, kind="stable")[:, :2]  # [M, 2]
    both = (np.take_along_axis(targets[two], top, axis=1) > 0).all(1)  # [M]
    return AmbiguityScores(
        kl=mean_of(divergence(shares, p[voted])),
        js=mean_of(_jensen_shannon(shares, p[voted])),
        entropy_spearman=spearman(of_votes[several], predicted[several]),
        entropy_spearman_ci=spearman_interval(of_votes[several], predicted[several], own),
        split_auc=auc(kinds[several] == "split", predicted[several]),
        top_two=mean_of(both),
    )


def _votes_entropy(votes: Votes) -> float:
    """Over all labels; 0 without votes."""
    return float(entropy(np.array([*votes.nonzero.values()], np.float64) / max(votes.total, 1)))


def entropy(p: Floats) -> Floats:
    """In nats, over the last axis: [..., K] -> [...]."""
    return np.asarray(-(p * np.log(np.maximum(p, TINY))).sum(-1))


def divergence(p: Floats, q: Floats) -> Floats:
    """Kullback-Leibler divergence of q from p, in nats: Σₖ pₖ ln(pₖ / qₖ), [..., K] -> [...]."""
    return np.asarray((p * np.log(np.maximum(p, TINY) / np.maximum(q, TINY))).sum(-1))


def _jensen_shannon(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    return (divergence(p, middle) + divergence(q, middle)) / 2


def mean_of(values: object) -> float | None:
    """The mean of those that are not None; None without any."""
    given = [float(value) for value in values if value is not None]  # type: ignore[attr-defined]
    return fmean(given) if given else None

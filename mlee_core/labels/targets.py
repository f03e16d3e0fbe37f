"""Votes -> hard, soft and existence targets, and who each scheme admits (SPEC.md, equations 3-5).

An utterance has *votes*: how many annotators gave each label. An annotator may give several labels, so the
sum may exceed the number of annotators. Labels outside the four target classes keep their own names; together
they are what the paper calls *other*. No torch in here, since the window imports it at start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ..errors import ConfigError, CorpusError
from .votes import CLASSES, Votes, dominant

ALPHA = 0.75
"""Smoothing of the soft target (equation 4)."""

Label = Literal["hard", "soft"]
Scheme = Literal["hard", "soft", "existence"]
TrainSet = Literal["dominant", "all"]


def hard_target(votes: Votes) -> tuple[float, ...] | None:
    """One-hot of the dominant class, shape [K], or None where there is none (equation 3)."""
    winner = dominant(votes)
    return None if winner is None else tuple(float(name == winner) for name in CLASSES)


def soft_target(votes: Votes, alpha: float = ALPHA) -> tuple[float, ...]:
    """(α + Σₙ hₙₖ) / (αK + Σₖ Σₙ hₙₖ) over the target classes, shape [K], sums to 1 (equation 4).

    Raises: ConfigError if α = 0 and no target vote was given (0 / 0).
    """
    counts = votes.target_counts
    mass = alpha * len(CLASSES) + sum(counts)
    if alpha < 0 or mass == 0:
        raise ConfigError(f"soft target with α = {alpha} and {sum(counts)} target votes: α must be above 0.")
    return tuple((alpha + count) / mass for count in counts)


def existence_target(votes: Votes) -> tuple[float, ...]:
    """1 for each class that at least one annotator gave, else 0, shape [K] (equation 5)."""
    return tuple(float(count > 0) for count in votes.target_counts)


def admits(scheme: Scheme, train_set: TrainSet, votes: Votes) -> bool:
    """Whether `scheme` trained on `train_set` may use this utterance (SPEC.md's table)."""
    if scheme == "hard" or train_set == "dominant":
        return dominant(votes) is not None
    if scheme == "soft":
        return sum(votes.target_counts) > 0
    return votes.total > 0


def target(scheme: Scheme, votes: Votes) -> tuple[float, ...]:
    """The target of an admitted utterance under `scheme`, shape [K]."""
    if scheme == "hard":
        one_hot = hard_target(votes)
        if one_hot is None:
            raise CorpusError(f"votes {dict(votes.counts)} have no dominant target class, so no hard target.")
        return one_hot
    return soft_target(votes) if scheme == "soft" else existence_target(votes)


def class_weights(targets: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Inverse class frequencies for soft-max cross entropy, shape [K].

    targets: hard or soft targets q of the training set, [N, K]. Reading: the mass of class k is Σ qₖ, so that
    soft targets count too, and w is scaled so that Σₖ wₖ qₖ averages 1 over the training set. Each of the K
    terms wₖ Σ qₖ is then equal, hence wₖ = N / (K · Σ qₖ).

    Raises: ConfigError if a class has no mass (absent from this training set).
    """
    mass = [sum(row[k] for row in targets) for k in range(len(CLASSES))]
    _refuse_absent(mass, "is dominant in no utterance")
    return tuple(len(targets) / (len(CLASSES) * m) for m in mass)


def existence_weights(targets: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    """Inverse frequencies of non-existent and existent labels per class, shape [K, 2] as (w₀, w₁).

    Reading: scaled so that the weight averages 1 over the training set, per class:
    w₀ = N / (2 N₀), w₁ = N / (2 N₁).

    Raises: ConfigError if a class exists in no utterance or in every one.
    """
    n = len(targets)
    present = [sum(row[k] for row in targets) for k in range(len(CLASSES))]
    _refuse_absent(present, "exists in no utterance")
    _refuse_absent([n - p for p in present], "exists in every utterance")
    return tuple((n / (2 * (n - p)), n / (2 * p)) for p in present)


def _refuse_absent(mass: Sequence[float], what: str) -> None:
    absent = [CLASSES[k] for k, m in enumerate(mass) if m <= 0]
    if absent:
        raise ConfigError(
            f"class {', '.join(absent)} {what} of this training set, so it has no weight: "
            "every class needs examples (another fold, another train set or another label map)."
        )

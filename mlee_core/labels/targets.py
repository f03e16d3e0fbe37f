"""Votes -> hard, soft and existence targets, and who each scheme admits (SPEC.md, equations 3-5).

An utterance has *votes*: how many annotators gave each label. An annotator may give several labels, so the
sum may exceed the number of annotators. Labels outside the four target classes keep their own names; together
they are what the paper calls *other*. No torch in here, since the window imports it at start.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError, CorpusError
from .votes import CLASSES, Votes, dominant

ALPHA = 0.75
"""Smoothing of the soft target (equation 4)."""

Label = Literal["hard", "soft"]
Scheme = Literal["hard", "soft", "existence"]
TrainSet = Literal["dominant", "all"]


@dataclass(frozen=True)
class ExistsFrom:
    """From how many votes on an utterance a class exists in it; the default is equation 5's "any annotator".

    votes: at least so many annotators gave the class. share: at least this share (0 … 1) of the utterance's
    annotators gave it, or of all its votes, *other* included, where annotators are not named; 0 for none.
    One vote is needed in any case, so a small share is the default's rule for few annotators.

    Raises: ConfigError for other numbers, or both a number and a share.
    """

    votes: int = 1
    share: float = 0.0

    def __post_init__(self) -> None:
        if self.votes < 1 or not 0 <= self.share <= 1 or (self.votes > 1 and self.share > 0):
            raise _unusable(f"{self.votes} votes and a share of {self.share:g}")

    @classmethod
    def parse(cls, text: str) -> ExistsFrom:
        """From "2" votes, or a share as "20%", "20 %" or "0.2": a whole number without % is of votes.

        Raises: ConfigError for anything else.
        """
        found = re.fullmatch(r"\s*([0-9]{1,9})?(\.[0-9]{1,9})?\s*(%)?\s*", text, re.ASCII)
        whole, part, percent = found.groups() if found else (None, None, None)
        if whole is None and part is None:
            raise _unusable(repr(text))
        if percent is None and part is None:
            if int(whole or 0) < 1:
                raise _unusable(repr(text))
            return cls(votes=int(whole or 0))
        share = float(f"{whole or 0}{part or ''}") / (100 if percent else 1)
        if not 0 < share <= 1:
            raise _unusable(repr(text))
        return cls(share=share)

    def __str__(self) -> str:
        """As `parse` reads it: "2" or "20%"."""
        return f"{100 * self.share:.9g}%" if self.share else str(self.votes)

    @property
    def described(self) -> str:
        """ "1 vote", "2 votes" or "20 % of the votes"."""
        if self.share:
            return f"{100 * self.share:.9g} % of the votes"
        return "1 vote" if self.votes == 1 else f"{self.votes} votes"

    def least(self, votes: Votes) -> int:
        """The number of votes that a class needs to exist in this utterance."""
        return max(self.votes, math.ceil(self.share * votes.raters - 1e-9))  # 0.07 * 100 is above 7


ANY_VOTE = ExistsFrom()
"""The paper's."""


def _unusable(what: str) -> ConfigError:
    return ConfigError(
        f"existence from {what}: allowed are a whole number of votes from 1, or a share of them above 0 and "
        "up to 1, such as 20% or 0.2."
    )


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


def existence_target(votes: Votes, exists_from: ExistsFrom = ANY_VOTE) -> tuple[float, ...]:
    """1 for each class that enough annotators gave, by default any, else 0, shape [K] (equation 5)."""
    least = exists_from.least(votes)
    return tuple(float(count >= least) for count in votes.target_counts)


def admits(scheme: Scheme, train_set: TrainSet, votes: Votes) -> bool:
    """Whether `scheme` trained on `train_set` may use this utterance (SPEC.md's table)."""
    if scheme == "hard" or train_set == "dominant":
        return dominant(votes) is not None
    if scheme == "soft":
        return sum(votes.target_counts) > 0
    return votes.total > 0


def target(scheme: Scheme, votes: Votes, exists_from: ExistsFrom = ANY_VOTE) -> tuple[float, ...]:
    """The target of an admitted utterance under `scheme`, shape [K]; exists_from: of scheme existence."""
    if scheme == "hard":
        one_hot = hard_target(votes)
        if one_hot is None:
            raise CorpusError(f"votes {dict(votes.counts)} have no dominant target class, so no hard target.")
        return one_hot
    return soft_target(votes) if scheme == "soft" else existence_target(votes, exists_from)


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

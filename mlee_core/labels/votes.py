"""Classes, and the votes that annotators give an utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from ..errors import CorpusError

CLASSES: tuple[str, ...] = ("neu", "hap", "sad", "ang")
"""The target classes, in this order everywhere (K = 4)."""
CLASS_NAMES: Mapping[str, str] = {"neu": "neutral", "hap": "happy", "sad": "sad", "ang": "angry"}
OTHER = "other"


@dataclass(frozen=True)
class Votes:
    """The votes on one utterance.

    counts: label -> number of annotators who gave it, Σₙ hₙₖ (target classes and any other label names).
    annotators: annotator -> the labels that this annotator gave; None where the corpus names no annotators.
    consensus: the corpus's own decision where it has one (a class, another label, or "none" for no
        agreement); `hard` uses it, the votes do not change.
    """

    counts: Mapping[str, int]
    annotators: Mapping[str, tuple[str, ...]] | None = None
    consensus: str | None = None

    def __post_init__(self) -> None:
        for label, count in self.counts.items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 0:
                raise CorpusError(
                    f"{count!r} votes for {label!r}: a vote count is a whole number, 0 or more."
                )

    @classmethod
    def from_annotators(cls, annotators: Mapping[str, Iterable[str]], consensus: str | None = None) -> Votes:
        """Votes from each annotator's set of labels; a label given twice by one annotator counts once."""
        sets = {name: tuple(dict.fromkeys(labels)) for name, labels in annotators.items()}
        return cls(dict(Counter(chain.from_iterable(sets.values()))), sets, consensus)

    @property
    def target_counts(self) -> tuple[int, ...]:
        """Σₙ hₙₖ per target class, in the order of CLASSES."""
        return tuple(self.counts.get(name, 0) for name in CLASSES)

    @property
    def nonzero(self) -> dict[str, int]:
        """`counts` without the labels that nobody gave."""
        return {label: count for label, count in self.counts.items() if count}

    @property
    def total(self) -> int:
        """Number of all votes, *other* included."""
        return sum(self.counts.values())

    @property
    def raters(self) -> int:
        """Number of annotators who gave a label; of votes, where annotators are not named."""
        return self.total if self.annotators is None else sum(map(bool, self.annotators.values()))


def leaders(votes: Votes) -> tuple[str, ...]:
    """The labels that share the most votes, over all labels, target classes first; empty without votes.

    A single label is a unique winner; several are tied.
    """
    most = max(votes.counts.values(), default=0)
    if most == 0:
        return ()
    order = {name: k for k, name in enumerate(CLASSES)}
    tied = [name for name, count in votes.counts.items() if count == most]
    return tuple(sorted(tied, key=lambda name: (order.get(name, len(CLASSES)), name)))


def dominant(votes: Votes) -> str | None:
    """The dominant *target* class (equation 3), or None.

    Reading: equation 3 compares target classes only, but "no dominant target emotion" needs the others: 2
    frustrated and 1 neutral is not neutral. So the winner is taken over all labels and must be unique.
    """
    if votes.consensus is not None:
        return votes.consensus if votes.consensus in CLASSES else None
    first = leaders(votes)
    return first[0] if len(first) == 1 and first[0] in CLASSES else None

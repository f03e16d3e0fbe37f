"""Agreement of annotators: Krippendorff's alpha for nominal data, and which utterances they agree on.

Reading: in alpha over all labels an annotator who gave several labels counts once for each of them, as in the
votes. Alpha of one class and `agreement` count annotators, where the corpus names them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from .votes import CLASSES, OTHER, Votes

Agreement = Literal["unanimous", "split", "one vote"]
AGREEMENTS: tuple[Agreement, ...] = ("unanimous", "split", "one vote")


def alpha(counts: Iterable[Mapping[str, int]]) -> float | None:
    """Krippendorff's alpha, nominal, of label -> number of votes per utterance: 1 is perfect, 0 chance.

    alpha = 1 - D_o / D_e (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011). With m_u votes on
    utterance u, n_uc of them for label c, and n_c, n their sums over u:
    D_o = Σ_u (m_u² - Σ_c n_uc²) / (m_u - 1), D_e = (n² - Σ_c n_c²) / (n - 1).
    The sums are taken here, since the package `krippendorff` (the tests' oracle) needs memory for
    utterances × labels²: gigabytes for a large corpus with free-text labels.

    An utterance with fewer than two votes has no pair and is left out. None where alpha is undefined: no
    pair, or a single label.
    """
    observed = 0.0
    totals = Counter[str]()
    for unit in counts:
        votes = sum(unit.values())
        if votes >= 2:
            observed += (votes**2 - sum(n**2 for n in unit.values())) / (votes - 1)
            totals.update(unit)
    everything = sum(totals.values())
    disagreeing = everything**2 - sum(n**2 for n in totals.values())
    return None if disagreeing == 0 else 1 - observed * (everything - 1) / disagreeing


def alpha_per_class(votes: Iterable[Votes]) -> dict[str, float | None]:
    """Alpha of each target class against all other labels; it shows which classes annotators confuse."""
    pairs = [(v.counts, v.raters) for v in votes]
    return {
        name: alpha({name: counts.get(name, 0), OTHER: n - counts.get(name, 0)} for counts, n in pairs)
        for name in CLASSES
    }


def agreement(votes: Votes) -> Agreement:
    """ "one vote" below two annotators, "unanimous" if all gave the same labels, else "split".

    Where annotators are not named, every vote counts as one annotator.
    """
    if votes.raters < 2:
        return "one vote"
    if votes.annotators is None:
        same = max(votes.counts.values()) == votes.total
    else:
        same = len({frozenset(labels) for labels in votes.annotators.values() if labels}) == 1
    return "unanimous" if same else "split"

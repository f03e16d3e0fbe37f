"""Is one row of Table 3 better than another, for new speakers? A paired bootstrap over speakers.

Speakers are drawn with replacement, not utterances, which depend on each other within a speaker. Both rows
are scored on the same draw. The statistic is the difference of the pooled WA or UA, as in Table 3; the
interval is the percentile interval (Efron & Tibshirani 1993, chapter 13). With few speakers such intervals
are too narrow: below five there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .scores import Counts, Score, Tally, score_of_counts

LEAST_SPEAKERS = 5
RESAMPLES = 10_000
LEVEL = 0.95
SEED = 0


@dataclass(frozen=True)
class Difference:
    """first − second, of one score, as fractions.

    pooled: difference of the scores over all utterances.
    low, high: its interval, or None with the reason in `why_not`.
    of_speakers: speaker -> difference of the speaker's own scores; mean: of those.
    """

    pooled: float
    mean: float
    low: float | None
    high: float | None
    why_not: str | None
    of_speakers: dict[str, float]


def difference(
    first: Tally, second: Tally, score: Score, *, resamples: int = RESAMPLES, seed: int = SEED
) -> Difference | None:
    """Compare two rows on the same utterances, grouped by speaker; None without a speaker.

    The same seed gives the same interval. Raises: ValueError if speakers or utterances differ.
    """
    if first.groups != second.groups or not np.array_equal(first.total, second.total):
        raise ValueError("two rows are compared on the same utterances of the same speakers")
    scored = first.total.sum(1) > 0  # a speaker without a dominant class has no score
    names = [name for name, has_score in zip(first.groups, scored, strict=True) if has_score]
    if not names:
        return None
    total, right, other = first.total[scored], first.right[scored], second.right[scored]
    own = score_of_counts(right, total, score) - score_of_counts(other, total, score)  # [S]
    whole = np.ones((1, len(names)))
    pooled = _pooled_difference(whole, total, right, other, score)[0]
    low = high = why_not = None
    if len(names) < LEAST_SPEAKERS:
        why_not = f"{len(names)} speakers, an interval needs {LEAST_SPEAKERS}"
    else:
        drawn = draws(len(names), resamples, seed)
        spread = _pooled_difference(drawn, total, right, other, score)  # [R]
        low, high = (float(np.quantile(spread, p)) for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    of_speakers = {name: float(value) for name, value in zip(names, own, strict=True)}
    return Difference(float(pooled), float(own.mean()), low, high, why_not, of_speakers)


@lru_cache(maxsize=1)  # a report compares many rows of the same speakers
def draws(speakers: int, resamples: int, seed: int) -> Counts:
    """How often each speaker is drawn, [R, S]; each row sums to S. Read-only, since it is cached."""
    even = np.full(speakers, 1 / speakers)
    return np.random.default_rng(seed).multinomial(speakers, even, size=resamples).astype(np.float64)


def _pooled_difference(times: Counts, total: Counts, right: Counts, other: Counts, score: Score) -> Counts:
    """The statistic for speakers taken `times` [R, S] times each, [R]."""
    utterances = times @ total  # [R, K]
    return score_of_counts(times @ right, utterances, score) - score_of_counts(
        times @ other, utterances, score
    )

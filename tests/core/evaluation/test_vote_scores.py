"""Existence and ambiguity scores, and the annotators' ceiling: hand-worked tables, scipy, CREMA-D's votes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from mlee_core.corpora import open_corpus
from mlee_core.evaluation import ranks
from mlee_core.evaluation.ceiling import ceiling
from mlee_core.evaluation.vote_scores import (
    VoteScores,
    ambiguity_scores,
    existence_scores,
    vote_scores,
)
from mlee_core.labels.targets import ExistsFrom, existence_target, soft_target
from mlee_core.labels.votes import Votes

VALUES = st.lists(st.integers(0, 6), min_size=2, max_size=40)  # small integers: many ties


@given(VALUES, st.data())
def test_auc_is_mann_whitneys(values: list[int], data: st.DataObject) -> None:
    size = {"min_size": len(values), "max_size": len(values)}
    positive = np.array(data.draw(st.lists(st.booleans(), **size)))
    scores = np.array(values)
    found = ranks.auc(positive, scores)
    if positive.all() or not positive.any():
        assert found is None
    else:
        oracle = stats.mannwhitneyu(scores[positive], scores[~positive]).statistic
        assert found == pytest.approx(oracle / positive.sum() / (~positive).sum(), abs=1e-12)


@given(VALUES, st.data())
def test_spearman_is_scipys(values: list[int], data: st.DataObject) -> None:
    other = data.draw(st.lists(st.floats(-1, 1), min_size=len(values), max_size=len(values)))
    found = ranks.spearman(values, other)
    if len(set(values)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(values, other).statistic, abs=1e-9)


def test_interval_is_of_resampled_speakers() -> None:
    """The same draws, written out: scipy on repeated utterances."""
    rng = np.random.default_rng(1)
    speakers = [f"s{n}" for n in rng.integers(6, size=60)]
    x = rng.integers(5, size=60)
    y = x + rng.normal(size=60)
    low, high = ranks.spearman_interval(x, y, speakers, resamples=50) or (0.0, 0.0)
    names = sorted(set(speakers))
    found = []
    for times in ranks.draws(len(names), 50, 0):
        chosen = np.repeat(np.arange(60), [int(times[names.index(name)]) for name in speakers])
        found.append(stats.spearmanr(x[chosen], y[chosen]).statistic)
    assert (low, high) == pytest.approx((np.quantile(found, 0.025), np.quantile(found, 0.975)), abs=1e-9)
    assert low < (ranks.spearman(x, y) or 0) < high
    assert ranks.spearman_interval(x[:4], y[:4], speakers[:4]) is None  # below five speakers


def test_existence_by_hand() -> None:
    """neu: positives .9 .4, negative .6: one of two pairs is right. hap exists nowhere, ang everywhere."""
    exists = [[1, 0, 1, 1], [1, 0, 0, 1], [0, 0, 0, 1]]
    p = [[0.9, 0.1, 0.8, 0.9], [0.4, 0.1, 0.2, 0.9], [0.6, 0.1, 0.2, 0.4]]
    found = existence_scores(exists, p)
    assert found is not None
    assert found.auc == {"neu": 0.5, "hap": None, "sad": 1.0, "ang": None}
    assert found.auc_mean == 0.75
    # neu: TP 1, FP 1, FN 1 -> 1/2; hap neither exists nor is predicted; sad 1; ang TP 2, FN 1 -> 4/5
    assert found.f1_macro == pytest.approx((0.5 + 1 + 0.8) / 3)
    squares = [0.01, 0.36, 0.36, 0.01, 0.01, 0.01, 0.04, 0.04, 0.04, 0.01, 0.01, 0.36]
    assert found.brier == pytest.approx(sum(squares) / 12)
    assert found.brier_base_rate == pytest.approx((2 / 9 + 0 + 2 / 9 + 0) / 4)  # r (1 - r) of each class
    # bins: (0, .1] three of 0; (.1, .2] two of 0; (.3, .4] 2 of 2; (.5, .6] 0 of 1; (.7, .8] 1; (.8, .9] 3
    gaps = 3 * 0.1 + 2 * 0.2 + 2 * 0.6 + 0.6 + 0.2 + 3 * 0.1
    assert found.ece == pytest.approx(gaps / 12)
    assert existence_scores(exists, None) is None


VOTES = [
    Votes({"neu": 4, "ang": 0}),
    Votes({"neu": 2, "sad": 2}),
    Votes({"ang": 2, "fear": 2, "hap": 1}),
    Votes({"fear": 3, "disgust": 1}),
    Votes({"hap": 1}),
]
P = np.array(
    [
        [0.85, 0.05, 0.05, 0.05],
        [0.4, 0.1, 0.3, 0.2],
        [0.1, 0.15, 0.35, 0.4],
        [0.25, 0.25, 0.25, 0.25],
        [0.1, 0.8, 0.05, 0.05],
    ]
)
SPEAKERS = ["a", "b", "c", "d", "e"]


def test_ambiguity_is_scipys() -> None:
    found = ambiguity_scores(VOTES, SPEAKERS, P)
    assert found is not None
    voted = [0, 1, 2, 4]  # the fourth has no vote for a target class
    pairs = [(soft_target(VOTES[i]), P[i]) for i in voted]
    assert found.kl == pytest.approx(np.mean([stats.entropy(q, p) for q, p in pairs]))
    distances = [jensenshannon(q, p) for q, p in pairs]
    assert found.js == pytest.approx(np.mean(np.square(distances)))  # scipy's is the square root
    several = [0, 1, 2, 3]  # the fifth has one vote
    of_votes = [stats.entropy([*VOTES[i].counts.values()]) for i in several]
    predicted = [stats.entropy(P[i]) for i in several]
    assert found.entropy_spearman == pytest.approx(stats.spearmanr(of_votes, predicted).statistic)
    assert found.entropy_spearman_ci is None  # four speakers
    assert found.split_auc == 1.0  # the unanimous utterance has the lowest entropy
    assert found.top_two == 0.5  # neu and sad lead for the second; ang and sad, not hap, for the third


@pytest.mark.parametrize("votes", [[Votes({"neu": 1})] * 3, [Votes({"sad": 3}), Votes({"sad": 2, "x": 1})]])
def test_without_two_classes_in_an_utterance_there_is_no_ambiguity(votes: list[Votes]) -> None:
    assert ambiguity_scores(votes, ["a"] * len(votes), np.full((len(votes), 4), 0.25)) is None


def test_all_scores_by_hand() -> None:
    """Dominant: neu, none, none, none, hap. Existence from two votes: neu; neu sad; ang; none; none."""
    exists = np.array([existence_target(v, ExistsFrom(2)) for v in VOTES])
    assert exists.tolist() == [[1, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    found = vote_scores(VOTES, SPEAKERS, P, exists * 0.8 + 0.1, ExistsFrom(2))
    assert (found.utterances, found.wa, found.ua) == (5, 1.0, 1.0)
    assert found.recall == {"neu": 1.0, "hap": 1.0, "sad": None, "ang": None}
    assert found.ece == pytest.approx((0.15 + 0.2) / 2)
    assert found.existence is not None and found.existence.auc_mean == 1.0
    assert found.existence.brier == pytest.approx(0.01)
    alone = vote_scores(VOTES, SPEAKERS, None, P)  # existence decides
    assert (alone.wa, alone.ece, alone.ambiguity) == (1.0, None, None)
    nobody = vote_scores([], [], np.empty((0, 4)), None)
    assert nobody == VoteScores(0, None, None, dict.fromkeys(("neu", "hap", "sad", "ang")), None, None, None)
    with pytest.raises(ValueError, match="need a distribution"):
        vote_scores(VOTES, SPEAKERS, None, None)


def test_the_ceiling_of_agreeing_annotators_is_perfect() -> None:
    votes = [Votes({name: 6}) for name in ("neu", "hap", "sad", "ang") * 5]
    votes += [Votes.from_annotators({str(i): ("neu", "sad") for i in range(4)})] * 5
    found = ceiling(votes, [f"s{i % 5}" for i in range(25)])
    assert found is not None and found.existence is not None
    assert (found.utterances, found.wa, found.ua) == (25, 1.0, 1.0)
    assert found.existence.auc_mean == found.existence.f1_macro == 1.0
    doubt = found.ambiguity  # all give two labels to the last five, so nothing is split
    assert doubt is not None and (doubt.kl, doubt.js, doubt.top_two, doubt.split_auc) == (0, 0, 1, None)


def test_the_ceiling_of_guessing_annotators_is_chance() -> None:
    rng = np.random.default_rng(0)
    votes = [
        Votes(dict(zip(("neu", "hap", "sad", "ang"), map(int, row), strict=True)))
        for row in rng.multinomial(8, [0.25] * 4, size=1500)
    ]
    found = ceiling(votes, [f"s{i % 9}" for i in range(1500)])
    assert found is not None and found.existence is not None and found.ambiguity is not None
    assert found.existence.auc_mean == pytest.approx(0.5, abs=0.03)
    assert found.ambiguity.entropy_spearman == pytest.approx(0, abs=0.05)
    assert found.existence.brier == pytest.approx(found.existence.brier_base_rate or 0, abs=0.003)


def test_the_ceiling_needs_four_annotators() -> None:
    votes = [Votes({"neu": 3}), Votes.from_annotators({"a": ("neu", "sad"), "b": ("neu", "ang")})]
    assert ceiling(votes, ["s", "t"]) is None
    assert ceiling([*votes, Votes({"neu": 4})], ["s", "t", "u"]).utterances == 1  # type: ignore[union-attr]


def test_the_ceiling_is_the_same_each_time() -> None:
    votes = [Votes({"neu": 3, "sad": 2}), Votes({"ang": 5, "hap": 1}), Votes({"neu": 4})] * 4
    assert ceiling(votes, ["s"] * 12) == ceiling(votes, ["s"] * 12)


def test_the_ceiling_of_cremad(shared_data: Path) -> None:
    """Four or five raters predicting four or five others: .826 and, by entropies over six labels, .305 (the
    project's own measurement, with another calibration); base rates .200 and .165 of all votes."""
    table = shared_data / "cremad34" / "table.csv"
    if not table.exists():
        pytest.skip("CREMA-D's 34 speakers are not at hand")
    utterances = open_corpus(table).utterances[::2]
    found = ceiling([u.votes for u in utterances], [u.speaker for u in utterances])
    assert found is not None and found.existence is not None and found.ambiguity is not None
    assert found.existence.auc_mean == pytest.approx(0.826, abs=0.015)
    assert found.existence.ece is not None and found.existence.ece < 0.02
    assert found.ambiguity.entropy_spearman == pytest.approx(0.28, abs=0.04)
    for votes_needed, rate in ((1, 0.200), (2, 0.165)):
        exists = [existence_target(u.votes, ExistsFrom(votes_needed)) for u in utterances]
        scores = existence_scores(exists, exists)
        assert scores is not None and scores.brier_base_rate == pytest.approx(rate, abs=0.01)

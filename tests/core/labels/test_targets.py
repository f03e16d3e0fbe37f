"""Votes -> targets: hand-worked tables, properties, and all voice rows of CREMA-D's real votes."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.errors import ConfigError, CorpusError
from mlee_core.labels.targets import (
    ExistsFrom,
    admits,
    class_weights,
    existence_target,
    existence_weights,
    hard_target,
    soft_target,
    target,
)
from mlee_core.labels.votes import CLASSES, Votes, dominant, leaders

N, H, S, A = range(4)  # CLASSES' order: neu hap sad ang

# Votes, dominant class, leaders, soft (α = 0.75, so αK = 3), existence; admitted by hard, soft on all,
# existence on all.
HAND_WORKED = [
    # 3 neutral of 3: soft (0.75 + 3) / (3 + 3) = 3.75/6 = 0.625, others 0.75/6 = 0.125
    ({"neu": 3}, "neu", ("neu",), (0.625, 0.125, 0.125, 0.125), (1, 0, 0, 0), (True, True, True)),
    # 2 sad, 1 neutral: sad 2.75/6, neu 1.75/6, others 0.75/6
    (
        {"sad": 2, "neu": 1},
        "sad",
        ("sad",),
        (1.75 / 6, 0.125, 2.75 / 6, 0.125),
        (1, 0, 1, 0),
        (True, True, True),
    ),
    # the paper's "no dominant target emotion": 2 frustrated, 1 neutral. Soft sees the one target vote:
    # neu 1.75/4, others 0.75/4
    (
        {"frustrated": 2, "neu": 1},
        None,
        ("frustrated",),
        (0.4375, 0.1875, 0.1875, 0.1875),
        (1, 0, 0, 0),
        (False, True, True),
    ),
    # a tie of two target classes: 1.75/5 each, others 0.75/5
    ({"ang": 1, "hap": 1}, None, ("hap", "ang"), (0.15, 0.35, 0.15, 0.35), (0, 1, 0, 1), (False, True, True)),
    # a tie of a target class with another label is no dominant class either: sad 2.75/5
    (
        {"fear": 2, "sad": 2},
        None,
        ("sad", "fear"),
        (0.15, 0.15, 0.55, 0.15),
        (0, 0, 1, 0),
        (False, True, True),
    ),
    # two other labels with 2 votes each do not add up to 4: sad leads with 3. Soft: 3.75/6
    (
        {"fear": 2, "disgust": 2, "sad": 3},
        "sad",
        ("sad",),
        (0.125, 0.125, 0.625, 0.125),
        (0, 0, 1, 0),
        (True, True, True),
    ),
    # no target vote at all: soft 0.75/3 everywhere, used by nobody
    ({"fear": 3}, None, ("fear",), (0.25,) * 4, (0, 0, 0, 0), (False, False, True)),
    # nobody said anything
    ({"neu": 0}, None, (), (0.25,) * 4, (0, 0, 0, 0), (False, False, False)),
]


@pytest.mark.parametrize(("counts", "winner", "first", "soft", "exists", "admitted"), HAND_WORKED)
def test_hand_worked(counts, winner, first, soft, exists, admitted):
    votes = Votes(counts)
    assert dominant(votes) == winner
    assert leaders(votes) == first
    assert hard_target(votes) == (None if winner is None else tuple(float(c == winner) for c in CLASSES))
    assert soft_target(votes) == pytest.approx(soft, abs=1e-12)
    assert existence_target(votes) == exists
    hard, soft_all, existence_all = admitted
    assert admits("hard", "dominant", votes) is admits("hard", "all", votes) is hard
    assert admits("soft", "dominant", votes) is admits("existence", "dominant", votes) is hard
    assert admits("soft", "all", votes) is soft_all
    assert admits("existence", "all", votes) is existence_all


def test_annotators_with_several_labels():
    """Ann says neutral and sad, Ben sad twice (once counts), Cy excited: neu 1, sad 2, excited 1."""
    votes = Votes.from_annotators({"ann": ["neu", "sad"], "ben": ["sad", "sad"], "cy": ["excited"]})
    assert votes.counts == {"neu": 1, "sad": 2, "excited": 1}
    assert votes.annotators == {"ann": ("neu", "sad"), "ben": ("sad",), "cy": ("excited",)}
    assert (votes.total, votes.target_counts) == (4, (1, 0, 2, 0))
    assert dominant(votes) == "sad"


def test_consensus_decides_hard_and_leaves_the_votes():
    votes = Votes({"sad": 2, "neu": 1}, consensus="neu")
    assert hard_target(votes) == (1, 0, 0, 0)
    assert leaders(votes) == ("sad",)
    assert soft_target(votes) == soft_target(Votes({"sad": 2, "neu": 1}))
    for verdict in ("none", "frustrated"):
        assert dominant(Votes({"sad": 3}, consensus=verdict)) is None


@pytest.mark.parametrize("count", [-1, 1.0, True, "2"])
def test_a_vote_count_is_a_whole_number(count):
    with pytest.raises(CorpusError, match="a vote count is a whole number"):
        Votes({"neu": count})


def test_targets_that_do_not_exist_are_refused():
    with pytest.raises(CorpusError, match="no dominant target class"):
        target("hard", Votes({"fear": 3}))
    with pytest.raises(ConfigError, match="α must be above 0"):
        soft_target(Votes({"fear": 3}), alpha=0)
    with pytest.raises(ConfigError, match="α must be above 0"):
        soft_target(Votes({"neu": 3}), alpha=-1)


def test_class_weights_by_hand():
    """Ten utterances, 4 neu 3 hap 2 sad 1 ang: w = 10 / (4 · n), so 0.625, 0.8333, 1.25, 2.5."""
    rows = [[float(k == c) for k in range(4)] for c in [N] * 4 + [H] * 3 + [S] * 2 + [A]]
    assert class_weights(rows) == pytest.approx((10 / 16, 10 / 12, 10 / 8, 10 / 4))


def test_existence_weights_by_hand():
    """Of 5 utterances neu exists in 4: w₀ = 5/(2·1) = 2.5, w₁ = 5/(2·4) = 0.625. Others exist in 1."""
    rows = [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert existence_weights(rows) == ((2.5, 0.625), *[(0.625, 2.5)] * 3)


def test_a_class_without_examples_has_no_weight():
    with pytest.raises(ConfigError, match="class sad, ang is dominant in no utterance"):
        class_weights([[1, 0, 0, 0], [0, 1, 0, 0]])
    with pytest.raises(ConfigError, match="class hap exists in no utterance"):
        existence_weights([[1, 0, 1, 1], [0, 0, 0, 0]])
    with pytest.raises(ConfigError, match="class neu exists in every utterance"):
        existence_weights([[1, 0, 1, 1], [1, 1, 0, 0]])
    with pytest.raises(ConfigError, match="neu, hap, sad, ang"):
        class_weights([])


LABELS = (*CLASSES, "fear", "disgust", "other")
counts_st = st.dictionaries(st.sampled_from(LABELS), st.integers(0, 12))


@settings(deadline=None)
@given(counts_st)
def test_properties_of_one_utterance(counts):
    votes = Votes(counts)
    soft = soft_target(votes)
    assert sum(soft) == pytest.approx(1)
    assert min(soft) > 0
    assert [e == 1 for e in existence_target(votes)] == [counts.get(c, 0) > 0 for c in CLASSES]
    if admits("hard", "all", votes):
        assert admits("soft", "all", votes)
        assert admits("existence", "all", votes)
        winner = CLASSES.index(dominant(votes))
        assert soft[winner] == max(soft)
        assert soft.count(max(soft)) == 1
        assert existence_target(votes)[winner] == 1
        assert sum(target("hard", votes)) == 1
    if admits("soft", "all", votes):
        assert admits("existence", "all", votes)
    assert all(counts[name] == max(counts.values()) for name in leaders(votes))


@settings(deadline=None)
@given(counts_st, st.randoms(use_true_random=False))
def test_the_order_of_votes_does_not_matter(counts, random):
    shuffled = list(counts.items())
    random.shuffle(shuffled)
    one, other = Votes(counts), Votes(dict(shuffled))
    assert leaders(one) == leaders(other)
    assert dominant(one) == dominant(other)
    assert soft_target(one) == soft_target(other)
    assert existence_target(one) == existence_target(other)


@settings(deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.lists(st.sampled_from(LABELS), max_size=4), max_size=5))
def test_counts_are_the_annotators_who_gave_a_label(annotators):
    votes = Votes.from_annotators(annotators)
    for label in LABELS:
        assert votes.counts.get(label, 0) == sum(label in given for given in annotators.values())


@settings(deadline=None)
@given(st.lists(counts_st, min_size=1, max_size=40))
def test_class_weights_average_one(rows):
    targets = [soft_target(Votes(counts)) for counts in rows]
    weights = class_weights(targets)
    weighed = [sum(w * q for w, q in zip(weights, row, strict=True)) for row in targets]
    assert sum(weighed) / len(weighed) == pytest.approx(1)


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 1)] * 4), min_size=0, max_size=40))
def test_existence_weights_average_one_per_class(rows):
    rows = [*rows, (0, 0, 0, 0), (1, 1, 1, 1)]  # so that every class is both there and absent
    weights = existence_weights(rows)
    for k in range(4):
        assert sum(weights[k][row[k]] for row in rows) / len(rows) == pytest.approx(1)
        mass = [sum(weights[k][y] for row in rows if row[k] == y) for y in (0, 1)]
        assert mass[0] == pytest.approx(mass[1])  # inverse frequency: both answers weigh the same in all


CREMAD = {"A": "ang", "D": "disgust", "F": "fear", "H": "hap", "N": "neu", "S": "sad"}


def test_every_voice_row_of_cremad(shared_data: Path):
    """Oracle: `emoVote`, as CREMA-D's authors computed it; ties are written there as "A:D"."""
    with (shared_data / "cremad" / "tabulatedVotes.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row[""].startswith("1")]
    assert len(rows) == 7442
    ties = 0
    for row in rows:
        votes = Votes({CREMAD[letter]: int(row[letter]) for letter in CREMAD})
        named = {CREMAD[letter] for letter in row["emoVote"].split(":")}
        assert set(leaders(votes)) == named, row["fileName"]
        ties += len(named) > 1
        unique_target = len(named) == 1 and named <= set(CLASSES)
        assert dominant(votes) == (named.pop() if unique_target else None)
        assert votes.total == int(row["numResponses"])
    assert ties == 644  # so that ties were in fact compared


@pytest.mark.parametrize(
    ("text", "read", "shown"),
    [
        ("1", ExistsFrom(), "1 vote"),
        ("2", ExistsFrom(votes=2), "2 votes"),
        ("20%", ExistsFrom(share=0.2), "20 % of the votes"),
        (" 12.5 % ", ExistsFrom(share=0.125), "12.5 % of the votes"),
        ("0.2", ExistsFrom(share=0.2), "20 % of the votes"),
        (".07", ExistsFrom(share=0.07), "7 % of the votes"),
        ("100%", ExistsFrom(share=1.0), "100 % of the votes"),
    ],
)
def test_exists_from_is_read_and_written(text, read, shown):
    assert ExistsFrom.parse(text) == read == ExistsFrom.parse(str(read))
    assert read.described == shown


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "0%", "101%", "1.5", "0.0", "two", "1e-1", "%", ".", "2 votes", "nan"]
)
def test_exists_from_refuses_in_one_sentence(text):
    with pytest.raises(
        ConfigError, match=r"^existence from .*: allowed are a whole number of votes from 1, or "
    ):
        ExistsFrom.parse(text)


@pytest.mark.parametrize("values", [(0, 0.0), (2, 0.2), (1, 1.1), (1, float("nan"))])
def test_exists_from_refuses_contradictions(values):
    with pytest.raises(ConfigError):
        ExistsFrom(*values)


# votes, exists from, the classes that then exist
EXISTS_FROM = [
    ({"neu": 5, "sad": 2, "ang": 1, "fear": 1}, "2", (1, 0, 1, 0)),
    ({"neu": 5, "sad": 2, "ang": 1, "fear": 1}, "20%", (1, 0, 1, 0)),  # of nine: at least 1.8
    ({"neu": 7, "sad": 2, "ang": 1}, "20%", (1, 0, 1, 0)),  # of ten: two are exactly 20 %
    ({"neu": 8, "sad": 2, "ang": 1}, "20%", (1, 0, 0, 0)),  # of eleven: at least 2.2
    ({"neu": 93, "sad": 7}, "7%", (1, 0, 1, 0)),  # 0.07 * 100 is above 7 as a float
    ({"neu": 2, "sad": 1}, "20%", (1, 0, 1, 0)),  # of three: any vote
    ({"neu": 1}, "2", (0, 0, 0, 0)),
    ({"neu": 0, "fear": 2}, "1%", (0, 0, 0, 0)),  # one vote is needed in any case
    ({"neu": 3, "fear": 0}, "100%", (1, 0, 0, 0)),
]


@pytest.mark.parametrize(("counts", "exists_from", "exists"), EXISTS_FROM)
def test_existence_from_more_than_one_vote(counts, exists_from, exists):
    rule = ExistsFrom.parse(exists_from)
    assert existence_target(Votes(counts), rule) == target("existence", Votes(counts), rule) == exists


def test_a_share_is_of_annotators_where_they_are_named():
    """Two of four annotators gave sad, which is two of seven votes; the fifth gave nothing."""
    votes = Votes.from_annotators({"a": "xyz", "b": ("sad", "ang"), "c": ("sad",), "d": ("neu",), "e": ()})
    assert existence_target(votes, ExistsFrom(share=0.5)) == (0, 0, 1, 0)
    unnamed = Votes(votes.counts)
    assert existence_target(unnamed, ExistsFrom(share=0.5)) == (0, 0, 0, 0)

"""Agreement of annotators: worked examples from the literature, and the package `krippendorff`."""

from __future__ import annotations

import time
from collections import Counter

import krippendorff
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlee_core.labels.agreement import agreement, alpha, alpha_per_class
from mlee_core.labels.votes import CLASSES, Votes

FOUR_OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
"""Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: alpha = 0.743."""
THREE_CODERS = (".....34121133.3", "1.213343.......", "..21344.21133.4")
"""The English Wikipedia's worked example, "Krippendorff's alpha": 0.691."""


def units(observers: tuple[str, ...]) -> list[Counter[str]]:
    """Votes per unit from one string an observer; "." is no answer."""
    return [Counter(label for label in unit if label != ".") for unit in zip(*observers, strict=True)]


def package(counts: list[dict[str, int]]) -> float:
    labels = sorted({label for unit in counts for label in unit})
    table = np.array([[unit.get(label, 0) for label in labels] for unit in counts])
    return float(krippendorff.alpha(value_counts=table, level_of_measurement="nominal"))


def test_examples_of_the_literature():
    assert alpha(units(FOUR_OBSERVERS)) == pytest.approx(0.743, abs=5e-4)
    assert alpha(units(THREE_CODERS)) == pytest.approx(0.691358, abs=5e-7)


def test_perfect_agreement_chance_and_contradiction():
    assert alpha([{"neu": 3}, {"sad": 2}]) == 1
    assert alpha([{"neu": 1, "sad": 1}, {"neu": 1, "sad": 1}]) == pytest.approx(-0.5)  # D_o = 4, D_e = 8 / 3
    assert alpha([{"neu": 2}, {"sad": 2}, {"neu": 1, "sad": 1}]) == pytest.approx(1 - 2 / (18 / 5))


@pytest.mark.parametrize(
    "counts",
    [[], [{}], [{"neu": 1}, {"sad": 1}], [{"neu": 3}, {"neu": 2}], [{"neu": 2}, {"sad": 1}], [{"neu": 0}]],
)
def test_undefined_without_a_pair_or_a_second_label(counts):
    assert alpha(counts) is None


def test_a_single_vote_changes_nothing():
    pairs = [{"neu": 2, "sad": 1}, {"sad": 3}]
    assert alpha([*pairs, {"neu": 1}, {"fear": 1}, {}]) == alpha(pairs)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["neu", "hap", "sad", "ang", "fear"]), st.integers(0, 12)),
        max_size=30,
    )
)
def test_as_the_package_says(counts):
    paired = [unit for unit in counts if sum(unit.values()) >= 2]
    labels = {label for unit in paired for label, n in unit.items() if n}
    if len(labels) < 2:
        assert alpha(counts) is None
    else:
        assert alpha(counts) == pytest.approx(package(counts), abs=1e-9)


def test_of_a_class_is_that_of_yes_and_no():
    """Oracle: the package, told for each of three annotators whether the answer was this class."""
    answers = [("neu", "neu", "hap"), ("sad", "fear", "sad"), ("hap", "hap", "hap"), ("neu", "sad", "ang")]
    votes = [Votes.from_annotators({str(i): [name] for i, name in enumerate(row)}) for row in answers]
    found = alpha_per_class(votes)
    assert list(found) == list(CLASSES)
    for name in CLASSES:
        yes = np.array([[float(label == name) for label in row] for row in answers]).T
        assert found[name] == pytest.approx(krippendorff.alpha(yes, level_of_measurement="nominal"))
    assert alpha_per_class([Votes({"fear": 3})]) == dict.fromkeys(CLASSES)


def test_thousands_of_free_labels_cost_little():
    counts = [{f"label {i % 3000}": 2, "neu": 1} for i in range(20_000)]
    began = time.process_time()
    assert alpha(counts) == pytest.approx(1 - 40_000 * 59_999 / (60_000**2 - 20_000**2 - total_squares()))
    assert time.process_time() - began < 5, "the package would need 20,000 × 3000² numbers"


def total_squares() -> int:
    """Of the 3000 labels' votes: label i has two votes in each of the 6 or 7 utterances that hold it."""
    return sum((2 * (20_000 // 3000 + (i < 20_000 % 3000))) ** 2 for i in range(3000))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"neu": 3}, "unanimous"),
        ({"fear": 2, "neu": 0}, "unanimous"),
        ({"neu": 2, "sad": 1}, "split"),
        ({"neu": 1, "sad": 1}, "split"),
        ({"neu": 1}, "one vote"),
    ],
)
def test_kinds_of_agreement(counts, expected):
    assert agreement(Votes(counts)) == expected


def test_annotators_who_give_the_same_labels_agree():
    both = Votes.from_annotators({"a": ("ang", "frustration"), "b": ("frustration", "ang")})
    alone = Votes.from_annotators({"a": ("ang", "frustration"), "b": ()})
    apart = Votes.from_annotators({"a": ("ang", "frustration"), "b": ("ang",)})
    assert [agreement(v) for v in (both, alone, apart)] == ["unanimous", "one vote", "split"]
    calm = Votes.from_annotators({"a": ("neu",), "b": ("neu",)})
    assert alpha_per_class([both, calm])["ang"] == 1.0  # both gave it, or neither did

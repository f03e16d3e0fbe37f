"""Whether IEMOCAP came out as the paper says: a corpus made to its numbers, and others."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlee_core.corpora import Corpus, Utterance, open_corpus
from mlee_core.corpora.iemocap import against_paper
from mlee_core.labels.votes import Votes
from tests.helpers.iemocap_tree import small_release


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_release(tmp_path)


def made_corpus(neutral: int = 1099, utterances: int = 4784, scripted: bool = False) -> Corpus:
    """A corpus with the paper's numbers: dominant 1099 / 284 / 608 / 289, and Table 1's shares of each class.

    Table 1 in numbers of utterances, of 2280 with a dominant class: 58.2 % are 1327, 15.4 % 351, 30.5 % 695,
    15.9 % 363. Of all 4784: 45.2 % are 2162, 24.0 % 1148, 19.8 % 947, 17.8 % 852.
    """
    votes = [{"neu": 2} for _ in range(neutral)]
    for name, count in (("hap", 284), ("sad", 608), ("ang", 289)):
        votes += [{name: 2} for _ in range(count)]
    consensus = [next(iter(v)) for v in votes] + ["none"] * (utterances - len(votes))
    votes += [{"frustration": 2} for _ in range(utterances - len(votes))]

    def add(name: str, first: int, last: int, wanted: int) -> None:
        without = [v for v in votes[first:last] if name not in v]
        for v in without[: wanted - sum(name in v for v in votes[first:last])]:
            v[name] = 1

    of_dominant = {"neu": 1327, "hap": 351, "sad": 695, "ang": 363}
    of_all = {"neu": 2162, "hap": 1148, "sad": 947, "ang": 852}
    for name in of_all:
        add(name, 0, 2280, of_dominant[name])
        add(name, 2280, utterances, of_all[name] - of_dominant[name])
    dialog = "script01_1" if scripted else "impro01"
    return Corpus(
        "iemocap",
        "iemocap",
        Path("/corpus"),
        tuple(
            Utterance(
                f"Ses0{i % 5 + 1}F_{dialog}_{'FM'[i % 2]}{i}",
                Path(f"/corpus/{i}.wav"),
                f"Ses0{i % 5 + 1}{'FM'[i % 2]}",
                Votes(v, consensus=c),
            )
            for i, (v, c) in enumerate(zip(votes, consensus, strict=True))
        ),
    )


def test_the_papers_numbers_are_confirmed():
    assert against_paper(made_corpus()) == (
        "As in the paper: 4784 utterances; dominant 1099 neu, 284 hap, 608 sad, 289 ang; Table 1 to 0.1 %.",
    )


def test_what_differs_from_the_paper_is_named():
    first, *rest = against_paper(made_corpus(neutral=1090, utterances=4780))
    assert first.startswith("The numbers differ from the paper's") and first.endswith("label map:")
    assert rest[:2] == ["4780 utterances; the paper has 4784.", "Dominant class: neu 1090 (paper 1099)."]
    # of now 2271 with a dominant class 1318 have a neutral vote or more, 351 of 2271 are 15.5 % …
    assert rest[2].startswith("Table 1, of those with a dominant class: ")
    assert "hap 15.5 % (paper 15.4 %)" in rest[2]


def test_a_part_of_the_corpus_differs(small: Path):
    told = against_paper(open_corpus(small))
    assert "7 utterances; the paper has 4784." in told
    assert "3 speakers; the paper has 10." in told
    assert told[-1].startswith("Table 1, of all annotated: neu 33.3 % (paper 45.2 %), hap 50.0 %")


def test_other_readings_are_not_compared(small: Path):
    assert against_paper(made_corpus(scripted=True))[0].startswith(
        "With scripted dialogs the paper's numbers"
    )
    told = against_paper(open_corpus(small, scripted=True, self_reports=True))
    assert told[0].startswith("With scripted dialogs and self-reports the paper's numbers")
    assert len(told) == 1

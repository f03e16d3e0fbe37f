"""What `info` counts, against counts made from the files by hand or with csv and Counter alone."""

from __future__ import annotations

import csv
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import krippendorff
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from mlee_core.corpora import LabelMap, open_corpus
from mlee_core.corpora.statistics import info, vote_bins
from mlee_core.corpora.statistics_text import as_text, remarks_on
from mlee_core.labels.votes import CLASSES

COUNTS = """\
file,speaker,neu,hap,sad,ang,fear
a.wav,x,3,0,0,0,0
b.wav,y,1,0,1,0,0
c.wav,z,0,0,1,0,2
d.wav,x,0,0,0,0,0
"""
EVALUATION = """\
[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5, 2.5, 2.5]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()
C-E4:\tNeutral; Frustration;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M001\txxx\t[2.5, 2.5, 2.5]
C-E2:\tHappiness;\t()
C-E3:\tExcited;\t()
"""


def table(folder: Path, text: str, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def found_in(path: Path, **options: object) -> dict:
    return info(open_corpus(path, **options))


def test_by_hand(tmp_path: Path):
    """a is neu, b a tie, c fear, d silent: 1 hard, 3 with a target vote. Neu exists in 1 of the 1 dominant
    and in 2 of the 3 annotated, sad in 2 of 3."""
    found = found_in(table(tmp_path, COUNTS))
    alphas = {name: found.pop(name) for name in ("alpha", "alpha_per_class")}
    assert found == {
        "utterances": 4,
        "speakers": 3,
        "duration_s": None,
        "dominant": {"neu": 1, "hap": 0, "sad": 0, "ang": 0, "none": 3},
        "admits": {"hard": 1, "soft_dominant": 1, "soft_all": 3, "existence": 3},
        "existence_ratio": {
            "dominant": {"neu": 1.0, "hap": 0.0, "sad": 0.0, "ang": 0.0},
            "all": {"neu": 2 / 3, "hap": 0.0, "sad": 2 / 3, "ang": 0.0},
        },
        "votes_per_utterance": {"mean": 2.0, "min": 0, "max": 3, "histogram": {"0": 1, "2": 1, "3": 2}},
        "annotators": None,
        "unanimous": 1,
        "split": 2,
        "one_vote": 0,
        "other_labels": {"fear": 2},
        "label_map": {},
        "audio": {"present": 0, "missing": 4, "pointers": 0},
    }
    # neu 4, sad 2, fear 2 votes: D_e = (64 - 24) / 7; b and c disagree by 2 / 1 and (9 - 5) / 2
    assert alphas["alpha"] == pytest.approx(1 - 4 / (40 / 7))
    assert alphas["alpha_per_class"]["neu"] == pytest.approx(1 - 2 / (32 / 7))
    assert alphas["alpha_per_class"]["hap"] is None


def test_counts_and_annotators_say_the_same(tmp_path: Path):
    annotators = (
        "file,speaker,ann,ben,cy\na.wav,x,neu,neu,neu\nb.wav,y,neu;sad,,\nc.wav,z,fear,sad,fear\nd.wav,x,,,\n"
    )
    by_name = found_in(table(tmp_path, annotators, "annotators.csv"))
    assert by_name.pop("annotators") == 3
    by_count = found_in(table(tmp_path, COUNTS))
    assert by_count.pop("annotators") is None
    # one annotator of b gave two labels: a vote each, but nobody to agree with
    told = {key: (by_name.pop(key), by_count.pop(key)) for key in ("unanimous", "split", "one_vote")}
    assert told == {"unanimous": (1, 1), "split": (1, 2), "one_vote": (1, 0)}
    each, _ = by_name.pop("alpha_per_class"), by_count.pop("alpha_per_class")
    assert each == {"neu": 1.0, "hap": None, "sad": 0.0, "ang": None}  # sad: one of three on c, none on a
    assert by_name == by_count


def test_one_vote_agrees_with_nobody(tmp_path: Path):
    found = found_in(table(tmp_path, "file,speaker,e1,e2\na,x,neu,\nb,x,neu,neu\nc,x,neu,sad\n"))
    assert [found[kind] for kind in ("unanimous", "split", "one_vote")] == [1, 1, 1]


def test_how_often_the_consensus_differs(tmp_path: Path):
    rows = "a.wav,x,2,neu,neu\nb.wav,y,3.5,sad,neu\nc.wav,z,1,none,neu\nd.wav,z,1,,sad\n"
    found = found_in(table(tmp_path, "file,speaker,duration_s,consensus,e1\n" + rows))
    assert found["consensus_differs"] == 2
    assert found["duration_s"] == 7.5
    assert found["dominant"] == {"neu": 1, "hap": 0, "sad": 2, "ang": 0, "none": 1}


def test_no_ratio_of_nothing(tmp_path: Path):
    corpus = open_corpus(table(tmp_path, "file,speaker,neu,hap\na.wav,x,1,1\n"))
    found = info(corpus)
    assert found["existence_ratio"]["dominant"] == dict.fromkeys(CLASSES)
    assert as_text(corpus, found).count("–") == 6, "4 ratios of no utterance, sad and angry without a vote"


def test_the_label_map_is_told(tmp_path: Path):
    label_map = LabelMap({"fear": "ang"})
    found = info(open_corpus(table(tmp_path, COUNTS), label_map=label_map), label_map)
    assert found["label_map"] == {"fear": "ang"}
    assert found["other_labels"] == {}
    assert found["dominant"]["ang"] == 1


# Durations


def test_durations_that_the_corpus_does_not_state(tmp_path: Path):
    seconds = {"a.wav": 1.5, "b.wav": 0.25}
    for name, length in seconds.items():
        soundfile.write(tmp_path / name, np.zeros(round(length * 8000)), 8000)
    path = table(tmp_path, "file,speaker,duration_s,neu\na.wav,x,,1\nb.wav,x,,1\n")
    assert found_in(path)["duration_s"] == 1.75
    assert found_in(path)["audio"] == {"present": 2, "missing": 0, "pointers": 0}
    stated = table(tmp_path, "file,speaker,duration_s,neu\na.wav,x,10,1\nb.wav,x,,1\n", "stated.csv")
    assert found_in(stated)["duration_s"] == 10.25, "what is stated counts as stated"
    (tmp_path / "a.wav").unlink()
    assert found_in(path)["duration_s"] is None
    assert found_in(path)["audio"] == {"present": 1, "missing": 1, "pointers": 0}
    (tmp_path / "a.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    assert found_in(path)["audio"] == {"present": 1, "missing": 0, "pointers": 1}
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8000, format="FLAC")
    assert found_in(path)["duration_s"] is None, "only decoding tells"


# Real corpora


def test_cremad_against_its_own_table(shared_data: Path):
    """Oracle: csv and Counter on the voice-only rows, `emoVote` as CREMA-D's authors computed it, the package
    `krippendorff`."""
    with (shared_data / "cremad" / "tabulatedVotes.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row[""].startswith("1")]
    votes = np.array([[int(row[letter]) for letter in "NHSADF"] for row in rows])
    found = found_in(shared_data / "cremad")
    said = Counter(row["emoVote"] for row in rows)
    expected = {"neu": said["N"], "hap": said["H"], "sad": said["S"], "ang": said["A"]}
    assert found["dominant"] == {**expected, "none": 7442 - sum(expected.values())}
    assert (found["utterances"], found["speakers"]) == (7442, 91)
    totals = Counter(int(n) for n in votes.sum(axis=1))
    histogram = found["votes_per_utterance"]
    assert {int(number): n for number, n in histogram["histogram"].items()} == totals
    assert list(histogram["histogram"]) == [str(n) for n in sorted(totals)]
    assert (histogram["min"], histogram["max"]) == (min(totals), max(totals))
    assert histogram["mean"] == pytest.approx(votes.sum() / 7442, abs=1e-4)
    unanimous = int((votes.max(axis=1) == votes.sum(axis=1)).sum())
    assert (found["unanimous"], found["split"], found["one_vote"]) == (unanimous, 7442 - unanimous, 0)
    assert found["other_labels"] == {"disgust": votes[:, 4].sum(), "fear": votes[:, 5].sum()}
    exists = found["existence_ratio"]["all"]
    assert list(exists.values()) == pytest.approx((votes[:, :4] > 0).mean(axis=0))
    alpha = krippendorff.alpha(value_counts=votes, level_of_measurement="nominal")
    assert found["alpha"] == pytest.approx(alpha)
    for k, name in enumerate(CLASSES):
        binary = np.stack([votes[:, k], votes.sum(axis=1) - votes[:, k]], axis=1)
        of_class = krippendorff.alpha(value_counts=binary, level_of_measurement="nominal")
        assert found["alpha_per_class"][name] == pytest.approx(of_class)
    assert found["audio"] == {"present": 0, "missing": 7442, "pointers": 0}
    assert found["duration_s"] is None


def test_emodb_against_its_own_table(emodb: Path):
    with (emodb / "utterances.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = found_in(emodb)
    emotions = Counter(row["emotion"] for row in rows)
    names = {"neu": "neutral", "hap": "happiness", "sad": "sadness", "ang": "anger"}
    assert {name: found["dominant"][name] for name in CLASSES} == {k: emotions[v] for k, v in names.items()}
    assert found["duration_s"] == pytest.approx(sum(float(row["duration_s"]) for row in rows))
    assert found["votes_per_utterance"] == {"mean": 20.0, "min": 20, "max": 20, "histogram": {"20": 535}}
    whole = sum(float(row["recognised"]) > 0.975 for row in rows)  # 19.5 of 20 listeners and more
    assert (found["unanimous"], found["split"]) == (whole, 535 - whole)
    assert sum(found["other_labels"].values()) == 535 * 20 - sum(
        int(20 * float(row["recognised"]) + 0.5) for row in rows if row["emotion"] in names.values()
    )
    assert found["audio"] == {"present": 535, "missing": 0, "pointers": 0}
    assert json.loads(json.dumps(found)) == found


# Text


def test_text_holds_the_numbers_in_columns(tmp_path: Path):
    corpus = open_corpus(table(tmp_path, COUNTS))
    lines = as_text(corpus, info(corpus)).splitlines()
    assert max(map(len, lines)) <= 90
    rows = {line[:28].strip(): line[28:].split() for line in lines}
    assert rows["dominant class, utterances"] == ["1", "0", "0", "0", "3"]
    assert rows["share of all"] == ["25.0", "%", "0.0", "%", "0.0", "%", "0.0", "%", "75.0", "%"]
    assert rows["exists, train set all"][:2] == ["66.7", "%"]
    assert rows["existence"] == ["1", "3"]
    assert rows["soft"] == ["1", "3"]
    assert [rows[number][0] for number in "0123"] == ["1", "0", "1", "2"]
    assert rows["unanimous"] == ["1", "33.3", "%"], "of the 3 that are annotated"
    assert rows["Krippendorff's alpha"][:3] == ["0.300", "0.562", "–"]
    assert "votes for other labels: fear 2" in lines
    assert "audio files: 0 present, 4 missing" in lines


def test_table_1_of_the_paper_stands_beside(tmp_path: Path):
    """Oracle: the paper's Table 1 (SPEC.md)."""
    corpus = open_corpus(table(tmp_path, COUNTS))
    lines = [" ".join(line.split()) for line in as_text(corpus, info(corpus)).splitlines()]
    here = lines.index("exists, train set dominant 100.0 % 0.0 % 0.0 % 0.0 %")
    assert lines[here + 1] == "in the paper (IEMOCAP) 58.2 % 15.4 % 30.5 % 15.9 %"
    assert lines[here + 3] == "in the paper (IEMOCAP) 45.2 % 24.0 % 19.8 % 17.8 %"


def test_long_corpora_are_in_hours_and_many_labels_are_cut(tmp_path: Path):
    labels = "".join(f",label{i:02}" for i in range(20))
    row = "a.wav,x,7200" + ",1" * 21 + "\n"
    corpus = open_corpus(table(tmp_path, f"file,speaker,duration_s,neu{labels}\n{row}"))
    text = as_text(corpus, info(corpus))
    assert "duration 2.0 h" in text
    assert "label11 1 and 8 more" in " ".join(text.split())


def test_iemocap_is_held_against_the_paper(tmp_path: Path):
    folder = tmp_path / "Session1" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True)
    (folder / "Ses01F_impro01.txt").write_text(EVALUATION)
    corpus = open_corpus(tmp_path)
    assert corpus.format == "iemocap"
    (said,) = remarks_on(corpus).values()
    assert list(remarks_on(corpus)) == ["against_paper"]
    assert "2 utterances; the paper has 4784." in said
    text = as_text(corpus, info(corpus))
    assert said[-1].split()[0] in text
    assert "2 utterances; the paper has 4784." in text
    assert "2 utterances, 2 speakers, duration 3.3 s" in text
    assert "The corpus's consensus differs from its votes in 0 utterances." in text


def test_what_emodb_says_of_its_votes(emodb: Path):
    corpus = open_corpus(emodb)
    assert "answers of the others are not known" in remarks_on(corpus)["votes_note"][0]
    assert "answers of the others are not known" in " ".join(as_text(corpus, info(corpus)).split())


@given(st.dictionaries(st.integers(0, 10**9), st.integers(1, 1000), min_size=1, max_size=30))
def test_bins_hold_every_utterance_once(histogram):
    bins = vote_bins({str(number): n for number, n in histogram.items()})
    assert sum(n for _, n in bins) == sum(histogram.values())
    assert len(bins) <= 12
    borders = [tuple(map(int, (text.split("–") * 2)[:2])) for text, _ in bins]
    assert borders[0][0] == min(histogram)
    assert borders[-1][1] == max(histogram)
    assert all(after[0] == before[1] + 1 for before, after in pairwise(borders))
    for (first, last), (_, n) in zip(borders, bins, strict=True):
        assert n == sum(count for number, count in histogram.items() if first <= number <= last)


def test_few_numbers_are_told_one_by_one():
    assert vote_bins({"4": 1, "7": 5}) == [("4", 1), ("5", 0), ("6", 0), ("7", 5)]
    assert vote_bins({"1": 1, "20": 2})[0] == ("1–3", 1)

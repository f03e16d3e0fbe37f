"""CREMA-D: the real votes against their authors' own majority vote; raters, pointers and refusals as made."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import git_lfs, open_corpus
from mlee_core.corpora.csv_reader import read_csv
from mlee_core.errors import CorpusError
from mlee_core.labels.votes import dominant, leaders

NAMES = {"A": "ang", "D": "disgust", "F": "fear", "H": "hap", "N": "neu", "S": "sad"}
POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)

VOTES = """\
"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"
"100001",0,0,0,1,2,0,"1001_IEO_NEU_XX",3,0.67,"N"
"100002",2,2,0,0,0,0,"1001_IEO_ANG_HI",4,0.5,"A:D"
"100003",0,0,0,0,0,2,"1002_IEO_SAD_LO",2,1,"S"
"200001",9,0,0,0,0,0,"1001_IEO_NEU_XX",9,1,"A"
"300001",9,0,0,0,0,0,"1001_IEO_NEU_XX",9,1,"A"
"""
RESPONSES = """\
"","localid","queryType","questNum","clipName","sessionNums","respEmo"
"1","r1",1,1,"1001_IEO_NEU_XX",1,"N"
"2","r2",1,1,"1001_IEO_NEU_XX",2,"N"
"3","r3",1,1,"1001_IEO_NEU_XX",3,"H"
"4","r3",2,1,"1001_IEO_NEU_XX",3,"A"
"5","r1",1,2,"1001_IEO_ANG_HI",1,"A"
"6","r2",1,2,"1001_IEO_ANG_HI",2,"D"
"7","r3",1,2,"1001_IEO_ANG_HI",3,"A"
"8","r3",1,5,"1001_IEO_ANG_HI",3,"D"
"9","r1",1,3,"1002_IEO_SAD_LO",1,"S"
"10","r2",1,3,"1002_IEO_SAD_LO",2,"S"
"11","r3",1,3,"1002_IEO_SAD_LO",3,"N"
"12","r4",1,3,"1002_IEO_SAD_LO",4,"N"
"""
CLICKS = """\
"","localid","sessionNums","queryType","questNum","ttr"
"1","r3",3,1,3,10001
"2","r4",4,1,3,1e+05
"3","r1",1,1,3,10000
"4","r2",2,1,3,"NA"
"5","r1",1,2,1,99999
"""


def repository(root: Path, **files: str | bytes) -> Path:
    """CREMA-D's folder with these files, named by their stems; `tabulatedVotes` goes to its own folder."""
    for stem, content in files.items():
        folder = root / "processedResults" if stem == "tabulatedVotes" else root
        folder.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{stem}.csv").write_bytes(data)
    return root


# The real votes


@pytest.fixture(scope="module")
def real(shared_data: Path):
    return open_corpus(shared_data / "cremad")


@pytest.fixture(scope="module")
def voice(shared_data: Path) -> list[dict[str, str]]:
    """The voice's rows as the csv module reads them."""
    with (shared_data / "cremad" / "tabulatedVotes.csv").open(newline="") as stream:
        return [row for row in csv.DictReader(stream) if row[""].startswith("1")]


def test_every_clip_and_actor(real):
    assert (real.format, real.warnings) == ("cremad", ())
    assert (len(real.utterances), len(real.speakers)) == (7442, 91)
    assert (real.speakers[0], real.speakers[-1]) == ("1001", "1091")
    assert {u.duration_s for u in real.utterances} == {None}


def test_the_dominant_class_is_the_authors_own_vote(real, voice):
    """Oracle: the column emoVote, which names all emotions of a tie, as in N:S."""
    assert [u.id for u in real.utterances] == [row["fileName"] for row in voice]
    for utterance, row in zip(real.utterances, voice, strict=True):
        theirs = [NAMES[letter] for letter in row["emoVote"].split(":")]
        assert set(leaders(utterance.votes)) == set(theirs)
        alone = theirs[0] if len(theirs) == 1 else None
        assert dominant(utterance.votes) == (alone if alone in ("neu", "hap", "sad", "ang") else None)
        assert utterance.votes.total == int(row["numResponses"])
    winners = Counter(dominant(u.votes) for u in real.utterances)
    theirs = Counter(row["emoVote"] for row in voice)
    assert winners["neu"] == theirs["N"] == 3897
    assert (winners["hap"], winners["sad"], winners["ang"]) == (353, 370, 986)
    assert winners[None] == 7442 - 3897 - 353 - 370 - 986


def test_disgust_can_be_mapped(shared_data: Path, real, voice):
    mapped = open_corpus(shared_data / "cremad", label_map={"disgust": "ang"})
    anger = [u.votes.counts.get("ang", 0) for u in mapped.utterances]
    assert anger == [int(row["A"]) + int(row["D"]) for row in voice]
    by_letter = open_corpus(shared_data / "cremad", label_map={"D": "ang"})
    assert by_letter.data_hash() == mapped.data_hash() != real.data_hash()


def test_the_table_alone_is_the_corpus(shared_data: Path, real):
    alone = open_corpus(shared_data / "cremad" / "tabulatedVotes.csv")
    assert alone.data_hash() == real.data_hash()
    assert alone.utterances == real.utterances


# A made repository


def test_the_repository(tmp_path: Path):
    root = repository(tmp_path, tabulatedVotes=VOTES, VideoDemographics="ActorID,Age\n1001,51\n1003,40\n")
    corpus = open_corpus(root)
    assert [dict(u.votes.counts) for u in corpus.utterances] == [
        {"hap": 1, "neu": 2},
        {"ang": 2, "disgust": 2},
        {"sad": 2},
    ]
    assert corpus.utterances[0].file == tmp_path / "AudioWAV" / "1001_IEO_NEU_XX.wav"
    assert corpus.speakers == ("1001", "1002")
    assert corpus.warnings == ("VideoDemographics.csv lacks the actors 1002.",)
    table = root / "processedResults" / "tabulatedVotes.csv"
    assert open_corpus(table).utterances == corpus.utterances
    assert open_corpus(table.parent).utterances == corpus.utterances
    assert all(u.votes.annotators is None for u in corpus.utterances)


def test_raters_are_named_where_they_give_the_tabulated_votes(tmp_path: Path):
    """Late responses (r3 and r4 on the last clip) are left out, as the authors' own R script does."""
    without = open_corpus(repository(tmp_path / "a", tabulatedVotes=VOTES))
    root = repository(
        tmp_path / "b", tabulatedVotes=VOTES, finishedResponses=RESPONSES, finishedEmoResponses=CLICKS
    )
    corpus = open_corpus(root)
    assert [u.votes.annotators for u in corpus.utterances] == [
        {"r1": ("neu",), "r2": ("neu",), "r3": ("hap",)},
        {"r1": ("ang",), "r2": ("disgust",), "r3": ("ang", "disgust")},  # who met the clip twice
        {"r1": ("sad",), "r2": ("sad",)},
    ]
    assert corpus.warnings == ()
    assert corpus.data_hash() == without.data_hash()


def test_responses_that_differ_name_nobody_and_change_no_vote(tmp_path: Path):
    root = repository(tmp_path, tabulatedVotes=VOTES, finishedResponses=RESPONSES)  # late ones unknown
    corpus = open_corpus(root)
    assert corpus.utterances[2].votes.annotators is None
    assert corpus.utterances[2].votes.counts == {"sad": 2}
    assert corpus.utterances[0].votes.annotators is not None
    assert corpus.warnings == (
        "finishedResponses.csv: its responses differ from tabulatedVotes.csv in 1 clips, whose tabulated "
        "votes are kept without raters' names; finishedEmoResponses.csv shows which responses were too late "
        "to count.",
    )


def test_a_wrong_number_of_responses_is_said(tmp_path: Path):
    root = repository(tmp_path, tabulatedVotes=VOTES.replace('"1001_IEO_ANG_HI",4', '"1001_IEO_ANG_HI",5'))
    assert open_corpus(root).warnings == (
        "tabulatedVotes.csv: numResponses is not the sum of the votes in 1 clips; the votes count.",
    )


@pytest.mark.parametrize(
    "stem", ["tabulatedVotes", "finishedResponses", "finishedEmoResponses", "VideoDemographics"]
)
def test_a_pointer_is_named(tmp_path: Path, stem):
    files = {"tabulatedVotes": VOTES, "finishedResponses": RESPONSES, "finishedEmoResponses": CLICKS}
    root = repository(tmp_path, **{**files, stem: POINTER})
    with pytest.raises(CorpusError, match=rf"{stem}\.csv is a Git-LFS pointer .*`git lfs pull`"):
        open_corpus(root)


def test_what_a_pointer_is(tmp_path: Path):
    file = tmp_path / "a.wav"
    file.write_bytes(POINTER)
    assert git_lfs.is_pointer(file)
    file.write_bytes(POINTER + b"x" * 1024)  # too long for one
    assert not git_lfs.is_pointer(file)
    file.write_bytes(b"RIFF" + POINTER)
    assert not git_lfs.is_pointer(file)
    for nothing in (
        tmp_path / "none.wav",
        tmp_path,
        tmp_path / ("x" * 5000),
        Path("a\0b"),
        Path("/dev/null"),
    ):
        assert not git_lfs.is_pointer(nothing)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"100001"', '"400001"', "row 2, column row: '400001' is not a row name of CREMA-D: 1 "),
        ("1001_IEO_NEU_XX", "../x", "row 2, column filename: '../x' is not a clip of CREMA-D"),
        (",1,2,0,", ",1,-2,0,", "row 2, column n: '-2' is not a vote count"),
        (",1,2,0,", ",1,²,0,", "row 2, column n: '²' is not a vote count"),
        ('XX",3,', 'XX",NA,', "row 2, column numresponses: 'NA' is not a vote count"),
        ('"S","fileName"', '"X","fileName"', "lacks the column s: its columns are row, a, d"),
        ("1001_IEO_ANG_HI", "1001_IEO_NEU_XX", "names utterance '1001_IEO_NEU_XX' twice"),
        ('"10000', '"20000', "has no row for the voice, whose name begins with 1"),
    ],
)
def test_what_is_no_table_of_votes_is_refused(tmp_path: Path, old, new, words):
    assert old in VOTES
    with pytest.raises(CorpusError, match=words) as refusal:
        open_corpus(repository(tmp_path, tabulatedVotes=VOTES.replace(old, new)))
    assert str(refusal.value).startswith(str(tmp_path))


def test_an_unknown_response_is_refused(tmp_path: Path):
    root = repository(tmp_path, tabulatedVotes=VOTES, finishedResponses=RESPONSES.replace('3,"H"', '3,"X"'))
    with pytest.raises(CorpusError, match=r"row 4, column respemo: 'X' is not one of A, D, F, H, N, S"):
        open_corpus(root)


def test_no_table_at_all(tmp_path: Path):
    with pytest.raises(CorpusError, match=r"tabulatedVotes\.csv is not a file"):
        open_corpus(tmp_path, format="cremad")


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=100), st.integers(0, len(VOTES)))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, at):
    root = tmp_path_factory.getbasetemp() / "fuzz-cremad"
    whole = VOTES.encode()
    for text in (content, whole[:at] + content + whole[at:]):
        repository(root, tabulatedVotes=text)
        try:
            assert open_corpus(root).utterances
        except CorpusError as error:
            assert str(root) in str(error)


# What csvfile learned for it


def test_row_names_and_kept_columns(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text('"","A","B"\n"x",1,2\n\n"y",3,4\n')
    table = read_csv(path, keep=("name", "b"), row_names="name")
    assert table.columns == ("name", "a", "b")
    assert [(row.number, dict(row.cells)) for row in table.rows] == [
        (2, {"name": "x", "b": "2"}),
        (4, {"name": "y", "b": "4"}),
    ]
    with pytest.raises(CorpusError, match="column 1 of the header has no name"):
        read_csv(path)
    path.write_text("a,,c\n1,2,3\n")
    with pytest.raises(CorpusError, match="column 2 of the header has no name"):
        read_csv(path, row_names="name")
    path.write_text('""\n1\n')
    with pytest.raises(CorpusError, match="has a header but no row"):
        read_csv(path, row_names="name")

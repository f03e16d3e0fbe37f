"""Corpora written anew: they come back the same, or are refused before anything is there."""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.cli import corpus as cli
from mlee_core.corpora import Corpus, Utterance, convert, open_corpus
from mlee_core.corpora.convert import TARGETS
from mlee_core.errors import CorpusError
from mlee_core.labels.targets import admits, existence_target, hard_target, soft_target
from mlee_core.labels.votes import Votes
from mlee_core.system import files


def corpus_of(utterances: Iterable[Utterance]) -> Corpus:
    return Corpus("made", "table", Path("made.csv"), tuple(utterances))


def one(votes: Votes | None = None, **changed: object) -> Corpus:
    fields = {"id": "u", "file": Path("/audio/u.wav"), "speaker": "s", "votes": votes or Votes({"neu": 1})}
    return corpus_of([Utterance(**(fields | changed))])


def same(meant: Corpus, found: Corpus) -> None:
    assert found.data_hash() == meant.data_hash()
    assert found.speakers == meant.speakers
    for a, b in zip(meant.utterances, found.utterances, strict=True):
        assert (b.id, b.speaker, b.session, b.duration_s) == (a.id, a.speaker, a.session, a.duration_s)
        assert os.path.realpath(b.file) == os.path.realpath(a.file)
        for scheme in ("hard", "soft", "existence"):
            assert admits(scheme, "all", b.votes) == admits(scheme, "all", a.votes)
        for target in (hard_target, soft_target, existence_target):
            assert target(b.votes) == target(a.votes)


def on_disk(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_label_that_nobody_gave_is_no_vote():
    listed = one(Votes({"neu": 2, "fear": 0}))
    assert listed.data_hash() == one(Votes({"neu": 2})).data_hash()
    assert listed.data_hash() != one(Votes({"neu": 2, "fear": 1})).data_hash()


# Real corpora


@pytest.mark.parametrize("to", TARGETS)
@pytest.mark.parametrize("name", ["emodb", "cremad"])
def test_real_corpora_come_back(shared_data: Path, tmp_path: Path, name: str, to: str):
    corpus = open_corpus(shared_data / name)
    out = tmp_path / ("out.csv" if to == "csv" else "out")
    assert convert.convert(corpus, out, to) == out
    again = open_corpus(out)
    same(corpus, again)
    assert again.format == {"csv": "table", "audformat": "audformat"}[to]
    assert on_disk(tmp_path) == [out.name]


def test_a_label_map_is_not_needed_again(shared_data: Path, tmp_path: Path):
    mapped = open_corpus(shared_data / "emodb", label_map={"boredom": "neu", "fear": "other"})
    for to in TARGETS:
        out = tmp_path / ("out.csv" if to == "csv" else "out")
        same(mapped, open_corpus(convert.convert(mapped, out, to)))


# Tables


def test_one_column_an_annotator(tmp_path: Path):
    votes = [
        Votes.from_annotators({"C-E1": ("neu", "sad"), "C-E2": ("excited",)}, "neu"),
        Votes.from_annotators({"C-E3": ("hap",)}, "none"),
        Votes({}),
    ]
    (tmp_path / "wav").mkdir()
    meant = corpus_of(
        Utterance(
            f"u{i}", tmp_path / "wav" / f"{i}, a.wav", "s", v, 1 / 3 if i else None, "S1" if i else None
        )
        for i, v in enumerate(votes)
    )
    out = convert.convert(meant, tmp_path / "out.csv", "csv")
    assert out.read_text().splitlines() == [
        "file,speaker,id,session,duration_s,consensus,C-E1,C-E2,C-E3",
        '"wav/0, a.wav",s,u0,,,neu,neu;sad,excited,',
        '"wav/1, a.wav",s,u1,S1,0.3333333333333333,none,,,hap',
        '"wav/2, a.wav",s,u2,S1,0.3333333333333333,,,,',
    ]
    found = open_corpus(out)
    same(meant, found)
    assert found.utterances[0].votes.annotators == {"c-e1": ("neu", "sad"), "c-e2": ("excited",)}
    assert convert.notes(meant, "csv") == ()


def test_too_many_annotators_are_counted(tmp_path: Path):
    many = convert.MAX_ANNOTATOR_COLUMNS + 1
    meant = corpus_of(
        Utterance(
            f"u{i}", tmp_path / f"{i}.wav", "s", Votes.from_annotators({f"r{i}": ("neu",), "r0": ("sad",)})
        )
        for i in range(many)
    )
    out = convert.convert(meant, tmp_path / "out.csv", "csv")
    with out.open(newline="") as stream:
        header, first, second = list(csv.reader(stream))[:3]
    assert header[6:] == ["neu", "hap", "sad", "ang"]
    assert (first[6:], second[6:]) == (["0", "0", "1", "0"], ["1", "0", "1", "0"])
    same(meant, open_corpus(out))
    assert convert.notes(meant, "csv") == (
        "101 annotators are more than 100 columns, so the table has vote counts without names; an "
        "audformat database keeps the names.",
    )
    assert convert.notes(meant, "audformat") == ()
    database = open_corpus(convert.convert(meant, tmp_path / "db", "audformat"))
    assert [u.votes for u in database.utterances] == [u.votes for u in meant.utterances]


def test_votes_of_which_some_have_names_are_counted(tmp_path: Path):
    votes = [Votes.from_annotators({"ann": ("neu",)}), Votes({"hap": 2, "awe; fear": 1})]
    meant = corpus_of(Utterance(str(i), tmp_path / str(i), "s", v) for i, v in enumerate(votes))
    same(meant, open_corpus(convert.convert(meant, tmp_path / "out.csv", "csv")))
    assert "not all votes have an annotator's name" in convert.notes(meant, "csv")[0]


def test_a_link_is_followed_where_paths_are_relative(tmp_path: Path):
    """Through `link/..` the file lies beside the folder that the link leads to."""
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "a" / "u.wav").touch()
    (tmp_path / "link").symlink_to(tmp_path / "a" / "deep")
    meant = one(file=tmp_path / "link" / ".." / "u.wav")
    for out, to in ((tmp_path / "link" / "out.csv", "csv"), (tmp_path / "link" / "db", "audformat")):
        found = open_corpus(convert.convert(meant, out, to))
        assert found.utterances[0].file.samefile(tmp_path / "a" / "u.wav")


# Refusals


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        (
            one(Votes.from_annotators({"Speaker": ("neu",)})),
            "has the column speaker twice: column names must differ; audformat can hold more",
        ),
        (
            one(Votes.from_annotators({"ann": ("a;b", "neu")})),
            r"\{'ann': \('a;b', 'neu'\)\}, would be read as \{'ann': \('ang', 'b', 'neu'\)\}; audformat can",
        ),
        (one(Votes.from_annotators({"ann": ("neu",), "Ann": ("neu",)})), "has the column ann twice"),
        (one(Votes.from_annotators({"ann ": ("neu",)})), r"\{'ann ': \('neu',\)\}, would be read as"),
        (one(Votes.from_annotators({"ann": ("fear",)})), "has no label for neu, hap, sad, ang"),
        (
            one(Votes.from_annotators({"ann": ("calm", "neu")})),
            r"\('calm', 'neu'\)\}, would be read as .*\('neu',\)",
        ),
        (one(Votes({"calm": 1})), "the votes of utterance 'u', {'calm': 1}, would be read as {'neu': 1}"),
        (one(Votes({"Fear": 1})), "would be read as {'fear': 1}"),
        (
            one(Votes({"neu": 1}, consensus="xxx")),
            "the consensus of utterance 'u', 'xxx', would be read as 'none'",
        ),
        (one(id=" u"), "the id of utterance ' u', ' u', would be read as 'u'"),
        (one(speaker=""), "row 2, column speaker: '' is empty"),
        (one(session=""), "the session of utterance 'u', '', would be read as None"),
        (one(duration_s=0.0), "row 2, column duration_s: '0.0' is not a duration"),
        (one(Votes({"neu": 10**9})), "column neu: '1000000000' is not a vote count"),
        (one(speaker="a\0b"), "is not UTF-8 text"),
        (one(speaker="a\udcffb"), "surrogates not allowed"),
        (one(file=Path("/audio/u.wav ")), "the file of utterance 'u', '/audio/u.wav ', would be read as"),
    ],
)
def test_what_a_table_cannot_hold(tmp_path: Path, corpus, words):
    with pytest.raises(CorpusError, match=words) as refusal:
        convert.convert(corpus, tmp_path / "out.csv", "csv")
    assert on_disk(tmp_path) == []
    assert "\n" not in str(refusal.value)
    assert ".tmp" not in str(refusal.value)


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        (one(Votes({"calm": 1})), "the votes of utterance 'u', {'calm': 1}, would be read as {'neu': 1}"),
        (one(speaker=""), "utterance 'u' lacks a file or speaker"),
        (one(duration_s=float("inf")), "the duration of 'u', 'inf', is not a time above 0"),
        (one(speaker="a\udcffb"), "surrogates not allowed"),
    ],
)
def test_what_a_database_cannot_hold(tmp_path: Path, corpus, words):
    with pytest.raises(CorpusError, match=words) as refusal:
        convert.convert(corpus, tmp_path / "out", "audformat")
    assert on_disk(tmp_path) == []
    assert ".tmp" not in str(refusal.value)


@pytest.mark.parametrize("to", TARGETS)
def test_out_is_not_overwritten(tmp_path: Path, to: str):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "file").write_text("mine")
    for taken in ("full", "file"):
        with pytest.raises(CorpusError, match=f"{taken} exists already: choose another name"):
            convert.convert(one(), tmp_path / taken, to)
    with pytest.raises(CorpusError, match=r"cannot be written: the folder .*/nowhere does not exist"):
        convert.convert(one(), tmp_path / "nowhere" / "out", to)
    shared = corpus_of([*one().utterances, *one(id="v").utterances])
    with pytest.raises(
        CorpusError, match="where each row is a file: utterances 'u' and 'v' are in the same file"
    ):
        convert.convert(shared, tmp_path / "out", to)
    assert on_disk(tmp_path) == ["file", "full"]
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_is_taken_for_a_database(tmp_path: Path):
    (tmp_path / "out").mkdir()
    same(one(), open_corpus(convert.convert(one(), tmp_path / "out", "audformat")))
    with pytest.raises(CorpusError, match="'xml' is not a format to convert to: allowed are csv, audformat"):
        convert.convert(one(), tmp_path / "xml", "xml")


@pytest.mark.parametrize("to", TARGETS)
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch, to: str):
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_fsync", full)
    with pytest.raises(CorpusError, match="out cannot be written: No space left on device"):
        convert.convert(one(), tmp_path / "out", to)
    assert on_disk(tmp_path) == []


# Any corpus


NAMES = st.text("abzAé ;,\"'\n\t0", min_size=1, max_size=4)
LABELS = st.sampled_from(["neu", "hap", "sad", "ang", "other", "fear"]) | NAMES
VOTES = st.builds(
    lambda given, consensus: Votes.from_annotators(given, consensus),
    st.dictionaries(NAMES, st.lists(LABELS, max_size=3), max_size=4),
    st.none() | st.just("none") | LABELS,
) | st.builds(Votes, st.dictionaries(LABELS, st.integers(0, 99), max_size=5))


@pytest.mark.parametrize("to", TARGETS)
@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(
        st.tuples(NAMES, VOTES, st.none() | NAMES, st.none() | st.floats(1e-6)), min_size=1, max_size=4
    )
)
def test_any_corpus_comes_back_or_is_refused(tmp_path_factory, to, rows):
    folder = tmp_path_factory.mktemp("any")
    meant = corpus_of(
        Utterance(f"u{i}", folder / f"{i}{name}", name, votes, duration, session)
        for i, (name, votes, session, duration) in enumerate(rows)
    )
    out = folder / ("out.csv" if to == "csv" else "out")
    try:
        convert.convert(meant, out, to)
    except CorpusError as error:
        assert on_disk(folder) == []
        assert str(out) in str(error) or "cannot be written as csv" in str(error)
    else:
        same(meant, open_corpus(out))
        assert on_disk(folder) == [out.name]


COUNTS = st.dictionaries(st.sampled_from(["neu", "hap", "sad", "ang", "other", "fear"]), st.integers(0, 9))
GIVEN = st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(["neu", "hap", "fear"]), min_size=1))


@pytest.mark.parametrize("to", TARGETS)
@settings(deadline=None, max_examples=30)
@given(votes=st.lists(COUNTS.map(Votes), min_size=1) | st.lists(GIVEN.map(Votes.from_annotators), min_size=1))
def test_ordinary_votes_are_never_refused(tmp_path_factory, to, votes):
    folder = tmp_path_factory.mktemp("ordinary")
    first = Utterance("first", folder / "first.wav", "s", Votes.from_annotators({"a": ("neu",)}))
    rest = [Utterance(f"u{i}", folder / f"{i}.wav", "t", v) for i, v in enumerate(votes)]
    meant = corpus_of([first, *rest])
    found = open_corpus(convert.convert(meant, folder / ("out.csv" if to == "csv" else "out"), to))
    same(meant, found)
    if to == "audformat":
        names = [u.votes.annotators or None for u in found.utterances[1:]]  # nobody or nobody named
        assert names == [v.annotators or None for v in votes]


# The command


def run(*argv: object) -> int:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return cli.run(parser.parse_args(["convert", *(str(arg) for arg in argv)]))


def test_the_command(tmp_path: Path, capsys):
    table = tmp_path / "mine.csv"
    table.write_text("file,speaker,e1,e2\na.wav,x,fun,neu\nb.wav,y,sad,\n")
    assert run(table, tmp_path / "db", "--map", "fun=hap") == 0
    out, err = capsys.readouterr()
    assert out == (
        f"{tmp_path}/db: 2 utterances of 2 speakers, as audformat database; the audio stays where it is\n"
    )
    assert err == ""
    assert run(tmp_path / "db", tmp_path / "again.CSV") == 0
    assert run(tmp_path / "db", tmp_path / "odd.db", "--to", "audformat") == 0
    assert capsys.readouterr().out.count(" as table;") == 1
    expected = open_corpus(table, label_map={"fun": "hap"})
    for path in ("db", "again.CSV", "odd.db"):
        same(expected, open_corpus(tmp_path / path))
    for name in ("v1.0", "again.tsv", "db.yaml"):
        with pytest.raises(
            CorpusError, match=rf"{name} does not determine the format.* --to csv or --to audformat"
        ):
            run(table, tmp_path / name)
        assert not (tmp_path / name).exists()
    with pytest.raises(CorpusError, match=r"odd\.CSV would be a folder .* that ends in \.csv is for tables"):
        run(table, tmp_path / "odd.CSV", "--to", "audformat")
    assert not (tmp_path / "odd.CSV").exists()
    with pytest.raises(CorpusError, match=r"mine\.csv exists already"):
        run(tmp_path / "db", table)
    with pytest.raises(SystemExit, match="2"):
        run(table, tmp_path / "x", "--to", "xml")

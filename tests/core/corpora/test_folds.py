"""Folds: never a speaker in two parts, dev speakers by the rule, files verified."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import folds, open_corpus
from mlee_core.corpora.corpus import Corpus, Utterance
from mlee_core.errors import ConfigError
from mlee_core.labels.votes import Votes


def corpus(*talks: tuple[str, str | None], label: str = "neu") -> Corpus:
    """One utterance for each (speaker, session)."""
    utterances = tuple(
        Utterance(f"u{i}", Path(f"/a/{i}.wav"), speaker, Votes({label: 1}), session=session)
        for i, (speaker, session) in enumerate(talks)
    )
    return Corpus("made", "table", Path("/a"), utterances)


def plain(speakers: str) -> Corpus:
    return corpus(*((name, None) for name in speakers))


IN_SESSIONS = corpus(("a", "1"), ("d", "1"), ("b", "2"), ("c", "2"), ("e", "3"), ("f", "3"))

names_st = st.lists(st.text("abcdefg0123", min_size=1, max_size=3), min_size=3, max_size=30).filter(
    lambda names: len(set(names)) >= 3
)


def check_disjoint(made: folds.Folds, of: Corpus) -> None:
    for fold in made.folds:
        train, dev, test = set(fold.train), set(fold.dev), set(fold.test)
        assert train and dev and test
        assert not (train & dev or train & test or dev & test)
        assert train | dev | test == set(of.speakers)


@settings(deadline=None)
@given(names_st, st.booleans())
def test_loso_tests_every_speaker_once_and_shares_none(names, in_sessions):
    of = corpus(*((name, str(i // 2) if in_sessions else None) for i, name in enumerate(names)))
    made = folds.loso(of)
    check_disjoint(made, of)
    assert [fold.test for fold in made.folds] == [(name,) for name in of.speakers]
    assert {len(fold.dev) for fold in made.folds} == {1}


@settings(deadline=None)
@given(names_st, st.data())
def test_groups_test_every_speaker_once_and_share_none(names, data):
    of = corpus(*((name, None) for name in names))
    n = data.draw(st.integers(3, len(of.speakers)))
    made = folds.groups(of, n)
    check_disjoint(made, of)
    assert len(made.folds) == n
    assert sorted(speaker for fold in made.folds for speaker in fold.test) == list(of.speakers)
    assert made == folds.groups(of, n)


def test_groups_hold_about_equally_many_utterances():
    of = corpus(*[("big", None)] * 6, *[("mid", None)] * 3, *[(name, None) for name in "abc"])
    assert {fold.test for fold in folds.groups(of, 3).folds} == {("big",), ("mid",), ("a", "b", "c")}


def test_dev_is_the_other_of_the_session():
    dev = {fold.name: fold.dev for fold in folds.loso(IN_SESSIONS).folds}
    assert dev == {"a": ("d",), "d": ("a",), "b": ("c",), "c": ("b",), "e": ("f",), "f": ("e",)}


def test_dev_is_the_next_speaker_without_pairs():
    following = {fold.name: fold.dev for fold in folds.loso(plain("cab")).folds}
    assert following == {"a": ("b",), "b": ("c",), "c": ("a",)}
    crowded = corpus(("a", "1"), ("c", "1"), ("d", "1"), ("b", "2"))
    assert folds.one(crowded, "a").dev == ("b",)  # three in the session: no "other"
    assert folds.one(crowded, "b").dev == ("c",)  # alone in it


def test_one_on_emodb(emodb: Path):
    """The shipped model's fold: 03 tests, 08 develops, the other eight train."""
    fold = folds.one(open_corpus(emodb), "03")
    assert (fold.test, fold.dev) == (("03",), ("08",))
    assert fold.train == ("09", "10", "11", "12", "13", "14", "15", "16")


def test_sessions_rotate():
    made = folds.sessions(IN_SESSIONS)
    check_disjoint(made, IN_SESSIONS)
    assert made.folds[2] == folds.Fold("3", ("b", "c"), ("a", "d"), ("e", "f"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: folds.one(plain("abc"), "z"), "speaker z is not in made: its speakers are a, b, c"),
        (lambda: folds.loso(plain("ab")), "made has 2 speakers: folds need at least 3"),
        (lambda: folds.groups(plain("abcd"), 5), "5 groups of 4 speakers: allowed are 3 to 4"),
        (lambda: folds.groups(plain("abcd"), 2), "allowed are 3 to 4"),
        (lambda: folds.make(plain("abcd"), "-3"), "-3 groups of 4"),
        (lambda: folds.make(plain("abcd"), "lsoo"), "allowed are loso, sessions, a number of groups"),
        (lambda: folds.sessions(plain("abcd")), "has no session for u0"),
        (lambda: folds.sessions(corpus(("a", "1"), ("a", "2"), ("b", "3"))), "speaker a is in two sessions"),
        (lambda: folds.sessions(corpus(("a", "1"), ("b", "2"))), "has 2 sessions"),
    ],
)
def test_refusals(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


@pytest.mark.parametrize("name", ["../../home", "a/b", "..", "", "report", "a\nb", "x" * 101])
def test_a_fold_that_no_folder_can_be_named_after_is_refused(name):
    """A fold is a folder of its run, and names come from a corpus that anybody may have written."""
    with pytest.raises(ConfigError, match="cannot be a folder of the run"):
        folds.Fold(name, ("a",), ("b",), ("c",))


def test_the_default_depends_on_the_number_of_speakers():
    twelve, thirteen = plain("abcdefghijkl"), plain("abcdefghijklm")
    assert folds.make(twelve) == folds.loso(twelve)
    assert folds.make(thirteen) == folds.groups(thirteen, 10)
    assert folds.make(thirteen, "loso") == folds.loso(thirteen)
    assert folds.make(IN_SESSIONS, "sessions") == folds.sessions(IN_SESSIONS)
    assert folds.make(twelve, "4") == folds.groups(twelve, 4)


def test_saved_folds_come_back(tmp_path: Path):
    made = folds.loso(IN_SESSIONS)
    folds.save(made, tmp_path / "folds.json")
    assert folds.load(tmp_path / "folds.json", IN_SESSIONS) == made
    assert folds.make(IN_SESSIONS, str(tmp_path / "folds.json")) == made


def test_folds_of_other_data_are_refused(tmp_path: Path):
    path = tmp_path / "folds.json"
    folds.save(folds.loso(plain("abc")), path)
    relabelled = corpus(("a", None), ("b", None), ("c", None), label="sad")
    with pytest.raises(ConfigError, match=r"were made for data .* votes have changed"):
        folds.load(path, relabelled)
    with pytest.raises(ConfigError, match="fold a leaves out speaker d"):
        folds.load(path, plain("abcd"))
    with pytest.raises(ConfigError, match=r"folds.json: fold a names c, not a speaker of made"):
        folds.load(path, plain("abd"))


FOLD = {"name": "x", "train": ["a"], "dev": ["b"], "test": ["c"]}


def test_folds_written_by_hand_need_no_hash(tmp_path: Path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"folds": [FOLD]}))
    made = folds.load(path, plain("abc"))
    assert (made.data_hash, made.folds) == (None, (folds.Fold("x", ("a",), ("b",), ("c",)),))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", 'the list "folds" is missing'),
        (json.dumps({"folds": []}), "no fold"),
        (json.dumps({"folds": [3]}), "is not an object with"),
        (json.dumps({"folds": [{**FOLD, "extra": 1}]}), "is not an object with"),
        (json.dumps({"folds": [FOLD], "data_hash": 3}), "must be text"),
        (json.dumps({"folds": [{**FOLD, "dev": [8]}]}), "fold x: dev is not a list of speaker names"),
        (json.dumps({"folds": [{**FOLD, "dev": "b"}]}), "fold x: dev is not a list"),
        (json.dumps({"folds": [{**FOLD, "dev": []}]}), "fold x has no dev speaker"),
        (json.dumps({"folds": [{**FOLD, "train": ["a", "c"]}]}), "fold x names speaker c twice"),
        (json.dumps({"folds": [FOLD, FOLD]}), "two folds are named x"),
        (json.dumps({"folds": [FOLD, {**FOLD, "name": "y"}]}), "speaker c is tested in two folds"),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, content, words):
    path = tmp_path / "folds.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=words) as refusal:
        folds.load(path, plain("abc"))
    assert "folds.json" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_folder_is_no_file_of_folds(tmp_path: Path):
    with pytest.raises(ConfigError, match="cannot be read as folds"):
        folds.make(plain("abc"), str(tmp_path))

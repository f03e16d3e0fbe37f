"""Several corpora as one: nobody is mixed up, options reach what they fit, groups have a share of each."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import Corpus, Utterance, folds, open_corpora, open_corpus, snapshot
from mlee_core.corpora.missing_audio import present
from mlee_core.corpora.union import joined
from mlee_core.errors import ConfigError, CorpusError
from mlee_core.labels.votes import Votes
from tests.helpers.iemocap_tree import small_release


def made(name: str, speakers: int, each: int = 1, session: str | None = None) -> Corpus:
    utterances = tuple(
        Utterance(f"u{i}-{n}", Path(f"/{name}/{i}-{n}.wav"), f"s{i:02}", Votes({"neu": 1}), session=session)
        for i in range(speakers)
        for n in range(each)
    )
    return Corpus(name, "table", Path("/", name), utterances)


def table(folder: Path, name: str, speakers: str = "abc", label: str = "neu") -> Path:
    """A table corpus NAME.csv with silent stand-ins for its audio in NAME/."""
    (folder / name).mkdir()
    for speaker in speakers:
        (folder / name / f"{speaker}.wav").write_text("sound")
    rows = "".join(f"{name}/{speaker}.wav,{speaker},{label}\n" for speaker in speakers)
    (folder / f"{name}.csv").write_text("file,speaker,rater\n" + rows)
    return folder / f"{name}.csv"


def test_the_same_names_in_two_corpora_stay_two_of_each() -> None:
    both = joined([made("one", 2, session="1"), made("two", 2)])
    assert both.name == "one+two"
    assert both.speakers == ("one/s00", "one/s01", "two/s00", "two/s01")
    assert [u.id for u in both.utterances] == ["one/u0-0", "one/u1-0", "two/u0-0", "two/u1-0"]
    assert [u.session for u in both.utterances] == ["one/1", "one/1", None, None]
    assert [u.file.parent.name for u in both.utterances] == ["one", "one", "two", "two"]
    assert both.corpus_of == {"one/s00": "one", "one/s01": "one", "two/s00": "two", "two/s01": "two"}
    assert both.data_hash() != joined([made("two", 2), made("one", 2, session="1")]).data_hash()


def test_one_corpus_is_itself() -> None:
    alone = made("one", 3)
    assert joined([alone]) is alone and alone.parts == (alone,) and not alone.corpus_of


def test_a_union_survives_a_run_folder() -> None:
    both = joined([made("one", 3, session="1"), made("two", 2)])
    again = snapshot.from_json(json.loads(json.dumps(snapshot.to_json(both))))
    assert again == both and again.corpus_of == both.corpus_of
    fewer = joined([made("one", 3, session="1"), made("two", 1)])
    assert snapshot.difference(both, fewer) == "1 utterances are missing (two/u1-0 first)"


def test_formats_are_recognised_one_by_one(tmp_path: Path) -> None:
    iemocap = small_release(tmp_path)
    both = open_corpora([iemocap, table(tmp_path, "mine")], scripted=True)
    assert (both.name, both.format) == ("iemocap+mine", "iemocap+table")
    assert len(both.utterances) == len(open_corpus(iemocap, scripted=True).utterances) + 3
    same = open_corpora([iemocap, tmp_path / "mine.csv"], format="iemocap", scripted=True)
    assert same.utterances == both.utterances  # the format is for the corpus that has it


def test_an_option_reaches_the_corpora_that_it_fits(tmp_path: Path) -> None:
    paths = [table(tmp_path, "one"), table(tmp_path, "two", label="thrilled;neu")]
    both = open_corpora(paths, label_map={"thrilled": "hap"})
    assert [u.votes.counts.get("hap", 0) for u in both.utterances] == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"label_map": {"thriled": "hap"}}, "label map thriled=hap: one+two has no such label"),
        ({"scripted": True}, "--scripted does not apply to table corpora, only to iemocap."),
        ({"format": "msp"}, "two.csv is a corpus of format msp."),
        ({"format": "tabel"}, "'tabel' is not a corpus format"),
    ],
)
def test_an_option_that_fits_none_is_refused(tmp_path: Path, options: dict, sentence: str) -> None:
    with pytest.raises(CorpusError, match=re.escape(sentence)):
        open_corpora([table(tmp_path, "one"), table(tmp_path, "two")], **options)


def test_a_corpus_given_twice_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "one")
    (tmp_path / "link.csv").symlink_to(path)
    for again in (path, tmp_path / "link.csv"):
        with pytest.raises(CorpusError, match="is given twice: each corpus is allowed once"):
            open_corpora([path, again])
    (tmp_path / "copy").mkdir()
    shutil.copy(path, tmp_path / "copy" / "one.csv")
    with pytest.raises(CorpusError, match=r"copy/one\.csv are both named one: the names of corpora must"):
        open_corpora([path, tmp_path / "copy" / "one.csv"])
    with pytest.raises(CorpusError, match="nowhere cannot be opened as a corpus"):
        open_corpora([path, tmp_path / "nowhere"])


def test_a_corpus_without_audio_is_refused_even_if_the_others_have_theirs(tmp_path: Path) -> None:
    paths = [table(tmp_path, "one"), table(tmp_path, "two")]
    both = open_corpora(paths)
    assert present(both, skip_missing=False) == both
    (tmp_path / "two" / "a.wav").unlink()
    with pytest.raises(CorpusError, match=r"two\.csv lacks the audio of 1 of 3 utterances \(33.3 %\)"):
        present(both, skip_missing=False)
    rest = present(both, skip_missing=True)
    assert [u.id for u in rest.utterances] == [u.id for u in both.utterances if "two/a" not in u.id]
    (warning,) = rest.warnings
    assert warning.startswith("two: ") and warning.endswith("left out.")
    shutil.rmtree(tmp_path / "two")
    with pytest.raises(CorpusError, match=r"lacks the audio of 3 of 3 .*no audio remains to train on"):
        present(both, skip_missing=True)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 15), st.integers(1, 4)), min_size=2, max_size=4), st.data())
def test_every_group_has_its_share_of_each_corpus(sizes, data) -> None:
    both = joined([made(f"c{k}", speakers, each) for k, (speakers, each) in enumerate(sizes)])
    if len(both.speakers) < 3:
        return
    n = data.draw(st.integers(3, len(both.speakers)))
    grouped = folds.groups(both, n)
    assert sorted(s for fold in grouped.folds for s in fold.test) == list(both.speakers)
    for k, (speakers, _) in enumerate(sizes):
        counts = [sum(both.corpus_of[s] == f"c{k}" for s in fold.test) for fold in grouped.folds]
        assert set(counts) <= {speakers // n, -(-speakers // n)}  # the share, rounded down or up


def test_leave_one_out_develops_on_the_next_speaker_of_the_same_corpus() -> None:
    both = joined([made("one", 2), made("two", 3)])
    parts = {fold.name: (*fold.test, *fold.dev) for fold in folds.loso(both).folds}
    assert parts == {
        "one-s00": ("one/s00", "one/s01"),
        "one-s01": ("one/s01", "one/s00"),
        "two-s00": ("two/s00", "two/s01"),
        "two-s01": ("two/s01", "two/s02"),
        "two-s02": ("two/s02", "two/s00"),
    }


def test_sessions_of_two_corpora_are_folders_too() -> None:
    both = joined([made("one", 2, session="1"), made("two", 1, session="1"), made("three", 1, session="2")])
    tested = {fold.name: fold.test for fold in folds.sessions(both).folds}
    assert tested == {"one-1": ("one/s00", "one/s01"), "three-2": ("three/s00",), "two-1": ("two/s00",)}


def test_the_folds_of_the_shipped_model_are_a_file(shared_data: Path, tmp_path: Path) -> None:
    """Real corpora; the file names the speakers as reports do, and a speaker's own name is refused."""
    both = open_corpora([shared_data / "cremad34", shared_data / "emodb"])
    assert Counter(both.corpus_of.values()) == {"cremad34": 34, "emodb": 10}
    test = ("emodb/03", "cremad34/1018", "cremad34/1026", "cremad34/1048", "cremad34/1084")
    dev = ("emodb/08", "cremad34/1001", "cremad34/1003")
    train = tuple(s for s in both.speakers if s not in (*test, *dev))
    fold = {"name": "shipped", "train": train, "dev": dev, "test": test}
    (tmp_path / "folds.json").write_text(json.dumps({"folds": [fold]}))
    assert folds.load(tmp_path / "folds.json", both).folds == (folds.Fold("shipped", train, dev, test),)
    (tmp_path / "folds.json").write_text(json.dumps({"folds": [{**fold, "test": ["03", *test[1:]]}]}))
    with pytest.raises(ConfigError, match=r"fold shipped names 03, not a speaker of cremad34\+emodb"):
        folds.load(tmp_path / "folds.json", both)

"""audformat databases: what audformat itself writes is read, and what we write audformat reads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import audformat
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mlee_core.corpora import Corpus, Utterance, open_corpus
from mlee_core.corpora.convert import convert
from mlee_core.errors import CorpusError
from mlee_core.labels.votes import Votes
from tests.helpers.audformat_made import FILES, foreign, saved

loading = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")  # audformat 1.4, pandas 3.1


def corpus_of(utterances: Iterable[Utterance], name: str = "made") -> Corpus:
    return Corpus(name, "table", Path("made.csv"), tuple(utterances))


# A database of others


@loading
@pytest.mark.parametrize("storage", ["parquet", "csv"])
def test_a_published_database(tmp_path: Path, storage: str):
    """Oracle: audformat's own `get`, which gathers a scheme over all tables."""
    root = saved(tmp_path / "db", foreign(), storage)
    corpus = open_corpus(root)
    assert (corpus.name, corpus.format, corpus.speakers) == ("some-db", "audformat", ("3", "8"))
    oracle = audformat.Database.load(str(root)).get("emotion", additional_schemes=["speaker", "duration"])
    classes = {"anger": "ang", "boredom": "boredom", "neutral": "neu"}
    assert [u.id for u in corpus.utterances] == list(oracle.index) == FILES
    for utterance, (_, row) in zip(corpus.utterances, oracle.iterrows(), strict=True):
        expected = {} if pd.isna(row["emotion"]) else {classes[row["emotion"]]: 1}
        assert utterance.votes == Votes(expected)
        assert utterance.speaker == str(row["speaker"])
        assert utterance.duration_s == row["duration"].total_seconds()
        assert utterance.file == root / utterance.id
    assert corpus.utterances[3].duration_s == 90061.25  # a day and more
    assert corpus.warnings == (
        "votes: labels outside the four classes, each kept as another emotion: boredom 1.",
        "votes: 1 utterances have none, so no label scheme admits them.",
    )
    mapped = open_corpus(root / "db.yaml", label_map={"boredom": "neutral"})
    assert mapped.utterances[1].votes.counts == {"neu": 1}
    assert not any("outside" in warning for warning in mapped.warnings)


def test_tables_that_contradict_each_other_are_refused(tmp_path: Path):
    db = foreign()
    db["emotion.categories.train"]["emotion"].set(["anger", None])
    with pytest.raises(
        CorpusError, match=r"has two values for the emotion of 'wav/b\.wav': 'boredom' and 'anger'"
    ):
        open_corpus(saved(tmp_path / "db", db))


def test_a_file_without_a_speaker_is_refused(tmp_path: Path):
    db = foreign()
    db["files"] = db["files"].pick_index(audformat.filewise_index(FILES[:3]))
    with pytest.raises(CorpusError, match=r"has no speaker for 'wav/d\.wav'"):
        open_corpus(saved(tmp_path / "db", db))


def test_labels_of_segments_are_refused(tmp_path: Path):
    db = foreign()
    db.drop_tables(["emotion", "emotion.categories.train"])
    index = audformat.segmented_index(FILES[:2], starts=["0s", "1s"], ends=["1s", "2s"])
    db["turns"] = audformat.Table(index)
    db["turns"]["emotion"] = audformat.Column(scheme_id="emotion")
    db["turns"]["emotion"].set("anger")
    with pytest.raises(
        CorpusError, match="no column 'emotion' in a filewise table, only in the segmented turns"
    ):
        open_corpus(saved(tmp_path / "segments", db))
    db.drop_tables("files")
    db["emotion"] = foreign()["emotion"]
    with pytest.raises(CorpusError, match="has no column 'speaker' in a filewise table: a corpus needs"):
        open_corpus(saved(tmp_path / "nobody", db))


# Raters


def rated(tables: dict[str, dict[str, tuple[str | None, list[str | None]]]]) -> audformat.Database:
    """Table -> column -> (its rater, labels of the first files); the speakers are in a table of their own."""
    db = audformat.Database("rated", source="somewhere", usage=audformat.define.Usage.RESEARCH)
    db.raters["gold"] = audformat.Rater(audformat.define.RaterType.VOTE)
    for rater in ("r1", "r2"):
        db.raters[rater] = audformat.Rater(audformat.define.RaterType.HUMAN)
    db.schemes["feeling"] = audformat.Scheme("str", labels=["anger", "fear", "neutral"])
    db.schemes["speaker"] = audformat.Scheme("str")
    for id, columns in tables.items():
        count = max(len(labels) for _, labels in columns.values())
        db[id] = audformat.Table(audformat.filewise_index(FILES[:count]))
        for name, (rater, labels) in columns.items():
            db[id][name] = audformat.Column(scheme_id="feeling", rater_id=rater)
            db[id][name].set(labels)
    db["files"] = audformat.Table(audformat.filewise_index(FILES))
    db["files"]["speaker"] = audformat.Column(scheme_id="speaker")
    db["files"]["speaker"].set(["s", "t", "s", "t"])
    return db


R1, R2 = ("r1", ["anger", "neutral"]), ("r2", ["fear", None])
GOLD = ("gold", ["anger", "neutral"])
BY_RATER = [{"r1": ("ang",), "r2": ("fear",)}, {"r1": ("neu",)}]


@pytest.mark.parametrize("storage", ["parquet", "csv"])
@pytest.mark.parametrize(
    ("tables", "annotators", "consensus"),
    [
        ({"emo": {"one": R1, "two": R2}}, BY_RATER, [None, None]),
        ({"emotion.r1": {"emotion": R1}, "emotion.r2": {"emotion": R2}}, BY_RATER, [None, None]),
        ({"emo": {"emotion": GOLD, "one": R1, "two": R2}}, BY_RATER, ["ang", "neu"]),
        ({"gold": {"emotion": (None, GOLD[1])}, "emo": {"a": R1, "b": R2}}, BY_RATER, ["ang", "neu"]),
        ({"emo": {"majority": GOLD, "a": R1, "b": R2}}, BY_RATER, ["ang", "neu"]),
        (
            {"emo": {"first": R1, "again": ("r1", R2[1])}},
            [{"first": ("ang",), "again": ("fear",)}, {"first": ("neu",)}],
            [None, None],
        ),
        ({"emotion": {"emotion": GOLD}}, [None, None], [None, None]),
    ],
)
def test_raters_are_annotators(tmp_path: Path, tables, annotators, consensus, storage):
    corpus = open_corpus(saved(tmp_path / "db", rated(tables), storage))
    assert [u.id for u in corpus.utterances] == FILES[:2]
    assert [u.votes.annotators for u in corpus.utterances] == annotators
    assert [u.votes.consensus for u in corpus.utterances] == consensus
    if annotators[0] is None:
        assert [u.votes.counts for u in corpus.utterances] == [{"ang": 1}, {"neu": 1}]
    assert not any("not read" in warning for warning in corpus.warnings)


def test_votes_that_are_not_read_are_named(tmp_path: Path):
    db = rated({"emo": {"emotion": GOLD, "one": R1, "second": (None, R2[1])}})
    db.schemes["style"] = audformat.Scheme("str", labels=["calm", "loud"])
    db.schemes["number"] = audformat.Scheme("int")
    db["emo"]["style"] = audformat.Column(scheme_id="style", rater_id="r1")
    for name in ("anger", "neutral"):
        db["files"][name] = audformat.Column(scheme_id="number")
    db["turns"] = audformat.Table(audformat.segmented_index(FILES[:1], starts=["0s"], ends=["1s"]))
    db["turns"]["emotion"] = audformat.Column(scheme_id="feeling", rater_id="r2")
    corpus = open_corpus(saved(tmp_path / "db", db))
    assert corpus.utterances[0].votes.annotators == {"r1": ("ang",)}
    assert [warning for warning in corpus.warnings if "not read" in warning] == [
        "not read: column 'second' of table emo, which has no rater and is not named 'emotion'.",
        "not read: column 'emotion' of table turns, which is segmented: its labels are for parts of files.",
        "not read: column 'style' of table emo, since others hold the emotions.",
        "not read: columns anger, neutral of table files, which look like vote counts: a CSV table with "
        "these and the columns file and speaker is read.",
    ]
    db.drop_tables(["emo", "turns"])
    with pytest.raises(
        CorpusError, match=r"nor a rater's column of emotions.*not read: columns anger, neutr"
    ):
        open_corpus(saved(tmp_path / "counts", db))


def test_a_label_outside_its_scheme_is_refused(tmp_path: Path):
    root = saved(tmp_path / "db", rated({"emo": {"one": R1}}), "csv")
    file = root / "db.emo.csv"
    file.write_text(file.read_text().replace("anger", "angr"))
    with pytest.raises(
        CorpusError, match=r"table emo, column one: 'angr' of .* allowed are anger, fear, neutral"
    ):
        open_corpus(root)


# What we write


def everything(folder: Path) -> Corpus:
    """A corpus with all that one may have."""
    several = Votes.from_annotators({"C-E1": ("sad", "ang"), "c-e1": ("fear",), "Zoë; id": ("neu",)}, "none")
    votes = [
        several,
        Votes.from_annotators({"C-E1": ("neu",), "NA": ("neu", "excited; very")}, "neu"),
        Votes({"neu": 3, "hap": 0, "other": 17}),
        Votes({"neu": 1}, consensus="frustrated"),
        Votes.from_annotators({}),
    ]
    return corpus_of(
        Utterance(f"u{i} ", folder / "in here" / f"{9 - i}.wav", f" s{i % 2}", v, d, session)
        for i, (v, d, session) in enumerate(
            zip(votes, (1 / 3, 0.1 + 0.2, None, 1e-9, 12345.678), ("1", None, "NA", "", "null"), strict=True)
        )
    )


def test_what_is_written_comes_back(tmp_path: Path):
    corpus = everything(tmp_path)
    out = convert(corpus, tmp_path / "out", "audformat")
    again = open_corpus(out)
    assert (again.name, again.format, again.root) == ("made", "audformat", out)
    assert again.data_hash() == corpus.data_hash()
    for one, other in zip(corpus.utterances, again.utterances, strict=True):
        assert (other.id, other.speaker, other.session) == (one.id, one.speaker, one.session)
        assert (other.votes, other.duration_s) == (one.votes, one.duration_s)
        assert other.file.resolve() == one.file.resolve()
    fear = open_corpus(out, label_map={"fear": "hap"}).utterances[0].votes
    assert fear.annotators == {"C-E1": ("sad", "ang"), "c-e1": ("hap",), "Zoë; id": ("neu",)}


@loading
def test_audformat_reads_what_is_written(tmp_path: Path):
    corpus = everything(tmp_path)
    db = audformat.Database.load(str(convert(corpus, tmp_path / "out", "audformat")))
    table = db["utterances"].get()
    assert list(table.index) == [f"../in here/{9 - i}.wav" for i in range(5)]
    assert list(table["speaker"]) == [u.speaker for u in corpus.utterances]
    assert list(table["consensus"].astype("object").where(table["consensus"].notna(), None)) == [
        u.votes.consensus for u in corpus.utterances
    ]
    assert list(db["votes"].index[:3]) == [
        ("u0 ", "C-E1", "sad"),
        ("u0 ", "C-E1", "ang"),
        ("u0 ", "c-e1", "fear"),
    ]
    assert db["counts"].get()["votes"].to_dict() == {
        ("u2 ", "neu"): 3,
        ("u2 ", "hap"): 0,
        ("u2 ", "other"): 17,
        ("u3 ", "neu"): 1,
    }
    db.save(str(tmp_path / "again"), storage_format="csv")
    plain = convert(corpus_of(corpus.utterances[2:4]), tmp_path / "counts", "audformat")
    db = audformat.Database.load(str(plain))
    db.save(str(tmp_path / "csv"), storage_format="csv")  # cells of CSV files lose blanks at their ends
    assert [u.votes for u in open_corpus(tmp_path / "csv").utterances] == [
        u.votes for u in corpus.utterances[2:4]
    ]


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        (
            "counts",
            {"votes": ["-1"]},
            "table counts: '-1' votes for neu on 'u': a vote count is a whole number",
        ),
        ("counts", {"votes": [None]}, "table counts: a row near .* has an empty cell"),
        ("counts", {"utterance": ["nobody"]}, "has votes on 'nobody', which is not in table utterances"),
        ("utterances", {"speaker": [None]}, "utterance 'u' lacks a file or speaker"),
        ("utterances", {"duration_s": [-1.0]}, "the duration of 'u', '-1.0', is not a time above 0"),
        ("utterances", {"duration_s": ["long"]}, "the duration of 'u', 'long', is not a time above 0"),
        ("utterances", {"Duration": ["1"]}, "lacks the column duration_s: its columns are file, id"),
    ],
)
def test_a_damaged_database_of_ours(tmp_path: Path, table, change, words):
    made = corpus_of([Utterance("u", tmp_path / "u.wav", "s", Votes({"neu": 1}), 1.0)])
    root = convert(made, tmp_path / "out", "audformat")
    file = root / f"db.{table}.parquet"
    content = pq.read_table(file).to_pydict()
    if "Duration" in change:
        del content["duration_s"]
    frame = pd.DataFrame(content).assign(**{name: pd.Series(cells) for name, cells in change.items()})
    frame.to_parquet(file)
    with pytest.raises(CorpusError, match=words):
        open_corpus(root)

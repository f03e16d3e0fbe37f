"""EmoDB and tables: what is read, what is recognised, and what is refused with which sentence."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import FORMATS, Corpus, emodb, open_corpus
from mlee_core.errors import CorpusError
from mlee_core.labels.votes import dominant

COUNTS = """\
file,speaker,neu,hap,sad,ang,fear
a.wav,x,3,0,0,0,0
b.wav,y,1,0,1,0,0
c.wav,z,0,0,1,0,2
"""
ANNOTATORS = """\
file,speaker,ann,ben,cy
a.wav,x,neutral,NEU,n
b.wav,y,neutral;sad,,
c.wav,z,fear,Sadness,fear
"""


def table(folder: Path, text: str | bytes, name: str = "mine.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def votes(corpus: Corpus) -> list[dict[str, int]]:
    """The votes that were given, per utterance, without zeros."""
    return [{name: n for name, n in u.votes.counts.items() if n} for u in corpus.utterances]


# EmoDB


def test_emodb_as_published(emodb: Path):
    """Oracle: the counts that EmoDB's own description states (data/README.md), 339 of them dominant."""
    corpus = open_corpus(emodb)
    assert (corpus.name, corpus.format, len(corpus.utterances), len(corpus.speakers)) == (
        "emodb",
        "emodb",
        535,
        10,
    )
    winners = Counter(dominant(u.votes) for u in corpus.utterances)
    assert winners == {"neu": 79, "hap": 71, "sad": 62, "ang": 127, None: 81 + 46 + 69}
    assert {u.votes.total for u in corpus.utterances} == {20}
    first = corpus.utterances[0]
    assert (first.id, first.speaker, first.duration_s) == ("03a01Fa", "03", 1.8982)
    assert first.votes.counts == {"hap": 18, "other": 2}  # 90 % of 20 listeners
    assert all(u.file.is_file() for u in corpus.utterances)
    assert open_corpus(emodb / "utterances.csv").data_hash() == corpus.data_hash()


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ("0.8095", 16),  # 17 of 21 listeners: 16.19
        ("0.9524", 19),  # 20 of 21: 19.05
        ("0.125", 3),  # 2.5: round() says 2
        ("0.225", 5),  # 4.5: round() says 4
        ("0.025", 1),  # 0.5: round() says 0
        ("0.175", 4),  # 3.5
        ("0.0", 0),
        ("1", 20),
    ],
)
def test_halves_of_a_listener_go_up(share, expected):
    assert emodb.votes_for(share) == expected


@given(st.integers(0, 20))
def test_whole_listeners_are_exact(n):
    assert emodb.votes_for(f"{n / 20:.4f}") == n


EMODB = "file,speaker,emotion,duration_s,recognised\n"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("w/a.wav,03,joy,1,0.9", "row 2, column emotion: 'joy' is not an emotion of EmoDB"),
        ("w/a.wav,03,anger,1,1.2", "row 2, column recognised: '1.2' is not a share"),
        ("w/a.wav,03,anger,1,NaN", "column recognised: 'NaN' is not a share"),
        ("w/a.wav,03,anger,1,", "column recognised: '' is not a share"),
        ("w/a.wav,,anger,1,1", "column speaker: '' is empty"),
        ("w/a.wav,03,anger,-1,1", "column duration_s: '-1' is not a duration"),
        ("a.wav,03,anger,1,1\nb/a.flac,03,anger,1,1", "names utterance 'a' twice"),
    ],
)
def test_emodb_refuses(tmp_path: Path, row, words):
    table(tmp_path, EMODB + row, "utterances.csv")
    with pytest.raises(CorpusError, match=words):
        open_corpus(tmp_path)


@pytest.mark.parametrize("folder", ["wav", "."])
def test_emodb_without_its_listening_test(emodb: Path, tmp_path: Path, folder: str):
    """As its authors ship it: names alone. The real names against the real table."""
    (tmp_path / folder).mkdir(exist_ok=True)
    known = {u.id: u for u in open_corpus(emodb).utterances}
    for name in known:
        (tmp_path / folder / f"{name}.wav").touch()
    (tmp_path / folder / "notes.wav").touch()
    corpus = open_corpus(tmp_path)
    assert corpus.format == "emodb" and "missing" in corpus.warnings[0]
    assert {u.id: u.speaker for u in corpus.utterances} == {name: u.speaker for name, u in known.items()}
    for utterance in corpus.utterances:
        (label,) = utterance.votes.counts
        assert label in known[utterance.id].votes.counts
    counts = Counter(label for u in corpus.utterances for label in u.votes.counts)
    published = {"ang": 127, "boredom": 81, "disgust": 46, "fear": 69, "hap": 71, "neu": 79, "sad": 62}
    assert counts == published  # as the data's README lists them


def test_a_label_map_reaches_emodb(tmp_path: Path):
    table(tmp_path, EMODB + "a.wav,03,boredom,1,0.75", "utterances.csv")
    assert votes(open_corpus(tmp_path)) == [{"boredom": 15, "other": 5}]
    assert votes(open_corpus(tmp_path, label_map={"boredom": "neutral"})) == [{"neu": 15, "other": 5}]
    assert votes(open_corpus(tmp_path, label_map={"boredom": "other"})) == [{"other": 20}]


# Tables


def test_counts_and_annotators_say_the_same(tmp_path: Path):
    expected = [{"neu": 3}, {"neu": 1, "sad": 1}, {"sad": 1, "fear": 2}]
    counts = open_corpus(table(tmp_path, COUNTS, "counts.csv"))
    annotators = open_corpus(table(tmp_path, ANNOTATORS, "annotators.csv"))
    assert votes(counts) == votes(annotators) == expected
    assert annotators.utterances[1].votes.annotators == {"ann": ("neu", "sad")}
    assert counts.warnings == (
        "votes: labels outside the four classes, each kept as another emotion: fear 2.",
    )
    assert counts.utterances[2].votes.target_counts == annotators.utterances[2].votes.target_counts


def test_what_a_table_can_tell(tmp_path: Path):
    text = (
        "id,file,speaker,session,duration_s,consensus,e1,e2\n"
        "u1,../x/a.wav,x,s1,2.5,neutral,sad,neu\n"
        "u2,/abs/b.wav,y,,,xxx,sad,sad\n"
        "u3,c.wav,z,s1,1,,sad,\n"
    )
    first, second, third = open_corpus(table(tmp_path, text)).utterances
    assert (first.id, first.session, first.duration_s, first.votes.consensus) == ("u1", "s1", 2.5, "neu")
    assert first.file.resolve() == tmp_path.parent.resolve() / "x" / "a.wav"
    assert (second.file, second.session, second.duration_s) == (Path("/abs/b.wav"), None, None)
    assert [dominant(u.votes) for u in (first, second, third)] == ["neu", None, "sad"]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: text.replace(",", ";").replace("neutral;sad", '"neutral;sad"').encode(),
        lambda text: ('"' + text.strip().replace(",", '","').replace("\n", '"\n"') + '"').encode(),
        lambda text: ('"' + text.strip().replace(",", '";"').replace("\n", '"\n"') + '"').encode(),
        lambda text: ("\n" + text.replace("\n", "\n\n,,,,\n")).encode(),
        lambda text: text.replace("file,speaker", " File , SPEAKER").encode(),
    ],
    ids=["mark", "crlf", "cr", "tab", "semicolon", "quoted", "quoted-semicolon", "blank-rows", "capitals"],
)
def test_tables_as_spreadsheets_write_them(tmp_path: Path, encode):
    plain = open_corpus(table(tmp_path, ANNOTATORS, "plain.csv"))
    assert open_corpus(table(tmp_path, encode(ANNOTATORS))).data_hash() == plain.data_hash()


def test_label_maps(tmp_path: Path):
    path = table(tmp_path, "file,speaker,e1,e2\na.wav,x,Excited,a\nb.wav,y,,frust\n")
    plain = open_corpus(path)
    assert votes(plain) == [{"excited": 1, "ang": 1}, {"frust": 1}]
    assert plain.warnings[0].endswith("excited 1, frust 1.")
    mapped = open_corpus(path, label_map={"EXCITED": "happy", "a": "other"})
    assert votes(mapped) == [{"hap": 1, "other": 1}, {"frust": 1}]
    assert mapped.warnings[0].endswith(": frust 1.")
    file = table(tmp_path, "label;class\nexcited;hap\nfrust;ang\n", "map.csv")
    assert votes(open_corpus(path, label_map=file)) == [{"hap": 1, "ang": 1}, {"ang": 1}]
    assert open_corpus(path, label_map=file).warnings == ()


def test_synonyms_of_one_annotator_are_one_vote(tmp_path: Path):
    corpus = open_corpus(table(tmp_path, "file,speaker,e1\na.wav,x,happy; joy ;;neutral\n"))
    assert votes(corpus) == [{"hap": 1, "neu": 1}]


def test_odd_but_usable_things_are_said(tmp_path: Path):
    corpus = open_corpus(table(tmp_path, "file,speaker,consensus,e1\na.wav,x,hapy,neu\nb.wav,y,none,\n"))
    assert corpus.warnings == (
        "consensus: labels outside the four classes, each kept as another emotion: hapy 1.",
        "votes: 1 utterances have none, so no label scheme admits them.",
    )


HEAD = "file,speaker,neu,hap\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (HEAD, "has a header but no row"),
        ("file,neu\na.wav,1\n", "lacks the column speaker: its columns are file, neu"),
        ("path;who\na;b\n", "lacks the column file, speaker"),
        ("file,speaker\na.wav,x\n", "has no vote column"),
        ("file,speaker,id,e1\na.wav,x,1,\n", "holds no vote: the columns e1 are empty"),
        (HEAD + "a.wav,x,1,0\nb.wav,y,-1,0\n", "row 3, column neu: '-1' is not a vote count"),
        (HEAD + "a.wav,x,1,0\n\nb.wav,y,1,0.5\n", "row 4, column hap: '0.5' is not a vote count"),
        ("\n" + HEAD + "a.wav,x,1,0.5\n", "row 3, column hap: '0.5' is not a vote count"),
        (HEAD + "a.wav,x,1,\n", "row 2, column hap: '' is not a vote count"),
        (HEAD + f"a.wav,x,1,{'9' * 5000}\n", "column hap: '999+' is not a vote count"),
        (
            HEAD + "a.wav,x,1,0\nb.wav,y,1,sad\n",
            "row 3, column hap: 'sad' is a label where row 2, column neu",
        ),
        (HEAD + "a.wav,x,sad,hap\nb.wav,y,1,sad\n", "row 3, column neu: '1' is a number where row 2"),
        (HEAD + "a.wav,,1,0\n", "row 2, column speaker: '' is empty"),
        (HEAD + ",x,1,0\n", "row 2, column file: '' is empty"),
        (HEAD + "a.wav,x,1,0\na.wav,y,1,0\n", "rows 2 and 3 have the same file 'a.wav'"),
        ("id,file,speaker,neu\nu,a,x,1\nu,b,x,1\n", "rows 2 and 3 have the same id 'u'"),
        (HEAD + "a.wav,x,1\n", "row 2 has 3 cells, but the header has 4"),
        (HEAD + "a.wav,x,1,0,0\n", "row 2 has 5 cells"),
        ("file,speaker,neu,Neu\na,x,1,0\n", "has the column neu twice"),
        ("file,speaker,,neu\na,x,1,0\n", "column 3 of the header has no name"),
        (HEAD + 'a.wav,"x,1,0\n', "cannot be read as a table"),
        ("file,speaker,duration_s,neu\na,x,long,1\n", "column duration_s: 'long' is not a duration"),
        ("file,speaker,duration_s,neu\na,x,inf,1\n", "column duration_s: 'inf' is not a duration"),
        ("file,speaker,fear,awe\na,x,1,1\n", "no label for neu, hap, sad, ang; its labels are awe, fear"),
        (b"RIFF\x00\x01\x02\x00WAVE", "is not UTF-8 text"),
        ("file,speaker,neu\nMüller.wav,x,1\n".encode("latin-1"), "is not UTF-8 text"),
        ("file,speaker,neu\na,x,1\n".encode("utf-16"), "is not UTF-8 text"),
    ],
)
def test_a_table_refuses(tmp_path: Path, text, words):
    with pytest.raises(CorpusError, match=words) as refusal:
        open_corpus(table(tmp_path, text))
    assert str(refusal.value).startswith(str(tmp_path / "mine.csv"))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (
            {"excited": "hapy"},
            "label map excited=hapy: a label is mapped to one of neu, hap, sad, ang, other",
        ),
        ({"": "hap"}, "label map =hap"),
        ({"Fun": "hap", "fun": "sad"}, "gives fun two classes, hap and sad"),
    ],
)
def test_a_label_map_refuses(tmp_path: Path, mapping, words):
    with pytest.raises(CorpusError, match=words):
        open_corpus(table(tmp_path, COUNTS), label_map=mapping)
    if "" not in mapping:
        rows = "".join(f"{label},{target}\n" for label, target in mapping.items())
        with pytest.raises(CorpusError, match=words):
            open_corpus(tmp_path / "mine.csv", label_map=table(tmp_path, "label,class\n" + rows, "map.csv"))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200) | st.text("file,speakr;\t\n\r\"neu01'-\x00é", max_size=120).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = table(tmp_path_factory.getbasetemp(), content, "fuzz.csv")
    head = b"file,speaker,neu\n"
    for text in (content, head + content):
        path.write_bytes(text)
        try:
            assert open_corpus(path).utterances
        except CorpusError as error:
            assert str(path) in str(error)


# Recognition


def test_formats_are_recognised_or_named(tmp_path: Path):
    assert list(FORMATS)[-2:] == ["emodb", "table"]  # last: each recognises more than its own
    text = table(tmp_path, COUNTS, "utterances.csv")
    assert open_corpus(text).format == "table"  # by its columns: the name alone does not make it EmoDB
    assert open_corpus(table(tmp_path, COUNTS, "votes.txt"), format="table").format == "table"
    for path in (tmp_path / "votes.txt", Path(os.devnull)):
        with pytest.raises(
            CorpusError, match=r"not a corpus of a known format: iemocap, .*; emodb, .*; table, "
        ):
            open_corpus(path)
    with pytest.raises(
        CorpusError, match=r"'iemocup' is not a corpus format: the formats are .*emodb, table"
    ):
        open_corpus(text, format="iemocup")
    with pytest.raises(CorpusError, match="lacks the column emotion"):
        open_corpus(text, format="emodb")
    with pytest.raises(CorpusError, match="is not a file: a table is a CSV file"):
        (tmp_path / "empty").mkdir()
        open_corpus(tmp_path / "empty", format="table")


@pytest.mark.parametrize("name", ["nothing", "x" * 5000])
def test_what_is_not_there_is_refused(tmp_path: Path, name):
    with pytest.raises(CorpusError, match="cannot be opened as a corpus: "):
        open_corpus(tmp_path / name)


def test_a_file_that_cannot_be_read_is_refused():
    memory = Path("/proc/self/mem")  # opens, but reading its start is an error of the system, also for root
    if not memory.exists():
        pytest.skip("no /proc/self/mem on this system")
    with pytest.raises(CorpusError, match="cannot be read: "):
        open_corpus(memory, format="table")


def test_an_empty_folder_is_no_corpus(tmp_path: Path):
    with pytest.raises(CorpusError, match="not a corpus of a known format"):
        open_corpus(tmp_path)


def test_the_only_table_of_a_folder_is_its_corpus(tmp_path: Path):
    """Other CSV files may lie beside it."""
    table(tmp_path, "a,b\n1,2\n", "prices.csv")
    with pytest.raises(CorpusError, match=r"speaker and votes\.$"):
        open_corpus(tmp_path)
    table(tmp_path, COUNTS, "heard.csv")
    whole = open_corpus(tmp_path)
    assert whole.utterances == open_corpus(tmp_path / "heard.csv").utterances
    assert (whole.name, whole.format, whole.root) == ("heard", "table", tmp_path)
    table(tmp_path, COUNTS, "again.csv")
    with pytest.raises(CorpusError, match=r"speaker and votes\.$"):
        open_corpus(tmp_path)


def test_a_map_of_a_label_that_is_not_there_is_refused(tmp_path: Path):
    """A slip in a label would otherwise pass for a map that was applied."""
    path = table(tmp_path, "file,speaker,ann\na.wav,x,neutral\nb.wav,y,excited\n")
    assert votes(open_corpus(path, label_map={"excited": "hap"})) == [{"neu": 1}, {"hap": 1}]
    with pytest.raises(
        CorpusError, match="excted=hap: mine has no such label; its labels are excited, neutral"
    ):
        open_corpus(path, label_map={"excted": "hap"})


@pytest.mark.parametrize("nothing", ["", "NA", "n/a", "nan", "-"])
def test_what_programs_write_for_no_rating_is_none(tmp_path: Path, nothing: str):
    path = table(tmp_path, f"file,speaker,ann,ben\na.wav,x,neutral,{nothing}\n")
    assert votes(open_corpus(path)) == [{"neu": 1}]


def test_a_pointer_of_git_lfs_is_named_in_any_table(tmp_path: Path):
    path = table(tmp_path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(CorpusError, match="Git-LFS pointer"):
        open_corpus(path)


def test_the_bad_cell_and_the_one_it_contradicts_are_both_shown(tmp_path: Path):
    with pytest.raises(CorpusError, match=r"'0' is a number where row 2, column neu holds a label, 'three'"):
        open_corpus(table(tmp_path, "file,speaker,neu,hap\na.wav,x,three,0\n"))

"""MSP-Podcast's layout: what is read from each release's spelling, what is left out, what is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import open_corpus
from mlee_core.errors import CorpusError
from mlee_core.labels.votes import dominant

CONSENSUS = """\
FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1
MSP-PODCAST_0001_0009.wav,X,3.7,3.5,3.7,39,Male,Train
MSP-PODCAST_0002_0011.wav,U,4.1,4.7,4.0,39,Female,Train
MSP-PODCAST_0002_0012.wav,A,4.1,4.7,4.0,Unknown,Unknown,Train
MSP-PODCAST_0002_0013.wav,H,4.1,4.7,4.0,7,Female,Train
"""
NEW = """\
FileName,WorkerID,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom
MSP-PODCAST_0001_0008.wav,WORKER00000001,Neutral,"Neutral,Concerned",3,4,5
MSP-PODCAST_0001_0008.wav,WORKER00000002,Neutral,Happy,3,4,5
MSP-PODCAST_0001_0008.wav,WORKER00000003,Angry,"Angry,Annoyed",3,4,5
MSP-PODCAST_0001_0009.wav,WORKER00000001,Happy,Happy,3,4,5
MSP-PODCAST_0001_0009.wav,WORKER00000001,Happy,Happy,3,4,5
MSP-PODCAST_0001_0009.wav,WORKER00000001,Sad,Sad,3,4,5
MSP-PODCAST_0001_0009.wav,WORKER00000002,Other-Confused; a bit,Sad,3,4,5
MSP-PODCAST_0002_0011.wav,WORKER00000004,Surprise,Surprise,3,4,5
MSP-PODCAST_0002_0011.wav,WORKER00000005,,Surprise,3,4,5
MSP-PODCAST_0002_0012.wav,WORKER00000004,Angry,Angry,3,4,5
MSP-PODCAST_0009_0001.wav,WORKER00000004,Angry,Angry,3,4,5
"""


def in_one_cell(text: str) -> str:
    """The same ratings as releases 1.7 to 1.12 have them."""
    lines = ["FileName,EmoDetail"]
    for line in text.splitlines()[1:]:
        file, worker, primary, *second = line.replace(",3,4,5", "").split(",")
        secondary = ",".join(second).strip('"')
        lines.append(f'{file},"{worker}; {primary}; {secondary}; A:3.0; V:4.0; D:5.0;"')
    return "\n".join(lines)


def release(
    root: Path,
    detailed: str = NEW,
    consensus: str = CONSENSUS,
    labels: str = "Labels",
    name: str = "consensus",
) -> Path:
    folder = root / labels
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "labels_detailed.csv").write_text(detailed)
    (folder / f"labels_{name}.csv").write_text(consensus)
    return root


def test_votes_are_primary_emotions_by_rater(tmp_path: Path):
    corpus = open_corpus(release(tmp_path / "MSP"))
    assert (corpus.format, corpus.speakers) == ("msp", ("30", "39"))
    assert [u.id for u in corpus.utterances] == [
        "MSP-PODCAST_0001_0008",
        "MSP-PODCAST_0001_0009",
        "MSP-PODCAST_0002_0011",
    ]
    first, second, third = (u.votes for u in corpus.utterances)
    assert first.annotators == {
        "WORKER00000001": ("neu",),
        "WORKER00000002": ("neu",),
        "WORKER00000003": ("ang",),
    }
    assert first.counts == {"neu": 2, "ang": 1}  # concerned, annoyed, happy: secondary, not votes
    assert second.annotators == {"WORKER00000001": ("hap", "sad"), "WORKER00000002": ("other",)}
    assert second.counts == {"hap": 1, "sad": 1, "other": 1}
    assert third.counts == {"surprise": 1}
    assert [v.consensus for v in (first, second, third)] == ["neu", "none", "surprise"]
    assert [dominant(v) for v in (first, second, third)] == ["neu", None, None]
    assert {(u.session, u.duration_s) for u in corpus.utterances} == {(None, None)}


def test_what_is_left_out_is_counted(tmp_path: Path):
    assert open_corpus(release(tmp_path)).warnings == (
        "1 utterances are left out: labels_detailed.csv has no rating of them.",
        "1 utterances are left out: they are not in labels_consensus.csv.",
        "1 utterances are left out: their speaker is not known, so no fold could contain them.",
        "1 ratings are left out: they have no primary emotion.",
        "votes: labels outside the four classes, each kept as another emotion: surprise 1.",
        "consensus: labels outside the four classes, each kept as another emotion: surprise 1.",
    )
    misspelt = release(tmp_path / "typo", NEW.replace("Neutral,", "Neutrl,"))
    assert any("surprise 1" in w and "neutrl 2" in w for w in open_corpus(misspelt).warnings)
    mapped = open_corpus(misspelt, label_map={"neutrl": "neu", "surprise": "other"})
    assert not any("outside the four classes" in warning for warning in mapped.warnings)


def test_every_release_says_the_same(tmp_path: Path):
    expected = open_corpus(release(tmp_path / "2.0"))
    old = NEW.replace("WorkerID", "Workers")
    others = (
        release(tmp_path / "1.6", old, labels="label", name="concensus"),
        release(tmp_path / "1.9", in_one_cell(NEW), labels="labels", name="concensus"),
        release(tmp_path / "1.12", in_one_cell(NEW)),
        release(tmp_path / "crlf", NEW.upper().replace("\n", "\r\n").replace(".WAV", ".wav")),
        release(tmp_path / "words", NEW, CONSENSUS.replace(",U,", ",surprise,").replace(",N,", ",Neutral,")),
    )
    for root in others:
        found = open_corpus(root)
        assert found.data_hash() == expected.data_hash(), root
        assert found.warnings[1:] == tuple(
            w.replace(
                "labels_consensus", f"labels_{'concensus' if root.name in ('1.6', '1.9') else 'consensus'}"
            )
            for w in expected.warnings[1:]
        )
    root = tmp_path / "2.0"
    for path in (root / "Labels", *(root / "Labels").iterdir()):
        assert open_corpus(path).data_hash() == expected.data_hash()


def test_a_map_of_the_word_works_on_the_letter(tmp_path: Path):
    release(tmp_path)
    for name in ("surprise", "U", "Surprised"):
        third = open_corpus(tmp_path, label_map={name: "hap"}).utterances[2].votes
        assert (dict(third.counts), third.consensus, dominant(third)) == ({"hap": 1}, "hap", "hap"), name
    voted = {"Other-Confused; a bit": "sad", "other": "ang"}
    assert open_corpus(tmp_path, label_map=voted).utterances[1].votes.counts == {"hap": 1, "sad": 2}
    assert open_corpus(tmp_path, label_map={"o": "ang"}).utterances[1].votes.counts["ang"] == 1


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ("Audios", "Audios/MSP-PODCAST_0001_0008.wav"),
        ("Audio", "Audio/MSP-PODCAST_0001_0008.wav"),
        ("Elsewhere", "Audios/MSP-PODCAST_0001_0008.wav"),
    ],
)
def test_audio_lies_beside_the_labels(tmp_path: Path, made: str, expected: str):
    (tmp_path / made).mkdir()
    release(tmp_path)
    for path in (tmp_path, tmp_path / "Labels"):
        assert open_corpus(path).utterances[0].file == tmp_path / expected


IMPROV = """\
FileName,EmoClass,EmoAct
UTD-IMPROV-S01A-F01-P-FM01.avi,N,2
MSP-IMPROV-S20H-M06-S-MF12.wav,H,2
"""
IMPROV_RATINGS = """\
FileName,Rater,EmoClass_Major
MSP-IMPROV-S01A-F01-P-FM01.wav,a,Neutral
UTD-IMPROV-S20H-M06-S-MF12.avi,a,Happy
"""


def test_improv_names_tell_speaker_and_session(tmp_path: Path):
    release(tmp_path, IMPROV_RATINGS, IMPROV)
    flat = open_corpus(tmp_path)
    assert [(u.id, u.speaker, u.session) for u in flat.utterances] == [
        ("MSP-IMPROV-S01A-F01-P-FM01", "F01", "01"),
        ("MSP-IMPROV-S20H-M06-S-MF12", "M06", "06"),
    ]
    assert flat.utterances[0].file == tmp_path / "Audios" / "MSP-IMPROV-S01A-F01-P-FM01.wav"
    (tmp_path / "Audio" / "session6").mkdir(parents=True)
    nested = open_corpus(tmp_path)
    expected = "Audio/session6/S20H/S/MSP-IMPROV-S20H-M06-S-MF12.wav"  # as the release has it
    assert nested.utterances[1].file == tmp_path / expected


@pytest.mark.parametrize(
    ("detailed", "consensus", "words"),
    [
        (NEW, "FileName,EmoClass\na.wav,N,1\n", "row 2 has 3 cells, but the header has 2"),
        (NEW, CONSENSUS.replace("SpkrID", "Who"), "lacks a column for the speaker (spkrid or "),
        (NEW, CONSENSUS.replace("EmoClass", "Emo"), "lacks a column for the class (emoclass or "),
        (NEW.replace("WorkerID", "W"), CONSENSUS, "lacks a column for the rater (workers or workerid "),
        (NEW.replace("EmoClass_Major", "Main"), CONSENSUS, "lacks a column for the primary (emoclass_major"),
        (NEW.replace("FileName", "N"), CONSENSUS, "lacks a column for the file (filename or "),
        (NEW + ",W,Sad,,,,\n", CONSENSUS, "row 13, column filename: '' is empty"),
        (NEW + "a.wav,,Sad,,,,\n", CONSENSUS, "row 13, column workerid: '' has no rater"),
        (NEW + "a.wav,W,Q,,,,\n", CONSENSUS, "row 13, column emoclass_major: 'Q' is not a class"),
        (in_one_cell(NEW) + "\na.wav,nonsense\n", CONSENSUS, "column emodetail: 'nonsense' is not a rating"),
        (NEW, CONSENSUS.replace(",A,", ",Z,").replace("Unknown", "8"), "column emoclass: 'Z' is not a class"),
        (
            NEW,
            CONSENSUS + CONSENSUS.splitlines()[1],
            "rows 2 and 7 have the same filename 'MSP-PODCAST_0001_",
        ),
        (
            NEW,
            CONSENSUS.replace(",30,", ",,").replace(",39,", ",unknown,"),
            "has no utterance to read: 1 utt",
        ),
    ],
)
def test_refused(tmp_path: Path, detailed: str, consensus: str, words: str):
    with pytest.raises(CorpusError) as refusal:
        open_corpus(release(tmp_path, detailed, consensus))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_both_files_are_needed(tmp_path: Path):
    release(tmp_path)
    (tmp_path / "Labels" / "labels_consensus.csv").unlink()
    with pytest.raises(CorpusError, match="is not a corpus of a known format"):
        open_corpus(tmp_path)
    with pytest.raises(
        CorpusError, match=r"has no labels_consensus\.csv, neither in it nor in its folder Labels"
    ):
        open_corpus(tmp_path, format="msp")


def test_a_pointer_is_named_as_such(tmp_path: Path):
    release(tmp_path, detailed="version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n")
    with pytest.raises(CorpusError, match=r"labels_detailed\.csv is a Git-LFS pointer"):
        open_corpus(tmp_path)


WORDS = ("Happy", "Sad", "Neutral", "Angry", "Fear", "Other-x", "")


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from(WORDS)), min_size=1))
def test_counts_are_raters_who_said_so(tmp_path_factory, ratings):
    """Oracle: counting distinct (utterance, rater, word)."""
    names = {
        "Happy": "hap",
        "Sad": "sad",
        "Neutral": "neu",
        "Angry": "ang",
        "Fear": "fear",
        "Other-x": "other",
    }
    expected = Counter((u, names[word]) for u, _, word in set(ratings) if word)
    root = release(
        tmp_path_factory.mktemp("msp"),
        "FileName,Rater,Primary\n" + "".join(f"u{u}.wav,r{r},{word}\n" for u, r, word in ratings),
        "FileName,EmoClass,SpkrID\n" + "".join(f"u{u}.wav,X,{u}\n" for u in range(4)),
    )
    if not expected:
        with pytest.raises(CorpusError, match="no utterance to read"):
            open_corpus(root)
        return
    found = {
        (int(u.speaker), label): n
        for u in open_corpus(root).utterances
        for label, n in u.votes.counts.items()
    }
    assert found == expected


@settings(deadline=None, max_examples=150)
@given(
    st.binary(max_size=150) | st.text("aNX,;\n\r\" é\x00'.wv1", max_size=100).map(str.encode), st.booleans()
)
def test_any_bytes_are_read_or_refused(tmp_path_factory, content, in_ratings):
    root = tmp_path_factory.getbasetemp() / "fuzz-msp"
    release(root)
    file = root / "Labels" / ("labels_detailed.csv" if in_ratings else "labels_consensus.csv")
    head = (NEW if in_ratings else CONSENSUS).encode()
    for text in (content, head + content, head[:60] + content + head[60:]):
        file.write_bytes(text)
        try:
            assert open_corpus(root, format="msp").utterances
        except CorpusError as error:
            assert str(root) in str(error)

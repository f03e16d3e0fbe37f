"""IEMOCAP: a small tree with every oddity of the release, votes and targets worked out by hand."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import Corpus, Utterance, iemocap, open_corpus
from mlee_core.corpora.statistics import info
from mlee_core.errors import CorpusError
from mlee_core.labels.targets import admits, existence_target, soft_target
from mlee_core.labels.votes import dominant
from tests.helpers.iemocap_tree import FIRST, HEADER, SCRIPTED, SECOND, release, small_release


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_release(tmp_path)


def by_id(corpus: Corpus) -> dict[str, Utterance]:
    """Utterances by the end of their id: `F000` of the first session, `2-M000` of the second."""
    short = {u.id: u.id.rpartition("_")[2] for u in corpus.utterances}
    return {("2-" if u.session == "Ses02" else "") + short[u.id]: u for u in corpus.utterances}


def test_the_release_as_it_lies(small: Path):
    corpus = open_corpus(small)
    assert (corpus.format, corpus.name, corpus.root) == ("iemocap", "iemocap", small)
    assert [u.id for u in corpus.utterances] == [  # in the order in which they were said
        "Ses01F_impro01_F000",
        "Ses01F_impro01_M000",
        "Ses01F_impro01_F001",
        "Ses01F_impro01_M001",
        "Ses01F_impro01_F002",
        "Ses01F_impro01_M002",
        "Ses02M_impro02_M000",
    ]
    assert corpus.speakers == ("Ses01F", "Ses01M", "Ses02M")
    assert Counter(u.session for u in corpus.utterances) == {"Ses01": 6, "Ses02": 1}
    first, answer = corpus.utterances[:2]
    assert (first.speaker, first.duration_s) == ("Ses01F", 1.9456)  # 8.2357 - 6.2901
    assert (answer.speaker, answer.duration_s) == ("Ses01M", 2.5)  # who talks, not whose file it is
    wav = small / "Session1" / "sentences" / "wav" / "Ses01F_impro01" / "Ses01F_impro01_F000.wav"
    assert first.file == wav
    assert not wav.exists()  # no audio is needed


def test_votes_by_hand(small: Path):
    found = {name: (dict(u.votes.counts), u.votes.consensus) for name, u in by_id(open_corpus(small)).items()}
    assert found == {
        "F000": ({"neu": 2, "frustration": 1, "excited": 1}, "neu"),
        "M000": ({"hap": 1, "excited": 1, "neu": 1}, "none"),
        "F001": ({"excited": 2, "hap": 2}, "excited"),  # twice in one line is one vote
        "M001": ({}, None),  # the actor's own word is no vote
        "F002": ({"sad": 1}, "sad"),
        "M002": ({"ang": 3, "disgust": 1, "other": 1}, "ang"),
        "2-M000": ({"hap": 2, "surprise": 1, "fear": 1}, "hap"),
    }
    first = by_id(open_corpus(small))["F000"].votes
    assert first.annotators == {"E1": ("neu",), "E2": ("neu", "frustration"), "E3": ("excited",)}


def test_targets_and_admissions_by_hand(small: Path):
    corpus = open_corpus(small)
    votes = {name: u.votes for name, u in by_id(corpus).items()}
    # (α + votes) / (4 α + all target votes), α = 0.75
    assert soft_target(votes["F000"]) == pytest.approx((2.75 / 5, 0.15, 0.15, 0.15))
    assert soft_target(votes["M000"]) == pytest.approx((0.35, 0.35, 0.15, 0.15))
    assert soft_target(votes["F002"]) == pytest.approx((0.75 / 4, 0.75 / 4, 1.75 / 4, 0.75 / 4))
    assert existence_target(votes["M000"]) == (1.0, 1.0, 0.0, 0.0)
    assert existence_target(votes["F001"]) == (0.0, 1.0, 0.0, 0.0)
    assert {name: dominant(v) for name, v in votes.items()} == {
        "F000": "neu",
        "M000": None,
        "F001": None,
        "M001": None,
        "F002": "sad",
        "M002": "ang",
        "2-M000": "hap",
    }
    silent = votes["M001"]  # its consensus says neu, but nobody's vote does
    assert not any(admits(s, t, silent) for s in ("hard", "soft", "existence") for t in ("dominant", "all"))
    found = info(corpus)
    assert found["admits"] == {"hard": 4, "soft_dominant": 4, "soft_all": 6, "existence": 6}
    assert found["existence_ratio"]["dominant"] == {"neu": 0.25, "hap": 0.25, "sad": 0.25, "ang": 0.25}
    assert found["existence_ratio"]["all"] == {"neu": 2 / 6, "hap": 3 / 6, "sad": 1 / 6, "ang": 1 / 6}
    assert found["duration_s"] == pytest.approx(1.9456 + 2.5 + 1.5 + 1 + 1 + 1 + 1.5)


def test_what_is_odd_is_counted(small: Path):
    (small / "Session3").mkdir()
    release(small, {"Ses04F_impro01": HEADER})
    folder = small / "Session4" / "dialog" / "EmoEvaluation"
    (folder / "Ses04F_impro02.txt").write_bytes(
        b"[1 - 2]\tSes04F_impro02_F000\tneu\t[1, 1, 1]\n"
        b"C-E1:\tNeutral;\t()\nC-E1:\tWistful; Anger;\t()\nC-E2:\tNeutral;\t()\nC-E3:\tWistful;\t()\n"
    )
    corpus = open_corpus(small)
    assert corpus.warnings == (
        "Session3: not read, since dialog/EmoEvaluation is missing.",
        "1 dialogs' files hold no utterance.",
        "votes: 1 of 8 utterances have fewer than 3 evaluators.",
        "votes: 1 of 8 utterances have none, so no label scheme admits them, whatever their consensus.",
        "votes: 1 lines of annotators hold no label and are ignored.",
        "votes: 1 lines repeat an annotator on an utterance; their labels are combined.",
        "votes: labels that IEMOCAP does not have, each kept as another emotion: wistful 2.",
    )
    assert corpus.utterances[-1].votes.annotators == {
        "E1": ("neu", "wistful", "ang"),
        "E2": ("neu",),
        "E3": ("wistful",),
    }
    mapped = open_corpus(small, label_map={"wistful": "sad"})
    assert mapped.utterances[-1].votes.counts == {"neu": 2, "sad": 2, "ang": 1}
    assert "wistful" not in " ".join(mapped.warnings)


def test_nothing_odd_needs_no_words(tmp_path: Path):
    assert open_corpus(release(tmp_path, {"Ses02M_impro02": HEADER + SECOND})).warnings == ()


def test_scripted_dialogs_when_asked_for(small: Path):
    corpus = open_corpus(small, scripted=True)
    assert len(corpus.utterances) == 8
    extra = next(u for u in corpus.utterances if "script" in u.id)
    assert (extra.speaker, extra.votes.consensus) == ("Ses01F", "frustration")
    assert extra.votes.counts == {"frustration": 2, "ang": 1}
    assert extra.file.parent.name == "Ses01F_script01_1"


def test_self_reports_when_asked_for(small: Path):
    votes = {name: u.votes for name, u in by_id(open_corpus(small, self_reports=True)).items()}
    assert votes["F000"].annotators == {
        "F1": ("hap",),
        "E2": ("neu", "frustration"),
        "E1": ("neu",),
        "E3": ("excited",),
    }
    assert votes["M001"].counts == {"neu": 1}
    assert votes["M001"].consensus == "neu"
    assert votes["2-M000"].annotators.keys() == {"E1", "E2", "E4"}


@pytest.mark.parametrize("name", ["excited", "Excited", "exc"])
def test_a_label_map_is_for_words_and_codes(small: Path, name):
    """(reading) the code is mapped as the words are; what had no agreement keeps none."""
    votes = {short: u.votes for short, u in by_id(open_corpus(small, label_map={name: "hap"})).items()}
    assert (votes["F001"].counts, votes["F001"].consensus) == ({"hap": 3}, "hap")
    assert (votes["M000"].counts, votes["M000"].consensus) == ({"hap": 2, "neu": 1}, "none")
    assert votes["F000"].counts == {"neu": 2, "frustration": 1, "hap": 1}
    assert dominant(votes["F001"]) == "hap"
    assert dominant(votes["M000"]) is None


def test_an_emotion_can_be_mapped_away(small: Path):
    votes = {name: u.votes for name, u in by_id(open_corpus(small, label_map={"neutral": "other"})).items()}
    assert (votes["F000"].counts, votes["F000"].consensus) == (
        {"other": 2, "frustration": 1, "excited": 1},
        "other",
    )


def test_the_order_of_the_lines_does_not_matter(tmp_path: Path):
    blocks = [block for block in FIRST.split(b"\n\n") if b"impro01_F000" not in block]  # whose comment wraps
    turned = []
    for block in reversed(blocks):
        head, *lines = block.replace(b",\nbelligerent", b"").strip().split(b"\n")
        turned.append(b"\n".join((head, *reversed(lines))))
    plain = open_corpus(release(tmp_path / "a", {"Ses01F_impro01": b"\n\n".join(blocks)}))
    other = open_corpus(release(tmp_path / "b", {"Ses01F_impro01": b"\xef\xbb\xbf" + b"\r".join(turned)}))
    assert other.data_hash() == plain.data_hash()
    assert len(other.utterances) == 5


GOOD = b"[1.0 - 2.0]\tSes01F_impro01_F000\tneu\t[2, 2, 2]\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"C-E1:\tNeutral;\t()\n" + GOOD, r"line 1: 'C-E1:.*' precedes any utterance"),
        (b"\n[1.0 - 2.0]\tSes01F_impro01_F000\tneu\n", r"line 2: .* is not `\[start - end\] ID label"),
        (b"[2.0 - 1.0]\tSes01F_impro01_F000\tneu\t[]\n", "seconds with the start before the end"),
        (b"[1.00001 - 1.00002]\tSes01F_impro01_F000\tneu\t[]\n", "seconds with the start before the end"),
        (b"[1e9 - 2.0]\tSes01F_impro01_F000\tneu\t[]\n", "line 1: "),
        (
            b"[1.0 - 2.0]\tSes1_impro01_F000\tneu\t[]\n",
            "'Ses1_impro01_F000' is not an id of IEMOCAP: an id",
        ),
        (b"[1.0 - 2.0]\tSes01F_impro01_000\tneu\t[]\n", "'Ses01F_impro01_000' is not an id of IEMOCAP"),
        (b"[1.0 - 2.0]\tSes01F_../../x_F000\tneu\t[]\n", "is not an id of IEMOCAP"),
        (
            b"[1 - 2]\tSes01F_impro01_F000\tneutral\t[]\n",
            "'neutral' is not a consensus: allowed are neu, .*, xxx",
        ),
        (GOOD + b"C-X1:\tNeutral;\t()\n", r"line 2: 'C-X1:.*' is not `C-E1: label; label"),
        (GOOD + b"C-E1\tNeutral;\t()\n", "line 2: 'C-E1.*' is not `C-E1: label"),
        (GOOD + b"E1:\tNeutral;\t()\n", "line 2: 'E1:.*' is none of"),
        (GOOD + b"C-E1:\tNeutral;\t(calm)\nangry)\n", r"line 3: 'angry\)' is none of"),
        (GOOD + b"Z" * 500, "line 2: 'Z{60}…' is none of"),
        (GOOD + GOOD, r"line 1 and .*, line 2 both hold utterance 'Ses01F_impro01_F000'"),
        (GOOD.decode().encode("utf-16"), "line 1: "),
        (b"", r"has no improvised utterance \(\*impro\*.txt\) in Session\*"),
    ],
)
def test_what_is_no_evaluation_is_refused(tmp_path: Path, content, words):
    with pytest.raises(CorpusError, match=words) as refusal:
        open_corpus(release(tmp_path, {"Ses01F_impro01": content}))
    assert str(refusal.value).startswith(str(tmp_path))
    assert "\n" not in str(refusal.value)


def test_an_id_in_two_files_is_refused(tmp_path: Path):
    release(tmp_path, {"Ses01F_impro01": GOOD, "Ses02F_impro01": b"\n" + GOOD})
    with pytest.raises(
        CorpusError, match=r"Ses01F_impro01\.txt, line 1 and .*Ses02F_impro01\.txt, line 2 both"
    ):
        open_corpus(tmp_path)


def test_only_scripted_dialogs(tmp_path: Path):
    release(tmp_path, {"Ses01F_script01_1": SCRIPTED})
    with pytest.raises(CorpusError, match="has no improvised utterance"):
        open_corpus(tmp_path)
    assert len(open_corpus(tmp_path, scripted=True).utterances) == 1


def test_recognised_by_its_folders(small: Path):
    assert iemocap.recognises(small)
    assert not iemocap.recognises(small / "Session1")
    assert not iemocap.recognises(small / "README.txt")
    with pytest.raises(
        CorpusError, match="is not a corpus of a known format: iemocap, a folder with IEMOCAP's"
    ):
        open_corpus(small / "Documentation")
    with pytest.raises(
        CorpusError, match=r"is not a folder with IEMOCAP's .*: it has no Session\*/dialog/EmoEvaluation"
    ):
        open_corpus(small / "Documentation", format="iemocap")
    with pytest.raises(CorpusError, match=r"cannot be read as IEMOCAP, a folder with .*: Not a directory"):
        open_corpus(small / "README.txt", format="iemocap")


def test_a_file_that_cannot_be_read_is_refused(small: Path):
    memory = Path("/proc/self/mem")  # opens, but reading its start is an error of the system, also for root
    if not memory.exists():
        pytest.skip("no /proc/self/mem on this system")
    (small / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro09.txt").symlink_to(memory)
    with pytest.raises(CorpusError, match=r"Ses01F_impro09\.txt cannot be read: "):
        open_corpus(small)


def test_links_that_lead_nowhere_are_refused(small: Path):
    dialog = small / "Session1" / "dialog" / "EmoEvaluation" / "Ses01F_impro09.txt"
    dialog.symlink_to(small / "gone.txt")
    with pytest.raises(CorpusError, match=r"Ses01F_impro09\.txt cannot be read: No such file"):
        open_corpus(small)
    dialog.unlink()
    dialog.mkdir()  # a folder is no dialog, whatever its name
    assert len(open_corpus(small).utterances) == 7
    dialog.rmdir()
    os.mkfifo(dialog)
    with pytest.raises(CorpusError, match=r"Ses01F_impro09\.txt cannot be read: it is not a regular file"):
        open_corpus(small)
    dialog.unlink()
    session = small / "Session4"
    session.symlink_to(session)
    with pytest.raises(CorpusError, match=r"Session4/dialog/EmoEvaluation cannot be read: Too many levels"):
        open_corpus(small)
    session.unlink()
    session.symlink_to(small / "gone")
    with pytest.raises(CorpusError, match=r"Session4 cannot be read: No such file"):
        open_corpus(small)


@pytest.mark.parametrize("closed", ["Session1", "Session1/dialog", "Session1/dialog/EmoEvaluation"])
def test_a_closed_folder_is_refused(small: Path, monkeypatch, closed: str):
    """The system's own answer is feigned, since root may enter everything."""

    def refusing(asked):
        def ask(path: Path, *args, **more):
            if (small / closed) in path.parents or (asked is iterdir and path == small / closed):
                raise PermissionError(13, "Permission denied", str(path))
            return asked(path, *args, **more)

        return ask

    iterdir = Path.iterdir
    monkeypatch.setattr(Path, "stat", refusing(Path.stat))
    monkeypatch.setattr(Path, "iterdir", refusing(iterdir))
    with pytest.raises(CorpusError, match=r"EmoEvaluation cannot be read: Permission denied"):
        open_corpus(small, "iemocap")


PIECES = st.sampled_from(
    [*FIRST.splitlines(keepends=True), b"[", b"C-E1:", b"\tNeutral;", b"(", b")", b"\n", b"A-", b"%", b"\x85"]
)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.lists(PIECES | st.binary(max_size=3), max_size=20).map(b"".join))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    root = release(tmp_path_factory.getbasetemp() / "fuzz-iemocap", {"Ses01F_impro01": content})
    for text in (content, FIRST + content):
        release(root, {"Ses01F_impro01": text})
        try:
            assert open_corpus(root).utterances
        except CorpusError as error:
            assert str(root) in str(error)

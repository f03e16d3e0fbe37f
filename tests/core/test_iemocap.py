"""IEMOCAP: a small tree with every oddity of the release, votes and targets worked out by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import Corpus, Utterance, iemocap, open_corpus
from mlee_core.corpora.iemocap import against_paper
from mlee_core.corpora.info import info
from mlee_core.errors import CorpusError
from mlee_core.labels import Votes, admits, dominant, existence_target, soft_target

HEADER = b"% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"

FIRST = b"""\
[12.0000 - 14.5000]\tSes01F_impro01_M000\txxx\t[2.5000, 2.5000, 2.5000]
A-E1:\tval 3; act 2; dom  2;\t()
C-E1:\tHappiness;\t()
C-E2:\tExcited;\t()
C-E3:\tNeutral state;\t()
C-M1:\tExcited;\t()

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-F1:\tHappiness;\t()
C-E2:\tNeutral; Frustration;\t(na\xefve \x85 (really))
A-E3:\tval 3; act 2; dom  2;\t(calm,
then not)
C-E1:\tNeutral;\t()
C-E3:\tExcited;\t()


[20 - 21.5]\tSes01F_impro01_F001\texc\t[4.5, 4.0, 3.0]
C-E1:\tExcited;\t()
C-E2:\tExcited; Happiness; Excited;\t()
C-E4:\tHappiness\t()

[22.0 - 23.0]\tSes01F_impro01_M001\tneu\t[2.5, 2.5, 2.5]
C-M1:\tNeutral;\t()

[24.0 - 25.0]\tSes01F_impro01_F002\tsad\t[2.0, 2.0, 2.0]
C-E1:\tSadness;\t()
C-E2:\t\t()

[26.0 - 27.0]\tSes01F_impro01_M002\tang\t[1.5, 4.0, 4.0]
C-E1:\tAnger;\t(threatening,
belligerent)
C-E2:\tAnger; Disgust; Other;\t()
C-E3:\tAnger;\t()
"""
SCRIPTED = b"""\
[1.0 - 2.0]\tSes01F_script01_1_F000\tfru\t[2.0, 2.0, 2.0]
C-E1:\tFrustration;\t()
C-E2:\tFrustration;\t()
C-E3:\tAnger;\t()
"""
SECOND = b"""\
[0.5 - 2.0]\tSes02M_impro02_M000\thap\t[4.0, 3.0, 3.0]
C-E1:\tHappiness;\t()
C-E2:\tHappiness;\t()
C-E4:\tSurprise; Fear;\t()
"""


def release(root: Path, dialogs: dict[str, bytes]) -> Path:
    """An IEMOCAP at `root` with these dialogs, by name."""
    for name, content in dialogs.items():
        folder = root / f"Session{int(name[3:5])}" / "dialog" / "EmoEvaluation"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.txt").write_bytes(content)
    return root


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Two sessions, one scripted dialog, and what else lies about in a copy of the release."""
    root = release(
        tmp_path / "IEMOCAP_full_release",
        {
            "Ses01F_impro01": HEADER + FIRST.replace(b"\n", b"\r\n"),
            "Ses01F_script01_1": HEADER + SCRIPTED,
            "Ses02M_impro02": HEADER + SECOND,
        },
    )
    folder = root / "Session1" / "dialog" / "EmoEvaluation"
    (folder / "._Ses01F_impro01.txt").write_bytes(b"\0\5\x16\7Mac OS X")
    (folder / "Categorical").mkdir()
    (folder / "Categorical" / "Ses01F_impro01_e2_cat.txt").write_bytes(b"Ses01F_impro01_F000 :Neutral; ()")
    (folder / "impro.txt").mkdir()
    (root / "Session1" / "sentences").mkdir()
    (root / "Documentation").mkdir()
    (root / "README.txt").write_bytes(b"IEMOCAP")
    return root


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
        "Session3: no dialog/EmoEvaluation there, so not read.",
        "1 dialogs' files hold no utterance.",
        "votes: fewer than 3 evaluators judged 1 of 8 utterances.",
        "votes: 1 of 8 utterances have none, so no label scheme admits them, whatever their consensus.",
        "votes: 1 annotators' lines hold no label and count as not given.",
        "votes: 1 annotators' lines are a second one on an utterance; labels are put together.",
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
        (b"C-E1:\tNeutral;\t()\n" + GOOD, r"line 1: 'C-E1:.*' stands before any utterance"),
        (b"\n[1.0 - 2.0]\tSes01F_impro01_F000\tneu\n", r"line 2: .* is no `\[start - end\] ID label"),
        (b"[2.0 - 1.0]\tSes01F_impro01_F000\tneu\t[]\n", "seconds with the start before the end"),
        (b"[1.00001 - 1.00002]\tSes01F_impro01_F000\tneu\t[]\n", "seconds with the start before the end"),
        (b"[1e9 - 2.0]\tSes01F_impro01_F000\tneu\t[]\n", "line 1: "),
        (
            b"[1.0 - 2.0]\tSes1_impro01_F000\tneu\t[]\n",
            "'Ses1_impro01_F000' names no IEMOCAP utterance: an id",
        ),
        (b"[1.0 - 2.0]\tSes01F_impro01_000\tneu\t[]\n", "'Ses01F_impro01_000' names no IEMOCAP utterance"),
        (b"[1.0 - 2.0]\tSes01F_../../x_F000\tneu\t[]\n", "names no IEMOCAP utterance"),
        (b"[1 - 2]\tSes01F_impro01_F000\tneutral\t[]\n", "'neutral' is no consensus, which are neu, .*, xxx"),
        (GOOD + b"C-X1:\tNeutral;\t()\n", r"line 2: 'C-X1:.*' is no `C-E1: label; label"),
        (GOOD + b"C-E1\tNeutral;\t()\n", "line 2: 'C-E1.*' is no `C-E1: label"),
        (GOOD + b"E1:\tNeutral;\t()\n", "line 2: 'E1:.*' is none of"),
        (GOOD + b"C-E1:\tNeutral;\t(calm)\nangry)\n", r"line 3: 'angry\)' is none of"),
        (GOOD + b"Z" * 500, "line 2: 'Z{60}…' is none of"),
        (GOOD + GOOD, r"line 1 and .*, line 2 both tell utterance 'Ses01F_impro01_F000'"),
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
    with pytest.raises(CorpusError, match="is no corpus of a known format: iemocap, a folder with IEMOCAP's"):
        open_corpus(small / "Documentation")
    with pytest.raises(
        CorpusError, match=r"is not a folder with IEMOCAP's .*: no Session\*/dialog/EmoEvaluation"
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


PIECES = st.sampled_from(
    [*FIRST.splitlines(keepends=True), b"[", b"C-E1:", b"\tNeutral;", b"(", b")", b"\n", b"A-", b"%", b"\x85"]
)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200) | st.lists(PIECES | st.binary(max_size=3), max_size=20).map(b"".join))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    root = release(tmp_path_factory.getbasetemp() / "fuzz", {"Ses01F_impro01": content})
    for text in (content, FIRST + content):
        release(root, {"Ses01F_impro01": text})
        try:
            assert open_corpus(root).utterances
        except CorpusError as error:
            assert str(root) in str(error)


# What the paper found


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
    assert first.startswith("The paper's numbers") and first.endswith("did not come out:")
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

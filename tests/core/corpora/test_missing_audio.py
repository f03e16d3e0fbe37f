"""Recordings that are missing or Git-LFS pointers: counted, listed, left out or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlee_core.corpora import Corpus, open_corpus
from mlee_core.corpora.missing_audio import count, path_in, present
from mlee_core.errors import CorpusError

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


def corpus(folder: Path, total: int, missing: int = 0, pointers: int = 0) -> Corpus:
    """Files w/000.wav …: the first `missing` are not there, then come pointers; the rest holds something."""
    (folder / "w").mkdir()
    names = [f"w/{i:03}.wav" for i in range(total)]
    for i, name in enumerate(names[missing:]):
        (folder / name).write_text(POINTER if i < pointers else "sound")
    rows = "".join(f"{name},s{i % 3},neu\n" for i, name in enumerate(names))
    (folder / "mine.csv").write_text("file,speaker,e1\n" + rows)
    return open_corpus(folder / "mine.csv")


def ids(utterances) -> list[str]:
    return [utterance.id for utterance in utterances]


def test_each_utterance_is_counted_once(tmp_path: Path):
    found = count(corpus(tmp_path, 6, missing=2, pointers=1))
    assert ids(found.missing) == ["w/000.wav", "w/001.wav"]
    assert ids(found.pointers) == ["w/002.wav"]
    assert ids(found.present) == ["w/003.wav", "w/004.wav", "w/005.wav"]
    assert len(found.absent) == 3


@pytest.mark.parametrize("name", ["w", "x" * 300 + ".wav", "a/b/c.wav", "w/000.wav/more.wav"])
def test_what_is_no_file_is_missing(tmp_path: Path, name):
    corpus(tmp_path, 1)
    (tmp_path / "mine.csv").write_text(f"file,speaker,e1\n{name},s,neu\n")
    assert ids(count(open_corpus(tmp_path / "mine.csv")).missing) == [name]


def test_a_whole_corpus_is_returned_as_it_is(tmp_path: Path):
    whole = corpus(tmp_path, 3)
    assert present(whole, skip_missing=False) is whole


def test_one_percent_is_left_out_with_a_warning(tmp_path: Path):
    whole = corpus(tmp_path, 200, missing=1, pointers=1)
    usable = present(whole, skip_missing=False)
    assert usable.utterances == whole.utterances[2:]
    assert usable.warnings == (
        f"{tmp_path}/mine.csv lacks the audio of 2 of 200 utterances (1 %), 1 of them Git-LFS pointers "
        "(run `git lfs pull` in the corpus's folder to fetch the real file): w/000.wav, w/001.wav; left out.",
    )
    assert usable.data_hash() != whole.data_hash(), "what a run was trained on is another corpus"


def test_more_is_refused_unless_it_is_asked_for(tmp_path: Path):
    whole = corpus(tmp_path, 199, missing=8)
    with pytest.raises(CorpusError) as refusal:
        present(whole, skip_missing=False)
    assert str(refusal.value) == (
        f"{tmp_path}/mine.csv lacks the audio of 8 of 199 utterances (4.02 %): w/000.wav, w/001.wav, "
        "w/002.wav, w/003.wav, w/004.wav and 3 more; --skip-missing leaves out more than 1 %, "
        f"`mlee corpus info {tmp_path}/mine.csv --missing` lists them all."
    )
    usable = present(whole, skip_missing=True)
    assert ids(usable.utterances) == ids(whole.utterances[8:])
    assert usable.warnings[0].endswith("and 3 more; left out.")


@pytest.mark.parametrize(("total", "missing", "refused"), [(100, 1, False), (99, 1, True), (200, 3, True)])
def test_the_border_is_exact(tmp_path: Path, total, missing, refused):
    whole = corpus(tmp_path, total, missing)
    if refused:
        with pytest.raises(CorpusError, match="--skip-missing"):
            present(whole, skip_missing=False)
    else:
        assert len(present(whole, skip_missing=False).utterances) == total - missing


def test_nothing_is_left(tmp_path: Path):
    whole = corpus(tmp_path, 4, missing=1, pointers=3)
    with pytest.raises(
        CorpusError, match=r"of 4 of 4 utterances \(100 %\), 3 of them Git-LFS .*; no audio remains"
    ):
        present(whole, skip_missing=True)


def test_paths_are_told_from_the_corpus_on(tmp_path: Path, monkeypatch):
    corpus(tmp_path, 1)
    rows = "w/a.wav,s,neu\n/else/b.wav,s,neu\n"
    (tmp_path / "mine.csv").write_text("file,speaker,e1\n" + rows)
    monkeypatch.chdir(tmp_path)
    for root in (tmp_path / "mine.csv", Path("mine.csv")):
        opened = open_corpus(root)
        assert [path_in(opened, u) for u in opened.utterances] == ["w/a.wav", "/else/b.wav"]


def test_of_real_corpora(shared_data: Path):
    assert count(open_corpus(shared_data / "emodb")).absent == ()
    cremad = count(open_corpus(shared_data / "cremad"))
    assert (len(cremad.present), len(cremad.missing), len(cremad.pointers)) == (0, 7442, 0)

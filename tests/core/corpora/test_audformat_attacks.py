"""audformat databases of strangers: nothing in them runs, and what is damaged is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import audformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.corpora import open_corpus
from mlee_core.errors import CorpusError
from tests.helpers.audformat_made import foreign, saved


class Attack:
    """Unpickled, it makes the folder that `path` names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_never_opened(tmp_path: Path):
    root, proof = saved(tmp_path / "db", foreign()), tmp_path / "ran"
    expected = open_corpus(root).data_hash()
    for table in ("emotion", "files", "emotion.categories.train"):
        (root / f"db.{table}.pkl").write_bytes(pickle.dumps(Attack(proof)))
    assert open_corpus(root).data_hash() == expected
    (root / "db.emotion.parquet").unlink()
    with pytest.raises(CorpusError, match=r"db\.emotion\.pkl is a pickle, which is never opened"):
        open_corpus(root)
    assert not proof.exists()
    with pytest.raises(Exception, match="Cannot load pickle file"):
        audformat.Database.load(str(root))["emotion"].get()  # audformat itself does open it:
    assert proof.exists()


def test_a_header_cannot_run_anything(tmp_path: Path):
    root, proof = saved(tmp_path / "db", foreign()), tmp_path / "ran"
    header = root / "db.yaml"
    call = f"meta: !!python/object/apply:os.mkdir ['{proof}']\n"
    header.write_text(header.read_text() + call)
    assert len(open_corpus(root).utterances) == 4
    assert not proof.exists()


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", "it is not a mapping"),
        ("- a\n- b\n", "it is not a mapping"),
        ("a: [", "cannot be read as YAML"),
        ("[" * 5_000, "cannot be read as YAML"),
        ("- " * 5_000, "cannot be read as YAML"),
        ("a: &a [*a]", "cannot be read as YAML"),
        (b"\xff\xfe\xff", "cannot be read as YAML"),
        ("name: x\n" * 600_000, "not a file, or too large"),
        ("tables: 5", "tables is not a mapping"),
        ("tables: {t: 5}", "'t' in tables is not a table"),
        ("tables: {../t: {type: filewise}}", r"'\.\./t' in tables is not a table"),
        ("tables: {t: {columns: [a]}}", "tables t is not a mapping"),
        ("name: x", "has no column 'emotion' in a filewise table"),
        ("tables: {t: {type: filewise, columns: {emotion: {}}}}", "lacks table t: db.t.parquet or db.t.csv"),
        ("mlee: 2", "mlee: '2' was written by another version"),
        ("mlee: 1", "lacks table utterances"),
    ],
)
def test_headers_that_are_none(tmp_path: Path, header, words):
    (tmp_path / "db.yaml").write_bytes(header if isinstance(header, bytes) else header.encode())
    with pytest.raises(CorpusError, match=words) as refusal:
        open_corpus(tmp_path)
    assert "\n" not in str(refusal.value)
    assert str(tmp_path) in str(refusal.value)


def test_a_folder_without_a_header(tmp_path: Path):
    with pytest.raises(
        CorpusError, match=r"/db\.yaml does not exist: an audformat database is a folder with"
    ):
        open_corpus(tmp_path, "audformat")


def test_merged_keys_do_not_explode(tmp_path: Path):
    """Nine merges of nine merges of …: a loader that follows them needs 9 to the 20th entries."""
    lines = ["k0: &k0 {a: b}"]
    lines += [f"k{i}: &k{i} {{<<: [{', '.join([f'*k{i - 1}'] * 9)}]}}" for i in range(1, 20)]
    (tmp_path / "db.yaml").write_text("\n".join(lines))
    with pytest.raises(CorpusError, match="has no column 'emotion'"):
        open_corpus(tmp_path)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_damaged_files_are_read_or_refused(tmp_path_factory, data):
    root = tmp_path_factory.getbasetemp() / "fuzz-audformat"
    if not root.exists():
        saved(root, foreign())
    file = data.draw(st.sampled_from(sorted(root.iterdir())))
    whole = file.read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    file.write_bytes(damaged[: data.draw(st.sampled_from([len(whole), len(whole) // 2]))])
    try:
        assert open_corpus(root, "audformat").utterances
    except CorpusError as error:
        assert str(root) in str(error)
    finally:
        file.write_bytes(whole)

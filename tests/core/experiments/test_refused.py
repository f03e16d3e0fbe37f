"""What an experiment does not accept: another corpus, configuration or selection than it was begun with, and
a corpus that cannot be trained on. One line each on stderr, exit 2, and nothing in the run folder changes."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlee_core import cli
from mlee_core.events import Event, Finished
from mlee_core.experiments.experiment import Experiment
from mlee_core.runs.run_folder import RunFolder
from mlee_core.training import devices
from tests.helpers import made_data
from tests.helpers.run_folders import snapshot

pytestmark = pytest.mark.timeout(900)  # the first of them trains, which may wait for the machine

Row = dict[str, str]
Rows = list[Row]


def table3(table: Path, run: Path, *more: object) -> int:
    return cli.main(["table3", str(table), "--run", str(run), "--quiet", "--json", *map(str, more)])


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """One line on stderr, the importer's notes aside, that holds the words."""
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("mlee: note: ")]
    assert len(lines) == 1 and lines[0].startswith("mlee: "), lines
    for word in words:
        assert word in lines[0]


def changed(table: Path, to: Path, change: Callable[[Rows], Rows]) -> Path:
    """Another table of the same recordings, under the same ids."""
    with open(table, newline="", encoding="utf-8") as file:
        rows = change([{"id": row["file"], **row} for row in csv.DictReader(file)])
    for row in rows:
        if not (to.parent / row["file"]).exists() and (table.parent / row["file"]).exists():
            (to.parent / row["file"]).symlink_to(table.parent / row["file"])
    with open(to, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return to


# ---- another one than it was begun with -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--only s0", "folds had s1 and now do not"),
        ("--rows dominant mlee pretrain fusion-soft", "rows had fusion-hard and now do not"),
        ("--train-sets all", "train sets had dominant and now do not"),
        ("--max-epochs 4", "recipe was paper with max_epochs 3 and is now paper with max_epochs 4"),
        ("--level peak", "recipe was paper with max_epochs 3 and is now paper with level peak, max_epochs 3"),
        ("--seed 1", "seed was 0 and is now 1"),
        ("--exists-from 20%", "exists_from was 1 and is now 20%"),
        ("--threads 2", "compute.threads was 1 and is now 2"),
        ("--map other=sad", "label_map was empty and is now other=sad"),
        ("--folds 3", "it has other folds (s0, s1, s2)"),
    ],
)
def test_another_experiment_is_refused(
    small_table: Path, straight: Path, capsys: pytest.CaptureFixture[str], options: str, words: str
) -> None:
    before = snapshot(straight)
    assert table3(small_table, straight, "--resume", *options.split()) == 2
    refused(capsys, f"{straight} cannot be resumed: ", words)
    assert snapshot(straight) == before


def test_other_parts_under_the_same_names_are_refused(
    small_table: Path, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = json.loads((straight / "folds.json").read_text())
    first = parts["folds"][0]
    first["dev"], first["train"] = first["train"], first["dev"]
    (tmp_path / "folds.json").write_text(json.dumps(parts))
    before = snapshot(straight)
    assert table3(small_table, straight, "--resume", "--folds", tmp_path / "folds.json") == 2
    refused(capsys, "it has other folds")
    assert snapshot(straight) == before


def test_fewer_seeds_are_refused(
    small_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Experiment, "train", _nothing)
    assert table3(small_table, tmp_path / "run", "--seeds", 2) == 0
    capsys.readouterr()
    assert table3(small_table, tmp_path / "run", "--resume", "--seeds", 1) == 2
    refused(capsys, "seeds were 2 and are now 1")
    assert RunFolder(tmp_path / "run").config().selection.seeds == 2


def _nothing(_: Experiment) -> Iterator[Event]:
    yield Finished("nothing")


def _of_another_vote(rows: Rows) -> Rows:
    rows[3]["ang"] = "1"
    return rows


CHANGES: dict[str, Callable[[Rows], Rows]] = {
    "1 utterances are labelled differently (s0_hap_1.wav first)": _of_another_vote,
    "1 utterances are missing (s0_neu_0.wav first)": lambda rows: rows[1:],
    "10 utterances are missing (s2_neu_0.wav first)": lambda rows: [r for r in rows if r["speaker"] != "s2"],
    "1 utterances are new (more first)": lambda rows: [*rows, {**rows[0], "id": "more", "file": "more.wav"}],
    "1 utterances are of another speaker (s0_neu_0.wav": lambda rows: [
        {**rows[0], "speaker": "s1"},
        *rows[1:],
    ],
    "its utterances are in another order": lambda rows: [*rows[1:], rows[0]],
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_changed_corpus_is_refused(
    small_table: Path, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    shutil.copy(small_table.parent / "s0_neu_0.wav", tmp_path / "more.wav")
    other = changed(small_table, tmp_path / "table.csv", CHANGES[words])
    before = snapshot(straight)
    assert table3(other, straight, "--resume") == 2
    refused(capsys, "its corpus has changed, ", words)
    assert snapshot(straight) == before


def test_a_corpus_that_has_moved_is_the_same(
    small_table: Path, straight: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a finished experiment has nothing left to train: its weights stay untouched."""
    run = shutil.copytree(straight, tmp_path / "run")
    moved = changed(small_table, tmp_path / "table.csv", lambda rows: rows)
    before = {file: data for file, data in snapshot(run).items() if "/seed-0/" in file}
    assert table3(moved, run, "--resume") == 0
    types = [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()]
    assert types == ["started", "finished"]
    assert {file: data for file, data in snapshot(run).items() if "/seed-0/" in file} == before
    assert RunFolder(run).corpus().utterances[0].file == tmp_path / "s0_neu_0.wav"


def test_a_run_in_work_is_left_alone(
    small_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Experiment, "train", _nothing)
    assert table3(small_table, tmp_path / "run", "--only", "s0") == 0
    capsys.readouterr()
    with RunFolder(tmp_path / "run").writing():
        before = snapshot(tmp_path / "run")
        assert table3(small_table, tmp_path / "run", "--resume", "--only", "s0", "s1") == 2
        refused(capsys, "is being written by another process")
        assert snapshot(tmp_path / "run") == before


# ---- a corpus that cannot be trained on ------------------------------------------------------------------

UNTRAINABLE: dict[str, tuple[str, Callable[[Rows], Rows]]] = {
    "one speaker": ("has 1 speakers: folds need at least 3", lambda rows: rows[:10]),
    "two speakers": ("has 2 speakers: folds need at least 3", lambda rows: rows[:20]),
    "an absent class": (
        "fold s1: class sad is dominant in no utterance of this training set",
        lambda rows: [row for row in rows if not row["id"].startswith("s0_sad")],
    ),
    "nobody develops": (
        "fold s0: dominant-hard: no utterance of the development speakers is admitted",
        lambda rows: [r for r in rows if r["speaker"] != "s1" or r["id"].startswith("s1_other")],
    ),
    "an id twice": (
        "rows 2 and 3 have the same id 's0_neu_0.wav'",
        lambda rows: [rows[0], {**rows[1], "id": rows[0]["id"]}, *rows[2:]],
    ),
    "missing audio": (
        "lacks the audio of 1 of 31 utterances (3.23 %): gone.wav",
        lambda rows: [*rows, {**rows[0], "id": "gone", "file": "gone.wav"}],
    ),
}


@pytest.mark.parametrize("what", UNTRAINABLE)
def test_a_corpus_that_cannot_be_trained_on_is_refused_before_a_run_begins(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    words, change = UNTRAINABLE[what]
    table = changed(small_table, tmp_path / "table.csv", change)
    assert table3(table, tmp_path / "run") == 2
    refused(capsys, words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("missing", "options"), [(1, ()), (40, ("--skip-missing",))])
def test_a_few_missing_recordings_are_left_out_and_many_only_if_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: int,
    options: tuple[str, ...],
) -> None:
    """1 of 105 is below 1 %."""
    monkeypatch.setattr(Experiment, "train", _nothing)
    table = made_data.corpus(tmp_path / "corpus", speakers=3, each=7, shortest_s=0.01)
    for file in sorted(table.parent.glob("*_?.wav"), key=lambda file: file.stem[-1])[:missing]:
        file.unlink()
    assert table3(table, tmp_path / "run", *options) == 0
    capsys.readouterr()
    assert len(RunFolder(tmp_path / "run").corpus().utterances) == 105 - missing


def test_a_damaged_recording_ends_the_run_with_its_name(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = changed(small_table, tmp_path / "table.csv", lambda rows: rows)
    (tmp_path / "s1_sad_0.wav").unlink()
    (tmp_path / "s1_sad_0.wav").write_text("no sound in here\n" * 50)
    assert table3(table, tmp_path / "run") == 2
    refused(capsys, "s1_sad_0.wav")
    run = RunFolder(tmp_path / "run")
    assert [line["type"] for line in run.events()][-1] == "failed"
    assert not list(run.path.glob("mlee-scratch-*"))


def with_a_duplicate(table: Path, to: Path) -> Path:
    """s2's third recording is s1's first, under another name."""
    made = changed(table, to, lambda rows: rows)
    (to.parent / "s2_hap_0.wav").unlink()
    shutil.copy(table.parent / "s1_neu_0.wav", to.parent / "s2_hap_0.wav")
    return made


@pytest.mark.parametrize(
    ("fold", "words"),
    [
        ("s1", "s1_neu_0.wav of speaker s1, whom fold s1 tests, is the same recording as s2_hap_0.wav of "
         "speaker s2 in its development part"),
        ("s2", "s2_hap_0.wav of speaker s2, whom fold s2 tests, is the same recording as s1_neu_0.wav of "
         "speaker s1 in its training part"),
    ],
)  # fmt: skip
def test_a_test_recording_in_another_part_is_refused_with_both_names(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fold: str, words: str
) -> None:
    table = with_a_duplicate(small_table, tmp_path / "table.csv")
    assert table3(table, tmp_path / "run", "--only", fold, "--rows", "mlee") == 2
    refused(capsys, words, "allow it with --allow-duplicates")
    assert not RunFolder(tmp_path / "run").results()


def test_duplicates_that_are_allowed_mark_the_report(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two recordings of one speaker, and of two speakers of the same part, may be the same in any case."""
    table, run = with_a_duplicate(small_table, tmp_path / "table.csv"), tmp_path / "run"
    what = ("--only", "s1", "--rows", "dominant-hard", "--max-epochs", 1, "--jobs", 1)
    assert table3(table, run, *what) == 2
    capsys.readouterr()
    assert table3(table, run, *what, "--resume", "--allow-duplicates") == 0
    capsys.readouterr()
    assert cli.main(["report", str(run)]) == 0
    assert "Duplicates allowed: networks may have learnt from recordings" in capsys.readouterr().out
    assert table3(table, tmp_path / "run0", "--only", "s0", *what[2:]) == 0  # s0 tests neither


def test_existence_from_no_vote_is_refused(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table3(small_table, tmp_path / "run", "--exists-from", "0") == 2
    refused(capsys, "existence from '0': allowed are a whole number of votes from 1, or a share")


def test_bf16_is_refused_where_it_would_be_emulated(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "dtype", lambda device: "fp32")
    assert table3(small_table, tmp_path / "run", "--dtype", "bf16") == 2
    refused(capsys, "dtype bf16: cpu of this machine does not support it", "allowed is fp32")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("warp", "setting warp (--set): expected NAME=VALUE"),
        ("warp=2", "warp 2.0: allowed are shares from 0 to 0.5"),
        ("colour=1", "setting 'colour': a recipe has level"),
    ],
)
def test_settings_of_a_recipe_are_refused_with_what_is_allowed(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], setting: str, words: str
) -> None:
    assert table3(small_table, tmp_path / "run", "--recipe", "best", "--set", setting) == 2
    refused(capsys, words)


def test_a_gpu_that_is_not_there_is_refused_with_what_is(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert table3(small_table, tmp_path / "run", "--device", "cuda:0") == 2
    refused(capsys, "device 'cuda:0' is not available on this machine", "allowed are cpu")

"""`mlee train` on contradictions and on a disk that refuses: one sentence, and no run is overwritten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlee_core import cli
from mlee_core.config.run_config import Selection
from mlee_core.experiments.experiment import Experiment
from mlee_core.nets import tensor_file
from mlee_core.runs.run_folder import RunFolder
from tests.helpers import made_data


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, each=1)


def train(table: Path, *more: object) -> int:
    return cli.main(
        ["train", str(table), "--row", "dominant", "--label", "hard", "--max-epochs", "1", *map(str, more)]
    )


def refused(capsys: pytest.CaptureFixture[str], words: str) -> None:
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and words in lines[0], lines


def test_another_fold_does_not_overwrite_a_runs_model(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Experiment, "train", lambda _: (event for event in ()))
    assert train(table, "--run", tmp_path / "run", "--fold", "s0") == 0
    capsys.readouterr()
    before = (tmp_path / "run" / "folds.json").read_bytes()
    assert train(table, "--run", tmp_path / "run", "--fold", "s1", "--resume") == 2
    refused(capsys, "it has other folds (s0)")
    assert (tmp_path / "run" / "folds.json").read_bytes() == before


def test_contradictions_are_refused_before_a_run_begins(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert train(table, "--resume") == 2
    refused(capsys, "--resume without --run")
    assert train(table, "--seed", -1, "--run", "run") == 2
    refused(capsys, "seed -1: allowed are whole numbers from 0")
    assert not list(tmp_path.iterdir())


def test_a_corpus_that_cannot_train_is_refused_before_a_run_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = made_data.corpus(tmp_path / "corpus", speakers=3, each=1)
    (tmp_path / "corpus" / "s2_neu_0.wav").unlink()
    assert train(table, "--run", tmp_path / "run") == 2
    refused(capsys, "lacks the audio of 1 of 15 utterances (6.67 %): s2_neu_0.wav")
    lines = [row for row in table.read_text().splitlines() if "_sad_" not in row]
    (tmp_path / "corpus" / "few.csv").write_text("\n".join(row for row in lines if "s2_neu" not in row))
    assert train(tmp_path / "corpus" / "few.csv", "--run", tmp_path / "run") == 2
    refused(capsys, "fold s0: class neu, sad is dominant in no utterance")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_is_told_and_kept_in_the_events(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise tensor_file.SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    def saving(*_: object) -> Iterator[None]:
        tensor_file.save(tmp_path / "run" / "last.safetensors", {}, {})
        yield None

    monkeypatch.setattr(tensor_file, "save_file", full)
    monkeypatch.setattr(Experiment, "train", saving)
    assert train(table, "--run", tmp_path / "run") == 2
    told = capsys.readouterr().err.splitlines()
    assert "cannot be written: No space left on device; " in told[-1] and "--resume" in told[-1]
    last = (tmp_path / "run" / "events.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["type"] == "failed"
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_a_resumed_run_takes_another_stage_but_no_run_of_an_older_version(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Experiment, "train", lambda _: (event for event in ()))
    run = RunFolder(tmp_path / "run")
    assert train(table, "--run", run.path, "--fold", "s1") == 0
    assert [cell.name for cell in run.cells()] == ["s1/seed-0/dominant-hard"]
    assert train(table, "--run", run.path, "--resume", "--row", "pretrain", "--label", "soft") == 0
    selection = run.config().selection
    assert selection == Selection(("dominant-hard", "pretrain-soft"), ("all",), ("s1",))
    old = {**run.config().to_json(), "selection": None}
    (run.path / "config.json").write_text(json.dumps(old))
    capsys.readouterr()
    assert train(table, "--run", run.path, "--resume") == 2
    refused(capsys, "it has no selection, like all runs of older versions of mlee train")

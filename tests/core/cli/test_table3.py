"""What `mlee table3` prints before and while it trains, and what its options ask for; no training here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from mlee_core import cli
from mlee_core.config.recipe import Recipe
from mlee_core.config.run_config import Compute, RunConfig
from mlee_core.corpora import open_corpus
from mlee_core.events import EpochDone, Event, Failed, Progress, StageDone
from mlee_core.experiments import speed_trial
from mlee_core.experiments.experiment import Experiment
from mlee_core.runs.forecast import Speed
from mlee_core.runs.run_folder import RunFolder
from tests.helpers import made_data

SPEED = Speed(train_s=0.001, features_s=0.01, mean_duration_s=1.0, memory_bytes=10**9)
CELL = {"fold": "s0", "seed": 0}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, each=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Experiment]:
    """The experiments that were begun; trial and training are stand-ins."""
    begun: list[Experiment] = []

    def measured(_: Experiment) -> Generator[Progress, None, Speed]:
        yield Progress("Trying", 1, 1)
        return SPEED

    def trained(self: Experiment) -> Generator[Event]:
        begun.append(self)
        yield Progress("Epoch 1", 1, 2, stage="mlee-all", epoch=1, **CELL)
        yield EpochDone("mlee-all", 1, 1.5, 1.25, 0.5, 0.25, True, 3.0, **CELL)
        yield StageDone("mlee-all", 1, 1.25, 0.75, 0.625, **CELL)
        yield Failed("no luck.", "pretrain-hard-all", **CELL)

    monkeypatch.setattr(Experiment, "trial", measured)
    monkeypatch.setattr(Experiment, "train", trained)
    monkeypatch.setattr("mlee_core.cli.table3.collect", lambda _: ("the report",))
    monkeypatch.setattr("mlee_core.cli.report.report_text", "{}, in words".format)
    monkeypatch.setattr("mlee_core.cli.report.written", lambda *_, **__: None)
    return begun


def table3(table: Path, *more: object) -> int:
    return cli.main(["table3", str(table), *map(str, more)])


def test_the_plan_is_told_and_nothing_is_written(
    table: Path, asked: list[Experiment], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table3(table, "--plan", "--run", tmp_path / "run", "--seeds", 2, "--jobs", 2) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert said["stages"] == "78 = 3 folds × 2 seeds × (5 encoders + 8 rows on top of them)"
    assert said["machine"].startswith("cpu") and "2 trainings at once" in said["machine"]
    assert said["memory"] == "about 6.0 GB"
    assert "if encoders stop after 20 epochs, at most" in said["time"]
    assert not (tmp_path / "run").exists() and not asked


def test_the_plan_as_json(
    table: Path, asked: list[Experiment], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table3(table, "--plan", "--json", "--rows", "dominant-hard", "--run", tmp_path / "run") == 0
    cost = json.loads(capsys.readouterr().out)
    assert (cost["cells"], cost["done"]) == (3, 0)
    assert 0 < cost["seconds"] < cost["most_seconds"]


def test_a_smoke_run_is_everything_once(table: Path, asked: list[Experiment], tmp_path: Path) -> None:
    assert table3(table, "--smoke", "--run", tmp_path / "run", "--seeds", 3) == 0
    (smoke,) = asked
    assert len(smoke.cells) == 13 and {cell.fold for cell in smoke.cells} == {"s0"}
    assert smoke.config.recipe.max_epochs == 2
    assert smoke.config.recipe.level == "none"  # the paper's


def test_what_is_printed(
    table: Path, asked: list[Experiment], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    epoch = "s0 mlee-all epoch 1: loss 1.5000, development loss 1.2500 WA 50.0 % UA 25.0 %, 3.0 s *"
    table_3 = "the report, in words"
    stage = "s0 mlee-all: best epoch 1, test WA 75.0 % UA 62.5 %"
    assert table3(table, "--run", tmp_path / "a") == 0
    assert capsys.readouterr().out.splitlines() == [epoch, stage, "s0 no luck.", table_3]
    assert table3(table, "--run", tmp_path / "b", "--quiet") == 0
    quiet = capsys.readouterr()
    assert quiet.out.splitlines() == [stage, "s0 no luck.", table_3]
    assert table3(table, "--run", tmp_path / "c", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["progress", "epoch_done", "stage_done", "failed"]
    kept = [line["type"] for line in RunFolder(tmp_path / "c").events()]
    assert kept == ["epoch_done", "stage_done", "failed"]


def test_seeds_are_named_where_there_are_several(
    table: Path, asked: list[Experiment], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table3(table, "--run", tmp_path / "a", "--seeds", 2, "--quiet") == 0
    assert capsys.readouterr().out.startswith("s0 seed 0 mlee-all")


def test_a_run_goes_on_with_what_it_was_begun_with(
    table: Path, asked: list[Experiment], tmp_path: Path
) -> None:
    options = ("--rows", "mlee", "--only", "s1", "--max-epochs", 7, "--level", "peak", "--seed", 5)
    assert table3(table, *options, "--dtype", "fp32", "--map", "other=sad", "--run", tmp_path / "run") == 0
    assert table3(table, "--run", tmp_path / "run", "--resume") == 0
    assert asked[0].config == asked[1].config
    assert asked[1].config.seed == 5 and asked[1].config.label_map == (("other", "sad"),)
    assert {cell.stage.name for cell in asked[1].cells} == {"mlee-dominant", "mlee-all"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--smoke", "--resume"), "--smoke with --resume"),
        (("--resume",), "--resume without --run"),
        (("--jobs", 0), "--jobs 0: allowed are whole numbers from 1"),
        (("--seeds", 0), "0 seeds: allowed are whole numbers from 1"),
        (("--only", "nobody"), "fold 'nobody': the folds are s0, s1, s2"),
        (("--rows", "winner"), "row 'winner': allowed are dominant-hard"),
        (("--folds", "every"), "folds 'every'"),
        (("--threads", 0), "0 threads"),
    ],
)
def test_contradictions_are_refused(
    table: Path,
    asked: list[Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[object, ...],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert table3(table, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not asked and not list(tmp_path.iterdir())


def test_a_disk_that_is_too_small_is_told_before(
    table: Path,
    asked: list[Experiment],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 10**7))
    assert table3(table, "--run", tmp_path / "run") == 2
    assert "GB of disk, 0.0 GB are free: choose another folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_trial_measures_in_processes_of_its_own(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    corpus = open_corpus(table)
    compute = Compute(dtype="fp32")
    config = RunConfig(
        (str(table),), "table", (), corpus.data_hash(), Recipe(), compute, 0, selection=made_data.SELECTION
    )
    work = speed_trial.measure(config, corpus, 2)
    told = []
    try:
        while True:
            told.append(next(work))
    except StopIteration as end:
        speed = end.value
    assert {p.what for p in told} == {"Computing features", "Trying training steps"}
    assert 0 < speed.train_s < 1 and speed.features_s > 0
    assert speed.mean_duration_s == pytest.approx(0.67)  # all files last 0.7 s: 67 frames
    assert speed.memory_bytes > 100e6
    assert not list(tmp_path.iterdir())  # its features and logs are gone


def test_a_word_that_is_no_option_is_one_line_too(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        table3(table, "--seeds", "many")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mlee: argument --seeds: invalid int value: 'many' (mlee table3 --help")

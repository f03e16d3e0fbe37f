"""Existence from more than one vote, from the option to targets, keys, run folder, model and report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core import cli
from mlee_core.config.stages import Stage
from mlee_core.corpora import folds, open_corpus
from mlee_core.experiments import cell_training
from mlee_core.inference import model_file
from mlee_core.labels.targets import ExistsFrom
from mlee_core.runs.run_folder import RunFolder

pytestmark = pytest.mark.timeout(900)  # it trains, which may wait for the machine

TWO = ExistsFrom(2)


@pytest.fixture(scope="module")
def run(small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("runs") / "two"
    what = ("--only", "s0", "--rows", "mlee", "--train-sets", "all", "--max-epochs", "1", "--jobs", "1")
    options = ("--run", str(folder), "--exists-from", "2", "--quiet", "--json")
    assert cli.main(["table3", str(small_table), *what, *options]) == 0
    return RunFolder(folder)


def test_the_run_its_model_and_its_report_name_it(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.config().exists_from == TWO
    assert model_file.info(run.path / "s0" / "model.safetensors").exists_from == TWO
    assert cli.main(["report", str(run.path)]) == 0
    assert "Existence from 2 votes" in capsys.readouterr().out
    assert "existence from | 2 votes" in (run.path / "report" / "report.md").read_text(encoding="utf-8")
    assert json.loads((run.path / "report" / "report.json").read_text())["setting"]["exists_from"] == {
        "votes": 2,
        "share": 0.0,
    }


def test_a_resumed_run_keeps_it(
    run: RunFolder, small_table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = run.config()
    assert cli.main(["table3", str(small_table), "--run", str(run.path), "--resume", "--quiet"]) == 0
    assert run.config() == before


def test_keys_differ_where_targets_do(small_table: Path, run: RunFolder, tmp_path: Path) -> None:
    corpus = open_corpus(small_table)
    fold = folds.loso(corpus).folds[0]
    one = replace(run.config(), exists_from=ExistsFrom())
    *_, work = _with_return(cell_training.prepare(run, one, corpus, tmp_path))

    def key(exists_from: ExistsFrom, stage: Stage) -> str:
        config = replace(one, exists_from=exists_from).for_stage(stage)
        return cell_training.stage_data(config, corpus, fold, work.store, [], []).key

    mlee, soft = Stage("mlee", None, "all"), Stage("dominant", "soft", "all")
    assert key(TWO, mlee) == run.results()[0].key != key(ExistsFrom(), mlee)
    assert key(TWO, soft) == key(ExistsFrom(), soft)
    assert key(ExistsFrom(share=0.3), mlee) == key(TWO, mlee)  # of three or four annotators two are needed


def _with_return(generator):  # type: ignore[no-untyped-def]
    yield (yield from generator)

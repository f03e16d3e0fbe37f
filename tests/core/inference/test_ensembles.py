"""Ensembles: networks trained side by side, one model, and every score from the mean of their outputs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mlee_core import cli
from mlee_core.audio.decoding import Decoder
from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.recipe import RECIPES, Recipe
from mlee_core.config.run_config import Compute, RunConfig
from mlee_core.config.stages import Stage
from mlee_core.errors import ConfigError, RunError
from mlee_core.evaluation.calibration import Scaling
from mlee_core.experiments.builder import experiment
from mlee_core.inference import model_file
from mlee_core.inference.analyzer import Analyzer
from mlee_core.jobs.queue import QueueFile
from mlee_core.nets import tensor_file
from mlee_core.report import collect
from mlee_core.runs.cells import RESULT, Cell
from mlee_core.runs.run_folder import RunFolder
from tests.helpers import made_data
from tests.helpers.analysis import analyze
from tests.helpers.run_folders import finished, table3

MLEE = Stage("mlee", None, "all")
HALF = 2e-3
"""What storing weights in half precision may change of a probability."""


@pytest.fixture(scope="module")
def run(small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLEE by two networks, calibrated, on one fold and two epochs."""
    folder = tmp_path_factory.mktemp("ensembles") / "run"
    rows = ("--rows", "mlee", "--train-sets", "all", "--only", "s0", "--jobs", 1)
    finished(table3(small_table, folder, "--recipe", "best", "--set", "cycle=2", "ensemble=2", *rows))
    return folder


def test_the_seeds_of_an_ensemble_follow_each_other() -> None:
    config = RunConfig((), None, (), "", Recipe(ensemble=3), Compute(), 5, selection=made_data.SELECTION)
    assert [list(seeds) for seeds in config.ensembles] == [[5, 6, 7]]
    twice = replace(config, selection=replace(config.selection, seeds=2))
    assert [list(seeds) for seeds in twice.ensembles] == [[5, 6, 7], [8, 9, 10]]
    with pytest.raises(ConfigError, match="ensemble 0: allowed are whole numbers from 1"):
        Recipe(ensemble=0)


def test_every_member_is_trained_from_its_own_seed(run: Path) -> None:
    cells = RunFolder(run).cells()
    assert [cell.seed for cell in cells] == [0, 1] and {cell.fold for cell in cells} == {"s0"}
    first, second = (
        tensor_file.load(RunFolder(run).stage_folder(cell) / "best.safetensors")[0] for cell in cells
    )
    name = "network.classifier.dense1.weight"
    assert not np.allclose(first[name], second[name])


def test_a_model_holds_all_members_and_predicts_what_the_report_holds(run: Path, small_table: Path) -> None:
    report, predictions = collect(RunFolder(run))
    together = {p.utterance.id: p for p in predictions}
    assert len(together) == len(predictions) and report.setting.ensemble == 2 and not report.setting.repeated
    bundle = model_file.load(model_file.find(str(run / "s0")))
    results = [RunFolder(run).result(Cell("s0", seed, MLEE)) for seed in (0, 1)]
    assert 0 < bundle.perhaps_from <= 0.5 and bundle.cut == "full"
    for member, result in zip(bundle.members, results, strict=True):
        assert result is not None and result.offset > 0
        assert member.scalings["mlee"] == Scaling(result.temperature, result.offset)
    with Decoder() as decoder:
        for name in ("s0_sad_0.wav", "s0_ang_1.wav"):
            one = analyze(Analyzer(bundle), decoder.load(small_table.parent / name)).single
            assert one is not None
            assert one.existence == pytest.approx(together[name].probabilities[MLEE], abs=HALF)
            each = [result.predictions[name] for result in results if result is not None]
            assert one.existence == pytest.approx(np.mean(each, 0), abs=HALF)
            assert np.abs(np.subtract(*each)).max() > 5 * HALF  # else one of them would do
    (line,) = report.rows
    assert bundle.info.scores["mlee"] == {score: line.pooled[score].mean for score in ("wa", "ua")}


def test_a_half_finished_ensemble_has_no_scores(run: Path, tmp_path: Path) -> None:
    half = RunFolder(shutil.copytree(run, tmp_path / "half"))
    (half.stage_folder(Cell("s0", 1, MLEE)) / RESULT).unlink()
    with pytest.raises(RunError, match="no row yet whose ensemble of 2 networks is complete"):
        collect(half)


def test_a_smoke_run_of_an_ensemble_is_short_and_goes_on(small_table: Path, tmp_path: Path) -> None:
    spec = ExperimentSpec(small_table, run=tmp_path / "run", recipe="best", rows=("mlee",), smoke=True)
    planned = experiment(spec)
    assert planned.config.recipe.ensemble == 2 and len({cell.seed for cell in planned.cells}) == 2
    item = QueueFile(tmp_path / "queue").add(spec)
    planned.begin(resume=False)
    resumed = item.waiting(()).spec
    assert item.spec.smoke and resumed.resume and not resumed.smoke
    assert experiment(resumed).config.recipe == planned.config.recipe


def test_a_run_of_another_versions_settings_is_refused(run: Path, tmp_path: Path) -> None:
    old = RunFolder(shutil.copytree(run, tmp_path / "old"))
    text = (old.path / "config.json").read_text().replace('"bins": 80', '"bins": 200')
    (old.path / "config.json").write_text(text)
    with pytest.raises(
        RunError, match=r"old cannot be read, it is damaged or was made by another version.*bins 200"
    ):
        collect(old)


def test_one_stage_alone_is_trained_as_an_ensemble_too(
    small_table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(small_table), "--row", "mlee", "--fold", "s0", "--run", str(tmp_path / "run")]
    assert cli.main([*command, "--recipe", "best", "--set", "cycle=1", "ensemble=2", "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" mlee-all: ")[0] for line in lines] == ["seed 0", "seed 1"]
    assert len(model_file.load(model_file.find(str(tmp_path / "run"))).members) == 2


def test_a_model_of_the_first_format_is_refused_with_its_number(tmp_path: Path) -> None:
    with pytest.raises(model_file.ModelError, match="has format 1: this MLEE reads format 3; train it again"):
        model_file.info(made_data.model(tmp_path / "old.safetensors", format=1))


def test_the_best_recipe_judges_together() -> None:
    assert RECIPES["best"].ensemble > 1 == RECIPES["paper"].ensemble

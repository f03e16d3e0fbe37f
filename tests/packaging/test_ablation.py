"""packaging/ablation.py: which variants it trains, and that it scores development speakers only."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.recipe import RECIPES
from mlee_core.errors import ConfigError
from mlee_core.evaluation.scores import Tally
from mlee_core.experiments.builder import recipe_of
from mlee_core.runs.run_folder import RunFolder

pytestmark = pytest.mark.timeout(900)  # the run that it reads may be trained first


@pytest.fixture(scope="module")
def ablation() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "packaging" / "ablation.py"
    spec = importlib.util.spec_from_file_location("ablation", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_variants_leave_out_one_step_each_or_add_a_setting(ablation: ModuleType) -> None:
    best = RECIPES["best"]
    made = dict(ablation.variants(best, ["mixup=0.4"], ["calibrated"]))
    for step in set(best.steps) - {"calibrated"}:
        asked = ExperimentSpec(Path(), settings=tuple(made.pop(f"without {step}")))
        assert recipe_of(asked, best) == best.without(step)
    assert made == {"everything": [], "plus mixup=0.4": ["mixup=0.4"]}


def test_what_all_variants_have_is_no_step_any_more(ablation: ModuleType) -> None:
    single = ablation._changed(RECIPES["best"], ["ensemble=1", "warp=0"])
    names = [name for name, _ in ablation.variants(single, ["ensemble=2"], [])]
    assert {"without ensemble", "without warp"}.isdisjoint(names) and names[-1] == "plus ensemble=2"
    assert len(names) == 1 + len(RECIPES["best"].steps) - 2 + 1
    asked = ablation._merged(["ensemble=1", "warp=0"], ["ensemble=2"])
    changed = recipe_of(ExperimentSpec(Path(), settings=tuple(asked)), RECIPES["best"])
    assert (changed.ensemble, changed.augmentation.warp) == (2, 0)


@pytest.mark.parametrize(("plus", "leave"), [(["nonsense=3"], []), (["warp=9"], []), ([], ["nonsense"])])
def test_what_the_recipe_has_not_is_refused_before_anything_trains(
    ablation: ModuleType, plus: list[str], leave: list[str]
) -> None:
    with pytest.raises(ConfigError, match=r"nonsense|warp 9"):
        next(ablation.variants(RECIPES["best"], plus, leave))


def test_development_speakers_are_scored_as_in_their_best_epoch(ablation: ModuleType, straight: Path) -> None:
    run = RunFolder(straight)
    tally = ablation.of_development(run, "dominant-soft")
    developing = {fold.name: fold.dev[0] for fold in run.folds().folds if fold.name in ("s0", "s1")}
    assert tally.groups == tuple(sorted(developing.values()))
    for result in (r for r in run.results() if r.stage.name == "dominant-soft-all"):
        best = next(row for row in result.curves if row["epoch"] == result.epoch)
        speaker = developing[result.fold]
        assert tally.each("wa")[speaker] == pytest.approx(best["dev_wa"])
        assert tally.each("ua")[speaker] == pytest.approx(best["dev_ua"])


def test_a_step_gains_what_its_lack_loses(ablation: ModuleType) -> None:
    """Worked by hand: six speakers with four utterances; without the step one of each is wrong, 25 points."""
    speakers, total = tuple("abcdef"), np.ones((6, 4))
    less = total.copy()
    less[:, 0] = 0
    tallies = {"everything": Tally(speakers, total, total), "without warp": Tally(speakers, total, less)}
    *_, whole, without = ablation.lines(tallies, "best")
    assert whole == "| best | 100.0 | 100.0 |  |"
    assert without == "| without warp | 75.0 | 75.0 | +25.0 (+25.0 … +25.0) |"
    tallies = {"everything": tallies["without warp"], "plus mixup=1": tallies["everything"]}
    assert list(ablation.lines(tallies, "best"))[-1].endswith("| +25.0 (+25.0 … +25.0) |")

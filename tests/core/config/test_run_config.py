"""Configurations refuse contradictions, name the networks, and survive JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.config.recipe import RECIPES, Recipe
from mlee_core.config.run_config import Compute, RunConfig, Selection, StageConfig
from mlee_core.config.stages import Stage, plan
from mlee_core.errors import ConfigError
from mlee_core.experiments.builder import recipe_of
from mlee_core.labels.targets import ExistsFrom
from tests.helpers import made_data

HARD, SOFT, MLEE = (
    Stage("dominant", "hard", "all"),
    Stage("dominant", "soft", "all"),
    Stage("mlee", None, "all"),
)


def test_fusion_stands_on_its_own_labels_encoder_and_mlee() -> None:
    assert Stage("fusion", "soft", "all").encoders == (SOFT, MLEE)
    assert Stage("fusion", "hard", "all").encoders == (HARD, MLEE)
    assert Stage("pretrain", "hard", "dominant").encoders == (Stage("mlee", None, "dominant"),)


def test_with_hard_targets_both_train_sets_are_the_same_stage() -> None:
    assert Stage("dominant", "hard", "all") == Stage("dominant", "hard", "dominant")
    assert HARD.name == "dominant-hard" and SOFT.name == "dominant-soft-all" and MLEE.name == "mlee-all"


def test_the_whole_table_needs_five_encoders() -> None:
    rows = [
        Stage(row, label, train_set)
        for train_set in ("dominant", "all")
        for row, labels in (
            ("dominant", ("hard", "soft")),
            ("mlee", (None,)),
            ("pretrain", ("hard", "soft")),
            ("fusion", ("hard", "soft")),
        )
        for label in labels
    ]
    ordered = plan(tuple(rows))
    assert sum(not stage.encoders for stage in ordered) == 5
    assert len(ordered) == len(set(ordered)) == 13  # 14 cells, of which dominant-hard is one stage
    for stage in ordered:
        assert all(ordered.index(encoder) < ordered.index(stage) for encoder in stage.encoders)


@pytest.mark.parametrize(
    ("row", "label", "train_set", "said"),
    [
        ("mlee", "hard", "all", "mlee takes no label"),
        ("fusion", None, "all", "hard and soft"),
        ("fusion", "medium", "all", "'medium'"),
        ("dense", "hard", "all", "'dense'"),
        ("mlee", None, "some", "'some'"),
    ],
)
def test_a_stage_refuses_contradictions(row: str, label: str, train_set: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Stage(row, label, train_set)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad",
    [{"level": "loud"}, {"speeds": (0.9, 1.1)}, {"speeds": (1.0, 9.0)}, {"batch_size": 0}, {"patience": 0}],
)
def test_a_recipe_refuses_contradictions(bad: dict) -> None:
    with pytest.raises(ConfigError, match="allowed"):
        Recipe(**bad)


def test_a_run_configuration_survives_json_and_names_its_first_difference() -> None:
    config = RunConfig(
        ("corpus",),
        "table",
        (("excited", "hap"),),
        "abc",
        Recipe(),
        Compute(),
        7,
        selection=made_data.SELECTION,
    )
    again = RunConfig.from_json(json.loads(json.dumps(config.to_json())))
    assert again == config and again.difference(config) is None
    assert config.difference(replace(config, corpus=("moved",))) is None
    assert (
        config.difference(replace(config, recipe=Recipe(patience=3)))
        == "recipe was paper with level peak and is now paper with level peak, patience 3"
    )
    with pytest.raises(ConfigError, match=r"config\.json"):
        RunConfig.from_json({"corpus": "x"})
    with pytest.raises(
        ConfigError, match="it has no selection, like all runs of older versions of mlee train"
    ):
        RunConfig.from_json({**config.to_json(), "selection": None})


def test_a_recipe_is_named_by_its_nearest() -> None:
    best = RECIPES["best"]
    assert best.described == "best" and replace(best, max_epochs=6).described == "best with max_epochs 6"
    assert Recipe(level="none").described == "paper"


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"setting warp \(--set\) is given twice"):
        recipe_of(ExperimentSpec(Path("c"), settings=("warp=0", "warp=0.1")), Recipe())


def test_a_training_is_the_same_in_an_ensemble_and_alone() -> None:
    alone, member, other = (
        StageConfig(Stage("mlee", None, "all"), replace(RECIPES["best"], **changed), Compute(), 0).identity()
        for changed in ({"ensemble": 1}, {"ensemble": 4}, {"centred": 0.25})
    )
    assert alone == member != other


def _run_config(**more: object) -> RunConfig:
    selection = Selection(("mlee",), ("all",), ("a",))
    return RunConfig(("c",), None, (), "0", Recipe(), Compute(), 0, selection=selection, **more)  # type: ignore[arg-type]


def test_exists_from_is_kept_and_compared() -> None:
    two = _run_config(exists_from=ExistsFrom(2))
    assert RunConfig.from_json(json.loads(json.dumps(two.to_json()))) == two
    share = replace(two, exists_from=ExistsFrom(share=0.2))
    assert two.difference(share) == "exists_from was 2 and is now 20%"
    assert share.for_stage(MLEE).exists_from == ExistsFrom(share=0.2)
    older = two.to_json()
    del older["exists_from"], older["allow_duplicates"]
    assert RunConfig.from_json(older) == _run_config()
    with pytest.raises(ConfigError, match="allowed are a whole number of votes from 1"):
        RunConfig.from_json({**two.to_json(), "exists_from": {"votes": 0}})


def test_duplicates_may_be_allowed_later() -> None:
    assert _run_config().difference(_run_config(allow_duplicates=True)) is None


def test_exists_from_is_in_the_targets_and_not_in_the_identity() -> None:
    """So that stages without existence targets, and those trained before, keep their keys."""
    one, two = _run_config().for_stage(MLEE), _run_config(exists_from=ExistsFrom(2)).for_stage(MLEE)
    assert one.identity() == two.identity() and "exists_from" not in one.identity()

"""Recipes: which of an ensemble's members are trained on clean recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mlee_core.config.recipe import RECIPES
from mlee_core.errors import ConfigError


def test_the_last_members_of_an_ensemble_may_be_clean() -> None:
    recipe = RECIPES["best"].changed({"ensemble": 3, "clean_members": 1})
    degraded = [recipe.of_member(seed).augmentation.degraded for seed in range(6)]
    share = recipe.augmentation.degraded
    assert degraded == [share, share, 0, share, share, 0]
    clean = recipe.of_member(2)
    assert clean == replace(recipe.without("degraded"), ensemble=1, clean_members=0)
    alone = recipe.changed({"ensemble": 1})  # not only the clean one
    assert alone.of_member(0).augmentation.degraded == share
    with pytest.raises(ConfigError, match="clean_members -1: allowed are whole numbers from 0"):
        recipe.changed({"clean_members": -1})

"""What augmentation does to a spectrum: pieces, stretched frequencies, masks, mixtures."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.config.recipe import DEGRADED_BY, RECIPES, Augmentation, Recipe
from mlee_core.errors import ConfigError
from mlee_core.nets.normalisation import Normalisation
from mlee_core.training.augmentation import Augmenter


def augmenter(seed: int = 0, **how: float) -> Augmenter:
    return Augmenter(Augmentation(**how), np.random.default_rng(seed))  # type: ignore[arg-type]


def spectrum(frames: int = 60) -> torch.Tensor:
    """[T, 400], all numbers different."""
    return torch.arange(frames * 400).reshape(frames, 400).float()


def test_without_steps_nothing_changes() -> None:
    x, lengths, targets = torch.randn(3, 20, 400), torch.tensor([20, 9, 4]), torch.eye(4)[:3]
    plain = augmenter()
    assert torch.equal(plain.spectrum(spectrum()), spectrum())
    assert torch.equal(plain.masked(x[0]), x[0]) and plain.off_centre() == 0
    assert all(a is b for a, b in zip(plain.mixed(x, lengths, targets), (x, lengths, targets), strict=True))


@given(st.integers(16, 80), st.integers(16, 80), st.integers(0, 9))
def test_a_crop_is_a_piece_of_the_utterance_in_its_order(frames: int, most: int, seed: int) -> None:
    piece = augmenter(seed, crop_frames=most).spectrum(spectrum(frames))
    first = int(piece[0, 0]) // 400
    assert len(piece) == min(frames, most)
    assert torch.equal(piece, spectrum(frames)[first : first + len(piece)])


def test_crops_begin_anywhere() -> None:
    cut = augmenter(crop_frames=16)
    begins = {int(cut.spectrum(spectrum(20))[0, 0]) // 400 for _ in range(200)}
    assert begins == {0, 1, 2, 3, 4}


@settings(max_examples=30)
@given(st.integers(0, 99))
def test_warping_reads_every_bin_at_a_stretched_frequency(seed: int) -> None:
    """A ramp over frequency keeps its shape and only changes its slope, by at most the share asked for."""
    ramp = torch.arange(400).float().expand(2, 400)  # [2, 400]
    warped = augmenter(seed, warp=0.1).spectrum(ramp)
    slope = float(warped[0, 100] / 100)
    assert 0.9 - 1e-4 <= slope <= 1.1 + 1e-4
    expected = np.minimum(np.arange(400) * slope, 399)
    assert torch.allclose(warped, torch.tensor(expected).float().expand(2, 400), atol=0.05)


@settings(max_examples=30)
@given(st.integers(16, 200), st.integers(0, 99))
def test_masks_are_bands_and_stretches_of_zeros(frames: int, seed: int) -> None:
    ones = torch.ones(frames, 400)
    masked = augmenter(seed, mask_bins=40, mask_frames=20).masked(ones)
    bins, times = (masked == 0).all(0).sum(), (masked == 0).all(1).sum()
    assert bins <= 80 and times <= 2 * min(20, frames // 4)
    kept = masked[:, (masked != 0).any(0)][(masked != 0).any(1)]
    assert torch.equal(kept, torch.ones_like(kept))  # nothing else was touched
    assert torch.equal(ones, torch.ones(frames, 400)), "the cached spectrum itself changed"


def test_a_mixture_shares_inputs_and_targets_alike() -> None:
    """With one-hot targets and inputs that repeat them, each input shows the shares that its target has."""
    targets = torch.eye(4)
    x = targets[:, None, :].repeat(1, 5, 100)  # [4, 5, 400], class k in bins k, k + 4, …
    lengths, mixing, mixed = torch.tensor([5, 4, 3, 2]), augmenter(mixup=0.4), 0
    for _ in range(40):
        both, longest, shares = mixing.mixed(x, lengths, targets)
        assert torch.allclose(both[:, 0, :4], shares) and torch.allclose(shares.sum(1), torch.ones(4))
        assert (shares.diagonal() >= 0.5 - 1e-6).all(), "an utterance is still mostly itself"
        assert (longest >= lengths).all()
        mixed += not torch.equal(shares, targets)
    assert 8 <= mixed <= 32  # about half, less the few where the order left all in their places


def test_the_same_chance_gives_the_same_utterance() -> None:
    how = {"crop_frames": 30, "warp": 0.1, "mask_bins": 40, "off_centre": 0.5}
    first, again, other = (augmenter(seed, **how) for seed in (1, 1, 2))
    assert torch.equal(first.spectrum(spectrum()), again.spectrum(spectrum()))
    assert first.off_centre() == again.off_centre() != other.off_centre()


def test_a_centred_utterance_loses_its_share_of_its_mean() -> None:
    """Worked by hand: z-scores of two frames 1 and 3 are 1 and 3; their mean is 2."""
    features = torch.tensor([[1.0], [3.0]]).expand(2, 400)
    norm = Normalisation(torch.zeros(400), torch.ones(400), 0.5)
    assert norm.apply(features)[:, 0].tolist() == [0.0, 2.0]
    assert norm.apply(features, 0.5)[:, 7].tolist() == [-1.0, 1.0]
    assert norm.apply(features, -0.5)[:, 7].tolist() == [1.0, 3.0]
    assert norm.apply(features[:0]).shape == (0, 400)


@pytest.mark.parametrize(
    ("step", "value"),
    [("crop_frames", 5), ("warp", 0.6), ("off_centre", -0.1), ("mask_bins", 401), ("mixup", -1.0)],
)
def test_contradictions_are_refused_with_the_value(step: str, value: float) -> None:
    with pytest.raises(ConfigError, match=str(value)):
        Augmentation(**{step: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("draw", "two"),
        ("bins", 100),
        ("cycle", 0),
        ("learning_rate", 0.0),
        ("averaging", 1.0),
        ("centred", 2),
    ],
)
def test_recipes_refuse_too(setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=setting):
        Recipe(**{setting: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("cycle", "x", "a whole number or null"),
        ("averaging", True, "a number"),
        ("calibrated", 1, "true or false"),
        ("speeds", 3, "with 1.0 among them"),
        ("speeds", (1.0, "fast"), "with 1.0 among them"),
        ("level", "loud", "peak and none"),
        ("augmentation", 1, "crop_frames"),
        ("colour", 1, "mask_bins, mask_frames, mixup, degraded, quiet"),
    ],
)
def test_a_setting_of_another_kind_is_refused(name: str, value: object, allowed: str) -> None:
    with pytest.raises(ConfigError, match=allowed):
        Recipe().changed({name: value})


def test_settings_are_changed_by_name() -> None:
    changed = Recipe(cycle=9).changed({"mixup": 1, "speeds": (1.0,), "cycle": None})
    assert changed == Recipe(speeds=(1.0,), augmentation=Augmentation(mixup=1.0))


def test_every_step_of_the_best_recipe_can_be_left_out() -> None:
    best, plain = RECIPES["best"], Recipe()
    assert RECIPES["paper"].steps == ("level",)
    everything = best
    for step in best.steps:
        less = best.without(step)
        also = {"degraded": {*DEGRADED_BY}, "noise": {"band"}}.get(step, set())
        assert set(less.steps) == set(best.steps) - {step} - also
        everything = everything.without(step) if step in everything.steps else everything
    assert everything == plain
    assert best.changed({"bins": 400}) == best.without("bins")
    unused = next(f.name for f in fields(Recipe) if f.name not in (*best.steps, "augmentation"))
    with pytest.raises(ConfigError, match=unused):
        best.without(unused)

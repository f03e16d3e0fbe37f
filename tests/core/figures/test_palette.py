"""Colours can be read and told apart, also by people who see colours differently."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from mlee_core.figures.palette import (
    CLASS_COLORS,
    ENCODER_STYLES,
    NO_CLASS_COLOR,
    OUTLINES,
    UNKNOWN_COLOR,
    class_color,
    headline_color,
    luminance,
    text_on,
)
from mlee_core.inference.results import ENCODERS, NO_SPEECH, NONE
from mlee_core.labels.votes import CLASSES

# Machado, Oliveira, Fernandes (2009), severity 1.0, on linear RGB
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def linear(color: str) -> np.ndarray:
    c = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = np.array(to_xyz) @ np.clip(rgb, 0, 1) / [0.95047, 1, 1.08883]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def test_every_class_and_encoder_has_its_own() -> None:
    assert set(CLASS_COLORS) == set(CLASSES)
    assert set(ENCODER_STYLES) == set(ENCODERS)
    assert (
        len({s.line for s in ENCODER_STYLES.values()}) == len({s.color for s in ENCODER_STYLES.values()}) == 3
    )
    assert class_color("surprised") == UNKNOWN_COLOR


@pytest.mark.parametrize("sight", SIGHT)
def test_classes_can_be_told_apart(sight: str) -> None:
    seen = {name: lab(np.array(SIGHT[sight]) @ linear(color)) for name, color in CLASS_COLORS.items()}
    for one, two in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[two]) > 28, (one, two)


def test_headlines_that_are_no_class_have_a_colour_of_their_own_and_different_outlines() -> None:
    assert headline_color("sad") == CLASS_COLORS["sad"] and NO_CLASS_COLOR not in CLASS_COLORS.values()
    assert [headline_color(name) for name in (NONE, NO_SPEECH)] == [NO_CLASS_COLOR] * 2
    assert len(set(OUTLINES.values())) == len(OUTLINES) == 2, "neutral is grey, too, but filled"


@pytest.mark.parametrize("color", [*CLASS_COLORS.values(), UNKNOWN_COLOR, NO_CLASS_COLOR])
def test_class_colours_read_on_light_and_dark(color: str) -> None:
    assert contrast(color, "#ffffff") >= 3
    assert contrast(color, "#1e1e1e") >= 3
    assert contrast(color, text_on(color)) >= 4.5


def test_luminance_against_known_values() -> None:
    assert luminance("#ffffff") == pytest.approx(1.0)
    assert luminance("#000000") == 0.0
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)  # WCAG's own example of AA grey

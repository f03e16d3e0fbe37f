"""Perceptually uniform colour maps for the spectrogram, as colour tables over its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from mlee_core.pyramid import FLOOR_DB, STEP_DB

_ANCHORS: Mapping[str, str] = {
    "magma": "000004 090720 1a1042 311165 4a1079 621980 792282 912b81 aa337d c23b75 d9466b ec5860 f7725c "
    "fc8e64 feaa74 fec68a fde2a3 fcfdbf",
    "viridis": "440154 481769 472a7a 433d84 3d4e8a 355e8d 2e6d8e 297b8e 23898e 1f978b 21a585 2eb37c 46c06f "
    "65cb5e 89d548 b0dd2f d8e219 fde725",
    "cividis": "00224e 002d68 163770 2e416d 3f4c6c 4e566c 5c616e 696b71 767676 838179 928c78 a09875 afa471 "
    "bfb06b cfbd62 dfca57 f0d846 fee838",
    "grey": "000000 ffffff",
}
"""Every 15th of matplotlib's 256 colours, between which it is linear to within 11 of 255."""

COLORMAPS: tuple[str, ...] = tuple(_ANCHORS)


@cache
def colors(name: str) -> np.ndarray:
    """The map's 256 colours, uint8 [256, 3]. Raises KeyError for a name not in COLORMAPS."""
    anchors = np.array([[int(word[i : i + 2], 16) for i in (0, 2, 4)] for word in _ANCHORS[name].split()])
    places = np.linspace(0, 255, len(anchors))
    return (
        np.stack([np.interp(np.arange(256), places, anchors[:, k]) for k in range(3)], axis=1)
        .round()
        .astype(np.uint8)
    )


def color_table(name: str, low_db: float, high_db: float) -> list[int]:
    """What each byte of the pyramid looks like, 256 × 0xffRRGGBB: low_db is the map's first colour.

    Changing the range changes only this table; the picture's bytes stay.
    """
    level = np.arange(256) * STEP_DB + FLOOR_DB
    index = np.clip(np.rint((level - low_db) / (high_db - low_db) * 255), 0, 255).astype(int)
    rgb = colors(name)[index].astype(np.uint32)
    table: list[int] = ((0xFF << 24) | (rgb[:, 0] << 16) | (rgb[:, 1] << 8) | rgb[:, 2]).tolist()
    return table

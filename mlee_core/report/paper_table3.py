"""Table 3 of the paper (Ando et al., Interspeech 2019): names of its lines, and its figures."""

from __future__ import annotations

from collections.abc import Mapping

from ..config.stages import LINES, Stage
from ..labels.targets import TrainSet

CORPUS = "IEMOCAP, improvised part, four classes"

TITLES: Mapping[str, str] = {
    "dominant": "dominant",
    "mlee": "MLEE only",
    "pretrain": "MLEE pre-training",
    "fusion": "MLEE pre-training fusion",
}
"""Row -> how SPEC.md and the paper call it."""

FIGURES: Mapping[str, Mapping[TrainSet, tuple[float, float]]] = {
    "dominant-hard": {"dominant": (0.595, 0.616), "all": (0.595, 0.616)},
    "dominant-soft": {"dominant": (0.625, 0.629), "all": (0.644, 0.639)},
    "mlee": {"dominant": (0.663, 0.609), "all": (0.644, 0.640)},
    "pretrain-hard": {"dominant": (0.627, 0.626), "all": (0.656, 0.630)},
    "pretrain-soft": {"dominant": (0.643, 0.623), "all": (0.646, 0.644)},
    "fusion-hard": {"dominant": (0.634, 0.629), "all": (0.651, 0.639)},
    "fusion-soft": {"dominant": (0.644, 0.637), "all": (0.661, 0.654)},
}
"""Line of Table 3 (config.LINES) -> train set -> (WA, UA), as fractions."""


def stage_of(line: str, train_set: TrainSet) -> Stage:
    """The stage behind a line of Table 3; dominant-hard is one stage for both train sets."""
    return Stage(*LINES[line], train_set)


def line_of(stage: Stage) -> str:
    """The line of Table 3 that a stage is, a key of config.LINES."""
    return "-".join(part for part in (stage.row, stage.label) if part)


def figures_of(stage: Stage) -> tuple[float, float]:
    """The paper's WA and UA of a stage, as fractions."""
    return FIGURES[line_of(stage)][stage.train_set]

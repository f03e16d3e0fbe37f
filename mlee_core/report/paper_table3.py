"""Table 3 of the paper (Ando et al., Interspeech 2019): names and scores of its rows."""

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
"""Network of a row -> its name in SPEC.md and the paper."""

PAPER_SCORES: Mapping[str, Mapping[TrainSet, tuple[float, float]]] = {
    "dominant-hard": {"dominant": (0.595, 0.616), "all": (0.595, 0.616)},
    "dominant-soft": {"dominant": (0.625, 0.629), "all": (0.644, 0.639)},
    "mlee": {"dominant": (0.663, 0.609), "all": (0.644, 0.640)},
    "pretrain-hard": {"dominant": (0.627, 0.626), "all": (0.656, 0.630)},
    "pretrain-soft": {"dominant": (0.643, 0.623), "all": (0.646, 0.644)},
    "fusion-hard": {"dominant": (0.634, 0.629), "all": (0.651, 0.639)},
    "fusion-soft": {"dominant": (0.644, 0.637), "all": (0.661, 0.654)},
}
"""Row of Table 3 (config.stages.LINES) -> train set -> (WA, UA), as fractions."""


def stage_of(row: str, train_set: TrainSet) -> Stage:
    """The stage of a row of Table 3; dominant-hard is one stage for both train sets."""
    return Stage(*LINES[row], train_set)


def row_of(stage: Stage) -> str:
    """The row of Table 3 of a stage, a key of config.stages.LINES."""
    return "-".join(part for part in (stage.row, stage.label) if part)


def paper_scores(stage: Stage) -> tuple[float, float]:
    """The paper's WA and UA of a stage, as fractions."""
    return PAPER_SCORES[row_of(stage)][stage.train_set]

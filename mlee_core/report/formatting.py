"""Text of numbers and names in a report's tables and figures."""

from __future__ import annotations

from ..config.stages import Stage
from ..evaluation.bootstrap import Difference
from .paper_table3 import TITLES, row_of
from .report_data import MeanSd

NOTHING = "–"


def percent(value: float | None) -> str:
    """ "84.8" for a fraction; the unit is in the table's title."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def decimals(value: float | None) -> str:
    """ "0.803", of a score that is no share of utterances."""
    return NOTHING if value is None else f"{value:.3f}".replace("-", "−")


def decimals_interval(interval: tuple[float, float] | None) -> str:
    """ "0.22 … 0.30"."""
    return NOTHING if interval is None else " … ".join(f"{end:.2f}".replace("-", "−") for end in interval)


def points(value: float) -> str:
    """ "+2.3" percentage points for a difference of fractions."""
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def mean_sd_text(value: MeanSd) -> str:
    """ "84.8 ± 1.2"; without ± for fewer than two values."""
    return percent(value.mean) if value.sd is None else f"{percent(value.mean)} ± {percent(value.sd)}"


def interval(gap: Difference) -> str:
    """ "+2.3 [−0.4, +5.1]"."""
    if gap.low is None or gap.high is None:
        return points(gap.pooled)
    return f"{points(gap.pooled)} [{points(gap.low)}, {points(gap.high)}]"


def stage_title(stage: Stage) -> str:
    """ "MLEE pre-training fusion, soft": network and label."""
    return TITLES[stage.row] + (f", {stage.label}" if stage.label else "")


def stage_name(stage: Stage) -> str:
    """ "MLEE only (all)": the title with its train set; dominant, hard is the same for both."""
    shared = (stage.row, stage.label) == ("dominant", "hard")
    return stage_title(stage) if shared else f"{stage_title(stage)} ({stage.train_set})"


def pair(first: Stage, second: Stage) -> tuple[str, str]:
    """The names of two compared rows, with their train sets only if these differ."""
    if row_of(first) == row_of(second):
        return stage_name(first), stage_name(second)
    return stage_title(first), stage_title(second)

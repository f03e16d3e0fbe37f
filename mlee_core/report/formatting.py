"""How figures and names are written in a report's tables and pictures."""

from __future__ import annotations

from ..config.stages import Stage
from ..evaluation.bootstrap import Difference
from .paper_table3 import TITLES, line_of
from .report_data import Spread

NOTHING = "–"


def percent(value: float | None) -> str:
    """ "84.8", of a fraction; the unit stands in the table's title."""
    return NOTHING if value is None else f"{100 * value:.1f}"


def points(value: float) -> str:
    """ "+2.3" percentage points, of a difference of fractions."""
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text in ("+0.0", "−0.0") else text


def spread(value: Spread) -> str:
    """ "84.8 ± 1.2"; without ± where there are not two values."""
    return percent(value.mean) if value.sd is None else f"{percent(value.mean)} ± {percent(value.sd)}"


def interval(gap: Difference | None) -> str:
    """ "+2.3 [−0.4, +5.1]"."""
    if gap is None:
        return NOTHING
    if gap.low is None or gap.high is None:
        return points(gap.pooled)
    return f"{points(gap.pooled)} [{points(gap.low)}, {points(gap.high)}]"


def title(stage: Stage) -> str:
    """ "MLEE pre-training fusion, soft": row and label."""
    return TITLES[stage.row] + (f", {stage.label}" if stage.label else "")


def name(stage: Stage) -> str:
    """ "MLEE only (all)": the title with its train set; dominant, hard is the same for both."""
    shared = (stage.row, stage.label) == ("dominant", "hard")
    return title(stage) if shared else f"{title(stage)} ({stage.train_set})"


def pair(first: Stage, second: Stage) -> tuple[str, str]:
    """Two rows that are compared: their train sets are named only where they differ."""
    if line_of(first) == line_of(second):
        return name(first), name(second)
    return title(first), title(second)

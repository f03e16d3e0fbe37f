"""What one network said of the speakers that its fold tests: for a look into a cell while others train."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RunError
from ..runs.cells import Cell
from ..runs.run_folder import RunFolder
from .predictions import joined
from .scored_predictions import ScoredPredictions


@dataclass(frozen=True)
class Confusion:
    """counts: row = truth (the dominant class of the votes), column = prediction, in the order of CLASSES.
    utterances: those with a dominant class; left_out: annotated ones without. tested: the speakers."""

    counts: tuple[tuple[int, ...], ...]
    utterances: int
    left_out: int
    tested: tuple[str, ...]


def confusion_of(run: RunFolder, cell: Cell) -> Confusion:
    """Raises: RunError where the cell has no result, or a file of the run is damaged."""
    result = run.result(cell)
    if result is None:
        raise RunError(f"{cell.name} of {run.path} has no result yet.")
    said = joined(run.corpus().utterances, run.folds(), [result])
    judged = ScoredPredictions.of(said, (cell.stage,))
    scored = int(judged.scored(cell.stage).sum()) if said else 0
    return Confusion(
        counts=judged.confusion(cell.stage) if said else (),
        utterances=scored,
        left_out=len(said) - scored,
        tested=tuple(sorted({prediction.utterance.speaker for prediction in said})),
    )

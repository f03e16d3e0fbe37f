"""The confusion matrix of one cell on its test speakers, while other cells are still training."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RunError
from ..runs.cells import Cell
from ..runs.run_folder import RunFolder
from .predictions import out_of_fold
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
    """Raises: RunError if the cell has no result, or a file of the run is damaged."""
    result = run.result(cell)
    if result is None:
        raise RunError(f"{cell.name} of {run.path} has no result yet.")
    predictions = out_of_fold(run.corpus().utterances, run.folds(), [result])
    scored = ScoredPredictions.of(predictions, (cell.stage,))
    utterances = int(scored.has_truth(cell.stage).sum()) if predictions else 0
    return Confusion(
        counts=scored.confusion(cell.stage) if predictions else (),
        utterances=utterances,
        left_out=len(predictions) - utterances,
        tested=tuple(sorted({prediction.utterance.speaker for prediction in predictions})),
    )

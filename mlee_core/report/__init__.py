"""The report of an experiment: what `mlee report` shows of a run folder, finished or not.

`collect` reads a run into a `Report` of plain data, `write` makes its tables, pictures and files, and
`predictions` gives every utterance's out-of-fold predictions.
"""

from __future__ import annotations

from .collect import collect
from .predictions import Prediction, predictions
from .report_data import Report
from .write import Written, write

__all__ = ["Prediction", "Report", "Written", "collect", "predictions", "write"]

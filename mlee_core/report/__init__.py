"""The report of an experiment, finished or not, for `mlee report`.

`collect` reads a run folder into a `Report` of plain data, `write` makes its tables, figures and files, and
`predictions` returns every utterance's out-of-fold predictions.
"""

from __future__ import annotations

from .collect import collect
from .predictions import Prediction, predictions
from .report_data import Report
from .write import Written, write

__all__ = ["Prediction", "Report", "Written", "collect", "predictions", "write"]

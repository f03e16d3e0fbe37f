"""The report of an experiment, finished or not, for `mlee report`.

`collect` reads a run folder into a `Report` of plain data and every utterance's out-of-fold predictions;
`write` makes its tables, figures and files.
"""

from __future__ import annotations

from .collect import collect
from .report_data import Report
from .write import Written, write

__all__ = ["Report", "Written", "collect", "write"]

"""`python -m mlee_core.jobs.job RUN`: trains what the order in a run folder asks for. One process, a session
of its own; everything that it has to say lies in the run folder."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ..errors import MleeError
from ..order import Order
from ..runs import RunFolder
from ..table3 import Experiment
from . import terminating
from .queue import stored_order
from .writing import disk_faults_told, ended, marked, recorded

SAID = "mlee: "
"""How its last line begins where it could not do what was asked."""


def main() -> int:
    run = RunFolder(Path(sys.argv[1]))
    try:
        with marked(run), disk_faults_told(run):
            with terminating.ending_at_once(lambda: ended(run, "cancelled")):
                asked = replace(stored_order(run.path), run=run.path)
                experiment = _experiment(asked)
            with terminating.heeded():
                _train(experiment, resume=asked.resume)
    except MleeError as error:
        print(f"{SAID}{error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return terminating.STATUS
    return 0


def _experiment(asked: Order) -> Experiment:
    """Raises: MleeError."""
    from .. import order  # with what follows it takes seconds to import
    from ..cli.running import noted

    print(asked.command(), flush=True)
    experiment = order.experiment(asked, note=noted)
    experiment.refuse_untrainable()
    return experiment


def _train(experiment: Experiment, *, resume: bool) -> None:
    """Raises: MleeError, OSError, KeyboardInterrupt."""
    from ..cli.table3_view import show

    experiment.begin(resume=resume)
    events = recorded(experiment.folder, experiment.train(), "table3", experiment.forecast(None))
    with closing(events):
        show(events, experiment, None, quiet=False, as_json=False)


if __name__ == "__main__":
    sys.exit(main())

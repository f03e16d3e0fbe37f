"""`python -m mlee_core.jobs.job RUN`: trains what the order in a run folder asks for. One process, a session
of its own; everything that it has to say lies in the run folder."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ..errors import MleeError
from ..runs import RunFolder
from .queue import stored_order
from .writing import disk_faults_told, marked, recorded, term_cancels

SAID = "mlee: "
"""How its last line begins where it could not do what was asked."""


def main() -> int:
    run = RunFolder(Path(sys.argv[1]))
    try:
        with term_cancels(), marked(run), disk_faults_told(run):
            _train(run)
    except MleeError as error:
        print(f"{SAID}{error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print(f"{SAID}cancelled.", file=sys.stderr)
        return 130
    return 0


def _train(run: RunFolder) -> None:
    """Raises: MleeError."""
    from .. import order as orders  # with what follows it takes seconds to import
    from ..cli.running import noted
    from ..cli.table3_view import show

    asked = replace(stored_order(run.path), run=run.path)
    print(asked.command(), flush=True)
    experiment = orders.experiment(asked, note=noted)
    experiment.refuse_untrainable()
    experiment.begin(resume=asked.resume)
    events = recorded(run, experiment.train(), "table3", experiment.forecast(None))
    with closing(events):
        show(events, experiment, None, quiet=False, as_json=False)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m mlee_core.jobs.job RUN`: trains the experiment of a run folder's specification.

One process that leads a session of its own; all that it reports is in the run folder.
"""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ..config.experiment_spec import ExperimentSpec
from ..errors import MleeError
from ..experiments.experiment import Experiment
from ..runs.event_text import event_line
from ..runs.run_folder import RunFolder
from ..runs.spec_file import stored_spec
from ..runs.writer import disk_faults_as_run_errors, ended, marked, recorded
from ..system import sigterm

SAID = "mlee: "
"""Prefix of its last line where it failed."""


def main() -> int:
    run = RunFolder(Path(sys.argv[1]))
    try:
        with marked(run), disk_faults_as_run_errors(run):
            with sigterm.immediate(lambda: ended(run, "cancelled")):
                spec = replace(stored_spec(run.path), run=run.path)
                experiment = _experiment(spec)
            with sigterm.deferred():
                _train(experiment, resume=spec.resume)
    except MleeError as error:
        print(f"{SAID}{error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return sigterm.STATUS
    return 0


def _experiment(spec: ExperimentSpec) -> Experiment:
    """Raises: MleeError."""
    from ..experiments import builder  # with torch, which takes seconds to import

    print(spec.command(), flush=True)
    experiment = builder.experiment(spec, lambda warning: print(f"note: {warning}", file=sys.stderr))
    experiment.refuse_untrainable()
    return experiment


def _train(experiment: Experiment, *, resume: bool) -> None:
    """Raises: MleeError, OSError, KeyboardInterrupt."""
    experiment.begin(resume=resume)
    several = len({cell.seed for cell in experiment.cells}) > 1
    work, forecast = experiment.train(), experiment.forecast(None)
    with closing(recorded(experiment.folder, work, "table3", forecast)) as events:
        for event in events:
            if line := event_line(event, several=several):
                print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

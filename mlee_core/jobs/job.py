"""`python -m mlee_core.jobs.job RUN`: trains what the order in a run folder asks for. One process, a session
of its own; everything that it has to say lies in the run folder."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ..config.experiment_spec import ExperimentSpec
from ..errors import MleeError
from ..experiments.experiment import Experiment
from ..runs.run_folder import RunFolder
from ..runs.spec_file import stored_spec
from ..runs.writer import disk_faults_as_run_errors, ended, marked, recorded
from ..system import sigterm

SAID = "mlee: "
"""How its last line begins where it could not do what was asked."""


def main() -> int:
    run = RunFolder(Path(sys.argv[1]))
    try:
        with marked(run), disk_faults_as_run_errors(run):
            with sigterm.ending_at_once(lambda: ended(run, "cancelled")):
                asked = replace(stored_spec(run.path), run=run.path)
                experiment = _experiment(asked)
            with sigterm.heeded():
                _train(experiment, resume=asked.resume)
    except MleeError as error:
        print(f"{SAID}{error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return sigterm.STATUS
    return 0


def _experiment(asked: ExperimentSpec) -> Experiment:
    """Raises: MleeError."""
    from ..cli.training_options import noted
    from ..experiments import builder  # with what follows it takes seconds to import

    print(asked.command(), flush=True)
    experiment = builder.experiment(asked, note=noted)
    experiment.refuse_untrainable()
    return experiment


def _train(experiment: Experiment, *, resume: bool) -> None:
    """Raises: MleeError, OSError, KeyboardInterrupt."""
    from ..cli.experiment_progress import show

    experiment.begin(resume=resume)
    events = recorded(experiment.folder, experiment.train(), "table3", experiment.forecast(None))
    with closing(events):
        show(events, experiment, None, quiet=False, as_json=False)


if __name__ == "__main__":
    sys.exit(main())

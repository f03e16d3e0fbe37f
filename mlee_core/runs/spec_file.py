"""The experiment specification stored in a run folder (order.json)."""

from __future__ import annotations

import json
from pathlib import Path

from ..config.experiment_spec import ExperimentSpec
from ..errors import MleeError, RunError
from ..system import files


def stored_spec(run: Path) -> ExperimentSpec:
    """The specification that a run folder was queued with. Raises: RunError."""
    file = run / "order.json"
    try:
        return ExperimentSpec.from_json(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise RunError(f"{file} cannot be read: {error.strerror}.") from error
    except (ValueError, MleeError) as error:
        raise RunError(f"{file} is damaged: {error}") from error


def write_spec(run: Path, spec: ExperimentSpec) -> None:
    """Write it into the run folder, which is made if necessary. Raises: RunError."""
    with files.faults_as_run_errors(run):
        run.mkdir(parents=True, exist_ok=True)
        files.write_json(run / "order.json", spec.to_json())

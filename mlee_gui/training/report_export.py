"""Writing the report of a run from the window: torch and matplotlib stay out of the window's process."""

from __future__ import annotations

from pathlib import Path

from mlee_core.system import service


def export_report(run: Path, out: Path) -> Path:
    """Write the report of a run to out; blocks until it is written and returns where.

    Raises: MleeError for what the user can correct, WorkerDied.
    """
    folder: Path = service.call("report export", _write, run, out)
    return folder


def _write(run: Path, out: Path) -> Path:
    from mlee_core.report import Written, write
    from mlee_core.runs.run_folder import RunFolder

    return next(step.folder for step in write(RunFolder(run), out) if isinstance(step, Written))

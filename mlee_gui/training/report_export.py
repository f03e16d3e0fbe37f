"""Writing the report of a run from the window."""

from __future__ import annotations

from pathlib import Path

from mlee_core.errors import MleeError
from mlee_core.system.child_process import Child, Connection


def export_report(run: Path, out: Path | None = None) -> Path:
    """Write the report of a run to out, RUN/report by default; blocks until it is there and returns where.

    Raises: MleeError for what the user can mend, WorkerDied.
    """
    child = Child("report export", write_report, run, out)
    try:
        folder, refusal = child.receive()
    finally:
        child.stop()
    if refusal:
        raise MleeError(refusal)
    return Path(folder)


def write_report(connection: Connection, run: Path, out: Path | None) -> None:
    """The child's side: sends (folder, "") when the report is written, else ("", one sentence)."""
    from mlee_core.report import Written, write
    from mlee_core.runs.run_folder import RunFolder

    try:
        written = [step for step in write(RunFolder(run), out) if isinstance(step, Written)]
    except MleeError as error:
        connection.send(("", str(error)))
    else:
        connection.send((str(written[0].folder), ""))

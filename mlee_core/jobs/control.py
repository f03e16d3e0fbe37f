"""Control of a run that is being trained: pause, stop, cancel, skip, delete. Nothing waits for the job."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from ..errors import RunError
from ..runs import control_requests
from ..runs.heartbeat import SILENT_S, Heartbeat
from ..runs.run_folder import RunFolder
from ..runs.status_files import Ask, ControlRequest, JobStatus
from ..system import detached
from ..system.files import faults_as_run_errors
from ..system.process_identity import ProcessIdentity


def running(run: Path) -> JobStatus | None:
    """The status of the job that writes a run now, None if there is none."""
    job = JobStatus.load(run)
    return job if job is not None and job.state == "running" and lives(run, job.writer) else None


def lives(run: Path, writer: ProcessIdentity) -> bool:
    """Whether the writer of a run is alive; another machine's, whether its heartbeat is recent."""
    if writer.is_here:
        return writer.alive
    heartbeat, job = Heartbeat.load(run), JobStatus.load(run)
    last_sign_at = max(0.0 if heartbeat is None else heartbeat.at, 0.0 if job is None else job.began_at)
    return time.time() - last_sign_at < SILENT_S


def pause(run: Path) -> bool:
    """Let the running cells end, start no more; False if the run is not being trained. Raises: RunError."""
    return _request(run, "pause")


def stop_and_keep(run: Path) -> bool:
    """End each running cell after its epoch as if it were done, and start no more; False if the run is not
    being trained. Raises: RunError."""
    return _request(run, "stop")


def cancel(run: Path) -> bool:
    """End the job now, with all its processes: TERM, then KILL after some seconds; False if the run is not
    being trained.

    A separate process does it, which outlives this one. Raises: RunError for a job of another machine.
    """
    job = running(run)
    if job is None:
        return False
    if not job.writer.is_here:
        raise RunError(f"{run} is being trained on {job.writer.host}: cancel it there.")
    detached.start(f"{__package__}.terminate", run)
    return True


def skip(run: Path, cell: str, on: bool = True) -> None:
    """Do not train a cell (`Cell.name`): a running one ends at once and keeps its checkpoint. Off: train it
    after all. Raises: RunError."""

    def changed(request: ControlRequest) -> ControlRequest:
        others = tuple(name for name in request.skip if name != cell)
        return replace(request, skip=(*others, cell) if on else others)

    with faults_as_run_errors(run):
        control_requests.edit(run, changed)


def delete(run: Path) -> int:
    """Remove the files that MLEE wrote into a run folder, and the folder if nothing else is in it.

    Of a folder that is a link, the target is emptied and the link removed.

    Returns: how many other files stay.
    Raises: RunError while the run is being written, for a folder without a run, if it cannot be removed.
    """
    from .deletion import remove_own  # imports the names of the reports' files, which takes a while

    if not any((run / name).is_file() for name in ("config.json", "order.json")):
        raise RunError(f"{run} is no run folder: nothing was deleted.")
    if running(run):
        raise RunError(f"{run} is being trained: cancel it first.")
    place = Path(os.path.realpath(run))
    with faults_as_run_errors(run):
        with RunFolder(place).locked():
            remaining = remove_own(place)
        if run.is_symlink() and not place.exists():
            run.unlink()
    return remaining


def _request(run: Path, ask: Ask) -> bool:
    if running(run) is None:
        return False
    with faults_as_run_errors(run):
        control_requests.edit(run, lambda request: replace(request, ask=ask))
    return True

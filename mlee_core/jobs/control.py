"""What can be asked of a run that is being trained, and by whom it is. Nothing here waits for an answer."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from ..errors import RunError
from ..runs import control_requests
from ..runs.run_folder import RunFolder
from ..runs.status_files import SILENT_S, Ask, Heartbeat, JobStatus
from ..system import detached
from ..system.files import faults_as_run_errors
from ..system.process_identity import ProcessIdentity


def running(run: Path) -> JobStatus | None:
    """Who writes a run now, None if nobody does."""
    job = JobStatus.load(run)
    return job if job is not None and job.state == "running" and lives(run, job.writer) else None


def lives(run: Path, writer: ProcessIdentity) -> bool:
    """Whether the writer of a run does. Another machine's counts while its heart beats."""
    if writer.is_here:
        return writer.alive
    beat, job = Heartbeat.load(run), JobStatus.load(run)
    heard_at = max(0.0 if beat is None else beat.at, 0.0 if job is None else job.began_at)
    return time.time() - heard_at < SILENT_S


def pause(run: Path) -> bool:
    """Let the cells in work end, and begin no more; False if nobody trains. Raises: RunError."""
    return _ask(run, "pause")


def stop_and_keep(run: Path) -> bool:
    """End each cell in work after its epoch, as done early; begin no more; False if nobody trains.

    Raises: RunError.
    """
    return _ask(run, "stop")


def cancel(run: Path) -> bool:
    """End the job now, with all its processes: TERM, and KILL after some seconds; False if nobody trains.

    Done by a process of its own, so that it happens even if ours ends. Raises: RunError for a job of another
    machine.
    """
    job = running(run)
    if job is None:
        return False
    if not job.writer.is_here:
        raise RunError(f"{run} is being trained on {job.writer.host}: cancel it there.")
    detached.start(f"{__package__}.terminate", run)
    return True


def skip(run: Path, cell: str, on: bool = True) -> None:
    """Do not train a cell (`Cell.name`), also if it is in work: it ends at once, and its checkpoint stays;
    or train it all the same (on False). Raises: RunError."""
    with faults_as_run_errors(run):
        control_requests.edit(run, lambda asked: replace(asked, skip=_with(asked.skip, cell, on)))


def delete(run: Path) -> int:
    """Remove what MLEE has written into a run folder, and the folder if it is empty then; how many files,
    none of which is MLEE's, stay. A folder that is a link is emptied where it leads to, and the link removed.

    Raises: RunError while it is written, for what is no run folder, and when it cannot be removed.
    """
    from .deletion import remove_own  # knows what reports are, which takes a while to import

    if not any((run / name).is_file() for name in ("config.json", "order.json")):
        raise RunError(f"{run} is no run folder: nothing was deleted.")
    if running(run):
        raise RunError(f"{run} is being trained: cancel it first.")
    place = Path(os.path.realpath(run))
    with faults_as_run_errors(run):
        with RunFolder(place).locked():
            stay = remove_own(place)
        if run.is_symlink() and not place.exists():
            run.unlink()
    return stay


def _ask(run: Path, ask: Ask) -> bool:
    if running(run) is None:
        return False
    with faults_as_run_errors(run):
        control_requests.edit(run, lambda asked: replace(asked, ask=ask))
    return True


def _with(names: tuple[str, ...], name: str, on: bool) -> tuple[str, ...]:
    others = tuple(other for other in names if other != name)
    return (*others, name) if on else others

"""The writer's side of a run folder: events, status of the writing process, the heartbeat."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import chain

from ..errors import MleeError, RunError
from ..events import Cancelled, Event, Failed, Progress
from ..system import sigterm
from ..system.process_identity import ProcessIdentity
from . import control_requests
from .forecast import Forecast
from .heartbeat import HeartbeatWriter
from .retrain import drop
from .run_folder import RunFolder
from .status_files import JobState, JobStatus


@contextmanager
def marked(run: RunFolder) -> Iterator[None]:
    """job.json names this process while it prepares the training, and how that ended.

    Raises: RunError when another process writes the run.
    """
    with run.locked():
        _register(run)
    try:
        yield
    except KeyboardInterrupt:
        ended(run, "cancelled")
        raise
    except Exception as error:
        ended(run, "failed", _sentence(error))
        raise


@contextmanager
def disk_faults_as_run_errors(run: RunFolder) -> Iterator[None]:
    """Raises: RunError, one sentence, for a full disk or a closed folder."""
    try:
        yield
    except BrokenPipeError:  # of our output, not of the run
        raise
    except OSError as error:
        raise RunError(
            f"run {run.path} cannot be written: {error.strerror or error}; what was saved is complete, "
            "and --resume continues from there."
        ) from error


def recorded(run: RunFolder, work: Generator[Event], what: str, forecast: Forecast) -> Generator[Event]:
    """Yield the events of work, and write all but Progress, and how the work ended, to events.jsonl.

    Cells to retrain are dropped before. Events that a resumed training repeats are not yielded. Close the
    generator to stop the work.

    Args:
        run: must exist (`Experiment.begin`).
        work: is closed at the end.
        what: name of the work for its last event.
        forecast: is given all events, for the heartbeat.
    """
    with run.writing() as log, closing(work):
        if not _is_ours(run):
            _register(run)
        state: JobState = "finished"
        try:
            with disk_faults_as_run_errors(run), HeartbeatWriter(run.path, forecast) as heartbeat:
                for event in chain(_dropped(run), work):
                    heartbeat.add(event)
                    if isinstance(event, Cancelled):  # by a request
                        state = "paused" if event.what == "paused" else "stopped"
                    if isinstance(event, Progress) or log.append(event):
                        yield event
                    sigterm.check()
            ended(run, state)
        except (KeyboardInterrupt, GeneratorExit):
            work.close()
            ended(run, "cancelled")
            log.append(Cancelled(what))
            raise
        except Exception as error:
            ended(run, "failed", _sentence(error))
            log.append(Failed(_sentence(error)))
            raise


def _dropped(run: RunFolder) -> Iterator[Event]:
    """Drop the cells to retrain, and remove them from the requests."""
    redo = control_requests.ControlRequests(run.path).now().redo
    yield from drop(run, redo)
    if redo:
        control_requests.edit(
            run.path, lambda now: replace(now, redo=tuple(name for name in now.redo if name not in redo))
        )


def _register(run: RunFolder) -> None:
    """Save that this process writes the run. A request to end was meant for an earlier one."""
    control_requests.edit(run.path, lambda request: replace(request, ask=None))
    JobStatus(ProcessIdentity.own(), time.time()).save(run.path)


def _is_ours(run: RunFolder) -> bool:
    job = JobStatus.load(run.path)
    return job is not None and job.writer == ProcessIdentity.own() and job.state == "running"


def ended(run: RunFolder, state: JobState, message: str = "") -> None:
    """Save how this process's writing ended, unless another one writes by now."""
    job = JobStatus.load(run.path)
    if job is not None and job.writer == ProcessIdentity.own():
        with suppress(OSError):  # on a full disk; the parent process reports it
            replace(job, state=state, ended_at=time.time(), message=message).save(run.path)


def _sentence(error: Exception) -> str:
    if isinstance(error, MleeError):
        return str(error)
    return f"Internal error: {type(error).__name__}: {error}".rstrip(": ")

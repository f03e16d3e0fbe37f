"""The writer's side of a run folder, whoever it is: events, who writes and how it ended, the heartbeat."""

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
from .status_files import ControlRequest, JobState, JobStatus


@contextmanager
def marked(run: RunFolder) -> Iterator[None]:
    """job.json names this process already while it gets ready to train, and says how that ended.

    Raises: RunError when another process writes the run.
    """
    with run.locked():
        _named(run)
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
            f"run {run.path} cannot be written: {error.strerror or error}; what was saved before is whole, "
            "and --resume goes on from there."
        ) from error


def recorded(run: RunFolder, work: Generator[Event], what: str, ahead: Forecast) -> Generator[Event]:
    """Pass events on, all but Progress written to events.jsonl, the end of the work included.

    What is to be trained anew is dropped before. What a resumed training tells again, and the run knows
    already, is not passed on. Close the generator to stop the work. what: names it. ahead: follows it, for
    the heartbeat.
    """
    with run.writing() as journal, closing(work):
        if not _is_ours(run):
            _named(run)
        state: JobState = "finished"
        try:
            with disk_faults_as_run_errors(run), HeartbeatWriter(run.path, ahead) as pulse:
                for event in chain(_dropped(run), work):
                    pulse.hear(event)
                    if isinstance(event, Cancelled):  # as it was asked to
                        state = "paused" if event.what == "paused" else "stopped"
                    if isinstance(event, Progress) or journal.append(event):
                        yield event
                    sigterm.check()
            ended(run, state)
        except (KeyboardInterrupt, GeneratorExit):
            work.close()
            ended(run, "cancelled")
            journal.append(Cancelled(what))
            raise
        except Exception as error:
            ended(run, "failed", _sentence(error))
            journal.append(Failed(_sentence(error)))
            raise


def _dropped(run: RunFolder) -> Iterator[Event]:
    """Do what is asked before training begins."""
    redo = control_requests.ControlRequests(run.path).now().redo
    yield from drop(run, redo)

    def done(asked: ControlRequest) -> ControlRequest:
        return replace(asked, redo=tuple(name for name in asked.redo if name not in redo))

    if redo:
        control_requests.edit(run.path, done)


def _named(run: RunFolder) -> None:
    """Say that we write the run. Nobody can have asked us anything before."""
    control_requests.edit(run.path, lambda asked: replace(asked, ask=None))
    JobStatus(ProcessIdentity.own(), time.time()).save(run.path)


def _is_ours(run: RunFolder) -> bool:
    job = JobStatus.load(run.path)
    return job is not None and job.writer == ProcessIdentity.own() and job.state == "running"


def ended(run: RunFolder, state: JobState, message: str = "") -> None:
    """Say how our writing ended, unless another writes meanwhile."""
    job = JobStatus.load(run.path)
    if job is not None and job.writer == ProcessIdentity.own():
        with suppress(OSError):  # nothing can be said on a full disk; whoever waits for us says that
            replace(job, state=state, ended_at=time.time(), message=message).save(run.path)


def _sentence(error: Exception) -> str:
    if isinstance(error, MleeError):
        return str(error)
    return f"A fault of ours: {type(error).__name__}: {error}".rstrip(": ")

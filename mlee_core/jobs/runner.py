"""`python -m mlee_core.jobs.runner FOLDER`: runs the experiments of a queue, one after the other.

At most one for a queue. It outlives the process that started it and logs to FOLDER/runner.log; if it is
killed, its job continues, and the next runner takes the job over. Processes that a job leaves behind become
children of the runner, and are ended with the job.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from ..errors import RunError
from ..runs.spec_file import write_spec
from ..system import detached, locks, process_group
from ..system.files import faults_as_run_errors
from ..system.process_identity import ProcessIdentity
from . import control
from .job import SAID
from .queue import Item, Queue, QueueFile, State

HAS_RUNNER = 3
"""The exit status if the queue already has a runner."""

LOCK = "runner.lock"
POLL_S = 0.1
_LOG_BYTES = 1_000_000
_TAIL_BYTES = 4096


def ensure_runner(folder: Path | None = None) -> bool:
    """Start the runner of a queue, a process that outlives this one, if it has none; whether one was started.

    Call it whenever an item begins to wait; it takes a fraction of a second. folder: as for a QueueFile.
    Raises: RunError.
    """
    queue = QueueFile(folder)
    with queue.locked():  # a runner that is about to end has not seen yet what was just added
        with faults_as_run_errors(queue.folder):
            lock = locks.try_lock(queue.folder / LOCK)
        if lock is None:
            return False
        lock.close()
    status = detached.start(f"{__package__}.runner", queue.folder)
    if status not in (0, HAS_RUNNER):
        raise RunError(f"The runner of the queue {queue.folder} ended at once, with status {status}.")
    return status == 0


def main() -> int:
    queue = QueueFile(Path(sys.argv[1]))
    queue.folder.mkdir(parents=True, exist_ok=True)
    lock = locks.try_lock(queue.folder / LOCK)
    if lock is None:
        print(f"Another process already runs the queue {queue.folder}.", file=sys.stderr)
        return HAS_RUNNER
    detached.release(_log_file(queue.folder / "runner.log"))
    process_group.adopt_orphans()
    Runner(queue, lock).work()
    return 0


class Runner:
    """lock: of the queue's only runner, held until the end."""

    def __init__(self, queue: QueueFile, lock: IO[bytes]) -> None:
        self._queue, self._lock = queue, lock

    def work(self) -> None:
        """Run jobs until none runs and none may start."""
        while (item := self._next()) is not None:
            try:
                job = None
                if item.state == "waiting":
                    item, job = self._start(item)
                self._await_end(item, job)
            except RunError as error:
                self._close(item, "failed", str(error))

    def _next(self) -> Item | None:
        """The running item, else the next to start; if there is none, None, and the runner's lock is free."""
        chosen: Item | None = None

        def choose(queue: Queue) -> Queue:
            nonlocal chosen
            queue = queue.settled()
            chosen = next((item for item in queue.items if item.state == "running"), None)
            if chosen is None and not queue.paused:
                chosen = next((item for item in queue.items if item.state == "waiting"), None)
            if chosen is None:
                self._lock.close()  # under the queue's lock: whoever adds the next item starts a runner
            return queue

        self._queue.edit(choose)
        return chosen

    def _start(self, item: Item) -> tuple[Item, subprocess.Popen[bytes] | None]:
        """Start the item's job. Raises: RunError if that is impossible."""
        known = control.running(item.run)
        if known is not None:  # started in a terminal, or by a runner that was killed just afterwards
            return self._changed(item, replace(item, state="running", process=known.writer)), None
        write_spec(item.run, item.spec)  # its folder may have been deleted while it waited
        with faults_as_run_errors(item.run), open(_log_file(item.run / "logs" / "job.log"), "ab") as log:
            job = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.job", str(item.run)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=detached.PACKAGES,
                start_new_session=True,
            )
        process = ProcessIdentity.of(job.pid)
        _log(f"{item.run}: process {job.pid}")
        return self._changed(item, replace(item, state="running", message="", process=process)), job

    def _await_end(self, item: Item, job: subprocess.Popen[bytes] | None) -> None:
        """Wait for the job and end what it leaves behind. job: None if another process started it."""
        while item.process is not None and control.lives(item.run, item.process):
            process_group.reap(but=None if job is None else job.pid)
            time.sleep(POLL_S)
        status = None if job is None else job.wait()
        process_group.end(lambda: _left_behind(item))
        process_group.reap(but=None)
        ended = item.now()
        if ended.state == "interrupted" and status is not None and status > 0:
            ended = replace(ended, state="failed", message=_reason(item.run, status))
        self._close(item, ended.state, ended.message)

    def _close(self, item: Item, state: State, message: str) -> None:
        _log(f"{item.run}: {state} {message}".rstrip())
        self._queue.edit(lambda queue: closed(queue, item, state, message))
        if state in ("failed", "interrupted"):
            self._queue.edit(lambda queue: replace(queue, paused=queue.paused or not queue.keep_going))

    def _changed(self, was: Item, now: Item) -> Item:
        """Write the item into the queue, unless the user has changed it meanwhile."""
        self._queue.edit(lambda queue: queue.with_item(now) if was in queue.items else queue)
        return now


def closed(queue: Queue, was: Item, state: State, message: str) -> Queue:
    """The queue once an item's job has ended; the same one if the user has changed the item meanwhile."""
    now = next((item for item in queue.items if item.id == was.id), None)
    if now is None or (now.state, now.process) != (was.state, was.process):
        return queue
    if state == "paused" and not queue.paused:  # the user has resumed the queue
        return queue.with_item(now.waiting(now.spec.cells))
    return queue.with_item(now.ended(state, message))


def _left_behind(item: Item) -> list[int]:
    """The living processes of a job that has ended: in its session, or adopted by this process."""
    session = [] if item.process is None else process_group.of_job(item.process)
    return [*session, *process_group.children(os.getpid())]


def _reason(run: Path, status: int) -> str:
    """Why a job failed that could not write so into its run folder: another process writes there, or the disk
    is full."""
    with suppress(OSError):
        with open(run / "logs" / "job.log", "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").split("\n")
        messages = [line for line in lines if line.startswith(SAID)]
        if messages:
            return messages[-1].removeprefix(SAID)
        free = shutil.disk_usage(run).free / 1e6
        return f"The job ended with status {status}; its disk has {free:.0f} MB free ({run}/logs/job.log)."
    return f"The job ended with status {status}, and {run} cannot be read."


def _log_file(file: Path) -> Path:
    """The log file, in an existing folder; a long one is removed. Raises: OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > _LOG_BYTES:
        file.unlink()
    return file


def _log(event: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), event, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m mlee_core.jobs.runner FOLDER`: works a queue, one job after the other, and ends with it.

At most one for a queue. It outlives whoever started it and writes what it does to FOLDER/runner.log; if it
is killed, its job goes on, and the next runner takes it over. Whatever a job leaves behind becomes a child of
this process, and is ended with the job.
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

TAKEN = 3
"""The exit status if another process already works the queue."""

LOCK = "runner.lock"
POLL_S = 0.1
_LOG_BYTES = 1_000_000
_TAIL_BYTES = 4096


def ensure_runner(folder: Path | None = None) -> bool:
    """Have the queue worked by a process that outlives this one; whether one had to be started.

    To be called whenever something begins to wait; takes a fraction of a second. folder: as of a QueueFile.
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
    if status not in (0, TAKEN):
        raise RunError(f"The queue {queue.folder} cannot be worked: its process ended with status {status}.")
    return status == 0


def main() -> int:
    queue = QueueFile(Path(sys.argv[1]))
    queue.folder.mkdir(parents=True, exist_ok=True)
    lock = locks.try_lock(queue.folder / LOCK)
    if lock is None:
        print(f"Another process already works the queue {queue.folder}.", file=sys.stderr)
        return TAKEN
    detached.release(_log(queue.folder / "runner.log"))
    process_group.adopt_orphans()
    Runner(queue, lock).work()
    return 0


class Runner:
    """lock: of the queue's one runner, held until the end."""

    def __init__(self, queue: QueueFile, lock: IO[bytes]) -> None:
        self._queue, self._lock = queue, lock

    def work(self) -> None:
        """Until nothing runs and nothing may begin."""
        while (item := self._next()) is not None:
            try:
                job = None
                if item.state == "waiting":
                    item, job = self._begun(item)
                self._see_to_its_end(item, job)
            except RunError as error:
                self._close(item, "failed", str(error))

    def _next(self) -> Item | None:
        """What runs already, else what is to begin. With None this runner has given up its place."""
        chosen: Item | None = None

        def choose(queue: Queue) -> Queue:
            nonlocal chosen
            queue = queue.settled()
            chosen = next((item for item in queue.items if item.state == "running"), None)
            if chosen is None and not queue.paused:
                chosen = next((item for item in queue.items if item.state == "waiting"), None)
            if chosen is None:
                self._lock.close()  # while nobody can add: who adds next starts another runner
            return queue

        self._queue.edit(choose)
        return chosen

    def _begun(self, item: Item) -> tuple[Item, subprocess.Popen[bytes] | None]:
        """The item with its job, started now. Raises: RunError where that is not possible."""
        known = control.running(item.run)
        if known is not None:  # in a terminal, or by a runner that was killed before it could say so
            return self._changed(item, replace(item, state="running", process=known.writer)), None
        write_spec(item.run, item.spec)  # its folder may have been deleted while it waited
        with faults_as_run_errors(item.run), open(_log(item.run / "logs" / "job.log"), "ab") as log:
            job = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.job", str(item.run)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=detached.PACKAGES,
                start_new_session=True,
            )
        process = ProcessIdentity.of(job.pid)
        _say(f"{item.run}: process {job.pid}")
        return self._changed(item, replace(item, state="running", message="", process=process)), job

    def _see_to_its_end(self, item: Item, job: subprocess.Popen[bytes] | None) -> None:
        """job: None where the item was begun by somebody else."""
        while item.process is not None and control.lives(item.run, item.process):
            process_group.reap(but=None if job is None else job.pid)
            time.sleep(POLL_S)
        status = None if job is None else job.wait()
        process_group.end(lambda: _left_behind(item))
        process_group.reap(but=None)
        ended = item.now()
        if ended.state == "interrupted" and status is not None and status > 0:
            ended = replace(ended, state="failed", message=_last_word(item.run, status))
        self._close(item, ended.state, ended.message)

    def _close(self, item: Item, state: State, message: str) -> None:
        _say(f"{item.run}: {state} {message}".rstrip())
        self._queue.edit(lambda queue: closed(queue, item, state, message))
        if state in ("failed", "interrupted"):
            self._queue.edit(lambda queue: replace(queue, paused=queue.paused or not queue.keep_going))

    def _changed(self, was: Item, now: Item) -> Item:
        """Write it into the queue, unless the user has done something with it meanwhile."""
        self._queue.edit(lambda queue: queue.with_item(now) if was in queue.items else queue)
        return now


def closed(queue: Queue, was: Item, state: State, message: str) -> Queue:
    """The queue once an item's job has ended, unless the user has done something else with it meanwhile."""
    now = next((item for item in queue.items if item.id == was.id), None)
    if now is None or (now.state, now.process) != (was.state, was.process):
        return queue
    if state == "paused" and not queue.paused:  # the user goes on already
        return queue.with_item(now.waiting(now.spec.cells))
    return queue.with_item(now.ended(state, message))


def _left_behind(item: Item) -> list[int]:
    """What lives still of a job that has ended: in its session, or adopted by us."""
    session = [] if item.process is None else process_group.of_job(item.process)
    return [*session, *process_group.children(os.getpid())]


def _last_word(run: Path, status: int) -> str:
    """Of a job that could not write its end into its folder: it was another's, say, or the disk is full."""
    with suppress(OSError):
        with open(run / "logs" / "job.log", "rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").split("\n")
        said = [line for line in lines if line.startswith(SAID)]
        if said:
            return said[-1].removeprefix(SAID)
        free = shutil.disk_usage(run).free / 1e6
        return f"The job ended with status {status}; its disk has {free:.0f} MB free ({run}/logs/job.log)."
    return f"The job ended with status {status}, and {run} cannot be read."


def _log(file: Path) -> Path:
    """The log file, in an existing folder; a long one is removed. Raises: OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > _LOG_BYTES:
        file.unlink()
    return file


def _say(what: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), what, flush=True)


if __name__ == "__main__":
    sys.exit(main())

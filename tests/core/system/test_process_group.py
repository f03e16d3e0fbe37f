"""Which process is whose: numbers that are used again, zombies, sessions, and how a job's processes end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from mlee_core.config.experiment_spec import ExperimentSpec
from mlee_core.jobs import control
from mlee_core.jobs.queue import QueueFile
from mlee_core.runs.status_files import JobStatus
from mlee_core.system import process_group
from tests.helpers.child_side import wait_until
from tests.helpers.job_folders import known, sleeper

__all__ = ["sleeper"]  # a fixture


def test_a_number_that_is_used_again_and_a_zombie_are_not_the_job(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    now = known(sleeper)
    assert now.alive and process_group.of_job(now) == [sleeper.pid]
    queue = QueueFile(tmp_path / "queue")
    item = queue.add(ExperimentSpec(tmp_path, run=tmp_path / "run"))
    for other in (replace(now, start=now.start + 1), replace(now, boot="before"), replace(now, host="else")):
        JobStatus(other, 0.0).save(item.run)  # long ago: another machine's would be heard of
        stored = replace(item, state="running", process=other)
        queue.edit(lambda was, stored=stored: was.with_item(stored))
        assert queue.read().items[0].state == "interrupted"
        assert control.running(item.run) is None and not control.cancel(item.run)
        assert not control.pause(item.run) and not control.stop_and_keep(item.run)
        assert process_group.of_job(other) == []
    JobStatus(now, time.time()).save(item.run)
    assert control.running(item.run) is not None
    sleeper.kill()
    wait_until(lambda: not now.alive, "the process to be a zombie")  # nobody waits for it yet
    assert Path(f"/proc/{sleeper.pid}").exists()
    assert control.running(item.run) is None


def test_a_writer_that_leads_no_session_is_ended_alone(tmp_path: Path) -> None:
    """A terminal's, whose session and group are the shell's: here this test's."""
    process = subprocess.Popen(["sleep", "600"])
    try:
        assert process_group.of_job(known(process)) == [process.pid]
    finally:
        process.kill()
        process.wait()
    assert os.getpid() in process_group._session(os.getsid(0))


DEAF = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "600"])
print("deaf", flush=True)
signal.pause()
"""


def test_a_process_that_ignores_sigterm_is_killed_with_its_whole_session() -> None:
    command = [sys.executable, "-c", DEAF]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None and process.stdout.readline() == b"deaf\n"
        leader = known(process)
        assert len(process_group.of_job(leader)) == 2
        began = time.monotonic()
        process_group.end(lambda: process_group.of_job(leader), grace_s=0.3)
        assert time.monotonic() - began >= 0.3
        assert process_group.of_job(leader) == [] and process.wait() == -signal.SIGKILL

"""Helper processes: they answer, their death is reported, and nothing of them stays behind."""

from __future__ import annotations

import gc
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from mlee_core.errors import WorkerDied
from mlee_core.system.child_process import Child, log_file
from tests.helpers.child_side import deaf, echo, running, wait_until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch) -> Path:
    """A temporary folder of this test's own, to see what is left in it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def ask(child: Child, message: str):
    child.send(message)
    return child.receive()


def test_a_child_answers_from_another_process_and_ends_with_status_0():
    child = Child("echo", echo, "you said ")
    assert ask(child, "hello") == "you said hello"
    assert ask(child, "pid") == child.pid != os.getpid()
    assert child.alive and child.outcome() is None
    pid = child.pid
    outcome = child.stop()
    assert (outcome.exit_code, outcome.signal) == (0, None)
    assert not child.alive and not Path(f"/proc/{pid}").exists(), "a zombie is left"
    assert child.stop() == outcome, "stopping twice gives the same"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("exit", "The echo ended with status 7"),
        ("raise", "The echo ended with status 1: ValueError: the child's own words"),
        ("segv", "The echo was ended by SIGSEGV."),
    ],
)
def test_a_death_is_noticed_by_the_waiting_parent_and_reported_with_the_last_line(message, sentence):
    child = Child("echo", echo)
    child.send(message)
    with pytest.raises(WorkerDied) as error:
        child.receive()
    assert str(error.value).startswith(sentence)
    assert child.outcome() is not None and not child.alive
    with pytest.raises(WorkerDied, match="The echo"):
        child.send("are you there?")
    with pytest.raises(WorkerDied, match="The echo"):
        child.poll()


def test_a_crash_leaves_its_stack_in_the_log_lines():
    child = Child("echo", echo)
    child.send("segv")
    with pytest.raises(WorkerDied):
        child.receive()
    outcome = child.outcome()
    assert outcome is not None and any("Fatal Python error" in line for line in outcome.last_log_lines)


def test_what_a_child_prints_goes_to_its_log_and_not_to_our_terminal(capfd, tmp_path):
    log = tmp_path / "state" / "echo.log"
    for _ in range(2):
        child = Child("echo", echo, log=log)
        ask(child, "print")
        outcome = child.stop()
    assert log.read_text() == "said on stdout\n" * 2, "a named log is kept and appended to"
    assert outcome.last_log_lines == ("said on stdout",), "only this child's lines"
    assert capfd.readouterr() == ("", "")


def test_a_log_that_grew_large_starts_afresh(tmp_path):
    log = tmp_path / "echo.log"
    log.write_text("x" * 1_000_001)
    child = Child("echo", echo, log=log)
    ask(child, "print")
    child.stop()
    assert log.read_text() == "said on stdout\n"


def test_a_child_that_does_not_read_its_pipe_is_killed():
    child = Child("deaf", deaf)
    assert child.receive() == "here"
    assert child.stop(grace_s=0.05).signal == "SIGKILL"


def test_ctrl_c_in_the_terminal_does_not_end_a_child():
    child = Child("echo", echo)
    assert ask(child, "up") == "up"  # it handles signals by now
    os.kill(child.pid, signal.SIGINT)
    assert ask(child, "still there") == "still there"
    child.stop()


def test_a_forgotten_child_is_ended_when_it_is_collected(temporary):
    child = Child("echo", echo)
    assert ask(child, "up") == "up"
    pid = child.pid
    del child
    gc.collect()
    assert not running(pid) and list(temporary.iterdir()) == []


def test_twenty_cycles_leave_no_descriptor_no_file_and_no_process(temporary):
    def cycle(message: str) -> int:
        child = Child("echo", echo)
        pid = child.pid
        child.send(message)
        with suppress(WorkerDied):
            child.receive()
        child.stop()
        return pid

    cycle("warm up")  # multiprocessing starts its resource tracker once
    before = len(os.listdir("/proc/self/fd"))
    pids = [cycle("segv" if n % 5 == 0 else "hello") for n in range(20)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert list(temporary.iterdir()) == []
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize("started_from", ["main", "thread"])
def test_a_child_ends_when_its_parent_is_killed(started_from, temporary):
    command = [sys.executable, "-m", "tests.helpers.child_side", started_from]
    environment = {**os.environ, "TMPDIR": str(temporary)}  # nobody is left to remove the log
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert running(pid), "it outlives the thread that started it"
        parent.kill()
    wait_until(lambda: not running(pid), "the orphan to end")


def test_a_program_that_forgets_its_child_ends_all_the_same():
    code = "from mlee_core.system.child_process import Child\n"
    code += "from tests.helpers.child_side import deaf; c = Child('d', deaf)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)


def test_children_started_at_once_from_two_threads_each_notice_their_own_end():
    children: list[Child] = []
    threads = [threading.Thread(target=lambda: children.append(Child("echo", echo))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = children
    first.kill()
    assert ask(second, "hello") == "hello"
    assert second.stop().exit_code == 0, "the other's pipe did not keep it waiting"


def test_logs_are_kept_in_the_users_state_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert log_file("worker") == tmp_path / "mlee" / "worker.log"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert log_file("worker") == Path("/home/somebody/.local/state/mlee/worker.log")


def test_ctrl_c_reaches_no_child_from_its_first_instruction_on():
    """A child that is still importing could not ignore it: it must be held back from before its start."""
    child = Child("echo", echo)
    try:  # the mask is there before Python runs: it came with the fork
        held = re.search(r"^SigBlk:\s*([0-9a-f]+)$", Path(f"/proc/{child.pid}/status").read_text(), re.M)
        assert held is not None and int(held[1], 16) & 1 << (signal.SIGINT - 1)
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())  # ours is as it was
        assert ask(child, "still") == "still"
    finally:
        child.stop()

"""`mlee table3 --engine ray` on two nodes: whatever breaks, it ends as the local engine does."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mlee_core.runs import RunFolder
from tests.core import ray_side
from tests.core.child_side import running, wait_until
from tests.core.run_folders import content, epoch, finished, kept, started, table3, told, until

pytestmark = [ray_side.needs_ray, pytest.mark.timeout(900)]  # many processes, which may wait for the machine

EPOCHS = 8
"""So many that some are left when the first has been told."""

PART = ("--train-sets", "all", "--only", "s0", "--dtype", "fp32")
ROWS = ("--rows", "dominant-hard", "mlee", "fusion-hard", *PART)


@dataclass(frozen=True)
class Broken:
    """A run that was stopped and lost a worker, and what was seen on the way."""

    run: Path
    said: str
    own: list[str]
    left: list[str]
    after_stop: str
    killed: int


@pytest.fixture(scope="module")
def cluster() -> Iterator[ray_side.Cluster]:
    with ray_side.cluster(nodes=2) as found:
        yield found


@pytest.fixture(scope="module")
def local(small_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("local") / "run"
    finished(table3(small_table, run, *ROWS, "--max-epochs", EPOCHS, "--jobs", 1))
    return run


@pytest.fixture(scope="module")
def broken(small_table: Path, cluster: ray_side.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Broken:
    """Begun with a Ray of its own, and stopped by Ctrl-C in the second epoch of the first encoder; goes on on
    the cluster, where a worker is killed in the second epoch of the other."""
    run = tmp_path_factory.mktemp("broken") / "run"
    with tempfile.TemporaryDirectory(prefix="mlee-", dir="/tmp") as folder:  # Ray's sockets want short paths
        options = (*ROWS, "--max-epochs", EPOCHS, "--jobs", 1, "--engine", "ray")
        process = started(table3(small_table, run, *options), TMPDIR=folder)
        until(process, epoch("s0", "dominant-hard"))
        own = ray_side.descendants(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate()
        wait_until(lambda: not any(map(running, own)), "Ray to end")
        left = [str(file) for file in Path(folder).glob("mlee-*")]
    after_stop = [line["type"] for line in RunFolder(run).events()][-1]

    process = started(table3(small_table, run, "--resume", "--engine", "ray", "--address", cluster.address))
    until(process, epoch("s0", "mlee-all"))
    (killed,) = cluster.workers("mlee s0 mlee-all")
    os.kill(killed, signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    return Broken(run, said, list(own.values()), left, after_stop, killed)


def test_networks_and_results_are_bit_identical_to_the_local_engines(broken: Broken, local: Path) -> None:
    files = list(kept(local))
    assert len(files) == 3 * 3 + 1  # last, best and result of each stage, and a model
    assert files == list(kept(broken.run))
    for file in files:
        assert content(broken.run / file) == content(local / file), file
    facts = Path("s0/recordings.json")
    assert (broken.run / facts).read_bytes() == (local / facts).read_bytes()


def test_the_same_epochs_and_stages_are_told_once(broken: Broken, local: Path) -> None:
    assert set(told(local).values()) == {1} and len(told(local)) == 3 * (EPOCHS + 1)
    assert told(broken.run) == told(local)


def test_a_job_whose_worker_dies_goes_on_from_its_checkpoint_and_says_so(broken: Broken) -> None:
    lines = list(RunFolder(broken.run).events())
    (again,) = (line for line in lines if line["type"] == "started" and "attempt 2 of 4" in line["what"])
    assert (again["fold"], again["stage"]) == ("s0", "mlee-all")
    assert f"(127.0.0.1), process {broken.killed}, died; attempt 2 of 4" in again["what"]
    resumed = {line["stage"]: line["epoch"] for line in lines if line["type"] == "resumed"}
    assert resumed.keys() == {"dominant-hard", "mlee-all"}
    assert all(1 <= number < EPOCHS for number in resumed.values())


def test_ctrl_c_ends_the_ray_that_was_started_and_leaves_nothing(broken: Broken) -> None:
    assert any("gcs_server" in command for command in broken.own)  # it was seen, all of it
    assert any(command == "ray::mlee s0 dominant-hard" for command in broken.own)
    assert broken.said.splitlines()[-1] == "mlee: stopped." and "Traceback" not in broken.said
    assert broken.after_stop == "cancelled"
    assert broken.left == []
    assert not [file for file in broken.run.rglob("*") if file.name.startswith((".", "mlee-scratch-"))]


def test_a_job_that_kills_its_workers_is_given_up_and_a_cluster_is_left_without_a_task(
    small_table: Path, cluster: ray_side.Cluster, tmp_path: Path
) -> None:
    """One job's workers are killed as soon as they have it; the other one goes on until Ctrl-C."""
    run = RunFolder(tmp_path / "run")
    endless = ("--max-epochs", 1000, "--patience", 1000, "--engine", "ray", "--address", cluster.address)
    command = table3(small_table, run.path, *ROWS, *endless)
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    )
    killed: set[int] = set()
    for _ in range(4):
        pid = cluster.worker("mlee s0 dominant-hard", but=killed)
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    goes_on = epoch("s0", "mlee-all")
    wait_until(lambda: any(line["type"] == "failed" for line in run.events()), "the job to be given up", 120)
    wait_until(lambda: any(map(goes_on, run.events())), "the other job to go on", 120)
    driver = ray_side.descendants(process.pid)
    assert driver and len(cluster.workers("mlee s0 mlee-all")) == 1
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, said.splitlines()[-1]) == (130, "mlee: stopped.")
    wait_until(lambda: not cluster.workers("mlee s0 mlee-all"), "the task to end")
    wait_until(lambda: not any(map(running, driver)), "the driver to end")
    failed = {line["stage"]: line["message"] for line in run.events() if line["type"] == "failed"}
    assert failed["dominant-hard"].startswith("Training was given up: ")
    assert failed["dominant-hard"].endswith("died, 4 times without an epoch in between.")
    assert failed["fusion-hard-all"].endswith("was not trained: its encoder dominant-hard failed.")
    assert failed.keys() == {"dominant-hard", "fusion-hard-all"}
    assert [line["type"] for line in run.events()][-1] == "cancelled"

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

from mlee_core.jobs import control
from mlee_core.runs.cells import RESULT
from mlee_core.runs.heartbeat import Heartbeat
from mlee_core.runs.run_folder import RunFolder
from tests.helpers import ray_side
from tests.helpers.child_side import running, wait_until
from tests.helpers.run_folders import content, epoch, finished, kept, started, table3, told, until

pytestmark = [ray_side.needs_ray, pytest.mark.timeout(900)]  # many processes, which may wait for the machine

EPOCHS = 8
"""So many that some are left when the first has been told."""

PART = ("--train-sets", "all", "--only", "s0", "--dtype", "fp32")
DEGRADED = ("--set", "degraded=0.5", "quiet=1", "noise=1")
"""Workers then need the samples, too."""

ROWS = ("--rows", "dominant-hard", "mlee", "fusion-hard", *PART, *DEGRADED)
ENDLESS = ("--max-epochs", 1000, "--patience", 1000, "--engine", "ray")


@dataclass(frozen=True)
class Broken:
    """A run that was stopped and lost a worker, and what was seen on the way."""

    run: Path
    said: str
    own: list[str]
    left: list[str]
    after_stop: str
    killed: int


def unread(command: list[str]) -> subprocess.Popen[str]:
    """Started; its events are read in the run folder."""
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, process_group=0
    )


def trained(run: RunFolder) -> set[str]:
    """The stages that have told of an epoch."""
    return {line["stage"] for line in run.events() if line["type"] == "epoch_done"}


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
    """Begun with a Ray of its own, and ended by TERM in the second epoch of the first encoder; goes on on the
    cluster, where a worker is killed in the second epoch of the other."""
    run = tmp_path_factory.mktemp("broken") / "run"
    with tempfile.TemporaryDirectory(prefix="mlee-", dir="/tmp") as folder:  # Ray's sockets want short paths
        options = (*ROWS, "--max-epochs", EPOCHS, "--jobs", 1, "--engine", "ray")
        process = started(table3(small_table, run, *options), TMPDIR=folder)
        until(process, epoch("s0", "dominant-hard"))
        own = ray_side.descendants(process.pid)
        os.killpg(process.pid, signal.SIGTERM)
        wait_until(lambda: not any(map(running, own)), "Ray to end", 5)
        _, said = process.communicate()
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


def test_term_ends_the_ray_that_was_started_within_five_seconds_and_leaves_nothing(broken: Broken) -> None:
    assert any("gcs_server" in command for command in broken.own)  # it was seen, all of it
    assert any(command == "ray::mlee s0 dominant-hard" for command in broken.own)
    assert broken.said.splitlines()[-1] == "mlee: stopped." and "Traceback" not in broken.said
    assert broken.after_stop == "cancelled"
    assert broken.left == []
    assert not [file for file in broken.run.rglob("*") if file.name.startswith((".", "mlee-scratch-"))]


@pytest.mark.slow
def test_a_job_that_kills_its_workers_is_given_up_and_a_cluster_is_left_without_a_task(
    small_table: Path, cluster: ray_side.Cluster, tmp_path: Path
) -> None:
    """One job's workers are killed as soon as they have it; the other one goes on until Ctrl-C."""
    run = RunFolder(tmp_path / "run")
    process = unread(table3(small_table, run.path, *ROWS, *ENDLESS, "--address", cluster.address))
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
    assert failed["dominant-hard"].startswith("Training has failed: ")
    assert failed["dominant-hard"].endswith("died, 4 times without an epoch in between.")
    assert failed["fusion-hard-all"].endswith("was not trained: its encoder dominant-hard failed.")
    assert failed.keys() == {"dominant-hard", "fusion-hard-all"}
    assert [line["type"] for line in run.events()][-1] == "cancelled"


# ---- asked meanwhile ------------------------------------------------------------------------------------


def test_a_skipped_cell_ends_at_once_and_stop_and_keep_ends_the_others_after_their_epoch(
    small_table: Path, cluster: ray_side.Cluster, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    process = unread(table3(small_table, run.path, *ROWS, *ENDLESS, "--address", cluster.address))
    wait_until(lambda: trained(run) == {"dominant-hard", "mlee-all"}, "both to train", 60)
    control.skip(run.path, "s0/seed-0/dominant-hard")
    wait_until(lambda: not cluster.workers("mlee s0 dominant-hard"), "the skipped one to end")
    assert (run.path / "s0/seed-0/dominant-hard/last.safetensors").exists()
    told_before = sum(told(run.path).values())
    wait_until(lambda: sum(told(run.path).values()) > told_before, "the other to go on")
    assert control.stop_and_keep(run.path)
    _, said = process.communicate()
    assert process.returncode == 0, said
    (result,) = run.results()
    assert result.early and 1 < result.epochs < 1000 and result.stage.name == "mlee-all"
    assert result.epoch == min(result.curves, key=lambda row: row["dev_loss"])["epoch"]
    assert result.predictions.keys() == {u.id for u in run.corpus().of_speakers(("s0",)) if u.votes.total}
    lines = list(run.events())
    assert (lines[-1]["type"], lines[-1]["what"]) == ("cancelled", "stopped")
    assert not [line for line in lines if line["type"] == "failed"]


@pytest.mark.slow
def test_pause_ends_after_the_cells_in_work_which_are_as_ever(
    small_table: Path, cluster: ray_side.Cluster, local: Path, tmp_path: Path
) -> None:
    """Three jobs at once on a cluster with room for two: the third has no worker yet."""
    run = RunFolder(tmp_path / "run")
    rows = ("--rows", "dominant-hard", "mlee", "dominant-soft", "fusion-hard", *PART, "--jobs", 3)
    options = (*rows, "--max-epochs", EPOCHS, "--engine", "ray", "--address", cluster.address)
    process = unread(table3(small_table, run.path, *options))
    wait_until(lambda: bool(trained(run)), "one to train", 60)
    assert control.pause(run.path)
    _, said = process.communicate()
    assert process.returncode == 0, said
    (last,) = list(run.events())[-1:]
    assert (last["type"], last["what"]) == ("cancelled", "paused")
    assert {result.stage.name for result in run.results()} == trained(run) != set()
    assert "fusion-hard-all" not in trained(run) and not any(result.early for result in run.results())
    files = [file.relative_to(run.path) for file in run.path.rglob(RESULT)]
    assert all(content(run.path / file) == content(local / file) for file in files if (local / file).exists())


def test_a_cluster_that_is_lost_is_waited_for_and_the_run_goes_on_from_its_checkpoints(
    small_table: Path, cluster: ray_side.Cluster, local: Path, tmp_path: Path
) -> None:
    """The last one on the cluster, all of which is killed while both nodes train. Later a smaller one answers
    at the same address."""
    run, address = tmp_path / "run", cluster.address
    options = (*ROWS, "--max-epochs", EPOCHS, "--engine", "ray", "--address", address)
    process = started(table3(small_table, run, *options))
    until(process, epoch("s0", "mlee-all"))
    cluster.kill()
    until(process, lambda line: f"the Ray cluster at {address} was lost" in line.get("what", ""))
    waits = (
        f"connection to the Ray cluster at {address} lost: no Ray answers at {address} (Connection refused)"
    )
    until(process, lambda line: line["type"] == "progress" and line["what"].startswith(waits))
    beat = Heartbeat.load(run)
    assert beat is not None and "lost" in beat.what
    with ray_side.cluster(nodes=1, port=int(address.rpartition(":")[2])) as found:
        assert found.address == address
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    files = list(kept(local))
    assert files == list(kept(run))
    for file in files:
        assert content(run / file) == content(local / file), file
    assert told(run) == told(local)
    lines = list(RunFolder(run).events())
    assert "mlee-all" in {line["stage"] for line in lines if line["type"] == "resumed"}
    assert f"connected to the Ray cluster at {address} again" in [line.get("what") for line in lines]
    assert not [line for line in lines if line["type"] == "failed"]


@pytest.mark.parametrize("killed", ["mlee", pytest.param("raylet", marks=pytest.mark.slow)])
def test_of_a_ray_of_its_own_nothing_is_left_whatever_is_killed(
    small_table: Path, tmp_path: Path, killed: str
) -> None:
    run = tmp_path / "run"
    part = ("--rows", "mlee", *PART, *ENDLESS)
    with tempfile.TemporaryDirectory(prefix="mlee-", dir="/tmp") as folder:
        process = started(table3(small_table, run, *part), TMPDIR=folder)
        until(process, epoch("s0", "mlee-all"))
        own = ray_side.descendants(process.pid)
        assert any("DashboardAgent" in command for command in own.values())  # it would stay for a minute
        raylet = next(pid for pid, command in own.items() if "/raylet/raylet " in command)
        os.kill(process.pid if killed == "mlee" else raylet, signal.SIGKILL)
        _, said = process.communicate()
        wait_until(lambda: not any(map(running, own)), "Ray to end", 5)
        assert not list(Path(folder).glob("mlee-*"))
    if killed == "raylet":
        assert process.returncode == 2
        assert said.splitlines()[-1].startswith(
            "mlee: the connection to Ray on this machine was lost; what was saved before is complete, and "
        )
        assert [line["type"] for line in RunFolder(run).events()][-1] == "failed"

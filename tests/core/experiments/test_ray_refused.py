"""What `mlee table3 --engine ray` does not accept: one line each on stderr, exit 2, and no run begun."""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlee_core import cli
from mlee_core.config.experiment_spec import Engine
from mlee_core.config.run_config import Compute
from mlee_core.errors import ConfigError
from mlee_core.experiments.engines.ray import driver_process, engine
from mlee_core.experiments.engines.ray import nodes as ray_nodes
from mlee_core.experiments.engines.ray.driver import needs
from mlee_core.experiments.engines.ray.nodes import Cluster, Node
from mlee_core.experiments.experiment import Experiment
from mlee_core.runs.forecast import Speed
from mlee_core.system.process_identity import ProcessIdentity
from mlee_core.training import devices
from tests.helpers import ray_side
from tests.helpers.run_folders import children_of

pytestmark = [ray_side.needs_ray, pytest.mark.timeout(900)]  # many processes, which may wait for the machine


def refused(capsys: pytest.CaptureFixture[str], table: Path, *options: object) -> str:
    """The one line that is said, the importer's notes aside; nothing is written."""
    run = table.parent / "refused"
    assert cli.main(["table3", str(table), "--run", str(run), "--quiet", *map(str, options)]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("mlee: note: ")]
    assert len(lines) == 1 and lines[0].startswith("mlee: "), lines
    assert not run.exists()
    return lines[0]


# ---- without a cluster ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--address 127.0.0.1:6379", "address 127.0.0.1:6379 with engine local: it is for engine ray"),
        (
            "--engine ray --address ray://head:10001",
            "for Ray clients, which cannot be used: make this machine",
        ),
        ("--engine ray --address auto", "address 'auto': allowed is HOST:PORT"),
        ("--engine ray --address head:0", "address 'head:0': allowed is HOST:PORT"),
        ("--engine ray --device cuda:1", "device 'cuda:1' with engine ray, which assigns the GPUs itself"),
        ("--engine ray --address nowhere.invalid:6379", "no Ray answers at nowhere.invalid:6379 ("),
    ],
)
def test_contradictions(
    small_table: Path, capsys: pytest.CaptureFixture[str], options: str, words: str
) -> None:
    assert words in refused(capsys, small_table, *options.split())


@pytest.mark.parametrize("address", [(), ("--address", "127.0.0.1:6379")])
def test_without_ray_it_says_how_to_get_it(
    small_table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    address: tuple[str, ...],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it were not installed
    said = refused(capsys, small_table, "--engine", "ray", *address)
    assert said.endswith('which is not installed: pip install "mlee-speech[ray]" brings it.')


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        yield f"{host}:{port}"


def test_a_port_that_is_closed(small_table: Path, silent: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    said = refused(capsys, small_table, "--engine", "ray", "--address", address)
    assert f"no Ray answers at {address} (Connection refused): `ray start --head` prints" in said


def test_something_else_that_answers_is_not_waited_for(
    small_table: Path, silent: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(driver_process, "JOIN_S", 1.0)
    said = refused(capsys, small_table, "--engine", "ray", "--address", silent)
    assert f"the server at {silent} did not accept this machine (not within 1 s): is it Ray, " in said
    assert not children_of(os.getpid())


# ---- what fits on a cluster -------------------------------------------------------------------------------

NODES = (Node("a", 8, 2), Node("b", 3, 0), Node("c", 1, 4))


@pytest.mark.parametrize(
    ("compute", "slots"),
    [
        (Compute(), 12),
        (Compute(threads=2), 5),
        (Compute(threads=8), 1),
        (Compute("cuda"), 3),
        (Compute("cuda", threads=2), 2),
    ],
)
def test_as_many_trainings_as_the_nodes_have_room_for(compute: Compute, slots: int) -> None:
    assert Cluster("head:1", NODES, None).slots(compute) == slots


@pytest.mark.parametrize(
    ("nodes", "compute", "words"),
    [
        (NODES[1:2], Compute("cuda"), "has no GPU: allowed is --device cpu"),
        ((), Compute("cuda"), "has no GPU"),
        (NODES, Compute(threads=9), "has room for --threads 9: the largest has 8 CPUs"),
    ],
)
def test_where_no_training_fits(nodes: tuple[Node, ...], compute: Compute, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Cluster("head:1", nodes, None).slots(compute)


@pytest.mark.parametrize(("workers", "gpus"), [(1, 1.0), (2, 1.0), (3, 0.5), (5, 0.3333), (6, 0.3333)])
def test_more_trainings_than_gpus_share_them(workers: int, gpus: float) -> None:
    """Two GPUs: the trainings fit on them at once, as Ray counts."""
    asked = needs({"CPU": 8.0, "GPU": 2.0}, Compute("cuda", threads=2), workers)
    assert asked == {"num_cpus": 2, "num_gpus": gpus}
    assert needs({"CPU": 8.0, "GPU": 2.0}, Compute(threads=3), workers) == {"num_cpus": 3, "num_gpus": 0}


def test_the_plan_is_for_the_clusters_slots_at_this_machines_speed(
    small_table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, str, bool]] = []

    def look(address: str, device: str, *, ask_dtype: bool) -> Cluster:
        asked.append((address, device, ask_dtype))
        return Cluster(address, NODES, "bf16")

    def trial(experiment: Experiment) -> Iterator[None]:
        assert (experiment.workers, experiment.engine) == (12, Engine("ray", "head:6379"))
        return Speed(train_s=0.001, features_s=0.01, mean_duration_s=1.0, memory_bytes=10**9)
        yield

    monkeypatch.setattr(engine, "look", look)
    monkeypatch.setattr(Experiment, "trial", trial)
    options = ("--plan", "--run", str(tmp_path / "run"), "--engine", "ray", "--address", "head:6379")
    assert cli.main(["table3", str(small_table), *options, "--recipe", "best"]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert asked == [("head:6379", "cpu", True)]
    assert (
        said["machine"] == "cpu, bf16; 12 trainings at once, each on 1 core of the Ray cluster at head:6379"
    )
    assert said["time"].endswith(
        "(from a measured trial on this machine; the cluster's may be slower or faster)"
    )


# ---- with a cluster ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[ray_side.Cluster]:
    with ray_side.cluster(nodes=1) as found:
        yield found


def test_a_cluster_without_a_gpu(
    small_table: Path, cluster: ray_side.Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--engine", "ray", "--address", cluster.address, "--device", "cuda")
    assert f"the Ray cluster at {cluster.address} has no GPU" in refused(capsys, small_table, *options)


def test_other_commits_are_refused_where_both_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_nodes, "stamp", lambda: {"commit": "1a2b3c4"})
    here = ProcessIdentity.own()
    elsewhere = {"node": "b (10.0.0.2)", "version": "1.0", "commit": "1a2b3c4", "machine": ("b", here.boot)}
    for known in ({}, {"commit": ""}, {"commit": "0000000", "machine": (here.host, here.boot)}):
        ray_nodes.refuse_other_mlee({**elsewhere, **known}, "1.0", ConfigError)
    for other in ("0000000", "1a2b3c4+"):
        words = (
            f"node b (10.0.0.2) has MLEE's commit {other} and this machine 1a2b3c4: check out the same one "
        )
        with pytest.raises(ConfigError, match="^" + re.escape(words)):
            ray_nodes.refuse_other_mlee({**elsewhere, "commit": other}, "1.0", ConfigError)
    monkeypatch.setattr(ray_nodes, "stamp", lambda: {"commit": ""})
    ray_nodes.refuse_other_mlee(elsewhere, "1.0", ConfigError)


def test_nodes_with_another_mlee_or_none(
    cluster: ray_side.Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = engine.look(cluster.address, "cpu", ask_dtype=True)
    assert (len(found.nodes), found.nodes[0].cpus, found.nodes[0].gpus) == (1, 1, 0)
    assert found.dtype == devices.dtype("cpu")
    monkeypatch.setattr(engine, "__version__", "9.9")
    with pytest.raises(
        ConfigError, match=r"^node .* \(127.0.0.1\) has MLEE .* and this machine 9.9: pip install"
    ):
        engine.look(cluster.address, "cpu", ask_dtype=False)
    monkeypatch.undo()
    hiding = "import sys; sys.modules['mlee_core'] = None"  # as if it were not installed
    (tmp_path / "sitecustomize.py").write_text(hiding)
    cluster.add_node(tmp_path)
    try:
        with pytest.raises(
            ConfigError, match=r"^node .* \(127.0.0.1\) has no MLEE: pip install mlee-speech=="
        ):
            engine.look(cluster.address, "cpu", ask_dtype=False)
    finally:
        cluster.remove_node()

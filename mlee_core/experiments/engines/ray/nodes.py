"""The nodes of a Ray cluster: their resources, and whether MLEE is the same on all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ....config.experiment_spec import Engine
from ....config.run_config import Compute, Dtype
from ....errors import ConfigError, MleeError
from ....system.child_process import Connection
from ....system.process_identity import ProcessIdentity
from ....system.provenance import stamp
from .connection import with_ray

ANSWER_S = 60
"""For a node to start a worker and import MLEE there."""


@dataclass(frozen=True)
class Node:
    """A machine of a cluster, with its resources for tasks."""

    name: str
    cpus: int
    gpus: int


@dataclass(frozen=True)
class Cluster:
    """A running Ray cluster. dtype: bf16 if all nodes are fast at it, None if this was not checked."""

    address: str
    nodes: tuple[Node, ...]
    dtype: Dtype | None

    def slots(self, compute: Compute) -> int:
        """Trainings that fit side by side, one a GPU. Raises: ConfigError where none fits."""
        place, threads = Engine("ray", self.address).place, compute.threads
        if compute.device == "cpu":
            count = sum(node.cpus // threads for node in self.nodes)
        else:
            if not any(node.gpus for node in self.nodes):
                raise ConfigError(f"{place} has no GPU: allowed is --device cpu.")
            count = sum(min(node.gpus, node.cpus // threads) for node in self.nodes)
        if not count:
            most = max((node.cpus for node in self.nodes), default=0)
            raise ConfigError(
                f"no node of {place} has room for --threads {threads}: the largest has {most} CPUs."
            )
        return count


def look(connection: Connection, address: str, device: str, version: str, ask_dtype: bool) -> None:
    """In a child process: send the Cluster at an address, or the MleeError that prevents it."""

    def send(ray: Any) -> None:
        connection.send(_cluster(ray, address, device, version, ask_dtype))

    with_ray(connection, address, None, send)


def _cluster(ray: Any, address: str, device: str, version: str, ask_dtype: bool) -> Cluster:
    """Query every node with the device for its MLEE and, with ask_dtype, its arithmetic.

    Raises: ConfigError naming a node that does not answer, or has another MLEE or none.
    """
    kind = "CPU" if device == "cpu" else "GPU"
    query = ray.remote(on_a_worker(version)[0])
    on_node = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    pending = {}
    for node in ray.nodes():
        offers = node["Resources"]
        if not (node["Alive"] and offers.get("CPU") and offers.get(kind)):
            continue
        name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
        answer = query.options(
            num_cpus=0,
            num_gpus=0.001 if ask_dtype and kind == "GPU" else 0,  # without a share a task sees no GPU
            max_retries=0,
            scheduling_strategy=on_node(node["NodeID"], soft=False),
        ).remote(device if ask_dtype else None)
        pending[answer] = Node(name, int(offers["CPU"]), int(offers.get("GPU", 0)))
    if pending:
        ray.wait(list(pending), num_returns=len(pending), timeout=ANSWER_S)
    answers = [(node, _answer(ray, answer, node.name)) for answer, node in pending.items()]
    found = [(node, answer) for node, answer in answers if answer is not None]
    for _, answer in found:
        refuse_other_mlee(answer, version, ConfigError)
    fast = all(answer["dtype"] == "bf16" for _, answer in found)
    dtype: Dtype = "bf16" if fast else "fp32"
    return Cluster(address, tuple(node for node, _ in found), dtype if ask_dtype else None)


def _answer(ray: Any, pending: Any, name: str) -> dict[str, Any] | None:
    """A node's answer, None where it is gone by now. Raises: ConfigError where it cannot train."""
    try:
        answer: dict[str, Any] = ray.get(pending, timeout=0)
        return answer
    except (ray.exceptions.NodeDiedError, ray.exceptions.TaskUnschedulableError):
        return None
    except ray.exceptions.GetTimeoutError as error:
        raise ConfigError(
            f"node {name} did not answer within {ANSWER_S} s; if its GPUs are busy, give --dtype."
        ) from error
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        reason = " ".join(str(cause).split())
        raise ConfigError(f"node {name} cannot train: {type(cause).__name__}: {reason}") from error


def refuse_other_mlee(answer: Mapping[str, Any], version: str, error: type[MleeError]) -> None:
    """Raises: `error` naming the node, unless it has this version of MLEE, and this commit where both are
    checkouts. This machine's own node uses the same checkout, whose commit may change at any time."""
    node, here, commit = answer["node"], ProcessIdentity.own(), stamp()["commit"]
    if answer["version"] is None:
        raise error(f"node {node} has no MLEE: pip install mlee-speech=={version} there.")
    if answer["version"] != version:
        raise error(
            f"node {node} has MLEE {answer['version']} and this machine {version}: "
            f"pip install mlee-speech=={version} there."
        )
    elsewhere = answer["machine"] != (here.host, here.boot)
    if elsewhere and commit and answer["commit"] and answer["commit"] != commit:
        raise error(
            f"node {node} has MLEE's commit {answer['commit']} and this machine {commit}: check out the same "
            "one on both (+ stands for changes that are not committed)."
        )


def on_a_worker(version: str) -> tuple[Callable[..., dict[str, Any]], Callable[..., Iterator[Any]]]:
    """Functions that run on a worker: a query of its node, and the training of a task.

    Both are local functions, which Ray sends by value: it would look up a module's function in the worker's
    own MLEE, which may be missing or another version. For the same reason they import what they use.
    """

    def here() -> dict[str, Any]:
        import os
        import socket

        import ray

        node = f"{socket.gethostname()} ({ray.util.get_node_ip_address()})"
        answer: dict[str, Any] = {"node": node, "pid": os.getpid(), "version": None, "dtype": None}
        try:
            from .... import __version__
        except ImportError:
            return answer
        answer["version"] = __version__
        if __version__ == version:  # another version may lack these
            from ....system.process_identity import ProcessIdentity
            from ....system.provenance import stamp

            me = ProcessIdentity.own()
            answer |= {"commit": stamp()["commit"], "machine": (me.host, me.boot)}
        return answer

    def about(device: str | None) -> dict[str, Any]:
        answer = here()
        if device is not None and answer["version"] == version:
            from ....training import devices

            answer["dtype"] = devices.dtype(device)
        return answer

    def train(packed: bytes, shared: list[Any]) -> Iterator[Any]:
        answer = here()
        yield answer
        if answer["version"] == version:
            import ray

            from . import worker

            yield from worker.train(answer["node"], packed, *ray.get(shared))

    return about, train

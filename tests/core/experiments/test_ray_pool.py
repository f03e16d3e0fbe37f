"""The pool of the Ray engine when drivers lose the cluster: played by drivers that say what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mlee_core.config.stages import stage_named
from mlee_core.corpora.folds import Fold
from mlee_core.errors import ConfigError, RunError, WorkerDied
from mlee_core.events import EpochDone, Progress, StageDone, Started
from mlee_core.experiments.engines.ray import pool as ray_pool
from mlee_core.experiments.engines.ray.connection import ConnectionLost
from mlee_core.experiments.engines.tasks import TrainingTask
from mlee_core.runs import control_requests
from mlee_core.runs.status_files import ControlRequest

LOST = WorkerDied("The Ray driver ended with status 1.")
FOLD = Fold("a", ("a",), ("b",), ("c",))
JOBS = [TrainingTask(FOLD, 0, (stage_named(name),)) for name in ("dominant-hard", "mlee-all")]
EPOCH = EpochDone("mlee-all", 1, 1.0, 1.0, None, None, True, 1.0)
DONE = StageDone("mlee-all", 1, 1.0, None, None)


class Played:
    """A driver that tells what it is given; an error that is no ConnectionLost ends it."""

    def __init__(self, told: list[Any]) -> None:
        self.told, self.sent, self.stopped = list(told), [], False

    def send(self, job: TrainingTask) -> None:
        self.sent.append(job)

    def poll(self, _timeout_s: float) -> bool:
        return bool(self.told)

    def receive(self) -> Any:
        told = self.told.pop(0)
        if isinstance(told, WorkerDied):
            raise told
        return told

    def stop(self, _grace_s: float = 0.0) -> None:
        self.stopped = True


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """(drivers, address): a pool whose drivers are these, one after the other; an error is a cluster that
    cannot be reached."""

    def make(drivers: list[Played | Exception], address: str | None = "head:6379") -> ray_pool.RayPool:
        def connected(*_args: Any, **_options: Any) -> Played:
            driver = drivers.pop(0)
            if isinstance(driver, Exception):
                raise driver
            return driver

        monkeypatch.setattr(ray_pool, "Driver", connected)
        monkeypatch.setattr(ray_pool, "RETRY_S", 0.0)
        return ray_pool.RayPool(SimpleNamespace(run=tmp_path), 2, address)  # type: ignore[arg-type]

    return make


def test_what_was_in_work_is_begun_again_on_the_next_driver(pool: Callable[..., Any]) -> None:
    first = Played([(JOBS[0], DONE), (JOBS[0], None), (JOBS[1], EPOCH), ConnectionLost("Ray is gone.")])
    away = ConfigError("no Ray answers at head:6379 (Connection refused): `ray start` does.")
    second = Played([Progress("Putting the features", 0.0), (JOBS[1], None)])
    drivers = [first, away, second]
    it = pool(drivers)
    for job in JOBS:
        it.start(job)
    assert first.sent == JOBS
    assert [it.receive() for _ in range(3)] == [[(JOBS[0], DONE)], [(JOBS[0], None)], [(JOBS[1], EPOCH)]]
    ((job, lost),) = it.receive()
    assert isinstance(lost, Started) and lost.stage is lost.fold is None and job == JOBS[1]
    assert lost.what == "the connection to the Ray cluster at head:6379 was lost, trying again"
    assert first.stopped
    it.receive()
    assert it._reason == ": no Ray answers at head:6379 (Connection refused)" and drivers == [second]
    ((_, again),) = it.receive()
    assert again.what == "connected to the Ray cluster at head:6379 again"
    assert second.sent == JOBS[1:]
    assert isinstance(it.receive()[0][1], Progress)
    assert it.receive() == [(JOBS[1], None)]
    it.close()
    assert second.stopped


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        (ControlRequest("pause"), JOBS),
        (ControlRequest("stop"), JOBS),
        (ControlRequest(skip=("a/seed-0/mlee-all",)), JOBS[1:]),
    ],
)
def test_what_is_asked_is_heeded_while_the_cluster_is_away(
    pool: Callable[..., Any], tmp_path: Path, asked: ControlRequest, left: list[TrainingTask]
) -> None:
    it = pool([Played([LOST]), ConfigError("no Ray answers.")])
    for job in JOBS:
        it.start(job)
    it.receive()
    control_requests.edit(tmp_path, lambda _: asked)
    assert it.receive() == [(job, None) for job in left]


def test_a_cluster_that_is_lost_each_time_before_anything_is_trained_is_given_up(
    pool: Callable[..., Any],
) -> None:
    trains = Played([(JOBS[0], EPOCH), LOST])
    it = pool([Played([LOST]), trains, *(Played([LOST]) for _ in range(ray_pool.LOSSES - 1))])
    it.start(JOBS[0])
    with pytest.raises(RunError, match=r"^the connection to the Ray cluster at head:6379 was lost; what was"):
        for _ in range(20):
            it.receive()
    assert trains.stopped and trains.told == []


def test_a_ray_of_our_own_is_not_waited_for(pool: Callable[..., Any]) -> None:
    it = pool([Played([LOST])], None)
    it.start(JOBS[0])
    with pytest.raises(
        RunError, match=r"^the connection to Ray on this machine was lost; .* --resume continues"
    ):
        it.receive()


def test_other_errors_end_the_run(pool: Callable[..., Any]) -> None:
    it = pool([Played([RunError("node b has no MLEE.")])])
    it.start(JOBS[0])
    with pytest.raises(RunError, match=r"^node b has no MLEE\.$"):
        it.receive()

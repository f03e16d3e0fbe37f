"""What long tasks yield: frozen values; each yield is progress and a point where the task can be stopped.

`to_json` is one line of a run's `events.jsonl`; its "type" is the class name in snake case.
"""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Base of all events. at: seconds since the epoch (UTC). fold, seed: which cell of an experiment."""

    at: float = field(default_factory=time.time, kw_only=True)
    fold: str | None = field(default=None, kw_only=True)
    seed: int | None = field(default=None, kw_only=True)

    @property
    def type(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def to_json(self) -> dict[str, Any]:
        return {"type": self.type, **asdict(self)}


@dataclass(frozen=True)
class Started(Event):
    """Work started. what: a description, with the name of the stage if it is one."""

    what: str
    stage: str | None = None


@dataclass(frozen=True)
class Progress(Event):
    """done of total units of `what`. left_s: remaining seconds. total and left_s are None when unknown."""

    what: str
    done: float
    total: float | None = None
    left_s: float | None = None
    stage: str | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class EpochDone(Event):
    """One epoch of one stage. epoch counts from 1; losses are weighted means over utterances.

    seconds: its duration, None where a resumed run repeats the event.
    """

    stage: str
    epoch: int
    train_loss: float
    dev_loss: float
    dev_wa: float | None
    dev_ua: float | None
    best: bool
    seconds: float | None

    @property
    def curve_point(self) -> dict[str, Any]:
        """The fields in learning curves and checkpoints, equal in every run of the same cell."""
        names = ("epoch", "train_loss", "dev_loss", "dev_wa", "dev_ua", "best")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class StageDone(Event):
    """A stage's best model is on disk. wa, ua: on the test speaker's utterances, None without any.

    early: a stop was requested before the end of the training.
    """

    stage: str
    epoch: int
    dev_loss: float
    wa: float | None
    ua: float | None
    reused: bool = False
    early: bool = False


@dataclass(frozen=True)
class Resumed(Event):
    """A stage resumes from its last checkpoint, after `epoch` finished epochs."""

    stage: str
    epoch: int


@dataclass(frozen=True)
class Dropped(Event):
    """The results of a stage are dropped: it is trained again."""

    stage: str


@dataclass(frozen=True)
class Finished(Event):
    """All of the work is done."""

    what: str


@dataclass(frozen=True)
class Failed(Event):
    """The work ended with an error. message: one sentence for the user.

    log: name of the file in RUN/logs with details, "" for none.
    """

    message: str
    stage: str | None = None
    log: str = ""


@dataclass(frozen=True)
class Cancelled(Event):
    """The user stopped the work; its files are kept.

    what: which work, or "paused" or "stopped" where it ended at a requested point.
    """

    what: str

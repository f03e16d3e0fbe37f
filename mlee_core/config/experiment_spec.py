"""The specification of an experiment: everything that `mlee table3` and the training form let one choose."""

from __future__ import annotations

import argparse
import shlex
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from ..audio.frames import Level
from ..corpora.corpus import name_of
from ..errors import ConfigError
from ..labels.targets import TrainSet
from .json_fields import from_json
from .run_config import Dtype

EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True)
class Engine:
    """Where trainings run. local: in processes of this machine. ray: as tasks of the Ray cluster at
    HOST:PORT; None: MLEE starts Ray on this machine."""

    name: EngineName = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ConfigError(f"engine {self.name!r}: allowed are {' and '.join(ENGINES)}.")
        if self.address is None:
            return
        if self.name != "ray":
            wrong = f"address {self.address} with engine {self.name}"
            raise ConfigError(f"{wrong}: it is for engine ray (--engine ray).")
        if self.address.startswith("ray://"):
            raise ConfigError(
                f"address {self.address} is for Ray clients, which cannot be used: make this machine a node "
                "of the cluster (`ray start --address=HOST:PORT`) and give that HOST:PORT."
            )
        host, _, port = self.address.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            raise ConfigError(
                f"address {self.address!r}: allowed is HOST:PORT, as `ray start --head` prints it."
            )

    @property
    def place(self) -> str:
        """Text for messages."""
        if self.name == "local":
            return "this machine"
        return "Ray on this machine" if self.address is None else f"the Ray cluster at {self.address}"

    @property
    def is_here(self) -> bool:
        """Whether all of it runs on this machine."""
        return self.address is None


LOCAL = Engine()


@dataclass(frozen=True)
class ExperimentSpec:
    """A requested experiment. A field that is None, empty or False takes the paper's value or, with `resume`,
    the run's.

    corpus … allow_duplicates: which corpus, and how it is read; also: further corpora, trained on together
    with it; map: (label, class) pairs. run: the run folder.
    rows … seeds: which part of Table 3; only: names of folds; cells: names of cells (`Cell.name`) that are
    trained alone, with the encoders they need. recipe, settings (NAME=VALUE), max_epochs … batch_size
    (utterances): how. exists_from: as `ExistsFrom.parse` reads it.
    device … jobs: on what; threads of one training, jobs side by side.
    engine, address: in processes, or in a Ray cluster at HOST:PORT. smoke: one fold, SMOKE_EPOCHS epochs,
    SMOKE_MEMBERS networks in an ensemble at most. resume: continue the run.
    """

    corpus: Path
    also: tuple[Path, ...] = ()
    format: str | None = None
    map: tuple[tuple[str, str], ...] = ()
    label_map: Path | None = None
    scripted: bool = False
    self_reports: bool = False
    skip_missing: bool = False
    allow_duplicates: bool = False
    run: Path | None = None
    rows: tuple[str, ...] = ()
    train_sets: tuple[TrainSet, ...] = ()
    folds: str | None = None
    only: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    seeds: int | None = None
    recipe: str | None = None
    settings: tuple[str, ...] = ()
    max_epochs: int | None = None
    patience: int | None = None
    level: Level | None = None
    batch_size: int | None = None
    exists_from: str | None = None
    seed: int | None = None
    device: str | None = None
    dtype: Dtype | None = None
    cuda_graphs: bool = False
    threads: int | None = None
    jobs: int | None = None
    engine: EngineName = "local"
    address: str | None = None
    smoke: bool = False
    resume: bool = False

    @property
    def corpora(self) -> tuple[Path, ...]:
        """All corpora, in the order given."""
        return (self.corpus, *self.also)

    @classmethod
    def of(cls, args: argparse.Namespace) -> ExperimentSpec:
        """From a command's arguments; fields without an option keep their defaults."""
        given: dict[str, Any] = {field.name: getattr(args, field.name, None) for field in fields(cls)}
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if v is not None}
        return cls(**given)

    def arguments(self) -> list[str]:
        """The arguments of "mlee table3", without those that equal their defaults."""
        words = [f"./{path}" if path.startswith("-") else path for path in map(str, self.corpora)]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in ("corpus", "also") and value != field.default:
                name = "set" if field.name == "settings" else field.name.replace("_", "-")
                words += _option(f"--{name}", value)
        return words

    def command(self) -> str:
        """The command line for a shell."""
        return f"mlee table3 {shlex.join(self.arguments())}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data with all fields."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}
        return {**plain, "also": [str(path) for path in self.also]}

    @classmethod
    def from_json(cls, value: Any) -> ExperimentSpec:
        """Raises: ConfigError for anything but a specification."""
        return from_json(cls, value, "order")


def _option(option: str, value: Any) -> list[str]:
    if value is True:
        return [option]
    if not isinstance(value, tuple):
        return _one_value(option, str(value))
    if option == "--map":
        return [word for pair in value for word in _one_value(option, "=".join(pair))]
    if any(item.startswith("-") for item in value):
        return [f"{option}={item}" for item in value]
    return [option, *value]


def _one_value(option: str, value: str) -> list[str]:
    """Joined by = where the value starts with - and would be taken for an option."""
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def new_run(spec: ExperimentSpec, runs: Path = Path("runs"), at: str = "") -> Path:
    """Default run folder: in `runs`, named after corpora, the kind of run, and the time (now, or `at`)."""
    what = "smoke" if spec.smoke else "table3"
    name = "+".join(map(name_of, spec.corpora))
    return runs / f"{name}-{what}-{at or time.strftime('%Y%m%d-%H%M%S')}"

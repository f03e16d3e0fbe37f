"""The specification of an experiment: everything that `mlee table3` and the training form let one choose."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..audio.frames import Level
from ..errors import ConfigError
from ..labels.targets import TrainSet
from .json_fields import fields_read
from .run_config import Dtype

if TYPE_CHECKING:
    pass
EngineName = Literal["local", "ray"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True)
class Engine:
    """Where jobs run. local: processes of this machine. ray: tasks of the Ray cluster at an address,
    HOST:PORT; None is a Ray of our own on this machine."""

    name: EngineName = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise ConfigError(f"engine {self.name!r}: allowed are {' and '.join(ENGINES)}.")
        if self.address is None:
            return
        if self.name != "ray":
            raise ConfigError(
                f"address {self.address} with engine {self.name}: it is for engine ray (--engine ray)."
            )
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
        """In words, for messages."""
        if self.name == "local":
            return "this machine"
        return "Ray on this machine" if self.address is None else f"the Ray cluster at {self.address}"

    @property
    def is_here(self) -> bool:
        """Whether all of it runs on this machine."""
        return self.address is None


LOCAL = Engine()


_OPTIONS = {"settings": "--set"}
"""Options that are not called as their field."""


_SAY_NOTHING = ("table", "utterances", "votes", "labels", "corpus", "data", "metadata", "annotations")
"""Names that tables of any corpus have."""


@dataclass(frozen=True)
class ExperimentSpec:
    """An experiment as it was asked for. What was left out is None, empty or False, and is as the paper has
    it or, with `resume`, as the run was begun.

    corpus … skip_missing: which corpus, and how it is read; map: (label, class) pairs. run: the run folder.
    rows … seeds: which part of Table 3; only: names of folds; cells: names of cells (`Cell.name`) that are
    trained alone, with the encoders they need. recipe, settings (NAME=VALUE), max_epochs … level: how.
    batch_size in utterances. device … jobs: on what; threads of one training, jobs side by side.
    engine, address: in processes, or in a Ray cluster at HOST:PORT. smoke: one fold, SMOKE_EPOCHS epochs,
    SMOKE_MEMBERS networks at most that judge together.
    resume: go on with the run.
    """

    corpus: Path
    format: str | None = None
    map: tuple[tuple[str, str], ...] = ()
    label_map: Path | None = None
    scripted: bool = False
    self_reports: bool = False
    skip_missing: bool = False
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

    @classmethod
    def of(cls, args: argparse.Namespace) -> ExperimentSpec:
        """What a command was told; fields that it has no option for are left out."""
        given = {field.name: getattr(args, field.name, None) for field in fields(cls)}
        told = {name: value for name, value in given.items() if value is not None}
        frozen: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in told.items()}
        return cls(**frozen)

    def arguments(self) -> list[str]:
        """What stands behind "mlee table3", without what was left out."""
        corpus = str(self.corpus)
        words = [f"./{corpus}" if corpus.startswith("-") else corpus]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.default is not MISSING and value != field.default:
                words += _told(_OPTIONS.get(field.name, f"--{field.name.replace('_', '-')}"), value)
        return words

    def command(self) -> str:
        """The same for a shell."""
        return f"mlee table3 {shlex.join(self.arguments())}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data, what was left out too."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(v) if isinstance(v, Path) else v for name, v in values.items()}

    @classmethod
    def from_json(cls, value: Any) -> ExperimentSpec:
        """Raises: ConfigError for what is no order."""
        return cls(**fields_read(cls, value))


def _told(option: str, value: Any) -> list[str]:
    if value is True:
        return [option]
    if not isinstance(value, tuple):
        return _worded(option, str(value))
    if option == "--map":
        return [word for pair in value for word in _worded(option, "=".join(pair))]
    if any(item.startswith("-") for item in value):
        return [f"{option}={item}" for item in value]
    return [option, *value]


def _worded(option: str, value: str) -> list[str]:
    """A value that begins with - would be taken for an option."""
    return [f"{option}={value}"] if value.startswith("-") else [option, value]


def new_run(spec: ExperimentSpec, runs: Path = Path("runs"), at: str = "") -> Path:
    """A folder in `runs` for what was ordered without one, called after the corpus, what it is, and the time
    (now, or `at`)."""
    what = "smoke" if spec.smoke else "table3"
    return runs / f"{_called(spec.corpus)}-{what}-{at or time.strftime('%Y%m%d-%H%M%S')}"


def _called(corpus: Path) -> str:
    """The name of its file or folder, or of the folder that this is in where it says nothing."""
    path = Path(os.path.abspath(corpus))
    names = [path.stem, *(parent.name for parent in path.parents)]
    return next((name for name in names if name and name.lower() not in _SAY_NOTHING), path.stem or "corpus")

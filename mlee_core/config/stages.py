"""Stages: the networks of Table 3, by row, label scheme and train set (SPEC.md "Experiments")."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError
from ..labels.targets import Label, Scheme, TrainSet

RowName = Literal["dominant", "mlee", "pretrain", "fusion"]
ROWS: tuple[RowName, ...] = ("dominant", "mlee", "pretrain", "fusion")


@dataclass(frozen=True)
class Stage:
    """A network: a row of Table 3, its label and its train set.

    label: "hard" or "soft"; None for mlee, which has neither. With hard targets both train sets hold the
    same utterances, so the train set of that stage is always *dominant*.
    """

    row: RowName
    label: Label | None
    train_set: TrainSet

    def __post_init__(self) -> None:
        if self.row not in ROWS:
            raise ConfigError(f"row {self.row!r}: allowed are {', '.join(ROWS)}.")
        if self.train_set not in ("dominant", "all"):
            raise ConfigError(f"train set {self.train_set!r}: allowed are dominant and all.")
        if (self.label is None) != (self.row == "mlee"):
            allowed = "mlee takes no label" if self.row == "mlee" else "allowed are hard and soft"
            raise ConfigError(f"label {self.label!r} for row {self.row}: {allowed}.")
        if self.label not in (None, "hard", "soft"):
            raise ConfigError(f"label {self.label!r}: allowed are hard and soft.")
        if self.row == "dominant" and self.label == "hard":
            object.__setattr__(self, "train_set", "dominant")

    @property
    def name(self) -> str:
        """Folder and event name, e.g. "dominant-hard", "mlee-all", "fusion-soft-all"."""
        train_set = None if (self.row, self.label) == ("dominant", "hard") else self.train_set
        return "-".join(part for part in (self.row, self.label, train_set) if part)

    @property
    def scheme(self) -> Scheme:
        """The label scheme of its targets."""
        return self.label or "existence"

    @property
    def encoders(self) -> tuple[Stage, ...]:
        """The frozen encoders that it uses, in the order in which their vectors are concatenated."""
        mlee = Stage("mlee", None, self.train_set)
        if self.row == "pretrain":
            return (mlee,)
        return (Stage("dominant", self.label, self.train_set), mlee) if self.row == "fusion" else ()


LINES: Mapping[str, tuple[RowName, Label | None]] = {
    "dominant-hard": ("dominant", "hard"),
    "dominant-soft": ("dominant", "soft"),
    "mlee": ("mlee", None),
    "pretrain-hard": ("pretrain", "hard"),
    "pretrain-soft": ("pretrain", "soft"),
    "fusion-hard": ("fusion", "hard"),
    "fusion-soft": ("fusion", "soft"),
}
"""The seven lines of Table 3 in its order: row and label."""
TRAIN_SETS: tuple[TrainSet, ...] = ("dominant", "all")


def stage_named(name: str) -> Stage:
    """The stage whose `name` this is. Raises: ConfigError for another name."""
    stages = {stage.name: stage for line in LINES.values() for stage in (Stage(*line, t) for t in TRAIN_SETS)}
    if name not in stages:
        raise ConfigError(f"stage {name!r}: allowed are {', '.join(stages)}.")
    return stages[name]


def lines_of(names: Collection[str]) -> tuple[str, ...]:
    """Lines of Table 3, in its order, from names of lines or of rows, which mean both labels.

    Raises: ConfigError for another name.
    """
    wanted = set(names)
    unknown = [name for name in names if name not in (*LINES, *ROWS)]
    if unknown:
        raise ConfigError(f"row {unknown[0]!r}: allowed are {', '.join(dict.fromkeys((*LINES, *ROWS)))}.")
    return tuple(line for line, (row, _) in LINES.items() if line in wanted or row in wanted)


def plan(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """These stages and the encoders they need, each once, encoders before the rows that use them."""
    return tuple(dict.fromkeys(needed for stage in stages for needed in (*stage.encoders, stage)))

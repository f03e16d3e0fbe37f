"""Configuration as frozen dataclasses that refuse contradictions, to and from plain JSON data.

A *stage* is one network to train. Its `StageConfig` holds everything that changes its numbers, so that
two equal configurations on equal data are the same stage and are trained once (SPEC.md "Training").
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ..errors import ConfigError
from ..labels.targets import ANY_VOTE, ExistsFrom, TrainSet
from .json_fields import from_json
from .recipe import Recipe
from .stages import LINES, TRAIN_SETS, RowName, Stage, lines_of, plan

Dtype = Literal["fp32", "bf16"]

LEARNING_RATES: dict[RowName, float] = {
    "dominant": 0.0005,
    "mlee": 0.0002,
    "pretrain": 0.0001,
    "fusion": 0.00005,
}
"""The paper's, section 4.1."""


@dataclass(frozen=True)
class Compute:
    """Device and arithmetic; part of a stage's identity, since the bits of results depend on it.

    graphs: a GPU replays recorded steps (training/cuda_graphs.py): the same kernels, so not part of the
    identity.
    """

    device: str = "cpu"
    dtype: Dtype = "fp32"
    channels_last: bool = True
    threads: int = 1
    graphs: bool = False

    def __post_init__(self) -> None:
        if self.graphs and self.device == "cpu":
            raise ConfigError("CUDA graphs on device cpu: they are for a GPU, --device cuda.")
        if self.dtype not in ("fp32", "bf16"):
            raise ConfigError(f"dtype {self.dtype!r}: allowed are fp32 and bf16.")
        if self.threads < 1:
            raise ConfigError(f"{self.threads} threads: allowed are whole numbers from 1.")


@dataclass(frozen=True)
class StageConfig:
    """Everything that changes a stage's numbers besides its data."""

    stage: Stage
    recipe: Recipe
    compute: Compute
    seed: int
    exists_from: ExistsFrom = ANY_VOTE

    @property
    def learning_rate(self) -> float:
        """The highest value in training. A recipe may set the encoders'; dense rows keep the paper's."""
        own = None if self.stage.encoders else self.recipe.learning_rate
        return LEARNING_RATES[self.stage.row] if own is None else own

    @property
    def cycled(self) -> bool:
        """Whether it trains in one cycle of the learning rate, not with early stopping."""
        return self.recipe.cycle is not None and not self.stage.encoders

    @property
    def epochs(self) -> int:
        """The most it takes; with a cycle, the exact number."""
        most = self.recipe.max_epochs
        return min(most, self.recipe.cycle) if self.cycled and self.recipe.cycle else most

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "learning_rate": self.learning_rate}

    def identity(self) -> dict[str, Any]:
        """What two stages must have in common to be one training, besides data. The train set is only a
        name for the data, and so is `exists_from`: the targets, which are in the key, follow from it. An
        ensemble does not affect its members."""
        compute = {name: value for name, value in asdict(self.compute).items() if name != "graphs"}
        recipe = {
            name: value
            for name, value in asdict(self.recipe).items()
            if name not in ("ensemble", "clean_members")
        }
        stage = {"row": self.stage.row, "label": self.stage.label}
        known = {**self.to_json(), "stage": stage, "compute": compute, "recipe": recipe}
        del known["exists_from"]
        return known


@dataclass(frozen=True)
class Selection:
    """Which part of Table 3 an experiment trains.

    rows: lines of Table 3, names from LINES. folds: their names. seeds: number of repetitions, each with as
    many random seeds as the ensemble has networks.
    """

    rows: tuple[str, ...]
    train_sets: tuple[TrainSet, ...]
    folds: tuple[str, ...]
    seeds: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", lines_of(self.rows))
        for what in ("rows", "train_sets", "folds"):
            if not getattr(self, what):
                raise ConfigError(f"no {what.replace('_', ' ')}: an experiment needs at least one.")
        if set(self.train_sets) - set(TRAIN_SETS):
            raise ConfigError(f"train sets {', '.join(self.train_sets)}: allowed are dominant and all.")
        if self.seeds < 1:
            raise ConfigError(f"{self.seeds} seeds: allowed are whole numbers from 1.")

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages of each fold, encoders before the rows that use them."""
        return plan(tuple(Stage(*LINES[line], sets) for sets in self.train_sets for line in self.rows))

    def lost(self, other: Selection) -> str | None:
        """Text on what the other selection lacks of this one; None where it contains this one."""
        for what in ("rows", "train_sets", "folds"):
            gone = [name for name in getattr(self, what) if name not in getattr(other, what)]
            if gone:
                return f"{what.replace('_', ' ')} had {', '.join(gone)} and now do not"
        return f"seeds were {self.seeds} and are now {other.seeds}" if other.seeds < self.seeds else None

    def joined(self, other: Selection) -> Selection:
        """All that either selects."""
        train_sets = tuple(dict.fromkeys(self.train_sets + other.train_sets))
        folds = tuple(dict.fromkeys(self.folds + other.folds))
        return Selection((*self.rows, *other.rows), train_sets, folds, max(self.seeds, other.seeds))


@dataclass(frozen=True)
class RunConfig:
    """The configuration of a run folder.

    corpus: paths as given. format: how all of them were read, None if they are of several formats. label_map:
    the user's (label, class) pairs. scripted, self_reports: options for
    reading the corpus. data_hash: of the corpus's labels when the run began, to notice a changed corpus.
    seed: the first one, repetitions continue from it. exists_from: when a class exists (equation 5).
    allow_duplicates: test recordings may stand in the training or development part. selection: what the
    experiment trains.
    """

    corpus: tuple[str, ...]
    format: str | None
    label_map: tuple[tuple[str, str], ...]
    data_hash: str
    recipe: Recipe
    compute: Compute
    seed: int
    scripted: bool = False
    self_reports: bool = False
    exists_from: ExistsFrom = ANY_VOTE
    allow_duplicates: bool = False
    selection: Selection = field(kw_only=True)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed {self.seed}: allowed are whole numbers from 0.")

    @property
    def ensembles(self) -> tuple[range, ...]:
        """The seeds of the networks whose probabilities are averaged, for each repetition."""
        size = self.recipe.ensemble
        last = self.seed + self.selection.seeds * size
        return tuple(range(n, n + size) for n in range(self.seed, last, size))

    def for_stage(self, stage: Stage) -> StageConfig:
        recipe = self.recipe.of_member(self.seed)
        return StageConfig(stage, recipe, self.compute, self.seed, self.exists_from)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> RunConfig:
        """Raises: ConfigError when a field is missing, unknown or refused."""
        if isinstance(value, dict) and "selection" in value and value["selection"] is None:
            raise ConfigError("it has no selection, like all runs of older versions of mlee train.")
        return from_json(cls, value, "config.json")

    def difference(self, other: RunConfig) -> str | None:
        """Text on the first setting in which `other` differs; None if equal. A selection may grow, and
        duplicates may be allowed later.

        Paths and hashes of the corpora are not compared: a corpus may have moved, and its utterances show
        whether it has changed.
        """
        if self.recipe != other.recipe:
            return f"recipe was {self.recipe.described} and is now {other.recipe.described}"
        if self.exists_from != other.exists_from:
            return f"exists_from was {self.exists_from} and is now {other.exists_from}"
        mine, theirs = (
            _flat(replace(config, selection=self.selection).to_json()) for config in (self, other)
        )
        for key, value in mine.items():
            if key not in _NOT_COMPARED and theirs.get(key) != value:
                return f"{key} was {_shown(value)} and is now {_shown(theirs.get(key))}"
        return self.selection.lost(other.selection)


_NOT_COMPARED = ("corpus", "data_hash", "compute.graphs", "allow_duplicates")


def _shown(value: Any) -> str:
    """A setting as a user wrote it."""
    if isinstance(value, tuple):
        return " ".join("=".join(item) if isinstance(item, tuple) else str(item) for item in value) or "empty"
    return repr(value)


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}{key}.") if isinstance(item, dict) else {f"{prefix}{key}": item}
    return flat

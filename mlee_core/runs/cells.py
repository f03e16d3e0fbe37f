"""The cells of a run: one network of one fold and seed each, and its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..config.run_config import RunConfig
from ..config.stages import Stage, stage_named
from ..events import EpochDone, Event, StageDone

RESULT = "result.json"
MODEL_FILE = "model.safetensors"


@dataclass(frozen=True)
class Cell:
    """One network of an experiment: a stage of one fold, with one seed."""

    fold: str
    seed: int
    stage: Stage

    @property
    def name(self) -> str:
        """Its folder in the run, "03/seed-0/dominant-soft-all"."""
        return f"{self.fold}/seed-{self.seed}/{self.stage.name}"


@dataclass(frozen=True)
class CellResult:
    """What came out of a cell.

    key: hash of its data, targets, configuration and seed. epoch: the best one, of `epochs`. dev_loss: its
    development loss. wa, ua: on the test speakers' utterances that `hard` admits, None without any.
    curves: a row {epoch, train_loss, dev_loss, dev_wa, dev_ua, best} for each epoch.
    predictions: id -> probabilities [4] of every annotated utterance of the test speakers, softmax for a
    dominant row, sigmoid for MLEE. development: the same of the development speakers' utterances that the
    stage admits, by which recipes may be chosen. temperature, offset: of their logits' calibration.Scaling.
    stamp: which software trained it. early: whether training was stopped before its end.
    """

    fold: str
    seed: int
    stage: Stage
    key: str
    epoch: int
    epochs: int
    dev_loss: float
    wa: float | None
    ua: float | None
    curves: tuple[dict[str, Any], ...]
    predictions: Mapping[str, tuple[float, ...]]
    development: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    temperature: float = 1.0
    offset: float = 0.0
    stamp: Mapping[str, str] = field(default_factory=dict)
    early: bool = False

    @property
    def cell(self) -> Cell:
        return Cell(self.fold, self.seed, self.stage)

    def events(self) -> Iterator[Event]:
        """The events of its training, repeated: a writer that was killed may have missed some."""
        where: dict[str, Any] = {"fold": self.fold, "seed": self.seed}
        for row in self.curves:
            yield EpochDone(self.stage.name, **row, **where, seconds=None)
        outcome = (self.epoch, self.dev_loss, self.wa, self.ua)
        yield StageDone(self.stage.name, *outcome, reused=True, early=self.early, **where)

    def to_json(self) -> dict[str, Any]:
        values = {**asdict(self), "stage": self.stage.name}
        return values if self.early else {name: item for name, item in values.items() if name != "early"}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> CellResult:
        predicted = {"predictions": value["predictions"], "development": value.get("development", {})}
        read = {part: {name: tuple(row) for name, row in rows.items()} for part, rows in predicted.items()}
        stage, curves = stage_named(value["stage"]), tuple(value["curves"])
        return cls(**{**value, **read, "stage": stage, "curves": curves})


def cells(config: RunConfig) -> tuple[Cell, ...]:
    """The cells of an experiment: ensemble by ensemble, fold by fold, encoders before what stands on them."""
    return tuple(
        Cell(fold, seed, stage)
        for seeds in config.ensembles
        for fold in config.selection.folds
        for seed in seeds
        for stage in config.selection.stages
    )

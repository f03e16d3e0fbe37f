"""What a report says, as plain data: everything that its tables, pictures and files are made from.

Accuracies and probabilities are fractions 0 … 1; None where there is nothing to count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from ..config.stages import Stage
from ..evaluation.bootstrap import Difference
from ..evaluation.calibration import Bin
from ..evaluation.scores import Score
from ..runs.cells import Cell
from .predictions import Agreement


@dataclass(frozen=True)
class Spread:
    """A mean and the standard deviation of the `count` values (n − 1); sd is None for fewer than two."""

    mean: float | None
    sd: float | None
    count: int


@dataclass(frozen=True)
class Part:
    """Scores on a part of the utterances: one fold, one speaker, one kind of votes.

    utterances: those with a dominant class. With several seeds the scores are means over them.
    """

    utterances: int
    wa: float | None
    ua: float | None

    def of(self, score: Score) -> float | None:
        return self.wa if score == "wa" else self.ua


@dataclass(frozen=True)
class Line:
    """One line of Table 3 for one train set.

    folds: names of those with a result. cells, planned: results there are, and will be.
    utterances: scored ones, each once. pooled: over all of them; the mean and s.d. are those of the seeds,
    and sd is None unless all seeds have the same folds. of_folds: mean and s.d. of the folds' own scores.
    confusion: row = truth, column = prediction; an utterance counts once a seed. recalls: per class, pooled.
    bins, ece: calibration (calibration.py says of what), an utterance counts once a seed.
    paper: the paper's WA and UA on IEMOCAP.
    """

    stage: Stage
    folds: tuple[str, ...]
    cells: int
    planned: int
    utterances: int
    pooled: Mapping[Score, Spread]
    of_folds: Mapping[Score, Spread]
    fold_scores: Mapping[str, Part]
    speaker_scores: Mapping[str, Part]
    agreement_scores: Mapping[Agreement, Part]
    recalls: Mapping[str, float | None]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]
    ece: float | None
    paper: Mapping[Score, float]


@dataclass(frozen=True)
class Comparison:
    """first against second, on the utterances, and by the seeds or ensembles, that both have.

    question: what it is made for. paper: the paper's difference on IEMOCAP.
    """

    question: str
    first: Stage
    second: Stage
    differences: Mapping[Score, Difference]
    paper: Mapping[Score, float]


@dataclass(frozen=True)
class Epoch:
    """One point of a learning curve; scores are of the development speakers."""

    epoch: int
    train_loss: float
    dev_loss: float
    dev_wa: float | None
    dev_ua: float | None


@dataclass(frozen=True)
class TrainingHistory:
    """How one cell was trained. epoch: the best, of `epochs`. wa, ua: on the fold's test speakers.

    stamp: which software trained it. early: it was asked to stop before its training was over.
    """

    cell: Cell
    epoch: int
    epochs: int
    dev_loss: float
    wa: float | None
    ua: float | None
    curve: tuple[Epoch, ...]
    stamp: Mapping[str, str]
    early: bool


@dataclass(frozen=True)
class Setting:
    """What was run. folds: all of the corpus; selected: those that the experiment trains. ensemble: so many
    seeds judge together."""

    name: str
    corpus: str
    format: str
    root: str
    label_map: Mapping[str, str]
    scripted: bool
    self_reports: bool
    utterances: int
    annotated: int
    scored: int
    dominant: Mapping[str, int]
    speakers: tuple[str, ...]
    folds: tuple[str, ...]
    selected: tuple[str, ...]
    seeds: tuple[int, ...]
    ensemble: int
    recipe: Mapping[str, Any]
    compute: Mapping[str, Any]

    @property
    def repeated(self) -> str:
        """How often there is a judgement of everything, in words: "3 seeds"; empty for once."""
        times = len(self.seeds) // self.ensemble
        return "" if times < 2 else f"{times} {'seeds' if self.ensemble == 1 else 'ensembles'}"


@dataclass(frozen=True)
class Report:
    """All of it. missing: cells that are not trained yet, in the order of training."""

    setting: Setting
    stamp: Mapping[str, str]
    planned: int
    missing: tuple[Cell, ...]
    lines: tuple[Line, ...]
    comparisons: tuple[Comparison, ...]
    speakers: Mapping[str, str]
    trainings: tuple[TrainingHistory, ...]

    @property
    def stamp_line(self) -> str:
        """The stamp in one line, for tables and pictures."""
        s = self.stamp
        made = f"MLEE {s['mlee']}" + (f" ({s['commit']})" if s["commit"] else "")
        versions = f"Python {s['python']}, torch {s['torch']}, numpy {s['numpy']}"
        run = f"device {s['device']}, {s['dtype']}, data {s['data_hash']}, configuration {s['config_hash']}"
        return f"{made}, {versions}, {s['machine']}, {run}"

    @property
    def early(self) -> tuple[Cell, ...]:
        """Cells that were asked to stop before their training was over."""
        return tuple(training.cell for training in self.trainings if training.early)

    @property
    def folds_done(self) -> tuple[str, ...]:
        """Folds of which every selected stage and seed is trained."""
        lacking = {cell.fold for cell in self.missing}
        return tuple(name for name in self.setting.selected if name not in lacking)

    def line(self, stage: Stage) -> Line | None:
        return next((line for line in self.lines if line.stage == stage), None)

    def to_json(self) -> dict[str, Any]:
        """JSON data; learning curves are left out, they are in curves.csv."""
        value: dict[str, Any] = _plain(self)
        for training in value["trainings"]:
            del training["curve"]
        return {**value, "folds_done": list(self.folds_done)}


def _plain(value: Any) -> Any:
    """Dataclasses -> objects, a stage -> its name."""
    if isinstance(value, Stage):
        return value.name
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value

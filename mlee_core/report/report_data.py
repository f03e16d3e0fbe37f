"""The content of a report as plain data, from which its tables, figures and files are made.

Accuracies and probabilities are fractions 0 … 1, None without utterances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from ..config.stages import Stage
from ..evaluation.bootstrap import Difference
from ..evaluation.calibration import Bin
from ..evaluation.scores import Score
from ..evaluation.vote_scores import AmbiguityScores, ExistenceScores, VoteScores
from ..labels.agreement import Agreement
from ..labels.targets import ExistsFrom
from ..runs.cells import Cell


@dataclass(frozen=True)
class MeanSd:
    """A mean and the standard deviation of the `count` values (n − 1); sd is None for fewer than two."""

    mean: float | None
    sd: float | None
    count: int


@dataclass(frozen=True)
class GroupScores:
    """Scores of a group of utterances: one fold, one speaker, one kind of votes.

    utterances: those with a dominant class. With several seeds the scores are means over them.
    """

    utterances: int
    wa: float | None
    ua: float | None

    def of(self, score: Score) -> float | None:
        return self.wa if score == "wa" else self.ua


@dataclass(frozen=True)
class TableRow:
    """One row of Table 3 for one train set.

    folds: names of those with a result. cells, planned: number of results, and of planned results.
    utterances: scored ones, each once. pooled: over all of them; mean and s.d. over seeds, and sd is None
    unless all seeds have the same folds. of_folds: mean and s.d. of the folds' own scores.
    corpus_scores: by corpus, empty for a run on one.
    confusion: row = truth, column = prediction; an utterance counts once per seed. recalls: pooled.
    bins, ece: calibration (see calibration.py), existence, ambiguity: see vote_scores.py; an utterance counts
    once per seed. existence is of MLEE alone, ambiguity of all other rows.
    paper: the paper's WA and UA on IEMOCAP.
    """

    stage: Stage
    folds: tuple[str, ...]
    cells: int
    planned: int
    utterances: int
    pooled: Mapping[Score, MeanSd]
    of_folds: Mapping[Score, MeanSd]
    fold_scores: Mapping[str, GroupScores]
    speaker_scores: Mapping[str, GroupScores]
    agreement_scores: Mapping[Agreement, GroupScores]
    corpus_scores: Mapping[str, GroupScores]
    recalls: Mapping[str, float | None]
    confusion: tuple[tuple[int, ...], ...]
    bins: tuple[Bin, ...]
    ece: float | None
    existence: ExistenceScores | None
    ambiguity: AmbiguityScores | None
    paper: Mapping[Score, float]


@dataclass(frozen=True)
class Comparison:
    """Differences first − second, on the utterances and by the seeds or ensembles that both have.

    question: the purpose of the comparison. paper: the paper's difference on IEMOCAP.
    """

    question: str
    first: Stage
    second: Stage
    differences: Mapping[Score, Difference]
    paper: Mapping[Score, float]


@dataclass(frozen=True)
class Epoch:
    """One point of a learning curve, with scores of the development speakers."""

    epoch: int
    train_loss: float
    dev_loss: float
    dev_wa: float | None
    dev_ua: float | None


@dataclass(frozen=True)
class TrainingHistory:
    """How one cell was trained. epoch: the best of `epochs`. wa, ua: on the fold's test speakers.

    stamp: the software that trained it. early: it was stopped on request before its training was complete.
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
    """The experiment. folds: all of the corpus; selected: those that are trained. ensemble: number of seeds
    whose predictions are averaged. exists_from: when a class exists."""

    name: str
    corpus: str
    format: str
    root: str
    label_map: Mapping[str, str]
    scripted: bool
    self_reports: bool
    exists_from: ExistsFrom
    allow_duplicates: bool
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
        """The number of predictions of each utterance as text: "3 seeds"; empty for one."""
        times = len(self.seeds) // self.ensemble
        return "" if times < 2 else f"{times} {'seeds' if self.ensemble == 1 else 'ensembles'}"


@dataclass(frozen=True)
class Report:
    """The whole report. missing: cells that are not trained yet, in the order of training. ceiling: the
    annotators' own scores on the utterances that are scored (ceiling.py)."""

    setting: Setting
    stamp: Mapping[str, str]
    planned: int
    missing: tuple[Cell, ...]
    rows: tuple[TableRow, ...]
    ceiling: VoteScores | None
    comparisons: tuple[Comparison, ...]
    speakers: Mapping[str, str]
    trainings: tuple[TrainingHistory, ...]

    @property
    def stamp_line(self) -> str:
        """The stamp in one line, for tables and figures."""
        s = self.stamp
        made = f"MLEE {s['mlee']}" + (f" ({s['commit']})" if s["commit"] else "")
        versions = f"Python {s['python']}, torch {s['torch']}, numpy {s['numpy']}"
        run = f"device {s['device']}, {s['dtype']}, data {s['data_hash']}, configuration {s['config_hash']}"
        return f"{made}, {versions}, {s['machine']}, {run}"

    @property
    def early(self) -> tuple[Cell, ...]:
        """Cells that were stopped on request before their training was complete."""
        return tuple(training.cell for training in self.trainings if training.early)

    @property
    def folds_done(self) -> tuple[str, ...]:
        """Folds of which every selected stage and seed is trained."""
        lacking = {cell.fold for cell in self.missing}
        return tuple(name for name in self.setting.selected if name not in lacking)

    @property
    def trained_rows(self) -> tuple[TableRow, ...]:
        """The rows that have results."""
        return tuple(row for row in self.rows if row.cells)

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora with scores, of a run on several; () of a run on one."""
        return tuple(sorted({name for row in self.rows for name in row.corpus_scores}))

    def row(self, stage: Stage) -> TableRow | None:
        return next((row for row in self.rows if row.stage == stage), None)

    def to_json(self) -> dict[str, Any]:
        """JSON data without the learning curves, which are in curves.csv; "lines" are the rows of Table 3."""
        value = {"lines" if name == "rows" else name: part for name, part in _plain(self).items()}
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

"""Table 3 of several runs: the pooled scores of each row, and their differences to the first run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config.stages import LINES, TRAIN_SETS, Stage
from ..errors import MleeError
from ..evaluation.scores import SCORES, Score
from ..runs.run_folder import RunFolder
from ..system.printable import printable
from .collect import collect
from .document_blocks import Table
from .formatting import NOTHING, percent, points, stage_name
from .paper_table3 import stage_of
from .report_data import TableRow


@dataclass(frozen=True)
class ComparedRun:
    """name: of its folder. corpus, recipe: what it was trained on, and how. rows: those with results.
    duplicates: test recordings may stand in other parts."""

    path: str
    name: str
    corpus: str
    recipe: str
    data_hash: str
    rows: Mapping[Stage, TableRow]
    duplicates: bool = False


@dataclass(frozen=True)
class RunComparison:
    """runs: those with results, in the requested order; differences are to the first. refused: why the others
    have none, one sentence each."""

    runs: tuple[ComparedRun, ...]
    refused: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Rows that any run has, by train set in Table 3's order."""
        ordered = dict.fromkeys(stage_of(row, train_set) for train_set in TRAIN_SETS for row in LINES)
        return tuple(stage for stage in ordered if any(stage in run.rows for run in self.runs))

    def score(self, run: ComparedRun, stage: Stage, score: Score) -> float | None:
        row = run.rows.get(stage)
        return None if row is None else row.pooled[score].mean

    def is_best(self, run: ComparedRun, stage: Stage, score: Score) -> bool:
        """Whether no other run scored on the same utterances has a higher score."""
        rivals = [rival for rival in self.runs if self.comparable(rival, stage)]
        known = [value for rival in rivals if (value := self.score(rival, stage, score)) is not None]
        return run in rivals and len(known) > 1 and self.score(run, stage, score) == max(known)

    def gap(self, run: ComparedRun, stage: Stage, score: Score) -> float | None:
        """Difference to the first run, as a fraction; None for the first itself, or without both scores."""
        own, first = self.score(run, stage, score), self.score(self.runs[0], stage, score)
        return None if run is self.runs[0] or own is None or first is None else own - first

    def comparable(self, run: ComparedRun, stage: Stage) -> bool:
        """Whether this row was scored on the same utterances as the first run's."""
        own, first = run.rows.get(stage), self.runs[0].rows.get(stage)
        same = run.data_hash == self.runs[0].data_hash
        return own is None or first is None or (same and own.folds == first.folds)

    def notes(self) -> tuple[str, ...]:
        """Remarks on the table, one sentence each."""
        allowed = (run.name for run in self.runs if run.duplicates)
        marked = [f"{name}: duplicates allowed, so its scores may be too high." for name in allowed]
        if all(self.comparable(run, stage) for run in self.runs for stage in self.stages):
            return (*marked, *self.refused)
        star = f"* Other folds or data than {self.runs[0].name}, so not scored on the same utterances."
        return (star, *marked, *self.refused)

    def score_text(self, run: ComparedRun, stage: Stage, score: Score) -> str:
        """ "84.8 (+2.3)": percent, and the difference to the first run in percentage points."""
        value, gap = self.score(run, stage, score), self.gap(run, stage, score)
        star = "" if self.comparable(run, stage) else "*"
        return percent(value) if gap is None else f"{percent(value)} ({points(gap)}{star})"

    def networks(self, run: ComparedRun, stage: Stage) -> str:
        """ "9 of 10": trained networks of those planned."""
        row = run.rows.get(stage)
        return NOTHING if row is None else f"{row.cells} of {row.planned}"

    def table(self) -> Table:
        """The comparison as a table to copy as text."""
        kinds = (*(score.upper() for score in SCORES), "done")
        header = ("row", *(f"{run.name} {kind}" for run in self.runs for kind in kinds))
        rows = tuple((stage_name(stage), *self._cells(stage)) for stage in self.stages)
        return Table(header, rows, title="Table 3, pooled (percent; in brackets points to the first run)")

    def _cells(self, stage: Stage) -> Iterable[str]:
        for run in self.runs:
            yield from (self.score_text(run, stage, score) for score in SCORES)
            yield self.networks(run, stage)


def compare_runs(runs: Sequence[Path]) -> RunComparison:
    """Read the runs; those without results are refused with the reason."""
    compared: list[ComparedRun] = []
    refused: list[str] = []
    names = Counter(run.resolve().name for run in runs)
    for run in runs:
        folder = run.resolve()
        name = folder.name if names[folder.name] == 1 else f"{folder.parent.name}/{folder.name}"
        try:
            compared.append(_compared_run(run, name))
        except MleeError as error:
            refused.append(str(error))
    return RunComparison(tuple(compared), tuple(refused))


def _compared_run(path: Path, name: str) -> ComparedRun:
    report, _ = collect(RunFolder(path))
    return ComparedRun(
        str(path),
        printable(name),
        report.setting.corpus,
        str(report.setting.recipe.get("name", "")),
        report.stamp["data_hash"],
        {row.stage: row for row in report.trained_rows},
        report.setting.allow_duplicates,
    )

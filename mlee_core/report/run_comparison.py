"""Table 3 of several runs side by side: each line's pooled scores, and how far they are from the first's."""

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
from .formatting import NOTHING, name, percent, points
from .paper_table3 import stage_of
from .report_data import Report


@dataclass(frozen=True)
class Scored:
    """A line of one run. scores: pooled, fractions. folds: names of those with a result. cells, planned:
    networks there are, and will be."""

    scores: Mapping[Score, float | None]
    folds: tuple[str, ...]
    cells: int
    planned: int


@dataclass(frozen=True)
class OneRun:
    """name: of its folder. corpus, recipe: what it was trained on, and how. lines: those with results."""

    path: str
    name: str
    corpus: str
    recipe: str
    data_hash: str
    lines: Mapping[Stage, Scored]


@dataclass(frozen=True)
class SideBySide:
    """runs: those with something to show, in the order asked for; differences are to the first. refused: why
    the others have nothing, one sentence each."""

    runs: tuple[OneRun, ...]
    refused: tuple[str, ...] = ()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Lines that some run has, train set by train set in Table 3's order."""
        ordered = dict.fromkeys(stage_of(line, train_set) for train_set in TRAIN_SETS for line in LINES)
        return tuple(stage for stage in ordered if any(stage in run.lines for run in self.runs))

    def score(self, run: OneRun, stage: Stage, score: Score) -> float | None:
        line = run.lines.get(stage)
        return None if line is None else line.scores[score]

    def is_best(self, run: OneRun, stage: Stage, score: Score) -> bool:
        """Whether no other has a higher one; of those alone that are scored on the same utterances."""
        rivals = [r for r in self.runs if self.alike(r, stage) and self.score(r, stage, score) is not None]
        known = [self.score(rival, stage, score) or 0.0 for rival in rivals]
        return run in rivals and len(rivals) > 1 and self.score(run, stage, score) == max(known)

    def gap(self, run: OneRun, stage: Stage, score: Score) -> float | None:
        """To the first run, as a fraction; None for the first itself, and where either has none."""
        ours, first = self.score(run, stage, score), self.score(self.runs[0], stage, score)
        return None if run is self.runs[0] or ours is None or first is None else ours - first

    def alike(self, run: OneRun, stage: Stage) -> bool:
        """Whether this line was scored on the same utterances as the first run's."""
        ours, first = run.lines.get(stage), self.runs[0].lines.get(stage)
        same = run.data_hash == self.runs[0].data_hash
        return ours is None or first is None or (same and ours.folds == first.folds)

    def notes(self) -> tuple[str, ...]:
        """What to mind, one sentence each."""
        if all(self.alike(run, stage) for run in self.runs for stage in self.stages):
            return self.refused
        star = f"* Other folds or data than {self.runs[0].name} has, so not of the same utterances."
        return (star, *self.refused)

    def words(self, run: OneRun, stage: Stage, score: Score) -> str:
        """ "84.8 (+2.3)": percent, and points to the first run."""
        value, gap = self.score(run, stage, score), self.gap(run, stage, score)
        star = "" if self.alike(run, stage) else "*"
        return percent(value) if gap is None else f"{percent(value)} ({points(gap)}{star})"

    def networks(self, run: OneRun, stage: Stage) -> str:
        """ "9 of 10 folds": with a result; networks where there are several seeds."""
        line = run.lines.get(stage)
        return NOTHING if line is None else f"{line.cells} of {line.planned}"

    def table(self) -> Table:
        """To be copied as text."""
        kinds = (*(score.upper() for score in SCORES), "done")
        header = ("row", *(f"{run.name} {kind}" for run in self.runs for kind in kinds))
        rows = tuple((name(stage), *self._row(stage)) for stage in self.stages)
        return Table(header, rows, title="Table 3, pooled (percent; in brackets points to the first run)")

    def _row(self, stage: Stage) -> Iterable[str]:
        for run in self.runs:
            yield from (self.words(run, stage, score) for score in SCORES)
            yield self.networks(run, stage)


def side_by_side(runs: Sequence[Path]) -> SideBySide:
    """Read them; those that have nothing to show are refused with the reason."""
    found: list[OneRun] = []
    refused: list[str] = []
    names = Counter(run.resolve().name for run in runs)
    for run in runs:
        whole = run.resolve()
        own = whole.name if names[whole.name] == 1 else f"{whole.parent.name}/{whole.name}"
        try:
            found.append(_one(run, own))
        except MleeError as error:
            refused.append(str(error))
    return SideBySide(tuple(found), tuple(refused))


def _one(path: Path, own_name: str) -> OneRun:
    report, _ = collect(RunFolder(path))
    return OneRun(
        str(path),
        printable(own_name),
        report.setting.corpus,
        str(report.setting.recipe.get("name", "")),
        report.stamp["data_hash"],
        {line.stage: _scored(report, line.stage) for line in report.lines if line.cells},
    )


def _scored(report: Report, stage: Stage) -> Scored:
    line = report.line(stage)
    assert line is not None, "it is one of the report's"
    scores = {score: line.pooled[score].mean for score in SCORES}
    return Scored(scores, line.folds, line.cells, line.planned)

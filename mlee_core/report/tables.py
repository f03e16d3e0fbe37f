"""The tables of a report, made from its data: for the page, for the terminal and for Markdown alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median

from ..config.stages import LINES, TRAIN_SETS
from ..evaluation.bootstrap import Difference
from ..evaluation.scores import SCORES
from ..labels.targets import TrainSet
from ..labels.votes import CLASS_NAMES, CLASSES
from .document_blocks import Table
from .formatting import NOTHING, interval, name, pair, percent, points, spread, title
from .paper_table3 import FIGURES, TITLES, stage_of
from .predictions import AGREEMENTS
from .report_data import Comparison, Line, Part, Report

MOST_SPEAKERS = 40
"""The page's table of speakers holds so many; speakers.csv has all."""


def table3(report: Report) -> Iterator[Table]:
    """Table 3, one table a train set; lines that are not part of the run show the paper's figures alone."""
    scores = ("WA pooled", "UA pooled", "WA of folds", "UA of folds", "WA paper", "UA paper")
    header = ("row", "label", *scores, "utterances", "networks")
    for train_set in TRAIN_SETS:
        rows = tuple(_table3_row(report, line, train_set) for line in LINES)
        yield Table(header, rows, 2, f"Train set {train_set} (percent)")


def _table3_row(report: Report, line_name: str, train_set: TrainSet) -> tuple[str, ...]:
    row, label = LINES[line_name]
    line = report.line(stage_of(line_name, train_set))
    ours: tuple[str, ...] = (NOTHING,) * 4
    counts = (NOTHING, "not in this run")
    if line is not None:
        ours = tuple(spread(kind[score]) for kind in (line.pooled, line.of_folds) for score in SCORES)
        counts = (str(line.utterances), f"{line.cells} of {line.planned}")
    paper = tuple(percent(value) for value in FIGURES[line_name][train_set])
    return (TITLES[row], label or NOTHING, *ours, *paper, *counts)


def comparisons(report: Report) -> Iterator[Table]:
    """One table a question."""
    header = (
        "row",
        "less",
        "WA difference",
        "UA difference",
        "speakers better, WA",
        "paper, WA",
        "paper, UA",
    )
    for question, asked in by_question(report.comparisons).items():
        yield Table(header, tuple(_comparison_row(one) for one in asked), 2, question)


def by_question(asked: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    groups: dict[str, list[Comparison]] = {}
    for one in asked:
        groups.setdefault(one.question, []).append(one)
    return groups


def _comparison_row(one: Comparison) -> tuple[str, ...]:
    gaps = [interval(one.differences[score]) for score in SCORES]
    paper = [points(one.paper[score]) for score in SCORES]
    return (*pair(one.first, one.second), *gaps, _better(one.differences["wa"]), *paper)


def _better(gap: Difference) -> str:
    better = sum(value > 0 for value in gap.of_speakers.values())
    equal = sum(value == 0 for value in gap.of_speakers.values())
    return f"{better} of {len(gap.of_speakers)}" + (f", {equal} equal" if equal else "")


def recalls(report: Report) -> Table:
    header = ("row", *(CLASS_NAMES[name] for name in CLASSES))
    rows = [(name(line.stage), *map(percent, line.recalls.values())) for line in trained(report)]
    return Table(header, tuple(rows), title="Recall of each class, pooled (percent)")


def calibration(report: Report) -> Table:
    rows = []
    for line in trained(report):
        existence = line.stage.scheme == "existence"
        what = "existence, every class" if existence else "predicted class"
        rows.append(
            (name(line.stage), what, percent(line.ece), _mean(line, "confidence"), _mean(line, "accuracy"))
        )
    header = ("row", "probability of", "ECE", "mean probability", "came true")
    return Table(header, tuple(rows), 2, "Expected calibration error (percent)")


def _mean(line: Line, what: str) -> str:
    total = sum(b.count for b in line.bins)
    return percent(sum(b.count * (getattr(b, what) or 0.0) for b in line.bins) / total if total else None)


def agreement(report: Report) -> Table:
    """Scores by how far the annotators agreed; kinds of votes that do not occur have no column."""
    lines = trained(report)
    kinds = [kind for kind in AGREEMENTS if any(kind in line.agreement_scores for line in lines)]
    header = ("row", *(f"{what}, {kind}" for kind in kinds for what in ("utterances", "WA", "UA")))
    rows = tuple(
        (name(line.stage), *(cell for kind in kinds for cell in _part(line.agreement_scores.get(kind))))
        for line in lines
    )
    return Table(header, rows, title="By votes, pooled (percent)")


def _part(part: Part | None) -> tuple[str, str, str]:
    return (str(part.utterances), percent(part.wa), percent(part.ua)) if part else ("0", NOTHING, NOTHING)


def training(report: Report) -> Table:
    rows = []
    for line in trained(report):
        own = [t for t in report.trainings if t.cell.stage == line.stage]
        best, epochs = _range([t.epoch for t in own]), _range([t.epochs for t in own])
        rows.append((name(line.stage), str(len(own)), best, epochs, f"{median(t.dev_loss for t in own):.3f}"))
    header = ("row", "networks", "best epoch", "epochs", "median development loss")
    return Table(header, tuple(rows), title="Training: median (least – most)")


def _range(values: Sequence[int]) -> str:
    if min(values) == max(values):
        return str(values[0])
    return f"{median(values):g} ({min(values)} – {max(values)})"


def speakers(report: Report) -> Iterator[Table]:
    """WA / UA of each speaker, one table a train set; the first MOST_SPEAKERS of them."""
    for train_set in TRAIN_SETS:
        stages = [stage_of(line, train_set) for line in LINES]
        lines = [line for line in trained(report) if line.stage in stages]
        rows = tuple(
            (speaker, fold, _utterances(lines, speaker), *(_scores(line, speaker) for line in lines))
            for speaker, fold in list(report.speakers.items())[:MOST_SPEAKERS]
        )
        if any(line.stage.train_set == train_set for line in lines):
            header = ("speaker", "fold", "utterances", *(title(line.stage) for line in lines))
            yield Table(header, rows, 2, f"WA / UA of each speaker, train set {train_set} (percent)")


def _utterances(lines: Sequence[Line], speaker: str) -> str:
    parts = [line.speaker_scores[speaker] for line in lines if speaker in line.speaker_scores]
    return str(max((part.utterances for part in parts), default=0))


def _scores(line: Line, speaker: str) -> str:
    part = line.speaker_scores.get(speaker)
    return NOTHING if part is None else f"{percent(part.wa)} / {percent(part.ua)}"


def trained(report: Report) -> tuple[Line, ...]:
    """The lines that have results."""
    return tuple(line for line in report.lines if line.cells)

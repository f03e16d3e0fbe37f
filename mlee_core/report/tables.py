"""The tables of a report: for the page, for the terminal and for Markdown alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from statistics import median
from typing import Any

from ..config.stages import LINES, TRAIN_SETS
from ..evaluation.scores import SCORES
from ..evaluation.vote_scores import AmbiguityScores, ExistenceScores
from ..labels.agreement import AGREEMENTS
from ..labels.targets import TrainSet
from ..labels.votes import CLASS_NAMES, CLASSES
from .document_blocks import Table
from .formatting import (
    NOTHING,
    decimals,
    decimals_interval,
    interval,
    mean_sd_text,
    pair,
    percent,
    points,
    stage_name,
    stage_title,
)
from .paper_table3 import PAPER_SCORES, TITLES, stage_of
from .report_data import Comparison, GroupScores, Report, TableRow

MAX_SPEAKERS = 40
"""Rows of the page's table of speakers; speakers.csv has all."""


def table3(report: Report) -> Iterator[Table]:
    """Table 3, one table per train set; rows that are not part of the run have the paper's scores only."""
    scores = ("WA pooled", "UA pooled", "WA of folds", "UA of folds", "WA paper", "UA paper")
    header = ("row", "label", *scores, "utterances", "networks")
    for train_set in TRAIN_SETS:
        rows = tuple(_table3_row(report, name, train_set) for name in LINES)
        yield Table(header, rows, 2, f"Train set {train_set} (percent)")


def _table3_row(report: Report, name: str, train_set: TrainSet) -> tuple[str, ...]:
    network, label = LINES[name]
    row = report.row(stage_of(name, train_set))
    scores: tuple[str, ...] = (NOTHING,) * 4
    counts = (NOTHING, "not in this run")
    if row is not None:
        scores = tuple(mean_sd_text(kind[score]) for kind in (row.pooled, row.of_folds) for score in SCORES)
        counts = (str(row.utterances), f"{row.cells} of {row.planned}")
    paper = map(percent, PAPER_SCORES[name][train_set])
    return (TITLES[network], label or NOTHING, *scores, *paper, *counts)


def comparisons(report: Report) -> Iterator[Table]:
    """One table per question."""
    differences = ("WA difference", "UA difference", "speakers better, WA", "paper, WA", "paper, UA")
    for question, compared in by_question(report.comparisons):
        yield Table(("row", "less", *differences), tuple(map(_comparison_row, compared)), 2, question)


def by_question(comparisons: Iterable[Comparison]) -> Iterator[tuple[str, list[Comparison]]]:
    """(question, its comparisons), in order."""
    for question, group in groupby(comparisons, lambda comparison: comparison.question):
        yield question, list(group)


def _comparison_row(comparison: Comparison) -> tuple[str, ...]:
    gaps = [interval(comparison.differences[score]) for score in SCORES]
    paper = [points(comparison.paper[score]) for score in SCORES]
    of_speakers = comparison.differences["wa"].of_speakers.values()
    equal = sum(value == 0 for value in of_speakers)
    better = f"{sum(value > 0 for value in of_speakers)} of {len(of_speakers)}"
    better += f", {equal} equal" if equal else ""
    return (*pair(comparison.first, comparison.second), *gaps, better, *paper)


def recalls(report: Report) -> Table:
    header = ("row", *(CLASS_NAMES[name] for name in CLASSES))
    rows = [(stage_name(row.stage), *map(percent, row.recalls.values())) for row in report.trained_rows]
    return Table(header, tuple(rows), title="Recall of each class, pooled (percent)")


def calibration(report: Report) -> Table:
    rows = []
    for row in report.trained_rows:
        what = "existence, every class" if row.stage.scheme == "existence" else "predicted class"
        means = (_bin_mean(row, "confidence"), _bin_mean(row, "accuracy"))
        rows.append((stage_name(row.stage), what, percent(row.ece), *means))
    header = ("row", "probability of", "ECE", "mean probability", "came true")
    return Table(header, tuple(rows), 2, "Expected calibration error (percent)")


def _bin_mean(row: TableRow, what: str) -> str:
    total = sum(b.count for b in row.bins)
    return percent(sum(b.count * (getattr(b, what) or 0.0) for b in row.bins) / total if total else None)


CEILING = "annotators' own ceiling"


def existence(report: Report) -> Table:
    """Scores of existence, beside the annotators' own; without rows if nothing has such scores."""
    rows = [(stage_name(row.stage), row.existence) for row in report.trained_rows if row.existence]
    if rows and report.ceiling is not None and report.ceiling.existence is not None:
        rows.append((CEILING, report.ceiling.existence))
    areas = (f"AUC {CLASS_NAMES[name]}" for name in CLASSES)
    header = ("row", "AUC", *areas, "macro F1", "ECE", "Brier", "of the base rate")
    cells = tuple((name, *_existence_cells(scores)) for name, scores in rows)
    return Table(header, cells, title=f"Existence from {report.setting.exists_from.described}")


def _existence_cells(scores: ExistenceScores) -> tuple[str, ...]:
    calibrated = (scores.f1_macro, scores.ece, scores.brier, scores.brier_base_rate)
    return tuple(map(decimals, (scores.auc_mean, *scores.auc.values(), *calibrated)))


def ambiguity(report: Report) -> Table:
    """Scores of ambiguity, beside the annotators' own; without rows if nothing has such scores."""
    rows = [(stage_name(row.stage), row.ambiguity) for row in report.trained_rows if row.ambiguity]
    if rows and report.ceiling is not None and report.ceiling.ambiguity is not None:
        rows.append((CEILING, report.ceiling.ambiguity))
    header = ("row", "KL", "JS", "entropy Spearman", "95 %", "split AUC", "both of two in the top two")
    cells = tuple((name, *_ambiguity_cells(scores)) for name, scores in rows)
    return Table(header, cells, title="Ambiguity")


def _ambiguity_cells(scores: AmbiguityScores) -> tuple[str, ...]:
    before = map(decimals, (scores.kl, scores.js, scores.entropy_spearman))
    after = map(decimals, (scores.split_auc, scores.top_two))
    return (*before, decimals_interval(scores.entropy_spearman_ci), *after)


def agreement(report: Report) -> Table:
    """Scores by agreement of the annotators; kinds of votes that do not occur have no column."""
    return _by_group(report, AGREEMENTS, lambda row: row.agreement_scores, "By votes, pooled (percent)")


def corpora(report: Report) -> Table:
    """Scores by corpus, of a run on several."""
    return _by_group(
        report, report.corpora, lambda row: row.corpus_scores, "By corpus, pooled over its folds (percent)"
    )


def _by_group(
    report: Report, names: Iterable[str], of: Callable[[TableRow], Mapping[Any, GroupScores]], title: str
) -> Table:
    """Utterances, WA and UA of each group that occurs. of: a row -> group -> scores."""
    trained = report.trained_rows
    kinds = [name for name in names if any(name in of(row) for row in trained)]
    rows = []
    for row in trained:
        cells = [stage_name(row.stage)]
        for kind in kinds:
            group = of(row).get(kind, GroupScores(0, None, None))
            cells += [str(group.utterances), percent(group.wa), percent(group.ua)]
        rows.append(tuple(cells))
    header = ("row", *(f"{what}, {kind}" for kind in kinds for what in ("utterances", "WA", "UA")))
    return Table(header, tuple(rows), title=title)


def training(report: Report) -> Table:
    rows = []
    for row in report.trained_rows:
        own = [t for t in report.trainings if t.cell.stage == row.stage]
        best, epochs = _range([t.epoch for t in own]), _range([t.epochs for t in own])
        loss = median(t.dev_loss for t in own)
        rows.append((stage_name(row.stage), str(len(own)), best, epochs, f"{loss:.3f}"))
    header = ("row", "networks", "best epoch", "epochs", "median development loss")
    return Table(header, tuple(rows), title="Training: median (least – most)")


def _range(values: Sequence[int]) -> str:
    if min(values) == max(values):
        return str(values[0])
    return f"{median(values):g} ({min(values)} – {max(values)})"


def speakers(report: Report) -> Iterator[Table]:
    """WA / UA of the first MAX_SPEAKERS speakers, one table per train set."""
    for train_set in TRAIN_SETS:
        stages = [stage_of(name, train_set) for name in LINES]
        trained = [row for row in report.trained_rows if row.stage in stages]
        if not any(row.stage.train_set == train_set for row in trained):
            continue
        rows = []
        for speaker, fold in list(report.speakers.items())[:MAX_SPEAKERS]:
            scores = [row.speaker_scores.get(speaker) for row in trained]
            utterances = max((group.utterances for group in scores if group), default=0)
            cells = [f"{percent(group.wa)} / {percent(group.ua)}" if group else NOTHING for group in scores]
            rows.append((speaker, fold, str(utterances), *cells))
        header = ("speaker", "fold", "utterances", *(stage_title(row.stage) for row in trained))
        title = f"WA / UA of each speaker, train set {train_set} (percent)"
        yield Table(header, tuple(rows), 2, title)

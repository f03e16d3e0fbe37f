"""The content of a report's page, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..evaluation.bootstrap import LEAST_SPEAKERS, RESAMPLES
from ..evaluation.calibration import BINS
from ..evaluation.ceiling import LEAST_RATERS
from ..labels.votes import CLASS_NAMES
from ..runs.cells import Cell
from ..system.printable import listed
from . import tables
from .document_blocks import Banner, Block, Figure, Heading, Items, Table, Text
from .paper_table3 import CORPUS
from .report_data import Report

MOST_NAMES = 12

FILES = (
    "table3.csv: Table 3, with recalls, calibration and the scores by votes",
    "predictions.csv: every utterance's out-of-fold predictions; PREDICTIONS.md explains its columns",
    "votes.csv: scores of existence and ambiguity, beside the annotators' own",
    "speakers.csv, cells.csv, curves.csv: scores of speakers and of networks, learning curves",
    "report.json: all of this page as data",
    "pictures: the figures as SVG, light and dark",
    "tensorboard: event files for tensorboard --logdir",
)


def page(report: Report) -> Iterator[Block]:
    yield Heading(f"Table 3 on {report.setting.corpus}", 1)
    yield from banners(report)
    yield _setting(report)
    yield from _table3(report)
    if report.corpora:
        yield Heading("Corpora")
        yield tables.corpora(report)
    yield from _comparisons(report)
    yield from _classes(report)
    yield from _calibration(report)
    yield from _existence(report)
    yield from _ambiguity(report)
    yield Heading("Unanimous and split votes")
    yield Text(
        "Unanimous: at least two annotators (votes, where they are not named), all with the same labels. "
        "Split: several labels, of which one dominates all the same. "
        "One vote alone says nothing of agreement."
    )
    yield tables.agreement(report)
    yield Heading("Training")
    yield tables.training(report)
    yield Figure("curves", "Learning curves of each row, with the best epoch of each network")
    yield Heading("Speakers")
    if len(report.speakers) > tables.MAX_SPEAKERS:
        yield Text(
            f"The first {tables.MAX_SPEAKERS} of {len(report.speakers)} speakers; speakers.csv has all."
        )
    yield from tables.speakers(report)
    yield Heading("Files")
    yield Items(FILES)
    yield Text(report.stamp_line)


def banners(report: Report) -> Iterator[Banner]:
    """Limits of all scores: duplicates, networks that are not trained or were stopped early, folds that are
    not part of the experiment."""
    setting, missing = report.setting, report.missing
    if setting.allow_duplicates:
        yield Banner(
            "Duplicates allowed: networks may have learnt from recordings that they are tested on, so every "
            "figure may be too high."
        )
    if missing:
        yield Banner(
            f"Unfinished: {report.planned - len(missing)} of {report.planned} networks are trained. "
            "Each row's scores are of its trained folds and seeds; rows that differ in them are not "
            f"comparable. Missing: {'; '.join(_cells_text(missing, len(report.rows)))}."
        )
    if report.early:
        yield Banner(
            f"Stopped early: {len(report.early)} of {report.planned} networks were stopped on request before "
            f"their training was complete: {'; '.join(_cells_text(report.early, len(report.rows)))}."
        )
    if len(setting.selected) < len(setting.folds):
        yield Banner(
            f"{len(setting.selected)} of {len(setting.folds)} folds are part of this experiment "
            f"({listed(setting.selected, MOST_NAMES)}): scores are of their speakers only."
        )


def _cells_text(cells: Sequence[Cell], stages: int) -> Iterator[str]:
    """ "fold 08, 09, seed 0: mlee-all, fusion-soft-all": folds with the same stages are named together.

    stages: number of stages in a fold; "everything" stands for all of them.
    """
    stages_of: dict[tuple[str, int], list[str]] = {}
    for cell in cells:
        stages_of.setdefault((cell.fold, cell.seed), []).append(cell.stage.name)
    folds_of: dict[tuple[int, tuple[str, ...]], list[str]] = {}
    for (fold, seed), names in stages_of.items():
        folds_of.setdefault((seed, tuple(names)), []).append(fold)
    for (seed, own), folds in folds_of.items():
        what = listed(own, MOST_NAMES) if len(own) < stages else "everything"
        yield f"fold {listed(folds, MOST_NAMES)}, seed {seed}: {what}"


def _setting(report: Report) -> Table:
    s, stamp = report.setting, report.stamp
    included = ["with scripted utterances"] * s.scripted + ["with self-reports"] * s.self_reports
    classes = ", ".join(f"{count} {CLASS_NAMES[name]}" for name, count in s.dominant.items())
    ensemble = f"; ensembles of {s.ensemble} networks" if s.ensemble > 1 else ""
    maps = ", ".join(f"{label} = {name}" for label, name in s.label_map.items()) or "none"
    done = f"{len(report.folds_done)} of {len(s.folds)} finished"
    folds_done = listed(report.folds_done, MOST_NAMES)
    versions = dict.fromkeys(_software(training.stamp) for training in report.trainings)
    rows = (
        ("run", s.name),
        ("corpus", ", ".join([f"{s.corpus} ({s.format})", *included])),
        ("data hash", stamp["data_hash"]),
        ("label map", maps),
        ("existence from", s.exists_from.described),
        ("utterances", f"{s.utterances}, {s.annotated} of them with votes"),
        ("with a dominant class", f"{s.scored}: {classes}"),
        ("speakers", f"{len(s.speakers)}: {listed(s.speakers, MOST_NAMES)}"),
        ("folds", f"{done}: {folds_done}" if folds_done else done),
        ("seeds", ", ".join(map(str, s.seeds)) + ensemble),
        ("recipe", _settings(s.recipe)),
        ("arithmetic", _settings(s.compute)),
        ("configuration hash", stamp["config_hash"]),
        ("networks trained by", "; ".join(text or "an unrecorded version" for text in versions)),
        ("report made by", _software(stamp)),
    )
    return Table(("experiment", ""), rows, text_columns=2)


def _table3(report: Report) -> Iterator[Block]:
    setting = report.setting
    repeated = ensemble = ""
    if setting.repeated:
        repeated = (
            f", each counted once as the mean over its {setting.repeated}; ± is the standard deviation of "
            "their own pooled scores"
        )
    if setting.ensemble > 1:
        ensemble = (
            f" Each row has an ensemble of {setting.ensemble} networks per fold with different seeds, whose "
            "probabilities are averaged."
        )
    same = setting.format == "iemocap"
    which = "this corpus" if same else "another corpus than this one: its scores are for orientation only"
    yield Heading("Table 3")
    yield Items(
        (
            "WA is the share of correctly predicted utterances, UA the mean of the classes' recalls. "
            "Both count the utterances that have a dominant class.",
            f"Pooled: over the utterances of all folds together{repeated}.{ensemble}",
            "Of folds: mean ± standard deviation of the folds' own scores. The UA of a fold is over the "
            "classes that occur in it.",
            f"Paper: Ando et al., Interspeech 2019, on {CORPUS}, {which}.",
            "Dominant, hard admits the same utterances in both train sets: the same networks, shown in both.",
        )
    )
    yield from tables.table3(report)
    yield Figure("table3", "Table 3: pooled scores, folds, their mean and deviation, and the paper's")


def _comparisons(report: Report) -> Iterator[Block]:
    if not report.comparisons:
        return
    yield Heading("Rows compared, speaker by speaker")
    yield Text(
        "Difference of the pooled scores in percentage points, on the utterances predicted by both rows, "
        f"with its 95 % interval: percentiles of {RESAMPLES} bootstrap samples of speakers, both rows on the "
        f"same sample. Below {LEAST_SPEAKERS} speakers there is no interval; with about ten it is rather too "
        "narrow. An interval without 0 is not a proof: there are many comparisons, and none is corrected for "
        "that. Paper: the difference of its scores."
    )
    reasons = {gap.why_not for c in report.comparisons for gap in c.differences.values()} - {None}
    if reasons:
        yield Text(f"Intervals are left out: {'; '.join(sorted(map(str, reasons)))}.")
    yield from tables.comparisons(report)
    yield Figure("comparisons", "Differences of rows with their intervals, beside the paper's")


def _classes(report: Report) -> Iterator[Block]:
    yield Heading("Classes")
    yield tables.recalls(report)
    repeated = report.setting.repeated
    counted = f" An utterance counts once for each of {repeated}." if repeated else ""
    yield Text(
        "Confusions, pooled: a row is the true class, a column the predicted one; shares are of the row."
        + counted
    )
    yield Figure("confusion", "Confusion matrix of each row")


def _calibration(report: Report) -> Iterator[Block]:
    yield Heading("Calibration")
    yield Text(
        f"Expected calibration error over {BINS} bins of equal width, pooled. For MLEE only: of the "
        "probability that a class is present, over all classes of all utterances with votes, against whether "
        f"it exists (from {report.setting.exists_from.described}). For all other rows: of the predicted "
        "class, over utterances with a dominant class, against whether it is right."
    )
    yield tables.calibration(report)
    yield Figure("calibration", "Reliability diagram of each row")


CEILING = (
    "The annotators' own ceiling is one random half of an utterance's annotators as prediction of the other "
    f"half, where it has at least {LEAST_RATERS}. Half the votes are noisier than all of them, by which the "
    "rows are scored: it is an orientation, no bound."
)


def _existence(report: Report) -> Iterator[Block]:
    table = tables.existence(report)
    if not table.rows:
        return
    yield Heading("Existence")
    yield Text(
        "MLEE's probability that a class is present, against whether enough annotators gave it. AUC: how "
        "often the probability is higher where the class exists, of each class and their mean. Macro F1: of "
        "present above 0.5. Brier: mean squared error, beside that of always giving the class's share. "
        + CEILING
    )
    yield table


def _ambiguity(report: Report) -> Iterator[Block]:
    yield Heading("Ambiguity")
    table = tables.ambiguity(report)
    if not table.rows:
        yield Text("Left out: no utterance has votes for two of the four classes, or no row has a softmax.")
        return
    yield Text(
        "The predicted distribution over the four classes against all votes. KL, JS: divergence from the "
        "smoothed vote shares (equation 4), in nats. Entropy Spearman: rank correlation of its entropy with "
        "that of the votes over all labels, with a 95 % interval over speakers. Split AUC: how often its "
        "entropy is higher for split votes than for unanimous ones. Top two: how often both classes are its "
        "two most probable ones, where exactly two were given. " + CEILING
    )
    yield table


def _software(stamp: Mapping[str, str]) -> str:
    others = ("device", "dtype", "data_hash", "config_hash")
    return ", ".join(f"{name} {value}" for name, value in stamp.items() if value and name not in others)


def _settings(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {_value(value)}" for key, value in settings.items())


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)

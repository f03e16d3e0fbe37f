"""The report's CSV files: Table 3, cells, speakers, learning curves and the out-of-fold predictions.

UTF-8, comma, decimal point, scores as fractions; missing values are empty. Every row ends with the stamp.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from ..config.stages import Stage
from ..evaluation.calibration import BINS
from ..evaluation.scores import SCORES
from ..evaluation.vote_scores import VoteScores
from ..labels.agreement import AGREEMENTS
from ..labels.targets import ALPHA, existence_target, soft_target
from ..labels.votes import CLASSES, Votes, dominant
from ..system.files import atomic_path
from .predictions import Prediction
from .report_data import GroupScores, Report, TableRow

CsvRows = Iterator[dict[str, object]]


def table3(report: Report) -> CsvRows:
    """One row per row of Table 3 and train set."""
    for row in report.rows:
        yield {**_stage(row.stage), **_scores(row, report.corpora)}


def vote_scores(report: Report) -> CsvRows:
    """Existence and ambiguity: one row per row of Table 3, and one of the annotators' own ceiling."""
    for row in report.rows:
        yield {"stage": row.stage.name, **_vote_columns(report, row)}
    yield {"stage": "ceiling", **_vote_columns(report, report.ceiling)}


def _vote_columns(report: Report, scores: TableRow | VoteScores | None) -> dict[str, object]:
    existence, ambiguity = getattr(scores, "existence", None), getattr(scores, "ambiguity", None)
    columns: dict[str, object] = {"exists_from": report.setting.exists_from}
    columns |= {f"auc_{name}": existence.auc[name] if existence else None for name in CLASSES}
    for name in ("auc_mean", "f1_macro", "ece", "brier", "brier_base_rate"):
        columns[f"existence_{name}"] = getattr(existence, name, None)
    low, high = (ambiguity and ambiguity.entropy_spearman_ci) or (None, None)
    for name in ("kl", "js", "entropy_spearman", "split_auc", "top_two"):
        columns[name] = getattr(ambiguity, name, None)
    return columns | {"entropy_spearman_low": low, "entropy_spearman_high": high}


def cells(report: Report) -> CsvRows:
    """One row per trained network."""
    for t in report.trainings:
        yield {
            "fold": t.cell.fold,
            "seed": t.cell.seed,
            **_stage(t.cell.stage),
            "best_epoch": t.epoch,
            "epochs": t.epochs,
            "dev_loss": t.dev_loss,
            "test_wa": t.wa,
            "test_ua": t.ua,
        }


def speakers(report: Report) -> CsvRows:
    """One row per speaker and row of Table 3; 0 utterances if it is not trained for the speaker's fold."""
    for name, fold in report.speakers.items():
        for row in report.rows:
            scores = asdict(row.speaker_scores.get(name, GroupScores(0, None, None)))
            yield {"speaker": name, "fold": fold, **_stage(row.stage), **scores}


def curves(report: Report) -> CsvRows:
    """One row per epoch of a network."""
    for t in report.trainings:
        for point in t.curve:
            yield {
                "fold": t.cell.fold,
                "seed": t.cell.seed,
                "stage": t.cell.stage.name,
                **asdict(point),
                "best": int(point.epoch == t.epoch),
            }


def predictions(predictions: Iterable[Prediction], report: Report) -> CsvRows:
    """One row per annotated utterance and seed; `documentation` explains the columns."""
    untrained, exists_from = (None,) * len(CLASSES), report.setting.exists_from
    for prediction in predictions:
        utterance, votes = prediction.utterance, prediction.utterance.votes
        columns: dict[str, object] = {
            "id": utterance.id,
            "speaker": utterance.speaker,
            "fold": prediction.fold,
            "seed": prediction.seed,
            "votes": votes_text(votes),
            "consensus": votes.consensus,
            "dominant": dominant(votes),
            **_by_class("q_", soft_target(votes)),
            **_by_class("e_", [int(exists) for exists in existence_target(votes, exists_from)]),
        }
        for row in report.rows:
            outputs = prediction.probabilities.get(row.stage, untrained)
            columns |= _by_class(f"{row.stage.name}:", outputs)
        yield columns


def documentation(report: Report) -> str:
    """The meaning of the columns of predictions.csv, as Markdown."""
    rule = report.setting.exists_from.described
    columns = {
        "id, speaker": "as in the corpus",
        "fold": "the fold that tests this speaker",
        "seed": "of the networks, the first of an ensemble's; an utterance has one row per seed or ensemble",
        "votes": "how many annotators gave each label, as `neu:3 other:2`; a space or colon in a label is _",
        "consensus": "the corpus's own consensus, empty if it has none",
        "dominant": "the true class for WA and UA; empty if no target class dominates",
        "q_neu … q_ang": f"soft target, equation 4 with α = {ALPHA}",
        "e_neu … e_ang": f"existence target, equation 5: 1 from {rule}, else 0",
        "STAGE:neu … STAGE:ang": "probabilities by that network; empty until it is trained",
        "stamp": "software, device, data and configuration of this file",
    }
    table = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in columns.items())
    stages = ", ".join(f"`{row.stage.name}`" for row in report.rows)
    return f"""# predictions.csv

One row per annotated utterance and seed, in the corpus's order; UTF-8, comma, decimal point.

Every prediction is out of fold: it comes from the networks of the fold that tests the utterance's speaker.
That speaker was in neither the training nor the development set of these networks and their encoders.

| column | meaning |
| --- | --- |
{table}

STAGE is row, label and train set: {stages}. The four probabilities of a stage sum to 1; those of `mlee-…` do
not, since each is the probability that its class is present. The predicted class has the highest probability.

{report.stamp_line}
"""


def votes_text(votes: Votes) -> str:
    """ "neu:3 other:2": labels with votes, target classes first. A space or colon in a label becomes _."""
    order = [*CLASSES, *sorted(set(votes.counts) - set(CLASSES))]
    given = [(re.sub(r"[\s:]", "_", name), votes.counts[name]) for name in order if votes.counts.get(name)]
    return " ".join(f"{name}:{count}" for name, count in given)


def write(folder: Path, report: Report, outputs: Iterable[Prediction]) -> None:
    """Write each CSV file atomically, with the columns of its first row. Raises: OSError."""
    files = {
        "table3": table3(report),
        "votes": vote_scores(report),
        "cells": cells(report),
        "speakers": speakers(report),
        "curves": curves(report),
        "predictions": predictions(outputs, report),
    }
    stamp = {"stamp": report.stamp_line}
    for name, rows in files.items():
        first = next(rows) | stamp
        with (
            atomic_path(folder / f"{name}.csv") as neighbour,
            open(neighbour, "w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            writer = csv.DictWriter(file, list(first))
            writer.writeheader()
            writer.writerow(first)
            writer.writerows(row | stamp for row in rows)


def _stage(stage: Stage) -> dict[str, object]:
    return {"row": stage.row, "label": stage.label, "train_set": stage.train_set, "stage": stage.name}


def _scores(row: TableRow, corpora: Sequence[str]) -> dict[str, object]:
    columns: dict[str, object] = {
        "folds": len(row.folds),
        "cells": row.cells,
        "cells_planned": row.planned,
        "utterances": row.utterances,
    }
    for score in SCORES:
        pooled, folds = row.pooled[score], row.of_folds[score]
        columns |= {
            f"{score}_pooled": pooled.mean,
            f"{score}_pooled_sd_of_seeds": pooled.sd,
            f"{score}_mean_of_folds": folds.mean,
            f"{score}_sd_of_folds": folds.sd,
            f"{score}_paper": row.paper[score],
        }
    columns |= {f"recall_{name}": value for name, value in row.recalls.items()}
    columns[f"ece_{BINS}_bins"] = row.ece
    groups: dict[str, GroupScores] = dict(row.agreement_scores) | dict(row.corpus_scores)
    for kind in (*AGREEMENTS, *corpora):
        group = asdict(groups.get(kind, GroupScores(0, None, None)))
        columns |= {f"{name}_{kind.replace(' ', '_')}": value for name, value in group.items()}
    return columns


def _by_class(prefix: str, values: Sequence[float | None]) -> dict[str, object]:
    return {f"{prefix}{name}": value for name, value in zip(CLASSES, values, strict=True)}

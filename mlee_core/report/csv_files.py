"""The report's CSV files: Table 3, cells, speakers, learning curves and the out-of-fold predictions.

UTF-8, comma, decimal point, scores as fractions; what does not exist is empty. Every row ends with the stamp.
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
from ..labels.targets import ALPHA, existence_target, soft_target
from ..labels.votes import CLASSES, Votes, dominant
from ..system.files import atomic_path
from .predictions import AGREEMENTS, Prediction
from .report_data import Line, Part, Report

Sheet = Iterable[dict[str, object]]


def table3(report: Report) -> Sheet:
    """A row a line of Table 3 and train set."""
    for line in report.lines:
        yield {**_stage(line.stage), **_of_line(line), "stamp": report.stamp_line}


def cells(report: Report) -> Sheet:
    """A row a network that is trained."""
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
            "stamp": report.stamp_line,
        }


def speakers(report: Report) -> Sheet:
    """A row a speaker and line; no utterances where the line is not trained for the speaker's fold."""
    for name, fold in report.speakers.items():
        for line in report.lines:
            part = line.speaker_scores.get(name, Part(0, None, None))
            scores = {"utterances": part.utterances, "wa": part.wa, "ua": part.ua}
            who = {"speaker": name, "fold": fold}
            yield {**who, **_stage(line.stage), **scores, "stamp": report.stamp_line}


def curves(report: Report) -> Sheet:
    """A row an epoch of a network."""
    for t in report.trainings:
        for point in t.curve:
            yield {
                "fold": t.cell.fold,
                "seed": t.cell.seed,
                "stage": t.cell.stage.name,
                **asdict(point),
                "best": int(point.epoch == t.epoch),
                "stamp": report.stamp_line,
            }


def predictions(said: Iterable[Prediction], report: Report) -> Sheet:
    """A row an annotated utterance and seed; `documentation` tells what the columns mean."""
    for prediction in said:
        utterance, votes = prediction.utterance, prediction.utterance.votes
        yield {
            "id": utterance.id,
            "speaker": utterance.speaker,
            "fold": prediction.fold,
            "seed": prediction.seed,
            "votes": votes_in_words(votes),
            "consensus": votes.consensus,
            "dominant": dominant(votes),
            **_by_class("q_", soft_target(votes)),
            **_by_class("e_", [int(exists) for exists in existence_target(votes)]),
            **dict(_outputs(prediction, [line.stage for line in report.lines])),
            "stamp": report.stamp_line,
        }


def documentation(report: Report) -> str:
    """What the columns of predictions.csv mean, as Markdown."""
    columns = {
        "id, speaker": "as in the corpus",
        "fold": "the fold that tests this speaker",
        "seed": "of the networks, the first of an ensemble's; with several an utterance has a row for each",
        "votes": "how many annotators gave each label, as `neu:3 other:2`; a space or colon in a label is _",
        "consensus": "the corpus's own verdict, empty where it gives none",
        "dominant": "the true class, by which WA and UA count; empty where no target class dominates",
        "q_neu … q_ang": f"soft target, equation 4 with α = {ALPHA}",
        "e_neu … e_ang": "existence target, equation 5: 1 where any annotator gave the class, else 0",
        "STAGE:neu … STAGE:ang": "probabilities by that network; empty while it is not trained",
        "stamp": "what made this file, and of what",
    }
    table = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in columns.items())
    stages = ", ".join(f"`{line.stage.name}`" for line in report.lines)
    return f"""# predictions.csv

A row an annotated utterance and seed, in the corpus's order; UTF-8, comma, decimal point.

Every prediction is out of fold: it comes from the networks of the fold that tests the utterance's speaker.
That speaker was in neither the training nor the development set of these networks, nor of the encoders that
they stand on.

| column | meaning |
| --- | --- |
{table}

STAGE is row, label and train set: {stages}. The four probabilities of a stage sum to 1; those of `mlee-…` do
not, since each tells alone whether its class is present. The predicted class is the one with the highest.

{report.stamp_line}
"""


def votes_in_words(votes: Votes) -> str:
    """ "neu:3 other:2": labels with votes, target classes first. A space or colon in a label becomes _."""
    order = [*CLASSES, *sorted(set(votes.counts) - set(CLASSES))]
    given = [(re.sub(r"[\s:]", "_", name), votes.counts[name]) for name in order if votes.counts.get(name)]
    return " ".join(f"{name}:{count}" for name, count in given)


def write(path: Path, sheet: Sheet) -> None:
    """Write a sheet, atomically; its first row tells the columns. Raises: OSError."""
    rows = iter(sheet)
    first = next(rows)
    with (
        atomic_path(path) as neighbour,
        open(neighbour, "w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def _stage(stage: Stage) -> dict[str, object]:
    return {"row": stage.row, "label": stage.label, "train_set": stage.train_set, "stage": stage.name}


def _of_line(line: Line) -> dict[str, object]:
    found: dict[str, object] = {
        "folds": len(line.folds),
        "cells": line.cells,
        "cells_planned": line.planned,
        "utterances": line.utterances,
    }
    for score in SCORES:
        pooled, folds = line.pooled[score], line.of_folds[score]
        found |= {
            f"{score}_pooled": pooled.mean,
            f"{score}_pooled_sd_of_seeds": pooled.sd,
            f"{score}_mean_of_folds": folds.mean,
            f"{score}_sd_of_folds": folds.sd,
            f"{score}_paper": line.paper[score],
        }
    found |= {f"recall_{name}": value for name, value in line.recalls.items()}
    found[f"ece_{BINS}_bins"] = line.ece
    for kind in AGREEMENTS:
        part = line.agreement_scores.get(kind)
        key = kind.replace(" ", "_")
        found[f"utterances_{key}"] = part.utterances if part else 0
        found |= {f"{score}_{key}": part.of(score) if part else None for score in SCORES}
    return found


def _by_class(prefix: str, values: Sequence[float]) -> dict[str, object]:
    return {f"{prefix}{name}": value for name, value in zip(CLASSES, values, strict=True)}


def _outputs(prediction: Prediction, stages: Iterable[Stage]) -> Iterator[tuple[str, object]]:
    for stage in stages:
        given = prediction.probabilities.get(stage)
        for k, name in enumerate(CLASSES):
            yield f"{stage.name}:{name}", None if given is None else given[k]

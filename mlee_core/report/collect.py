"""Reads a run folder into a Report. Only the run is read: its corpus may no longer be available."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

import numpy as np

from ..config.run_config import RunConfig
from ..config.stages import LINES, TRAIN_SETS, Stage
from ..corpora.corpus import Corpus
from ..corpora.folds import Folds
from ..errors import RunError
from ..evaluation.bootstrap import difference
from ..evaluation.calibration import ece
from ..evaluation.ceiling import ceiling
from ..evaluation.scores import SCORES
from ..labels.agreement import AGREEMENTS
from ..labels.votes import CLASSES, dominant
from ..runs.cells import Cell, CellResult
from ..runs.run_folder import RunFolder, of_run
from ..system.printable import printable
from .paper_table3 import paper_scores, stage_of
from .predictions import Prediction, ensemble_predictions, out_of_fold
from .report_data import Comparison, Epoch, Report, Setting, TableRow, TrainingHistory
from .scored_predictions import ScoredPredictions, mean_sd

SAME_LABEL = "against the dominant row of the same label"
QUESTIONS: tuple[tuple[str, str, str], ...] = (
    *(("against dominant, hard", row, "dominant-hard") for row in LINES if row != "dominant-hard"),
    (SAME_LABEL, "pretrain-soft", "dominant-soft"),
    (SAME_LABEL, "fusion-soft", "dominant-soft"),
    ("fusion against pre-training alone", "fusion-hard", "pretrain-hard"),
    ("fusion against pre-training alone", "fusion-soft", "pretrain-soft"),
)
"""The paper's claims: (question, row, row to compare it with), for each train set."""
TRAIN_SET_QUESTION = "train set all against dominant"


def collect(run: RunFolder) -> tuple[Report, tuple[Prediction, ...]]:
    """The report of an experiment, finished or not, and the predictions that it is made from.

    Raises: RunError if this is not an experiment, no network is trained, or a file of it is damaged.
    """
    config, corpus, folds = run.config(), run.corpus(), run.folds()
    cells, results = run.cells(), run.results()
    if not results:
        raise RunError(
            f"{run.path} has no trained network yet, of {len(cells)} to train: there is nothing to report."
        )
    single = out_of_fold(corpus.utterances, folds, results)
    if not single:
        raise RunError(f"{run.path} tests no annotated utterance so far: there is nothing to report.")
    predictions = ensemble_predictions(single, config)
    if not predictions:
        raise RunError(
            f"{run.path} has no row yet whose ensemble of {config.recipe.ensemble} networks is complete: "
            "there is nothing to report."
        )
    planned = {cell.stage for cell in cells}
    in_table = dict.fromkeys(stage_of(row, train_set) for train_set in TRAIN_SETS for row in LINES)
    stages = tuple(stage for stage in in_table if stage in planned)
    scored = ScoredPredictions.of(predictions, stages, config.exists_from)
    tested = {p.utterance.id: p.utterance for p in predictions}.values()
    done = {result.cell for result in results}
    fold_of = {speaker: fold.name for fold in folds.folds for speaker in fold.test}
    report = Report(
        setting=_setting(run, config, corpus, folds, cells),
        stamp=of_run(config),
        planned=len(cells),
        missing=tuple(cell for cell in cells if cell not in done),
        rows=tuple(_row(stage, scored, corpus, folds, cells, done) for stage in stages),
        ceiling=ceiling([u.votes for u in tested], [u.speaker for u in tested], config.exists_from),
        comparisons=tuple(_comparisons(scored, stages)),
        speakers={name: fold_of[name] for name in sorted({u.speaker for u in tested})},
        trainings=tuple(_training(result) for result in results),
    )
    return report, predictions


def _row(
    stage: Stage,
    scored: ScoredPredictions,
    corpus: Corpus,
    folds: Folds,
    cells: Sequence[Cell],
    done: set[Cell],
) -> TableRow:
    by_fold = scored.group_scores(stage, scored.fold)
    by_agreement = scored.group_scores(stage, scored.agreement)
    origin = np.array([corpus.corpus_of.get(speaker, "") for speaker in scored.speaker], np.str_)  # [P]
    own = [cell for cell in cells if cell.stage == stage]
    finished = set(scored.fold[scored.has_output(stage)].tolist())
    bins = scored.bins(stage)
    return TableRow(
        stage=stage,
        folds=tuple(fold.name for fold in folds.folds if fold.name in finished),
        cells=sum(cell in done for cell in own),
        planned=len(own),
        utterances=len(set(scored.utterance[scored.has_truth(stage)].tolist())),
        pooled=scored.pooled(stage),
        of_folds={score: mean_sd([group.of(score) for group in by_fold.values()]) for score in SCORES},
        fold_scores={fold.name: by_fold[fold.name] for fold in folds.folds if fold.name in by_fold},
        speaker_scores=scored.group_scores(stage, scored.speaker),
        agreement_scores={kind: by_agreement[kind] for kind in AGREEMENTS if kind in by_agreement},
        corpus_scores=scored.group_scores(stage, origin) if corpus.joined else {},
        recalls=scored.recalls(stage),
        confusion=scored.confusion(stage),
        bins=bins,
        ece=ece(bins),
        existence=scored.existence_scores(stage),
        ambiguity=scored.ambiguity_scores(stage),
        paper=dict(zip(SCORES, paper_scores(stage), strict=True)),
    )


def _comparisons(scored: ScoredPredictions, stages: Sequence[Stage]) -> Iterator[Comparison]:
    pairs = [
        (f"{question}, train set {train_set}", stage_of(row, train_set), stage_of(other, train_set))
        for train_set in TRAIN_SETS
        for question, row, other in QUESTIONS
    ]
    pairs += [
        (TRAIN_SET_QUESTION, stage_of(row, "all"), stage_of(row, "dominant"))
        for row in LINES
        if row != "dominant-hard"
    ]
    for question, first, second in pairs:
        if first in stages and second in stages:
            where = scored.has_truth(first) & scored.has_truth(second)
            one, other = (scored.tally(stage, scored.speaker, where) for stage in (first, second))
            found = {score: difference(one, other, score) for score in SCORES}
            paper = [a - b for a, b in zip(paper_scores(first), paper_scores(second), strict=True)]
            differences = {score: gap for score, gap in found.items() if gap is not None}
            if differences:
                yield Comparison(question, first, second, differences, dict(zip(SCORES, paper, strict=True)))


def _training(result: CellResult) -> TrainingHistory:
    try:
        curve = tuple(Epoch(*(point[field.name] for field in fields(Epoch))) for point in result.curves)
    except (KeyError, TypeError) as error:
        raise RunError(
            f"the learning curve of {result.stage.name}, fold {result.fold}, seed {result.seed} is damaged "
            f"({type(error).__name__} {error}): remove its result and train it again with --resume."
        ) from error
    names = ("cell", "epoch", "epochs", "dev_loss", "wa", "ua", "stamp", "early")
    return TrainingHistory(curve=curve, **{name: getattr(result, name) for name in names})


def _setting(
    run: RunFolder, config: RunConfig, corpus: Corpus, folds: Folds, cells: Sequence[Cell]
) -> Setting:
    winners = Counter(dominant(u.votes) for u in corpus.utterances)
    return Setting(
        name=printable(run.path.resolve().name),
        corpus=corpus.name,
        format=corpus.format,
        root=printable(", ".join(str(part.root) for part in corpus.parts)),
        label_map=dict(config.label_map),
        scripted=config.scripted,
        self_reports=config.self_reports,
        exists_from=config.exists_from,
        allow_duplicates=config.allow_duplicates,
        utterances=len(corpus.utterances),
        annotated=sum(u.votes.total > 0 for u in corpus.utterances),
        scored=sum(winners[name] for name in CLASSES),
        dominant={name: winners[name] for name in CLASSES},
        speakers=corpus.speakers,
        folds=tuple(fold.name for fold in folds.folds),
        selected=tuple(dict.fromkeys(cell.fold for cell in cells)),
        seeds=tuple(dict.fromkeys(cell.seed for cell in cells)),
        ensemble=config.recipe.ensemble,
        recipe=config.recipe.settings,
        compute=asdict(config.compute),
    )

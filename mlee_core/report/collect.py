"""A run folder -> a Report. Nothing is read but the run: its corpus may be far away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from ..config.run_config import RunConfig
from ..config.stages import LINES, TRAIN_SETS, Stage
from ..corpora.corpus import Corpus
from ..corpora.folds import Folds
from ..errors import RunError
from ..evaluation.bootstrap import difference
from ..evaluation.calibration import ece
from ..evaluation.scores import SCORES
from ..labels.votes import CLASSES, dominant
from ..runs.cells import Cell, CellResult
from ..runs.run_folder import RunFolder, of_run
from ..system.printable import printable
from .paper_table3 import figures_of, stage_of
from .predictions import AGREEMENTS, Prediction, joined, judged_together
from .report_data import Comparison, Epoch, Line, Report, Setting, TrainingHistory
from .scored_predictions import ScoredPredictions, spread

SAME_LABEL = "against the dominant row of the same label"
QUESTIONS: tuple[tuple[str, str, str], ...] = (
    *(("against dominant, hard", line, "dominant-hard") for line in LINES if line != "dominant-hard"),
    (SAME_LABEL, "pretrain-soft", "dominant-soft"),
    (SAME_LABEL, "fusion-soft", "dominant-soft"),
    ("fusion against pre-training alone", "fusion-hard", "pretrain-hard"),
    ("fusion against pre-training alone", "fusion-soft", "pretrain-soft"),
)
"""The paper's claims: (question, line, line it is compared with), asked of each train set."""
TRAIN_SET_QUESTION = "train set all against dominant"


def collect(run: RunFolder) -> tuple[Report, tuple[Prediction, ...]]:
    """The report of an experiment, finished or not, and the predictions that it was made from.

    Raises: RunError if this is no experiment, nothing of it is finished, or a file of it is damaged.
    """
    config, corpus, folds = run.config(), run.corpus(), run.folds()
    cells, results = run.cells(), run.results()
    if not results:
        raise RunError(
            f"{run.path} has no finished stage yet, of {len(cells)} to train: there is nothing to report."
        )
    alone = joined(corpus.utterances, folds, results)
    if not alone:
        raise RunError(f"{run.path} tests no annotated utterance so far: there is nothing to report.")
    said = judged_together(alone, config)
    if not said:
        raise RunError(
            f"{run.path} has no row yet whose {config.recipe.ensemble} networks, which judge together, are "
            "all trained: there is nothing to report."
        )
    stages = _in_table_order({cell.stage for cell in cells})
    judged = ScoredPredictions.of(said, stages)
    done = {result.cell for result in results}
    fold_of = {speaker: fold.name for fold in folds.folds for speaker in fold.test}
    report = Report(
        setting=_setting(run, config, corpus, folds, cells),
        stamp=of_run(config),
        planned=len(cells),
        missing=tuple(cell for cell in cells if cell not in done),
        lines=tuple(_line(stage, judged, folds, cells, done) for stage in stages),
        comparisons=tuple(_comparisons(judged, stages)),
        speakers={name: fold_of[name] for name in sorted({p.utterance.speaker for p in said})},
        trainings=tuple(_training(result) for result in results),
    )
    return report, said


def _in_table_order(stages: set[Stage]) -> tuple[Stage, ...]:
    """Train set by train set, lines in Table 3's order; dominant-hard once."""
    ordered = [stage_of(line, train_set) for train_set in TRAIN_SETS for line in LINES]
    return tuple(dict.fromkeys(stage for stage in ordered if stage in stages))


def _line(
    stage: Stage, judged: ScoredPredictions, folds: Folds, cells: Sequence[Cell], done: set[Cell]
) -> Line:
    by_fold = judged.parts(stage, judged.fold)
    by_agreement = judged.parts(stage, judged.agreement)
    scored = judged.scored(stage)
    own = [cell for cell in cells if cell.stage == stage]
    finished = set(judged.fold[judged.has(stage)].tolist())
    bins = judged.bins(stage)
    return Line(
        stage=stage,
        folds=tuple(fold.name for fold in folds.folds if fold.name in finished),
        cells=sum(cell in done for cell in own),
        planned=len(own),
        utterances=len(set(judged.utterance[scored].tolist())),
        pooled=judged.pooled(stage),
        of_folds={score: spread([part.of(score) for part in by_fold.values()]) for score in SCORES},
        fold_scores={fold.name: by_fold[fold.name] for fold in folds.folds if fold.name in by_fold},
        speaker_scores=judged.parts(stage, judged.speaker),
        agreement_scores={kind: by_agreement[kind] for kind in AGREEMENTS if kind in by_agreement},
        recalls=judged.recalls(stage),
        confusion=judged.confusion(stage),
        bins=bins,
        ece=ece(bins),
        paper=dict(zip(SCORES, figures_of(stage), strict=True)),
    )


def _comparisons(judged: ScoredPredictions, stages: Sequence[Stage]) -> Iterator[Comparison]:
    asked = [
        (f"{question}, train set {train_set}", stage_of(line, train_set), stage_of(other, train_set))
        for train_set in TRAIN_SETS
        for question, line, other in QUESTIONS
    ]
    asked += [
        (TRAIN_SET_QUESTION, stage_of(line, "all"), stage_of(line, "dominant"))
        for line in LINES
        if line != "dominant-hard"
    ]
    for question, first, second in asked:
        if first in stages and second in stages:
            where = judged.scored(first) & judged.scored(second)
            one, other = (judged.tally(stage, judged.speaker, where) for stage in (first, second))
            found = {score: difference(one, other, score) for score in SCORES}
            paper = [a - b for a, b in zip(figures_of(first), figures_of(second), strict=True)]
            differences = {score: gap for score, gap in found.items() if gap is not None}
            if differences:
                yield Comparison(question, first, second, differences, dict(zip(SCORES, paper, strict=True)))


def _training(result: CellResult) -> TrainingHistory:
    try:
        curve = tuple(Epoch(*(point[field.name] for field in fields(Epoch))) for point in result.curves)
    except (KeyError, TypeError) as error:
        raise RunError(
            f"the learning curve of {result.stage.name}, fold {result.fold}, seed {result.seed} is damaged "
            f"({type(error).__name__} {error}): remove its result, and --resume makes it anew."
        ) from error
    how = (result.epoch, result.epochs, result.dev_loss, result.wa, result.ua)
    return TrainingHistory(result.cell, *how, curve, result.stamp, result.early)


def _setting(
    run: RunFolder, config: RunConfig, corpus: Corpus, folds: Folds, cells: Sequence[Cell]
) -> Setting:
    winners = Counter(dominant(u.votes) for u in corpus.utterances)
    return Setting(
        name=printable(run.path.resolve().name),
        corpus=corpus.name,
        format=corpus.format,
        root=printable(str(corpus.root)),
        label_map=dict(config.label_map),
        scripted=config.scripted,
        self_reports=config.self_reports,
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

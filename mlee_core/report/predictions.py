"""Out-of-fold predictions: each utterance judged by the networks of the fold that tests its speaker."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from ..config.run_config import RunConfig
from ..config.stages import Stage
from ..corpora.corpus import Utterance
from ..corpora.folds import Folds
from ..errors import RunError
from ..labels.agreement import AGREEMENTS, Agreement, agreement
from ..labels.votes import CLASSES
from ..runs.cells import CellResult
from ..runs.run_folder import RunFolder

__all__ = ["AGREEMENTS", "Agreement", "Prediction", "agreement", "joined", "judged_together", "predictions"]


@dataclass(frozen=True)
class Prediction:
    """What the networks of one fold and seed, or of an ensemble's seeds, said of one utterance that none of
    them had met. seed: the first one of an ensemble's.

    probabilities: stage -> [4] in the order of CLASSES; softmax, or sigmoid for MLEE. A stage that is not
    done yet is absent.
    """

    utterance: Utterance
    fold: str
    seed: int
    probabilities: Mapping[Stage, tuple[float, ...]]


def predictions(run: RunFolder) -> tuple[Prediction, ...]:
    """Every annotated utterance of the finished folds, in corpus order and by seed.

    Raises: RunError if this is no experiment, a file of it is damaged, or a result holds an utterance that
    its fold does not test.
    """
    return judged_together(joined(run.corpus().utterances, run.folds(), run.results()), run.config())


def judged_together(said: Sequence[Prediction], config: RunConfig) -> tuple[Prediction, ...]:
    """What single networks said -> what their ensembles say: the mean, where all members have judged."""
    size = config.recipe.ensemble
    groups: dict[tuple[str, int], list[Prediction]] = {}
    for one in said:
        first = one.seed - (one.seed - config.seed) % size
        groups.setdefault((one.utterance.id, first), []).append(one)
    together = (
        replace(group[0], seed=first, probabilities=_mean([one.probabilities for one in group], size))
        for (_, first), group in groups.items()
    )
    return tuple(one for one in together if one.probabilities)


def _mean(said: Sequence[Mapping[Stage, tuple[float, ...]]], size: int) -> dict[Stage, tuple[float, ...]]:
    """Of each stage that `size` of them have."""
    stages = dict.fromkeys(stage for one in said for stage in one)
    rows = {stage: [one[stage] for one in said if stage in one] for stage in stages}
    whole = {stage: own for stage, own in rows.items() if len(own) == size}
    return {stage: tuple(map(fmean, zip(*own, strict=True))) for stage, own in whole.items()}


def joined(
    utterances: Sequence[Utterance], folds: Folds, results: Iterable[CellResult]
) -> tuple[Prediction, ...]:
    """Results of cells, turned into predictions of utterances.

    Raises: RunError for an utterance that its fold does not test, one without a prediction, or what is no
    probability.
    """
    known = {u.id: u for u in utterances}
    tested = {fold.name: frozenset(fold.test) for fold in folds.folds}
    of_fold = {
        name: {u.id for u in utterances if u.speaker in speakers and u.votes.total > 0}
        for name, speakers in tested.items()
    }
    found: dict[tuple[str, int], dict[Stage, tuple[float, ...]]] = {}
    fold_of = {speaker: name for name, speakers in tested.items() for speaker in speakers}
    for result in results:
        if result.fold not in tested:
            raise RunError(f"{_named(result)} is of fold {result.fold!r}, which this run has not.")
        _refuse_leak(result, known, tested[result.fold])
        _refuse_gap(result, of_fold[result.fold])
        for name, row in result.predictions.items():
            found.setdefault((name, result.seed), {})[result.stage] = row
    seeds = sorted({seed for _, seed in found})
    return tuple(
        Prediction(u, fold_of[u.speaker], seed, found[u.id, seed])
        for u in utterances
        for seed in seeds
        if (u.id, seed) in found
    )


def _refuse_leak(result: CellResult, known: Mapping[str, Utterance], tested: frozenset[str]) -> None:
    for name, row in result.predictions.items():
        utterance = known.get(name)
        if utterance is None:
            raise RunError(f"{_named(result)} predicts {name!r}, which is no utterance of this run's corpus.")
        if utterance.speaker not in tested:
            raise RunError(
                f"{_named(result)} predicts {name!r} of speaker {utterance.speaker}, but fold {result.fold} "
                f"tests {', '.join(sorted(tested))}: that is no out-of-fold prediction."
            )
        if len(row) != len(CLASSES) or not all(_is_probability(value) for value in row):
            raise RunError(
                f"{_named(result)} gives {name!r} {row}, which are not {len(CLASSES)} probabilities."
            )


def _refuse_gap(result: CellResult, wanted: set[str]) -> None:
    lacking = sorted(wanted - set(result.predictions))
    if lacking:
        raise RunError(
            f"{_named(result)} lacks {len(lacking)} of {len(wanted)} predictions, {lacking[0]!r} first: "
            "remove it, and --resume makes it anew."
        )


def _is_probability(value: object) -> bool:
    return isinstance(value, float | int) and math.isfinite(value) and 0 <= value <= 1


def _named(result: CellResult) -> str:
    return f"the result of {result.stage.name}, fold {result.fold}, seed {result.seed}"

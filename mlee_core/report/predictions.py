"""Out-of-fold predictions: each utterance is predicted by the networks of the fold that tests its speaker."""

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
from ..labels.votes import CLASSES
from ..runs.cells import CellResult


@dataclass(frozen=True)
class Prediction:
    """The outputs of one fold and seed, or the mean of an ensemble's seeds, for one utterance that was not
    used for training. seed: the first one of an ensemble's.

    probabilities: stage -> [4] in the order of CLASSES; softmax, or sigmoid for MLEE. Stages that are not
    trained yet are absent.
    """

    utterance: Utterance
    fold: str
    seed: int
    probabilities: Mapping[Stage, tuple[float, ...]]


def ensemble_predictions(single: Sequence[Prediction], config: RunConfig) -> tuple[Prediction, ...]:
    """Means over the members of ensembles, for the stages that all members have predicted."""
    size = config.recipe.ensemble
    groups: dict[tuple[str, int], list[Prediction]] = {}
    for prediction in single:
        first = prediction.seed - (prediction.seed - config.seed) % size
        groups.setdefault((prediction.utterance.id, first), []).append(prediction)
    means = (
        replace(group[0], seed=first, probabilities=_mean([p.probabilities for p in group], size))
        for (_, first), group in groups.items()
    )
    return tuple(prediction for prediction in means if prediction.probabilities)


def _mean(members: Sequence[Mapping[Stage, tuple[float, ...]]], size: int) -> dict[Stage, tuple[float, ...]]:
    """The mean of each stage that `size` members have."""
    outputs: dict[Stage, list[tuple[float, ...]]] = {}
    for member in members:
        for stage, probabilities in member.items():
            outputs.setdefault(stage, []).append(probabilities)
    return {s: tuple(map(fmean, zip(*own, strict=True))) for s, own in outputs.items() if len(own) == size}


def out_of_fold(
    utterances: Sequence[Utterance], folds: Folds, results: Iterable[CellResult]
) -> tuple[Prediction, ...]:
    """The predictions of the utterances from the results of cells.

    Raises: RunError for an utterance that its fold does not test, one without a prediction, or a value that
    is not a probability.
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
            raise RunError(f"{_named(result)} is of fold {result.fold!r}, which is not in this run.")
        _refuse_faults(result, known, tested[result.fold], of_fold[result.fold])
        for name, row in result.predictions.items():
            found.setdefault((name, result.seed), {})[result.stage] = row
    seeds = sorted({seed for _, seed in found})
    return tuple(
        Prediction(u, fold_of[u.speaker], seed, found[u.id, seed])
        for u in utterances
        for seed in seeds
        if (u.id, seed) in found
    )


def _refuse_faults(
    result: CellResult, known: Mapping[str, Utterance], tested: frozenset[str], expected: set[str]
) -> None:
    """tested: the speakers of the fold's test; expected: the ids of their annotated utterances."""
    for name, row in result.predictions.items():
        utterance = known.get(name)
        if utterance is None:
            raise RunError(f"{_named(result)} predicts {name!r}, which is not in this run's corpus.")
        if utterance.speaker not in tested:
            raise RunError(
                f"{_named(result)} predicts {name!r} of speaker {utterance.speaker}, but fold {result.fold} "
                f"tests {', '.join(sorted(tested))}: this is not an out-of-fold prediction."
            )
        if len(row) != len(CLASSES) or not all(_is_probability(value) for value in row):
            raise RunError(
                f"{_named(result)} has {row} for {name!r}, which are not {len(CLASSES)} probabilities."
            )
    lacking = sorted(expected - set(result.predictions))
    if lacking:
        raise RunError(
            f"{_named(result)} lacks {len(lacking)} of {len(expected)} predictions, {lacking[0]!r} first: "
            "remove it and train it again with --resume."
        )


def _is_probability(value: object) -> bool:
    return isinstance(value, float | int) and math.isfinite(value) and 0 <= value <= 1


def _named(result: CellResult) -> str:
    return f"the result of {result.stage.name}, fold {result.fold}, seed {result.seed}"

"""Out-of-fold predictions as arrays, and the scores computed from them for a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config.stages import Stage
from ..evaluation.calibration import Bin, of_existence, of_predictions
from ..evaluation.scores import SCORES, Score, Tally, confusion
from ..evaluation.vote_scores import AmbiguityScores, ExistenceScores, ambiguity_scores, existence_scores
from ..labels.agreement import agreement
from ..labels.targets import ANY_VOTE, ExistsFrom, existence_target
from ..labels.votes import CLASSES, Votes, dominant
from .predictions import Prediction
from .report_data import GroupScores, MeanSd

Strings = NDArray[np.str_]
Mask = NDArray[np.bool_]
NONE = -1


@dataclass(frozen=True)
class ScoredPredictions:
    """P entries, one for each utterance and seed.

    utterance: number of the utterance [P]. votes: on it [P]. truth: its dominant class, or NONE [P]. exists:
    existence targets [P, K]. outputs: stage -> probabilities [P, K], NaN where the stage has no result.
    """

    utterance: NDArray[np.int64]
    votes: tuple[Votes, ...]
    truth: NDArray[np.int64]
    exists: NDArray[np.float64]
    fold: Strings
    speaker: Strings
    agreement: Strings
    seed: NDArray[np.int64]
    outputs: dict[Stage, NDArray[np.float64]]

    @classmethod
    def of(
        cls, predictions: Sequence[Prediction], stages: Sequence[Stage], exists_from: ExistsFrom = ANY_VOTE
    ) -> ScoredPredictions:
        numbers: dict[str, int] = {}
        for p in predictions:
            numbers.setdefault(p.utterance.id, len(numbers))
        winners = [dominant(p.utterance.votes) for p in predictions]
        missing = (np.nan,) * len(CLASSES)
        return cls(
            utterance=np.array([numbers[p.utterance.id] for p in predictions], np.int64),
            votes=tuple(p.utterance.votes for p in predictions),
            truth=np.array([NONE if name is None else CLASSES.index(name) for name in winners], np.int64),
            exists=np.array([existence_target(p.utterance.votes, exists_from) for p in predictions]),
            fold=np.array([p.fold for p in predictions], np.str_),
            speaker=np.array([p.utterance.speaker for p in predictions], np.str_),
            agreement=np.array([agreement(p.utterance.votes) for p in predictions], np.str_),
            seed=np.array([p.seed for p in predictions], np.int64),
            outputs={
                s: np.array([p.probabilities.get(s, missing) for p in predictions], np.float64)
                for s in stages
            },
        )

    def has_output(self, stage: Stage) -> Mask:
        """Entries with an output of the stage [P]."""
        return np.asarray(~np.isnan(self.outputs[stage][:, 0]))

    def has_truth(self, stage: Stage) -> Mask:
        """Those that also have a dominant class, which WA and UA count [P]."""
        return np.asarray(self.has_output(stage) & (self.truth != NONE))

    def tally(self, stage: Stage, by: Strings, where: Mask) -> Tally:
        """Counts by group. Each utterance counts once: it is right by the share of its seeds that are."""
        groups, place = np.unique(by[where], return_inverse=True)
        truth, predicted = self.truth[where], self.outputs[stage][where].argmax(1)
        seeds_of = np.bincount(self.utterance[where])[self.utterance[where]]
        total, right = np.zeros((2, len(groups), len(CLASSES)))
        np.add.at(total, (place, truth), 1 / seeds_of)
        np.add.at(right, (place, truth), (truth == predicted) / seeds_of)
        return Tally(tuple(map(str, groups)), total, right)

    def group_scores(self, stage: Stage, by: Strings) -> dict[str, GroupScores]:
        """Scores of each group."""
        where = self.has_truth(stage)
        tally = self.tally(stage, by, where)
        wa, ua = (tally.each(score) for score in SCORES)
        _, once = np.unique(self.utterance[where], return_index=True)
        utterances = Counter(by[where][once].tolist())
        return {name: GroupScores(utterances[name], wa[name], ua[name]) for name in tally.groups}

    def pooled(self, stage: Stage) -> dict[Score, MeanSd]:
        """Over all utterances. s.d. over seeds, None unless all have the same folds."""
        where = self.has_truth(stage)
        whole = self.tally(stage, self.fold, where)
        seeds = np.unique(self.seed[where])
        each = [self.tally(stage, self.fold, where & (self.seed == seed)) for seed in seeds]
        same_folds = len({one.groups for one in each}) == 1
        sds = {score: mean_sd([one.pooled(score) for one in each]).sd for score in SCORES}
        return {
            score: MeanSd(whole.pooled(score), sds[score] if same_folds else None, len(each))
            for score in SCORES
        }

    def recalls(self, stage: Stage) -> dict[str, float | None]:
        tally = self.tally(stage, self.fold, self.has_truth(stage))
        right, total = tally.right.sum(0), tally.total.sum(0)
        return {name: float(right[k] / total[k]) if total[k] else None for k, name in enumerate(CLASSES)}

    def confusion(self, stage: Stage) -> tuple[tuple[int, ...], ...]:
        """Row = truth, column = prediction; an utterance counts once per seed."""
        where = self.has_truth(stage)
        predicted = self.outputs[stage][where].argmax(1)
        counts = confusion(self.truth[where].tolist(), predicted.tolist(), len(CLASSES))
        return tuple(tuple(map(int, row)) for row in counts)

    def bins(self, stage: Stage) -> tuple[Bin, ...]:
        """Reliability: of existence for MLEE, of the predicted class for all others (calibration.py)."""
        if stage.scheme == "existence":
            where = self.has_output(stage)
            return of_existence(self.exists[where], self.outputs[stage][where])
        where = self.has_truth(stage)
        return of_predictions(self.truth[where], self.outputs[stage][where])

    def existence_scores(self, stage: Stage) -> ExistenceScores | None:
        """Of MLEE; None for other rows and without an output."""
        where = self.has_output(stage)
        if stage.scheme != "existence" or not where.any():
            return None
        return existence_scores(self.exists[where], self.outputs[stage][where])

    def ambiguity_scores(self, stage: Stage) -> AmbiguityScores | None:
        """Of a row with a softmax; None for MLEE and where no utterance has votes for two classes."""
        if stage.scheme == "existence":
            return None
        chosen = np.flatnonzero(self.has_output(stage))
        votes = [self.votes[i] for i in chosen]
        return ambiguity_scores(votes, self.speaker[chosen].tolist(), self.outputs[stage][chosen])


def mean_sd(values: Sequence[float | None]) -> MeanSd:
    """Mean and s.d. of the values that are not None."""
    given = [value for value in values if value is not None]
    mean = float(np.mean(given)) if given else None
    return MeanSd(mean, float(np.std(given, ddof=1)) if len(given) > 1 else None, len(given))

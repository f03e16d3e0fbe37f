"""Out-of-fold predictions as arrays, counted into scores: every figure of a report comes from here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..config.stages import Stage
from ..evaluation.calibration import Bin, of_existence, of_predictions
from ..evaluation.scores import SCORES, Score, Tally, confusion
from ..labels.targets import existence_target
from ..labels.votes import CLASSES, dominant
from .predictions import Prediction, agreement
from .report_data import Part, Spread

Strings = NDArray[np.str_]
Mask = NDArray[np.bool_]
NONE = -1


@dataclass(frozen=True)
class ScoredPredictions:
    """One entry for each utterance and seed, P in all.

    utterance: number of the utterance [P]. truth: its dominant class, or NONE [P]. exists: existence
    targets [P, K]. outputs: stage -> probabilities [P, K], NaN where the stage has no result.
    """

    utterance: NDArray[np.int64]
    truth: NDArray[np.int64]
    exists: NDArray[np.float64]
    fold: Strings
    speaker: Strings
    agreement: Strings
    seed: NDArray[np.int64]
    outputs: dict[Stage, NDArray[np.float64]]

    @classmethod
    def of(cls, said: Sequence[Prediction], stages: Sequence[Stage]) -> ScoredPredictions:
        numbers: dict[str, int] = {}
        for p in said:
            numbers.setdefault(p.utterance.id, len(numbers))
        winners = [dominant(p.utterance.votes) for p in said]
        nothing = (np.nan,) * len(CLASSES)
        return cls(
            utterance=np.array([numbers[p.utterance.id] for p in said], np.int64),
            truth=np.array([NONE if name is None else CLASSES.index(name) for name in winners], np.int64),
            exists=np.array([existence_target(p.utterance.votes) for p in said], np.float64),
            fold=np.array([p.fold for p in said], np.str_),
            speaker=np.array([p.utterance.speaker for p in said], np.str_),
            agreement=np.array([agreement(p.utterance.votes) for p in said], np.str_),
            seed=np.array([p.seed for p in said], np.int64),
            outputs={
                s: np.array([p.probabilities.get(s, nothing) for p in said], np.float64) for s in stages
            },
        )

    def has(self, stage: Stage) -> Mask:
        """Entries that the stage has judged [P]."""
        return np.asarray(~np.isnan(self.outputs[stage][:, 0]))

    def scored(self, stage: Stage) -> Mask:
        """Those with a dominant class, which WA and UA count [P]."""
        return np.asarray(self.has(stage) & (self.truth != NONE))

    def tally(self, stage: Stage, by: Strings, where: Mask) -> Tally:
        """Counts by group. Each utterance counts once: it is as right as the share of its seeds that are."""
        groups, place = np.unique(by[where], return_inverse=True)
        truth, said = self.truth[where], self.outputs[stage][where].argmax(1)
        seeds_of = np.bincount(self.utterance[where])[self.utterance[where]]
        total, right = np.zeros((2, len(groups), len(CLASSES)))
        np.add.at(total, (place, truth), 1 / seeds_of)
        np.add.at(right, (place, truth), (truth == said) / seeds_of)
        return Tally(tuple(map(str, groups)), total, right)

    def parts(self, stage: Stage, by: Strings) -> dict[str, Part]:
        """Scores of each group."""
        where = self.scored(stage)
        tally = self.tally(stage, by, where)
        wa, ua = (tally.each(score) for score in SCORES)
        _, once = np.unique(self.utterance[where], return_index=True)
        utterances = Counter(by[where][once].tolist())
        return {name: Part(utterances[name], wa[name], ua[name]) for name in tally.groups}

    def pooled(self, stage: Stage) -> dict[Score, Spread]:
        """Over all utterances. s.d. of the seeds, None unless all have the same folds."""
        where = self.scored(stage)
        whole = self.tally(stage, self.fold, where)
        seeds = np.unique(self.seed[where])
        each = [self.tally(stage, self.fold, where & (self.seed == seed)) for seed in seeds]
        alike = len({one.groups for one in each}) == 1
        return {
            score: Spread(
                whole.pooled(score), _sd([one.pooled(score) for one in each]) if alike else None, len(each)
            )
            for score in SCORES
        }

    def recalls(self, stage: Stage) -> dict[str, float | None]:
        tally = self.tally(stage, self.fold, self.scored(stage))
        right, total = tally.right.sum(0), tally.total.sum(0)
        return {name: float(right[k] / total[k]) if total[k] else None for k, name in enumerate(CLASSES)}

    def confusion(self, stage: Stage) -> tuple[tuple[int, ...], ...]:
        """Row = truth, column = prediction; an utterance counts once a seed."""
        where = self.scored(stage)
        said = self.outputs[stage][where].argmax(1)
        counts = confusion(self.truth[where].tolist(), said.tolist(), len(CLASSES))
        return tuple(tuple(map(int, row)) for row in counts)

    def bins(self, stage: Stage) -> tuple[Bin, ...]:
        """Reliability: of existence for MLEE, of the predicted class for all others (calibration.py)."""
        if stage.scheme == "existence":
            where = self.has(stage)
            return of_existence(self.exists[where], self.outputs[stage][where])
        where = self.scored(stage)
        return of_predictions(self.truth[where], self.outputs[stage][where])


def spread(values: Sequence[float | None]) -> Spread:
    """Mean and s.d. of the values that there are."""
    given = [value for value in values if value is not None]
    return Spread(float(np.mean(given)) if given else None, _sd(given), len(given))


def _sd(values: Sequence[float | None]) -> float | None:
    given = [value for value in values if value is not None]
    return float(np.std(given, ddof=1)) if len(given) > 1 else None

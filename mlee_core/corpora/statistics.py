"""Statistics of a corpus: counts, utterances that label schemes admit, existence ratios, agreement."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..audio.file_headers import wav_seconds
from ..labels import agreement
from ..labels.targets import Scheme, TrainSet, admits, existence_target
from ..labels.votes import CLASSES, Votes, dominant
from .corpus import Corpus
from .label_map import LabelMap
from .missing_audio import MissingAudio, count

NONE = "none"
BINS, RANGES = 12, 8
ADMISSIONS: dict[str, tuple[Scheme, TrainSet]] = {
    "hard": ("hard", "all"),
    "soft_dominant": ("soft", "dominant"),
    "soft_all": ("soft", "all"),
    "existence": ("existence", "all"),
}


def info(corpus: Corpus, label_map: LabelMap | None = None) -> dict[str, Any]:
    """The JSON data of `mlee corpus info --json` (SPEC.md); no audio is decoded.

    duration_s: total seconds, as stated by the corpus or, if all files are present, from the headers of the
    WAV files; None if the duration of any utterance is unknown.
    dominant: utterances by dominant class, "none" for those without one.
    admits: utterances by scheme. existence_ratio: share (0-1) in which each class exists, of the utterances
    with a dominant class and of all annotated ones; None if there is no such utterance.
    consensus_differs: utterances whose consensus differs from the votes; only if the corpus has a consensus.
    votes_per_utterance: mean, min, max; histogram: number of votes -> utterances.
    annotators: number of named ones, None if there are none. alpha, alpha_per_class: see agreement.py, None
    if undefined. unanimous, split, one_vote: annotated utterances. other_labels: label -> votes, most first.
    label_map: the user's own, label -> class. audio: utterances whose file is present, missing, or a Git-LFS
    pointer.
    """
    votes = [utterance.votes for utterance in corpus.utterances]
    winners = Counter(dominant(v) or NONE for v in votes)
    audio = count(corpus)
    found: dict[str, Any] = {
        "utterances": len(votes),
        "speakers": len(corpus.speakers),
        "duration_s": _duration_s(corpus, audio),
        "dominant": {name: winners[name] for name in (*CLASSES, NONE)},
        "admits": {name: sum(admits(*scheme, v) for v in votes) for name, scheme in ADMISSIONS.items()},
        "existence_ratio": {
            "dominant": _existence_ratio(v for v in votes if admits("existence", "dominant", v)),
            "all": _existence_ratio(v for v in votes if admits("existence", "all", v)),
        },
    }
    stated = [v for v in votes if v.consensus is not None]
    if stated:
        found["consensus_differs"] = sum(dominant(v) != dominant(replace(v, consensus=None)) for v in stated)
    return {
        **found,
        **_votes(votes),
        "label_map": dict(label_map.own) if label_map else {},
        "audio": {name: len(getattr(audio, name)) for name in ("present", "missing", "pointers")},
    }


def vote_bins(histogram: Mapping[str, int]) -> list[tuple[str, int]]:
    """(number of votes, utterances) in ascending order; more than BINS numbers become ranges like "4–6"."""
    numbers = {int(number): n for number, n in histogram.items()}
    low, high = min(numbers), max(numbers)
    span = high - low + 1
    width = 1 if span <= BINS else -(-span // RANGES)
    bins = []
    for first in range(low, high + 1, width):
        last = min(first + width - 1, high)
        n = sum(n for number, n in numbers.items() if first <= number <= last)
        bins.append((str(first) if first == last else f"{first}–{last}", n))
    return bins


def _votes(votes: Sequence[Votes]) -> dict[str, Any]:
    histogram = Counter(v.total for v in votes)
    kinds = Counter(agreement.agreement(v) for v in votes if v.total)
    others = Counter[str]()
    for v in votes:
        others.update({label: n for label, n in v.nonzero.items() if label not in CLASSES})
    named = {annotator for v in votes for annotator in v.annotators or ()}
    return {
        "votes_per_utterance": {
            "mean": round(sum(v.total for v in votes) / len(votes), 4),
            "min": min(histogram),
            "max": max(histogram),
            "histogram": {str(number): histogram[number] for number in sorted(histogram)},
        },
        "annotators": len(named) or None,
        "alpha": agreement.alpha(v.counts for v in votes),
        "alpha_per_class": agreement.alpha_per_class(votes),
        **{kind.replace(" ", "_"): kinds[kind] for kind in agreement.AGREEMENTS},
        "other_labels": dict(sorted(others.items(), key=lambda item: (-item[1], item[0]))),
    }


def _duration_s(corpus: Corpus, audio: MissingAudio) -> float | None:
    total: list[float] = []
    for utterance in corpus.utterances:
        seconds = utterance.duration_s
        if seconds is None and not audio.absent:
            seconds = wav_seconds(utterance.file)
        if seconds is None:
            return None
        total.append(seconds)
    return round(math.fsum(total), 4)


def _existence_ratio(votes: Iterable[Votes]) -> dict[str, float | None]:
    rows = [existence_target(v) for v in votes]
    return {name: sum(row[k] for row in rows) / len(rows) if rows else None for k, name in enumerate(CLASSES)}

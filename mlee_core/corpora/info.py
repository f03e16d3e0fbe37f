"""What is in a corpus: counts, what each label scheme admits, and Table 1's existence ratios."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..labels import CLASSES, Scheme, TrainSet, Votes, admits, dominant, existence_target
from .base import Corpus

NONE = "none"
ADMISSIONS: dict[str, tuple[Scheme, TrainSet]] = {
    "hard": ("hard", "all"),
    "soft_dominant": ("soft", "dominant"),
    "soft_all": ("soft", "all"),
    "existence": ("existence", "all"),
}


def info(corpus: Corpus) -> dict[str, Any]:
    """What `mlee corpus info --json` prints (SPEC.md); plain JSON data, no audio is read.

    duration_s: seconds in all, None unless the corpus states every utterance's.
    dominant: utterances by dominant class, "none" for those without one.
    admits: utterances by scheme. existence_ratio: share (0-1) in which each class exists, of those with a
    dominant class and of all annotated ones; None where there is no such utterance.
    consensus_differs: how often the corpus's own consensus and its votes disagree; only if it has one.
    """
    votes = [utterance.votes for utterance in corpus.utterances]
    winners = Counter(dominant(v) or NONE for v in votes)
    durations = [u.duration_s for u in corpus.utterances if u.duration_s is not None]
    stated = len(durations) == len(corpus.utterances)
    found: dict[str, Any] = {
        "utterances": len(votes),
        "speakers": len(corpus.speakers),
        "duration_s": round(math.fsum(durations), 4) if stated else None,
        "dominant": {name: winners[name] for name in (*CLASSES, NONE)},
        "admits": {name: sum(admits(*how, v) for v in votes) for name, how in ADMISSIONS.items()},
        "existence_ratio": {
            "dominant": _existence_ratio(v for v in votes if admits("existence", "dominant", v)),
            "all": _existence_ratio(v for v in votes if admits("existence", "all", v)),
        },
    }
    judged = [v for v in votes if v.consensus is not None]
    if judged:
        found["consensus_differs"] = sum(dominant(v) != dominant(replace(v, consensus=None)) for v in judged)
    return found


def as_text(corpus: Corpus) -> str:
    """`info` as a table to read."""
    found = info(corpus)
    seconds = found["duration_s"]
    length = "not stated" if seconds is None else f"{seconds / 60:.1f} min"
    admitted, ratio = found["admits"], found["existence_ratio"]
    lines = [
        f"{corpus.name} ({corpus.format}): {corpus.root}",
        f"{found['utterances']} utterances, {found['speakers']} speakers, duration {length}",
        "",
        _line("", (*CLASSES, NONE)),
        _line("dominant class", found["dominant"].values()),
        _line("exists, of those with a dominant class", map(_percent, ratio["dominant"].values())),
        _line("exists, of all annotated", map(_percent, ratio["all"].values())),
        "",
        _line("label scheme admits", ("dominant", "all")),
        _line("hard", (admitted["hard"], admitted["hard"])),
        _line("soft", (admitted["soft_dominant"], admitted["soft_all"])),
        _line("existence", (admitted["hard"], admitted["existence"])),
    ]
    if "consensus_differs" in found:
        lines += [
            "",
            f"The corpus's consensus differs from its votes in {found['consensus_differs']} utterances.",
        ]
    return "\n".join(lines)


def _existence_ratio(votes: Iterable[Votes]) -> dict[str, float | None]:
    rows = [existence_target(v) for v in votes]
    return {name: sum(row[k] for row in rows) / len(rows) if rows else None for k, name in enumerate(CLASSES)}


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _line(name: str, cells: Iterable[object]) -> str:
    return f"{name:<40}" + "".join(f"{cell!s:>10}" for cell in cells)

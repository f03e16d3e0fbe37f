"""The text of `mlee corpus info` for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..labels.agreement import AGREEMENTS
from ..labels.votes import CLASSES
from ..system.printable import listed
from . import emodb, iemocap
from .corpus import Corpus
from .statistics import NONE, vote_bins

WIDTH = 80
OTHERS = 12
COLUMN, CELL = 28, 10


def as_text(corpus: Corpus, found: Mapping[str, Any]) -> str:
    """`info` as tables."""
    parts = [_head(corpus, found), _classes(found), _schemes(found), _votes(found), _agreement(found)]
    remarks = [sentence for sentences in remarks_on(corpus).values() for sentence in sentences]
    if "consensus_differs" in found:
        remarks.append(
            f"The corpus's consensus differs from its votes in {found['consensus_differs']} utterances."
        )
    if remarks:
        parts.append(line for remark in remarks for line in textwrap.wrap(remark, WIDTH))
    return "\n\n".join("\n".join(part) for part in parts)


def remarks_on(corpus: Corpus) -> dict[str, list[str]]:
    """A format's remarks on its own numbers: key of the JSON -> sentences."""
    if corpus.format == iemocap.NAME:
        return {"against_paper": list(iemocap.against_paper(corpus))}
    computed = corpus.format == emodb.NAME and any(u.votes.total > 1 for u in corpus.utterances)
    return {"votes_note": [emodb.VOTES_NOTE]} if computed else {}


def _head(corpus: Corpus, found: Mapping[str, Any]) -> Iterator[str]:
    seconds, audio = found["duration_s"], found["audio"]
    yield f"{corpus.name} ({corpus.format}): {corpus.root}"
    length = "not known" if seconds is None else duration(seconds)
    yield f"{found['utterances']} utterances, {found['speakers']} speakers, duration {length}"
    yield f"audio files: {audio['present']} present, {audio['missing']} missing" + (
        f", {audio['pointers']} Git-LFS pointers (`git lfs pull` fetches them)" if audio["pointers"] else ""
    )
    if found["label_map"]:
        pairs = ", ".join(f"{label}={name}" for label, name in found["label_map"].items())
        yield f"label map: {pairs}"


def duration(seconds: float) -> str:
    """ "95.1 s", "24.8 min", "12.0 h"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _classes(found: Mapping[str, Any]) -> Iterator[str]:
    ratio, total = found["existence_ratio"], found["utterances"]
    yield _line("", (*CLASSES, NONE))
    yield _line("dominant class, utterances", found["dominant"].values())
    yield _line("  share of all", (_percent(n / total) for n in found["dominant"].values()))
    for train_set, shares in ratio.items():
        yield _line(f"exists, train set {train_set}", map(_percent, shares.values()))
        paper = iemocap.PAPER_TABLE_1[train_set].values()
        yield _line("  in the paper (IEMOCAP)", (f"{value:.1f} %" for value in paper))
    yield f"{NONE}: a tie, no vote, or another emotion. exists: any annotator gave the class (Table 1)."
    yield "train set dominant: utterances with a dominant class; all: every annotated one."


def _schemes(found: Mapping[str, Any]) -> Iterator[str]:
    admitted = found["admits"]
    yield _line("utterances a scheme admits", ("dominant", "all"))
    yield _line("hard", (admitted["hard"], admitted["hard"]))
    yield _line("soft", (admitted["soft_dominant"], admitted["soft_all"]))
    yield _line("existence", (admitted["hard"], admitted["existence"]))


def _votes(found: Mapping[str, Any]) -> Iterator[str]:
    votes, total = found["votes_per_utterance"], found["utterances"]
    yield _line("votes per utterance", ("utterances", "share"))
    for number, n in vote_bins(votes["histogram"]):
        yield _line(number, (n, _percent(n / total)))
    yield _line("mean", (f"{votes['mean']:.2f}",))
    others = [f"{label} {n}" for label, n in found["other_labels"].items()]
    if others:
        text = f"votes for other labels: {listed(others, OTHERS)}"
        yield from textwrap.wrap(text, WIDTH, subsequent_indent="  ")


def _agreement(found: Mapping[str, Any]) -> Iterator[str]:
    counts = {kind: found[kind.replace(" ", "_")] for kind in AGREEMENTS}
    annotated = sum(counts.values())
    named = found["annotators"]
    yield _line("agreement of annotators", ("utterances", "share"))
    for kind, n in counts.items():
        yield _line(kind, (n, _percent(n / annotated if annotated else None)))
    yield _line("", ("all", *CLASSES))
    alphas = (found["alpha"], *found["alpha_per_class"].values())
    yield _line("Krippendorff's alpha", ("–" if a is None else f"{a:.3f}" for a in alphas))
    yield "alpha: 1 is perfect, 0 is chance; of a class: that class against all others together."
    yield f"annotators: {'not named' if named is None else f'{named} named'}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def _line(name: str, cells: Iterable[object]) -> str:
    return f"{name:<{COLUMN}}" + "".join(f"{cell!s:>{CELL}}" for cell in cells)

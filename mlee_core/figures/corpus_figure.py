"""The statistics of a corpus on one page: dominant classes, votes, Table 1, agreement, speakers.

matplotlib is imported inside the functions; the same corpus gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..corpora.corpus import Corpus
from ..corpora.iemocap import PAPER_TABLE_1
from ..corpora.statistics import NONE, vote_bins
from ..corpora.statistics_text import duration, remarks_on
from ..labels.agreement import AGREEMENTS
from ..labels.votes import CLASS_NAMES, CLASSES, dominant
from ..system.printable import shortened
from ..system.provenance import in_one_line
from .page import LIGHT, Page, legend_above, wrapped
from .palette import class_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, LEFT, RIGHT = 11.0, 0.75, 10.75
HEIGHT, LINE = 8.05, 0.17
"""Inches: the page without its footer, and a footer line."""
NAME_LENGTH = 10
NAMED_SPEAKERS, LEVEL_NAMES = 100, 10
NO_CLASS_COLOR = "#e4e4e4"
PLAIN_COLOR = "#5a5a5a"
HATCHES = {"dominant": "", "all": "////"}


def build_corpus_figure(corpus: Corpus, found: Mapping[str, Any]) -> Figure:
    """The page with the statistics `found` (`info`) of a corpus; `page.save` writes it.

    Axes are labelled "dominant", "existence", "votes", "alpha", "agreement" and "speakers".
    """
    footer = _footer(corpus, found)
    height = HEIGHT + LINE * len(footer)
    page = Page(WIDTH, height, LIGHT)
    page.text(LEFT, 0.18, shortened(corpus.name, 70), size=12, weight="bold")
    page.text(LEFT, 0.46, _subtitle(corpus, found), size=10)

    _draw_dominant(page.axes("dominant", LEFT, 1.25, 4.6, 2.95), found)
    _draw_existence(page.axes("existence", 5.5, 1.25, RIGHT, 2.95), found)
    _draw_votes(page.axes("votes", LEFT, 3.65, 4.6, 5.0), found)
    _draw_alpha(page.axes("alpha", 6.15, 3.65, 8.35, 5.0), found)
    _draw_agreement(page.axes("agreement", 8.75, 3.65, RIGHT, 5.0), found)
    _draw_speakers(page.axes("speakers", LEFT, 5.8, RIGHT, 7.25), corpus)
    for number, text in enumerate(footer):
        page.text(LEFT, HEIGHT - 0.2 + LINE * number, text, size=8)
    page.text(RIGHT, height - 0.2, in_one_line(), size=7, ha="right")
    return page.figure


def _subtitle(corpus: Corpus, found: Mapping[str, Any]) -> str:
    seconds, audio = found["duration_s"], found["audio"]
    length = "duration not known" if seconds is None else duration(seconds)
    parts = (f"{found['utterances']} utterances", f"{found['speakers']} speakers", length)
    return f"{', '.join(parts)}; format {corpus.format}; {audio['present']} audio files present"


def _footer(corpus: Corpus, found: Mapping[str, Any]) -> list[str]:
    mapped = [f"{label} = {name}" for label, name in found["label_map"].items()]
    sentences = [f"Label map: {', '.join(mapped)}."] if mapped else []
    if "consensus_differs" in found:
        sentences.append(f"The consensus differs from the votes in {found['consensus_differs']} utterances.")
    for remarks in remarks_on(corpus).values():
        sentences += remarks
    return [line for sentence in sentences for line in wrapped(f"• {sentence}")]


def _draw_dominant(axes: Axes, found: Mapping[str, Any]) -> None:
    counts = found["dominant"]
    _title(axes, "dominant class")
    names = [*CLASS_NAMES.values(), "no dominant\nclass"]
    _columns(axes, names, list(counts.values()), found["utterances"], [_color(name) for name in counts])
    _count_axis(axes)


def _draw_agreement(axes: Axes, found: Mapping[str, Any]) -> None:
    counts = [found[kind.replace(" ", "_")] for kind in AGREEMENTS]
    _title(axes, "annotators are")
    _columns(axes, list(AGREEMENTS), counts, sum(counts), [PLAIN_COLOR] * len(counts))
    axes.set_yticks([])


def _columns(
    axes: Axes, names: Sequence[str], counts: Sequence[int], total: int, colors: Sequence[str]
) -> None:
    """Counts as bars, with count and share of `total` above each."""
    axes.bar(range(len(counts)), counts, width=0.7, color=colors, edgecolor=LIGHT.faint, lw=0.6)
    highest = max(*counts, 1)
    for at, n in enumerate(counts):
        share = f"\n{100 * n / total:.1f} %" if total else ""
        axes.text(at, n + 0.02 * highest, f"{n}{share}", ha="center", va="bottom", fontsize=7.5)
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.6, len(names) - 0.4), ylim=(0, 1.3 * highest))
    _plain(axes)


def _draw_existence(axes: Axes, found: Mapping[str, Any]) -> None:
    """Per class: each train set's share, filled, and the paper's, hollow."""
    from matplotlib.patches import Patch

    _title(axes, "class exists, % of the train set (Table 1)", pad=19)
    handles = []
    for place, (train_set, hatch) in enumerate(HATCHES.items()):
        paper = [PAPER_TABLE_1[train_set][name] for name in CLASSES]
        here = [found["existence_ratio"][train_set][name] for name in CLASSES]
        colors = [class_color(name) for name in CLASSES]
        shares = [100 * (share or 0) for share in here]
        style: dict[str, Any] = {"width": 0.19, "hatch": hatch}
        at = [k + 0.44 * place - 0.33 for k in range(len(CLASSES))]
        beside = [x + 0.2 for x in at]
        axes.bar(at, shares, color=colors, edgecolor=LIGHT.paper, lw=0, label=train_set, **style)
        hollow: dict[str, Any] = {"color": LIGHT.paper, "edgecolor": LIGHT.faint, "lw": 0.7}
        axes.bar(beside, paper, label=f"paper {train_set}", **hollow, **style)
        texts = ["–" if share is None else f"{100 * share:.1f}" for share in here]
        for x, value, text in zip((*at, *beside), (*shares, *paper), (*texts, *map(str, paper)), strict=True):
            axes.text(x, value + 2, text, ha="center", fontsize=6.5)
        shape: dict[str, Any] = {"hatch": hatch, "lw": 0.7}
        handles.append(Patch(facecolor=LIGHT.faint, edgecolor=LIGHT.paper, label=train_set, **shape))
        name = f"{train_set}, in the paper (IEMOCAP)"
        handles.append(Patch(facecolor=LIGHT.paper, edgecolor=LIGHT.faint, label=name, **shape))
    axes.set_xticks(range(len(CLASSES)), list(CLASS_NAMES.values()))
    axes.set(xlim=(-0.5, len(CLASSES) - 0.5), ylim=(0, 112), yticks=range(0, 101, 25), ylabel="%")
    axes.legend(handles=handles, ncol=4, **legend_above(LIGHT))
    _plain(axes)


def _draw_votes(axes: Axes, found: Mapping[str, Any]) -> None:
    votes = found["votes_per_utterance"]
    bins = vote_bins(votes["histogram"])
    _title(axes, f"votes per utterance, {votes['mean']:.2f} on average")
    counts = [n for _, n in bins]
    axes.bar(range(len(bins)), counts, width=0.85, color=PLAIN_COLOR)
    for at, n in enumerate(counts):
        axes.text(at, n + 0.02 * max(counts), str(n), ha="center", va="bottom", fontsize=6.5)
    numbers = [number for number, _ in bins]
    axes.set_xticks(range(len(bins)), numbers, fontsize=8 if max(map(len, numbers)) <= 3 else 6.5)
    axes.set_xlim(min(-0.6, len(bins) / 2 - 3), max(len(bins) - 0.4, len(bins) / 2 + 2))
    axes.set(ylim=(0, 1.15 * max(counts)), xlabel="votes")
    _count_axis(axes)
    _plain(axes)


def _draw_alpha(axes: Axes, found: Mapping[str, Any]) -> None:
    """Krippendorff's alpha of all labels and of each class against the rest."""
    _title(axes, "agreement: Krippendorff's alpha")
    names = ["all labels", *(f"{name} or not" for name in CLASS_NAMES.values())]
    values = [found["alpha"], *(found["alpha_per_class"][name] for name in CLASSES)]
    colors = [PLAIN_COLOR, *(class_color(name) for name in CLASSES)]
    known = [value or 0 for value in values]
    axes.barh(range(len(names)), known, height=0.7, color=colors)
    for at, value in enumerate(values):
        text = "undefined" if value is None else f"{value:.2f}"
        axes.text(max(value or 0, 0) + 0.02, at, text, va="center", fontsize=7.5)
    axes.set_yticks(range(len(names)), names)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(1.1 * min(0, *known), 1.15))
    axes.set_xticks([0, 0.5, 1], ["0\nchance", "0.5", "1\nperfect"])
    axes.axvline(0, color=LIGHT.ink, lw=0.8)
    _plain(axes)


def _draw_speakers(axes: Axes, corpus: Corpus) -> None:
    """Utterances of each speaker, stacked by dominant class; unnamed if many, in order of size."""
    from matplotlib.patches import Patch

    counts = Counter((u.speaker, dominant(u.votes) or NONE) for u in corpus.utterances)
    sizes = Counter(u.speaker for u in corpus.utterances)
    named = len(sizes) <= NAMED_SPEAKERS
    speakers = sorted(sizes, key=lambda speaker: (0 if named else -sizes[speaker], speaker))
    _title(axes, "utterances of each speaker, by dominant class")
    side = 0.42 if named else 0.5
    edges = [edge for at in range(len(speakers)) for edge in (at - side, at + side)]
    below = [0] * len(speakers)
    for name in (*CLASSES, NONE):
        above = [base + counts[speaker, name] for base, speaker in zip(below, speakers, strict=True)]
        axes.stairs(_spaced(above), edges, baseline=_spaced(below), fill=True, color=_color(name), label=name)
        below = above
    if named:
        upright = len(speakers) > LEVEL_NAMES
        style: dict[str, Any] = {"rotation": 90 if upright else 0, "fontsize": 6.2 if upright else 8}
        names = [shortened(speaker, NAME_LENGTH) for speaker in speakers]
        axes.set_xticks(range(len(names)), names, parse_math=False, **style)
    else:
        axes.set(xticks=[], xlabel=f"{len(speakers)} speakers, from most utterances to fewest")
    axes.set(xlim=(-0.8, len(speakers) - 0.2), ylim=(0, 1.05 * max(below)))
    _count_axis(axes)
    titles = {**CLASS_NAMES, NONE: "no dominant class"}
    handles = [Patch(color=_color(name), label=text) for name, text in titles.items()]
    axes.legend(handles=handles, ncol=len(handles), **legend_above(LIGHT))
    _plain(axes)


def _spaced(values: Sequence[int]) -> list[int]:
    """Heights of bars with a gap of height 0 between neighbours."""
    return [height for value in values for height in (value, 0)][:-1]


def _color(name: str) -> str:
    return NO_CLASS_COLOR if name == NONE else class_color(name)


def _title(axes: Axes, text: str, pad: float = 6) -> None:
    axes.set_title(text, fontsize=9, color=LIGHT.ink, loc="left", pad=pad)


def _count_axis(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_ylabel("utterances")
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", length=0)

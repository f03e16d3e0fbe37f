"""An analysis as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from ..labels.votes import CLASS_NAMES
from .model_file import ModelInfo
from .results import DOMINANT_HEADS, NONE, WITHOUT_SPEECH, Analysis, Segment

BAR = 24
"""Characters of a full bar."""


def as_text(analysis: Analysis, info: ModelInfo) -> str:
    """The verdict, the bars, the caveats, what the model has seen."""
    lines = [f"{analysis.file}  ({analysis.duration_s:.2f} s)"]
    one = analysis.single
    if one is not None:
        lines += [f"  {one.verdict()}", *(_bars(one) if one.has_speech else (f"  {WITHOUT_SPEECH}",))]
        lines += [f"  {text}" for text in (one.attention_text(),) if text]
        lines += [f"  note: {note}" for note in one.notes]
    else:
        for s in analysis.segments:
            lines.append(f"  {_clock(s.start_s)}–{_clock(s.end_s)}  {s.verdict()}")
            lines += [f"    note: {note}" for note in s.notes]
    lines += [f"  note: {note}" for note in analysis.notes]
    lines.append(f"  model: {info.name}; {seen_text(analysis)}")
    lines += [f"  limit: {limit}" for limit in info.limits]
    return "\n".join(lines)


def seen_text(analysis: Analysis) -> str:
    """What stands beside every prediction: whether the model was trained on this recording or speaker."""
    if analysis.seen is not None:
        return f"SEEN: {analysis.seen_why}, so this prediction says little about new speech"
    return "not used in training as far as recordings and speaker ids show (a voice is not recognised)"


def _bars(segment: Segment) -> Iterator[str]:
    columns = [
        (head, values) for head in DOMINANT_HEADS if (values := segment.dominant.get(head)) is not None
    ]
    choice = "  (a choice among the four)" if segment.headline == NONE and columns else ""
    yield "  " + " " * 8 + f"{'present':{BAR + 6}}" + "".join(f"{head:>8}" for head, _ in columns) + choice
    for k, name in enumerate(segment.classes):
        present = "" if segment.existence is None else _bar(segment.existence[k])
        numbers = "".join(f"{values[k]:8.2f}" for _, values in columns)
        yield f"  {CLASS_NAMES.get(name, name):8}{present:{BAR + 6}}{numbers}"


def _bar(share: float) -> str:
    full = round(share * BAR)
    return f"{'█' * full}{'·' * (BAR - full)} {share:.2f}"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole % 3600 // 60:02}:{whole % 60:02}.{int(seconds % 1 * 10)}"

"""A result as a table of text, for the clipboard."""

from __future__ import annotations

from mlee_core.inference.results import DOMINANT_HEADS, Analysis, Segment

from ..shell.class_swatch import class_name


def table(segment: Segment) -> list[list[str]]:
    """Header and a row for each class: name, existence, dominant heads of the model."""
    heads = [h for h in DOMINANT_HEADS if segment.dominant.get(h) is not None]
    columns = (["present"] if segment.existence is not None else []) + heads
    rows = [["emotion", *columns]]
    for k, name in enumerate(segment.classes):
        values = [] if segment.existence is None else [segment.existence[k]]
        values += [p[k] for h in heads if (p := segment.dominant[h]) is not None]
        rows.append([class_name(name), *(f"{v:.3f}" for v in values)])
    return rows


def tabbed(segment: Segment, analysis: Analysis) -> str:
    """Tab-separated, for spreadsheets: file, model, time range, verdict, table."""
    about = [
        ["file", analysis.file],
        ["model", analysis.model],
        ["from (s)", f"{segment.start_s:.3f}"],
        ["to (s)", f"{segment.end_s:.3f}"],
        ["verdict", segment.verdict()],
    ]
    return "\n".join("\t".join(row) for row in [*about, *table(segment)]) + "\n"

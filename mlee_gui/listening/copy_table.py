"""A result as a table of text, as it is copied."""

from __future__ import annotations

from mlee_core.inference.results import DOMINANT_HEADS, Analysis, Segment

from ..shell.class_swatch import class_name


def table(segment: Segment) -> list[list[str]]:
    """Header and one row a class: name, existence, then each dominant head that the model has."""
    heads = [h for h in DOMINANT_HEADS if segment.dominant.get(h) is not None]
    columns = (["present"] if segment.existence is not None else []) + heads
    rows = [["emotion", *columns]]
    for k, name in enumerate(segment.classes):
        values = [] if segment.existence is None else [segment.existence[k]]
        values += [p[k] for h in heads if (p := segment.dominant[h]) is not None]
        rows.append([class_name(name), *(f"{v:.3f}" for v in values)])
    return rows


def tabbed(segment: Segment, analysis: Analysis) -> str:
    """Tab-separated, as spreadsheets take it: what it is of, the verdict, the table."""
    about = [
        ["file", analysis.file],
        ["model", analysis.model],
        ["from (s)", f"{segment.start_s:.3f}"],
        ["to (s)", f"{segment.end_s:.3f}"],
        ["verdict", segment.verdict()],
    ]
    return "\n".join("\t".join(row) for row in [*about, *table(segment)]) + "\n"

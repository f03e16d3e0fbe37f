"""A result as a table of text, for the clipboard."""

from __future__ import annotations

from mlee_core.inference.results import DOMINANT_HEADS, ENCODER_NAMES, ENCODERS, Analysis, Segment

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
    """Tab-separated, for spreadsheets: file, model, time range, verdict, what was left out, table.

    Without speech there is no table.
    """
    about = [
        ["file", analysis.file],
        ["model", analysis.model],
        ["from (s)", f"{segment.start_s:.3f}"],
        ["to (s)", f"{segment.end_s:.3f}"],
        ["result", segment.headline_text()],
        ["verdict", segment.verdict()],
        ["quiet left out (s)", f"{segment.cut_s:.3f}"],
    ]
    if not segment.has_speech:
        return _lines(about)
    shares = [(ENCODER_NAMES[name], segment.attention_on_speech.get(name)) for name in ENCODERS]
    about += [[f"attention on speech, {name}", f"{share:.3f}"] for name, share in shares if share is not None]
    return _lines([*about, *table(segment)])


def _lines(rows: list[list[str]]) -> str:
    return "\n".join("\t".join(row) for row in rows) + "\n"

"""Texts about a model: its training data, its scores on unseen speakers, its limits."""

from __future__ import annotations

from html import escape

from mlee_core.inference.model_file import ModelInfo

from ..shell.class_swatch import class_name
from ..shell.status_bar import scores_text


def model_html(info: ModelInfo) -> str:
    """A table of the model's facts, and its limits."""
    rows = [
        ("Trained on", info.trained_on),
        ("Emotions", ", ".join(class_name(c) for c in info.classes)),
        ("Heads", ", ".join(info.heads)),
        *((f"Speakers: {part}", ", ".join(ids)) for part, ids in info.speakers.items()),
        *((f"Unseen speakers: {head}", scores_text(scores)) for head, scores in info.scores.items()),
        *(
            ("These are", f"{counts['speakers']} speakers, {counts['utterances']} utterances")
            for counts in [info.scored_on]
            if counts
        ),
        *((f"On {corpus}", scores_text(scores)) for corpus, scores in info.elsewhere.items()),
        ("File", info.path),
    ]
    table = "".join(f"<tr><td><b>{escape(a)}</b>&nbsp;&nbsp;</td><td>{escape(b)}</td></tr>" for a, b in rows)
    limits = "".join(f"<li>{escape(sentence)}</li>" for sentence in info.limits)
    return f"<h3>{escape(info.name)}</h3><table cellpadding=2>{table}</table><h4>Limits</h4><ul>{limits}</ul>"

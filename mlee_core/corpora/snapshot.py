"""A corpus as plain data, so that a run keeps the votes it was trained on and needs its corpus no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import CorpusError
from ..labels.votes import Votes
from .corpus import Corpus, Utterance


def to_json(corpus: Corpus) -> dict[str, Any]:
    """Everything but the warnings, as JSON data."""
    return {
        "name": corpus.name,
        "format": corpus.format,
        "root": str(corpus.root),
        "utterances": [
            {
                "id": u.id,
                "file": str(u.file),
                "speaker": u.speaker,
                "session": u.session,
                "duration_s": u.duration_s,
                "counts": dict(u.votes.counts),
                "annotators": None
                if u.votes.annotators is None
                else {name: list(labels) for name, labels in u.votes.annotators.items()},
                "consensus": u.votes.consensus,
            }
            for u in corpus.utterances
        ],
    }


def from_json(value: Any) -> Corpus:
    """The corpus that `to_json` was given. Raises: CorpusError for other data."""
    try:
        utterances = tuple(_utterance(item) for item in value["utterances"])
        return Corpus(value["name"], value["format"], Path(value["root"]), utterances)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"no stored corpus: {type(error).__name__} {error}.") from error


def difference(was: Corpus, now: Corpus) -> str | None:
    """How many utterances have come, gone or changed, with the first of each, in words; None if equal."""
    old, new = ({u.id: u for u in corpus.utterances} for corpus in (was, now))
    groups = {
        "gone": [name for name in old if name not in new],
        "new": [name for name in new if name not in old],
        "of another speaker": [n for n in old if n in new and old[n].speaker != new[n].speaker],
        "labelled otherwise": [n for n in old if n in new and _labels(old[n]) != _labels(new[n])],
    }
    parts = [
        f"{len(names)} utterances are {how} ({names[0]} first)" for how, names in groups.items() if names
    ]
    if not parts and was.data_hash() != now.data_hash():
        return "its utterances stand in another order"
    return " and ".join(parts) or None


def _labels(utterance: Utterance) -> tuple[dict[str, int], str | None]:
    counts = {label: n for label, n in utterance.votes.counts.items() if n}
    return counts, utterance.votes.consensus


def _utterance(item: dict[str, Any]) -> Utterance:
    annotators = item["annotators"]
    if annotators is not None:
        annotators = {name: tuple(labels) for name, labels in annotators.items()}
    votes = Votes(item["counts"], annotators, item["consensus"])
    return Utterance(
        item["id"], Path(item["file"]), item["speaker"], votes, item["duration_s"], item["session"]
    )

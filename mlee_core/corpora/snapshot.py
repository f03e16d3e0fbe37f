"""A corpus as JSON data: a run stores the votes it is trained on and is independent of the corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import CorpusError
from ..labels.votes import Votes
from .corpus import Corpus, Utterance
from .union import joined


def to_json(corpus: Corpus) -> dict[str, Any]:
    """The corpus without its warnings, as JSON data."""
    if corpus.joined:
        return {"joined": [to_json(part) for part in corpus.joined]}
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
                **vars(u.votes),
            }
            for u in corpus.utterances
        ],
    }


def from_json(value: Any) -> Corpus:
    """The corpus from the data of `to_json`. Raises: CorpusError for other data."""
    try:
        if "joined" in value:
            return joined([from_json(part) for part in value["joined"]])
        utterances = tuple(_utterance(item) for item in value["utterances"])
        return Corpus(value["name"], value["format"], Path(value["root"]), utterances)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"not a stored corpus: {type(error).__name__} {error}.") from error


def difference(before: Corpus, after: Corpus) -> str | None:
    """How many utterances were removed, added or changed, with the first id of each; None if equal."""
    old, new = ({u.id: u for u in corpus.utterances} for corpus in (before, after))
    groups = {
        "missing": [name for name in old if name not in new],
        "new": [name for name in new if name not in old],
        "of another speaker": [n for n in old if n in new and old[n].speaker != new[n].speaker],
        "labelled differently": [n for n in old if n in new and _labels(old[n]) != _labels(new[n])],
    }
    parts = [
        f"{len(names)} utterances are {what} ({names[0]} first)" for what, names in groups.items() if names
    ]
    if not parts and before.data_hash() != after.data_hash():
        return "its utterances are in another order"
    return " and ".join(parts) or None


def _labels(utterance: Utterance) -> tuple[dict[str, int], str | None]:
    return utterance.votes.nonzero, utterance.votes.consensus


def _utterance(item: dict[str, Any]) -> Utterance:
    annotators = item["annotators"]
    if annotators is not None:
        annotators = {name: tuple(labels) for name, labels in annotators.items()}
    votes = Votes(item["counts"], annotators, item["consensus"])
    return Utterance(
        item["id"], Path(item["file"]), item["speaker"], votes, item["duration_s"], item["session"]
    )

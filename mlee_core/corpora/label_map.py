"""Which class a label name means: a small built-in table of synonyms that a user can extend or override."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import CLASSES, OTHER
from .csv_reader import read_csv

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "neu": ("neu", "n", "neutral", "neutrality", "neutral state", "calm"),
    "hap": ("hap", "h", "happy", "happiness", "joy", "joyful"),
    "sad": ("sad", "s", "sadness"),
    "ang": ("ang", "a", "anger", "angry"),
    OTHER: ("other", "others", "oth", "o"),
}
"""The names each class goes by in common corpora. Nearby emotions (excited, frustrated) are not among
them: whether those count as a target class is the user's decision."""

LISTED = 30

_BUILT_IN = {name: label for label, names in SYNONYMS.items() for name in names}


@dataclass(frozen=True)
class LabelMap:
    """The user's label -> class (lower case), before the built-in synonyms.

    met: the labels that it was asked for so far, as the corpus that is read names them.
    """

    own: Mapping[str, str] = field(default_factory=dict)
    met: set[str] = field(default_factory=set, compare=False, repr=False)

    def of(self, name: str, *also: str) -> str:
        """The class that `name` means, or `name` itself in lower case: an *other* label of its own.

        also: further names that a corpus has for the same label; whichever the user maps decides.
        """
        keys = [key.strip().lower() for key in (name, *also)]
        self.met.update(keys)
        for table in (self.own, _BUILT_IN):
            for key in keys:
                if key in table:
                    return table[key]
        return keys[0]

    def refuse_unmet(self, corpus: str) -> None:
        """Raises: CorpusError for a label of the user's that the corpus has not: a slip, or another's map."""
        unmet = [f"{label}={meant}" for label, meant in self.own.items() if label not in self.met]
        if unmet:
            labels = sorted(self.met)
            more = f" and {len(labels) - LISTED} more" if len(labels) > LISTED else ""
            raise CorpusError(
                f"label map {unmet[0]}: {corpus} has no such label, but {', '.join(labels[:LISTED])}{more}."
            )

    def knows(self, name: str) -> bool:
        """Whether the user or the built-in table says what `name` means."""
        key = name.strip().lower()
        return key in self.own or key in _BUILT_IN


def from_pairs(pairs: Iterable[tuple[str, str]]) -> LabelMap:
    """A label map from (label, class): neu, hap, sad, ang, *other*, or a built-in synonym of one.

    Raises: CorpusError for a class that is none of these, an empty label, or one with two classes.
    """
    own: dict[str, str] = {}
    for label, target in pairs:
        key, meant = label.strip().lower(), _BUILT_IN.get(target.strip().lower())
        if not key:
            raise CorpusError(
                f"label map {label}={target}: the label before = is missing, as in excited=hap."
            )
        if meant is None:
            allowed = ", ".join((*CLASSES, OTHER))
            raise CorpusError(f"label map {label}={target}: a label is mapped to one of {allowed}.")
        if own.setdefault(key, meant) != meant:
            raise CorpusError(f"label map gives {key} two classes, {own[key]} and {meant}: one is allowed.")
    return LabelMap(own)


def pair(text: str) -> tuple[str, str]:
    """(label, class) from LABEL=CLASS. Raises: CorpusError."""
    label, equals, target = text.rpartition("=")
    if not equals:
        raise CorpusError(f"{text!r} is not LABEL=CLASS, as in excited=hap.")
    return label, target


def make(source: LabelMap | Mapping[str, str] | Path | None) -> LabelMap:
    """A label map from label -> class, from a CSV file with the columns label and class, or none.

    Raises: CorpusError as `from_pairs`, or for a file that cannot be read.
    """
    if source is None:
        return LabelMap()
    if isinstance(source, LabelMap):
        return source
    return from_pairs(source.items() if isinstance(source, Mapping) else _pairs(source))


def combined(file: Path | None, pairs: Iterable[tuple[str, str]]) -> LabelMap:
    """A label map from a CSV file and pairs, which go before it. Raises: CorpusError for one that is none."""
    return LabelMap({**make(file).own, **from_pairs(pairs).own})


def _pairs(path: Path) -> list[tuple[str, str]]:
    table = read_csv(path)
    table.require(("label", "class"))
    return [(row["label"], row["class"]) for row in table.rows]

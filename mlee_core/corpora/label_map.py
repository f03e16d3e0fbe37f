"""Maps label names to classes: a small built-in table of synonyms that the user can extend or override."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import CLASSES, OTHER
from ..system.printable import listed
from .csv_reader import read_csv

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "neu": ("neu", "n", "neutral", "neutrality", "neutral state", "calm"),
    "hap": ("hap", "h", "happy", "happiness", "joy", "joyful"),
    "sad": ("sad", "s", "sadness"),
    "ang": ("ang", "a", "anger", "angry"),
    OTHER: ("other", "others", "oth", "o"),
}
"""The names of each class in common corpora, without nearby emotions (excited, frustrated): whether those
count as a target class is the user's decision."""

LISTED = 30

_BUILT_IN = {name: label for label, names in SYNONYMS.items() for name in names}


@dataclass(frozen=True)
class LabelMap:
    """The user's label -> class (lower case), which overrides the built-in synonyms.

    looked_up: the labels looked up so far, spelled as in the corpus that is read.
    """

    own: Mapping[str, str] = field(default_factory=dict)
    looked_up: set[str] = field(default_factory=set, compare=False, repr=False)

    def of(self, name: str, *also: str) -> str:
        """The class of label `name`, or `name` itself in lower case: an *other* label of its own.

        also: further names of the same label in the corpus; the user may map any of them.
        """
        keys = [key.strip().lower() for key in (name, *also)]
        self.looked_up.update(keys)
        for table in (self.own, _BUILT_IN):
            for key in keys:
                if key in table:
                    return table[key]
        return keys[0]

    def refuse_unknown(self, corpus: str) -> None:
        """Raises: CorpusError for a mapped label that is not in the corpus: a typo or the wrong map."""
        for label, target in self.own.items():
            if label not in self.looked_up:
                raise CorpusError(
                    f"label map {label}={target}: {corpus} has no such label; its labels are "
                    f"{listed(sorted(self.looked_up), LISTED)}."
                )

    def knows(self, name: str) -> bool:
        """Whether the user's or the built-in table has `name`."""
        key = name.strip().lower()
        return key in self.own or key in _BUILT_IN


def from_pairs(pairs: Iterable[tuple[str, str]]) -> LabelMap:
    """A label map from (label, class): neu, hap, sad, ang, *other*, or a built-in synonym of one.

    Raises: CorpusError for any other class, an empty label, or a label with two classes.
    """
    own: dict[str, str] = {}
    for label, target in pairs:
        key, class_name = label.strip().lower(), _BUILT_IN.get(target.strip().lower())
        if not key:
            raise CorpusError(
                f"label map {label}={target}: the label before = is missing; an example is excited=hap."
            )
        if class_name is None:
            allowed = ", ".join((*CLASSES, OTHER))
            raise CorpusError(f"label map {label}={target}: a label is mapped to one of {allowed}.")
        if own.setdefault(key, class_name) != class_name:
            raise CorpusError(
                f"label map gives {key} two classes, {own[key]} and {class_name}: one is allowed."
            )
    return LabelMap(own)


def pair(text: str) -> tuple[str, str]:
    """(label, class) from LABEL=CLASS. Raises: CorpusError."""
    label, equals, target = text.rpartition("=")
    if not equals:
        raise CorpusError(f"{text!r} is not LABEL=CLASS, such as excited=hap.")
    return label, target


def make(source: LabelMap | Mapping[str, str] | Path | None) -> LabelMap:
    """A label map from label -> class or from a CSV file with the columns label and class; None is empty.

    Raises: CorpusError as `from_pairs`, or for a file that cannot be read.
    """
    if source is None:
        return LabelMap()
    if isinstance(source, LabelMap):
        return source
    if isinstance(source, Mapping):
        return from_pairs(source.items())
    table = read_csv(source)
    table.require(("label", "class"))
    return from_pairs((row["label"], row["class"]) for row in table.rows)


def combined(file: Path | None, pairs: Iterable[tuple[str, str]]) -> LabelMap:
    """A label map from a CSV file and pairs, which override it. Raises: CorpusError as `make`."""
    return LabelMap({**make(file).own, **from_pairs(pairs).own})

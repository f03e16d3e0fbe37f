"""What every importer makes: utterances with votes, and the warnings on votes. No audio is read here."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import Votes
from ..system.files import stable_hash
from ..system.printable import listed
from .duplicates import first_repeated
from .label_map import LabelMap

NO_AGREEMENT = "none"
"""The consensus of a corpus whose annotators did not agree on one label."""

NO_AGREEMENT_SPELLINGS = (NO_AGREEMENT, "xxx")
LISTED_LABELS = 15

GENERIC_NAMES = ("table", "utterances", "votes", "labels", "corpus", "data", "metadata", "annotations")
"""Names of tables and folders that do not tell which corpus they belong to."""


@dataclass(frozen=True)
class ReadOptions:
    """How the user wants a corpus read.

    scripted: include the utterances read from a script (IEMOCAP). self_reports: include the speakers'
    ratings of themselves as votes of further annotators (IEMOCAP).
    """

    label_map: LabelMap = field(default_factory=LabelMap)
    scripted: bool = False
    self_reports: bool = False


@dataclass(frozen=True)
class Utterance:
    """One utterance of a corpus.

    id: unique in the corpus. file: absolute path of its audio (which need not exist).
    duration_s: seconds as stated by the corpus, None if it states none.
    session: None unless the corpus has sessions of two speakers.
    """

    id: str
    file: Path
    speaker: str
    votes: Votes
    duration_s: float | None = None
    session: str | None = None


@dataclass(frozen=True)
class Corpus:
    """Utterances in a fixed order.

    name: of the corpus ("emodb") or its file; format: the importer's name; root: folder or file.
    warnings: one sentence each, for the user. joined: the corpora that this one unites (union.py), in order,
    with their own names of speakers and utterances; its format and root are then for messages only.
    """

    name: str
    format: str
    root: Path
    utterances: tuple[Utterance, ...]
    warnings: tuple[str, ...] = field(default=())
    joined: tuple[Corpus, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.utterances:
            raise CorpusError(f"{self.root} holds no utterance: a corpus needs at least one.")
        if repeated := first_repeated(self.utterances, lambda u: u.id):
            raise CorpusError(f"{self.root} names utterance {repeated[1].id!r} twice: ids must be unique.")

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speaker ids, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    @property
    def parts(self) -> tuple[Corpus, ...]:
        """The corpora that it unites, or itself alone."""
        return self.joined or (self,)

    @cached_property
    def corpus_of(self) -> Mapping[str, str]:
        """Speaker -> name of the corpus that the speaker is from; empty unless it unites several."""
        return {part.qualified(speaker): part.name for part in self.joined for speaker in part.speakers}

    def qualified(self, name: str) -> str:
        """The name of one of its speakers, sessions or utterances in a union: "emodb/03"."""
        return f"{self.name}/{name}"

    def of_speakers(self, speakers: Iterable[str]) -> tuple[Utterance, ...]:
        """The utterances of these speakers, in corpus order."""
        wanted = frozenset(speakers)
        return tuple(u for u in self.utterances if u.speaker in wanted)

    def data_hash(self) -> str:
        """16 hex digits over ids, speakers, votes and consensus; labels that nobody gave do not count."""
        return stable_hash(
            [[u.id, u.speaker, sorted(u.votes.nonzero.items()), u.votes.consensus] for u in self.utterances]
        )


def name_of(path: Path) -> str:
    """A corpus's name: of its file or folder, or of the closest folder above with a name that says which."""
    absolute = Path(os.path.abspath(path))
    names = [absolute.stem, *(parent.name for parent in absolute.parents)]
    specific = (name for name in names if name and name.lower() not in GENERIC_NAMES)
    return next(specific, absolute.stem or "corpus")


def without_parents(file: Path) -> Path:
    """The same file without `..`, which cannot be removed as text: the folder before it may be a link."""
    return Path(os.path.realpath(file)) if ".." in file.parts else file


def relative(file: Path, folder: Path) -> str:
    """`file` (absolute, need not exist) relative to `folder`, which has no links in its path."""
    return os.path.relpath(without_parents(file), folder)


def consensus_of(text: str | None, label_map: LabelMap) -> str | None:
    """The class of a consensus as written: NO_AGREEMENT for none and xxx, None for an empty one."""
    if not text:
        return None
    return NO_AGREEMENT if text.lower() in NO_AGREEMENT_SPELLINGS else label_map.of(text)


def vote_warnings(utterances: Sequence[Utterance], label_map: LabelMap) -> Iterator[str]:
    """Warnings for any format: labels outside the four classes, utterances without votes."""
    voted = Counter[str]()
    for utterance in utterances:
        voted.update(utterance.votes.nonzero)
    stated = (u.votes.consensus for u in utterances)
    agreed = Counter(label for label in stated if label and label != NO_AGREEMENT)
    for kind, labels in (("votes", voted), ("consensus", agreed)):
        unknown = [f"{name[:30]} {n}" for name, n in labels.most_common() if not label_map.knows(name)]
        if unknown:
            names = listed(unknown, LISTED_LABELS)
            yield f"{kind}: labels outside the four classes, each kept as another emotion: {names}."
    without = sum(utterance.votes.total == 0 for utterance in utterances)
    if without:
        yield f"votes: {without} utterances have none, so no label scheme admits them."

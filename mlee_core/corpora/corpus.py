"""What every importer makes: utterances with votes. No audio is read here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import Votes
from ..system.files import stable_hash
from .label_map import LabelMap


@dataclass(frozen=True)
class Reading:
    """How the user wants a corpus read.

    scripted: also the utterances that were read from a script (IEMOCAP). self_reports: also what the
    speakers said of themselves, as annotators of their own (IEMOCAP).
    """

    label_map: LabelMap = field(default_factory=LabelMap)
    scripted: bool = False
    self_reports: bool = False


@dataclass(frozen=True)
class Utterance:
    """One utterance of a corpus.

    id: unique in the corpus. file: absolute path of its audio (which need not exist).
    speaker: the person who talks. duration_s: seconds as the corpus states them, None if it does not.
    session: where the corpus has sessions of two speakers, else None.
    """

    id: str
    file: Path
    speaker: str
    votes: Votes
    duration_s: float | None = None
    session: str | None = None


@dataclass(frozen=True)
class Corpus:
    """Utterances in a fixed order, with what was odd about them.

    name: of the corpus ("emodb") or its file; format: the importer's name; root: folder or file.
    warnings: one sentence each, for the user. notes for the record.
    """

    name: str
    format: str
    root: Path
    utterances: tuple[Utterance, ...]
    warnings: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.utterances:
            raise CorpusError(f"{self.root} holds no utterance: a corpus needs at least one.")
        twice = _first_duplicate(u.id for u in self.utterances)
        if twice is not None:
            raise CorpusError(f"{self.root} names utterance {twice!r} twice: ids must be unique.")

    @property
    def speakers(self) -> tuple[str, ...]:
        """Speaker ids, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    def of_speakers(self, speakers: Iterable[str]) -> tuple[Utterance, ...]:
        """The utterances of these speakers, in corpus order."""
        wanted = frozenset(speakers)
        return tuple(u for u in self.utterances if u.speaker in wanted)

    def data_hash(self) -> str:
        """16 hex digits over ids, speakers and votes: changes when labels or membership change.

        A label that nobody gave is no vote, whether it is listed with 0 or not at all.
        """
        return stable_hash([[u.id, u.speaker, _given(u.votes), u.votes.consensus] for u in self.utterances])


def _given(votes: Votes) -> list[tuple[str, int]]:
    return sorted((label, n) for label, n in votes.counts.items() if n)


def _first_duplicate(names: Iterable[str]) -> str | None:
    met: set[str] = set()
    for name in names:
        if name in met:
            return name
        met.add(name)
    return None

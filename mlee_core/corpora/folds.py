"""Speaker-disjoint folds: made, saved, loaded and verified. Nothing here is random.

A fold names its test speakers, its development speakers (early stopping) and its training speakers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..system.files import write_json
from ..system.printable import listed
from .corpus import Corpus
from .duplicates import first_repeated

PARTS = ("train", "dev", "test")
"""The parts of a fold."""

MANY_SPEAKERS = 12
"""Up to this number of speakers leave-one-speaker-out is the default, above it GROUPS groups (SPEC.md)."""

GROUPS = 10
RESERVED_NAMES = (".", "..", "logs", "report", "tensorboard")
LISTED = 20


@dataclass(frozen=True)
class Fold:
    """Speakers by part; a folder of the run has the fold's name.

    Raises: ConfigError if a part is empty, a speaker is named twice, or the name is not a folder name.
    """

    name: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        name = self.name
        if not 0 < len(name) <= 100 or "/" in name or not name.isprintable() or name in RESERVED_NAMES:
            raise ConfigError(
                f"fold {name!r} cannot be a folder of the run: allowed are names of up to 100 characters "
                f"without / or control characters, other than {', '.join(RESERVED_NAMES)}; rename it, or use "
                "groups."
            )
        for part in PARTS:
            if not getattr(self, part):
                raise ConfigError(f"fold {name} has no {part} speaker: every part needs at least one.")
        if repeated := first_repeated(self.speakers, str):
            raise ConfigError(f"fold {name} names speaker {repeated[0]} twice: parts must not share one.")

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers of the fold: train, dev, test."""
        return self.train + self.dev + self.test


@dataclass(frozen=True)
class Folds:
    """The folds of one experiment.

    corpus: its name. data_hash: of the corpus they were made for, None in a file written by hand.
    Raises: ConfigError if there is no fold, two have the same name, or a speaker is tested in two of them.
    """

    corpus: str
    data_hash: str | None
    folds: tuple[Fold, ...]

    def __post_init__(self) -> None:
        if not self.folds:
            raise ConfigError("no fold: an experiment needs at least one.")
        if repeated := first_repeated((fold.name for fold in self.folds), str):
            raise ConfigError(f"two folds are named {repeated[0]}: names must differ.")
        if repeated := first_repeated((speaker for fold in self.folds for speaker in fold.test), str):
            raise ConfigError(f"speaker {repeated[0]} is tested in two folds: at most one is allowed.")


def one(corpus: Corpus, speaker: str) -> Fold:
    """The leave-one-speaker-out fold that tests `speaker`.

    The development speaker is the other one of the session if the corpus has sessions of two, else the next
    in sorted order (the first after the last), in a union of the same corpus; all others train.

    Raises: ConfigError for an unknown speaker or a corpus with fewer than three.
    """
    speakers = _at_least_three(corpus)
    if speaker not in speakers:
        raise ConfigError(
            f"speaker {speaker} is not in {corpus.name}: its speakers are {listed(speakers, LISTED)}."
        )
    sessions_of = {u.session for u in corpus.of_speakers([speaker])} - {None}
    partners = {u.speaker for u in corpus.utterances if u.session in sessions_of} - {speaker}
    own = [s for s in speakers if corpus.corpus_of.get(s) == corpus.corpus_of.get(speaker)]
    near = own if len(own) > 1 else speakers
    following = near[(near.index(speaker) + 1) % len(near)]
    dev = partners.pop() if len(partners) == 1 else following
    train = tuple(name for name in speakers if name not in (speaker, dev))
    return Fold(_folder_name(corpus, speaker), train, (dev,), (speaker,))


def loso(corpus: Corpus) -> Folds:
    """Leave-one-speaker-out: one fold per speaker, in sorted order."""
    return _folds(corpus, [one(corpus, speaker) for speaker in corpus.speakers])


def groups(corpus: Corpus, n: int) -> Folds:
    """n speaker-disjoint groups of similar size; each is tested once and the next is for development.

    Speakers are placed in descending order of utterances, each into the smallest group so far. In a union the
    corpora are placed one after the other, each speaker into the smallest of the groups with the fewest
    speakers of the same corpus: every group has its share of each.

    Raises: ConfigError unless 3 ≤ n ≤ number of speakers.
    """
    speakers = _at_least_three(corpus)
    if not 3 <= n <= len(speakers):
        raise ConfigError(
            f"{n} groups of {len(speakers)} speakers: allowed are 3 to {len(speakers)}, "
            "since one group is for testing, one for development and the rest for training."
        )
    size = {name: len(corpus.of_speakers([name])) for name in speakers}
    own = corpus.corpus_of
    members: list[list[str]] = [[] for _ in range(n)]

    def filled(group: list[str], origin: str | None) -> tuple[int, int, int]:
        same = sum(own[speaker] == origin for speaker in group) if origin else 0
        return same, sum(size[speaker] for speaker in group), len(group)

    for name in sorted(speakers, key=lambda name: (own.get(name, ""), -size[name], name)):
        min(members, key=partial(filled, origin=own.get(name))).append(name)
    names = [f"group{i + 1:02}" for i in range(n)]
    return _folds(corpus, _rotate(names, members))


def sessions(corpus: Corpus) -> Folds:
    """The corpus's own sessions: each is tested once and the next is for development.

    Raises: ConfigError if an utterance has no session, a speaker is in two, or there are fewer than three.
    """
    members: dict[str, set[str]] = {}
    for utterance in corpus.utterances:
        if utterance.session is None:
            raise ConfigError(
                f"{corpus.name} has no session for {utterance.id}: use loso or a number of groups."
            )
        members.setdefault(utterance.session, set()).add(utterance.speaker)
    if shared := first_repeated((speaker for group in members.values() for speaker in sorted(group)), str):
        raise ConfigError(f"speaker {shared[0]} is in two sessions: sessions as folds must not share one.")
    if len(members) < 3:
        raise ConfigError(f"{corpus.name} has {len(members)} sessions: folds of sessions need at least 3.")
    names = sorted(members)
    folders = [_folder_name(corpus, name) for name in names]
    return _folds(corpus, _rotate(folders, [members[name] for name in names]))


def make(corpus: Corpus, spec: str | None = None) -> Folds:
    """Folds from "loso", "sessions", a number of groups or a saved file; None is the default.

    Default: leave-one-speaker-out up to 12 speakers, else 10 groups.
    """
    if spec is None:
        return loso(corpus) if len(corpus.speakers) <= MANY_SPEAKERS else groups(corpus, GROUPS)
    if spec == "loso":
        return loso(corpus)
    if spec == "sessions":
        return sessions(corpus)
    if spec.removeprefix("-").isdecimal():
        return groups(corpus, int(spec))
    if not os.path.exists(spec):
        raise ConfigError(f"folds {spec!r}: allowed are loso, sessions, a number of groups or a saved file.")
    return load(Path(spec), corpus)


def verify(folds: Folds, corpus: Corpus) -> None:
    """Check that `folds` are of this corpus: the same data, and each fold names each speaker once.

    Raises: ConfigError naming the difference.
    """
    here = set(corpus.speakers)
    for fold in folds.folds:
        unknown, left_out = sorted(set(fold.speakers) - here), sorted(here - set(fold.speakers))
        if unknown:
            raise ConfigError(
                f"fold {fold.name} names {listed(unknown, LISTED)}, not a speaker of {corpus.name}."
            )
        if left_out:
            raise ConfigError(
                f"fold {fold.name} leaves out speaker {listed(left_out, LISTED)} of {corpus.name}."
            )
    if folds.data_hash not in (None, corpus.data_hash()):
        raise ConfigError(
            f"the folds were made for data {folds.data_hash}, but {corpus.name} now is {corpus.data_hash()}: "
            "its utterances, speakers or votes have changed, so make new folds."
        )


def save(folds: Folds, path: Path) -> None:
    """Write the folds as JSON, atomically."""
    write_json(path, asdict(folds))


def load(path: Path, corpus: Corpus) -> Folds:
    """Folds saved by `save` or written by hand (then `data_hash` may be absent), verified for `corpus`.

    Raises: ConfigError with the file's name for anything but verified folds.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read as folds: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not a file of folds: it is not JSON ({error}).") from error
    try:
        folds = _from_json(content, corpus.name)
        verify(folds, corpus)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return folds


def _from_json(content: Any, corpus: str) -> Folds:
    items = content.get("folds") if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise ConfigError('the list "folds" is missing.')
    digest, name = content.get("data_hash"), content.get("corpus", corpus)
    if not isinstance(name, str) or not isinstance(digest, str | None):
        raise ConfigError(f"corpus {name!r} and data_hash {digest!r} must be text.")
    return Folds(name, digest, tuple(_fold_from_json(item) for item in items))


def _fold_from_json(item: Any) -> Fold:
    keys = {"name", *PARTS}
    if not isinstance(item, dict) or set(item) != keys or not isinstance(item["name"], str):
        raise ConfigError(f"the fold {str(item)[:80]} is not an object with {', '.join(sorted(keys))}.")
    for part in PARTS:
        if not isinstance(item[part], list) or not all(isinstance(name, str) for name in item[part]):
            raise ConfigError(f"fold {item['name']}: {part} is not a list of speaker names in quotes.")
    return Fold(item["name"], *(tuple(item[part]) for part in PARTS))


def _folds(corpus: Corpus, folds: Iterable[Fold]) -> Folds:
    made = Folds(corpus.name, corpus.data_hash(), tuple(folds))
    verify(made, corpus)
    return made


def _rotate(names: Sequence[str], members: Sequence[Iterable[str]]) -> list[Fold]:
    """One fold per group: it is tested, the next is for development, the rest train."""
    groups = [tuple(sorted(group)) for group in members]
    folds = []
    for i, (name, test) in enumerate(zip(names, groups, strict=True)):
        dev = groups[(i + 1) % len(groups)]
        train = sorted(s for group in groups if group not in (test, dev) for s in group)
        folds.append(Fold(name, tuple(train), dev, test))
    return folds


def _folder_name(corpus: Corpus, name: str) -> str:
    """A fold's name from its speaker's or session's: in a union, "emodb-03" of "emodb/03"."""
    return name.replace("/", "-", 1) if corpus.joined else name


def _at_least_three(corpus: Corpus) -> tuple[str, ...]:
    speakers = corpus.speakers
    if len(speakers) < 3:
        raise ConfigError(
            f"{corpus.name} has {len(speakers)} speakers: folds need at least 3, for the three parts."
        )
    return speakers

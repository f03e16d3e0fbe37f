"""Speaker-disjoint folds as data: made, saved, loaded, verified. Nothing in here is random.

A fold names the speakers that test, those that develop (early stopping) and those that train.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..system.files import write_json
from .corpus import Corpus

MANY_SPEAKERS = 12
"""Up to so many speakers leave-one-speaker-out is the default, above it GROUPS groups (SPEC.md)."""

GROUPS = 10
TAKEN = (".", "..", "logs", "report", "tensorboard")


@dataclass(frozen=True)
class Fold:
    """Speakers by part; its name is that of a folder in a run.

    Raises: ConfigError if a part is empty, a speaker is named twice, or no folder can have such a name.
    """

    name: str
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _names_a_folder(self.name):
            raise ConfigError(
                f"fold {self.name!r} cannot be a folder of the run: allowed are names without / or control "
                f"characters, up to 100 of them, other than {', '.join(TAKEN)}; rename it, or use groups."
            )
        for part in PARTS:
            if not getattr(self, part):
                raise ConfigError(f"fold {self.name} has no {part} speaker: every part needs at least one.")
        twice = _repeated(self.speakers)
        if twice:
            raise ConfigError(f"fold {self.name} names speaker {twice[0]} twice: parts must not share one.")

    @property
    def speakers(self) -> tuple[str, ...]:
        """All speakers of the fold: train, dev, test."""
        return self.train + self.dev + self.test


@dataclass(frozen=True)
class Folds:
    """The folds of one experiment.

    corpus: its name. data_hash: of the corpus they were made for, None in a file written by hand.
    Raises: ConfigError if there is no fold, two have one name, or a speaker is tested in two of them.
    """

    corpus: str
    data_hash: str | None
    folds: tuple[Fold, ...]

    def __post_init__(self) -> None:
        if not self.folds:
            raise ConfigError("no fold: an experiment needs at least one.")
        twice = _repeated(fold.name for fold in self.folds)
        if twice:
            raise ConfigError(f"two folds are named {twice[0]}: names must differ.")
        tested = _repeated(speaker for fold in self.folds for speaker in fold.test)
        if tested:
            raise ConfigError(f"speaker {tested[0]} is tested in two folds: at most one is allowed.")


def one(corpus: Corpus, speaker: str) -> Fold:
    """The leave-one-speaker-out fold that tests `speaker`.

    The other speaker of the session develops where the corpus has sessions of two, else the next
    speaker in sorted order (the first after the last); all others train.

    Raises: ConfigError for an unknown speaker or a corpus of fewer than three.
    """
    speakers = _at_least_three(corpus)
    if speaker not in speakers:
        raise ConfigError(f"speaker {speaker} is not in {corpus.name}: its speakers are {_listed(speakers)}.")
    partners = _session_partners(corpus, speaker)
    following = speakers[(speakers.index(speaker) + 1) % len(speakers)]
    dev = partners[0] if len(partners) == 1 else following
    train = tuple(name for name in speakers if name not in (speaker, dev))
    return Fold(speaker, train, (dev,), (speaker,))


def loso(corpus: Corpus) -> Folds:
    """Leave-one-speaker-out: one fold a speaker, in sorted order."""
    return _folds(corpus, [one(corpus, speaker) for speaker in corpus.speakers])


def groups(corpus: Corpus, n: int) -> Folds:
    """n speaker-disjoint groups of about equally many utterances; each tests once, the next develops.

    The speaker with the most utterances is placed first, always into the smallest group so far.

    Raises: ConfigError unless 3 ≤ n ≤ number of speakers.
    """
    speakers = _at_least_three(corpus)
    if not 3 <= n <= len(speakers):
        raise ConfigError(
            f"{n} groups of {len(speakers)} speakers: allowed are 3 to {len(speakers)}, "
            "since one group tests, one develops and the rest train."
        )
    size = {name: len(corpus.of_speakers([name])) for name in speakers}
    members: list[list[str]] = [[] for _ in range(n)]
    for name in sorted(speakers, key=lambda name: (-size[name], name)):
        min(members, key=lambda group: (sum(size[s] for s in group), len(group))).append(name)
    names = [f"group{i + 1:02}" for i in range(n)]
    return _folds(corpus, _rotate(names, members))


def sessions(corpus: Corpus) -> Folds:
    """The corpus's own sessions: each tests once, the next one develops.

    Raises: ConfigError if an utterance has no session, a speaker is in two, or there are fewer than three.
    """
    members: dict[str, set[str]] = {}
    for utterance in corpus.utterances:
        if utterance.session is None:
            raise ConfigError(
                f"{corpus.name} gives {utterance.id} no session: use loso or a number of groups."
            )
        members.setdefault(utterance.session, set()).add(utterance.speaker)
    shared = _repeated(speaker for group in members.values() for speaker in group)
    if shared:
        raise ConfigError(f"speaker {shared[0]} is in two sessions: sessions as folds must not share one.")
    if len(members) < 3:
        raise ConfigError(f"{corpus.name} has {len(members)} sessions: folds of sessions need at least 3.")
    names = sorted(members)
    return _folds(corpus, _rotate(names, [members[name] for name in names]))


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

    Raises: ConfigError naming what differs.
    """
    here = set(corpus.speakers)
    for fold in folds.folds:
        unknown, left_out = sorted(set(fold.speakers) - here), sorted(here - set(fold.speakers))
        if unknown:
            raise ConfigError(f"fold {fold.name} names {_listed(unknown)}, no speaker of {corpus.name}.")
        if left_out:
            raise ConfigError(f"fold {fold.name} leaves out speaker {_listed(left_out)} of {corpus.name}.")
    if folds.data_hash not in (None, corpus.data_hash()):
        raise ConfigError(
            f"the folds were made for data {folds.data_hash}, but {corpus.name} now is {corpus.data_hash()}: "
            "its utterances, speakers or votes have changed, so make the folds anew."
        )


def save(folds: Folds, path: Path) -> None:
    """Write the folds as JSON, atomically."""
    write_json(path, asdict(folds))


def load(path: Path, corpus: Corpus) -> Folds:
    """Folds saved by `save` or written by hand (then `data_hash` may be absent), verified for `corpus`.

    Raises: ConfigError with the file's name for anything else than verified folds.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read as folds: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no file of folds: it is not JSON ({error}).") from error
    try:
        folds = _from_json(content, corpus.name)
        verify(folds, corpus)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return folds


def _from_json(content: Any, corpus: str) -> Folds:
    items = content.get("folds") if isinstance(content, dict) else None
    if not isinstance(items, list):
        raise ConfigError('no list "folds" in it, as mlee saves them.')
    digest, name = content.get("data_hash"), content.get("corpus", corpus)
    if not isinstance(name, str) or not isinstance(digest, str | None):
        raise ConfigError(f"corpus {name!r} and data_hash {digest!r} must be text.")
    return Folds(name, digest, tuple(_fold_from_json(item) for item in items))


def _fold_from_json(item: Any) -> Fold:
    wanted = {"name", *PARTS}
    if not isinstance(item, dict) or set(item) != wanted or not isinstance(item["name"], str):
        raise ConfigError(f"a fold {str(item)[:80]} is not an object of {', '.join(sorted(wanted))}.")
    for part in PARTS:
        if not isinstance(item[part], list) or not all(isinstance(name, str) for name in item[part]):
            raise ConfigError(f"fold {item['name']}: {part} is not a list of speaker names in quotes.")
    return Fold(item["name"], *(tuple(item[part]) for part in PARTS))


def _folds(corpus: Corpus, folds: Iterable[Fold]) -> Folds:
    made = Folds(corpus.name, corpus.data_hash(), tuple(folds))
    verify(made, corpus)
    return made


def _rotate(names: Sequence[str], members: Sequence[Iterable[str]]) -> list[Fold]:
    """One fold a group: it tests, the next develops, the rest train."""
    n = len(names)
    parts = [tuple(sorted(group)) for group in members]
    return [
        Fold(
            names[i],
            tuple(sorted(s for j in range(n) if j not in (i, (i + 1) % n) for s in parts[j])),
            parts[(i + 1) % n],
            parts[i],
        )
        for i in range(n)
    ]


def _session_partners(corpus: Corpus, speaker: str) -> list[str]:
    """The other speakers of the sessions in which `speaker` talks, sorted."""
    own = {u.session for u in corpus.of_speakers([speaker])} - {None}
    return sorted({u.speaker for u in corpus.utterances if u.session in own} - {speaker})


def _at_least_three(corpus: Corpus) -> tuple[str, ...]:
    speakers = corpus.speakers
    if len(speakers) < 3:
        raise ConfigError(
            f"{corpus.name} has {len(speakers)} speakers: folds need at least 3, to test, develop and train."
        )
    return speakers


def _names_a_folder(name: str) -> bool:
    return 0 < len(name) <= 100 and "/" not in name and name.isprintable() and name not in TAKEN


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _listed(names: Sequence[str], most: int = 20) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


PARTS = ("train", "dev", "test")
"""What a speaker's recordings may be for a model."""

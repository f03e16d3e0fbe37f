"""audformat databases (audEERING's format for annotated media): a folder with db.yaml and tables.

A database that MLEE wrote holds a corpus whole: the filewise table `utterances`, and the votes in the
miscellaneous table `votes` (utterance, annotator, emotion) where annotators are named, or `counts`
(utterance, emotion, votes) where they are not. It comes back as it was, but for annotators who gave no label.

Any other database is read as audformat_foreign.py tells.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import CorpusError
from ...labels.votes import Votes
from ..corpus import Corpus, Reading, Utterance
from ..label_map import LabelMap
from ..paths import relative
from ..table import label_warnings
from .foreign import read_foreign
from .tables import FILE, HEADER, Database, open_database, seconds

NAME = "audformat"
LOOKS_LIKE = "an audformat database, a folder with db.yaml"
OPTIONS: tuple[str, ...] = ()

OURS = "mlee"
LAYOUT = "1"
UTTERANCES, VOTES, COUNTS = "utterances", "votes", "counts"
UTTERANCE_COLUMNS = ("id", "speaker", "session", "duration_s", "consensus")
VOTE_COLUMNS = ("utterance", "annotator", "emotion")
COUNT_COLUMNS = ("utterance", "emotion", "votes")
NONE = "none"

_WHOLE = re.compile(r"[0-9]{1,9}")


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with a db.yaml, or that file."""
    return os.path.exists(path / HEADER) if path.is_dir() else path.name == HEADER


def read(path: Path, how: Reading) -> Corpus:
    """Every utterance of the database; the audio is not looked at, and no pickle is opened.

    Raises: CorpusError with file, table and utterance for a database that cannot be used as a corpus.
    """
    database = open_database(path if path.is_dir() else path.parent)
    own = OURS in database.header
    if own and database.header[OURS] != LAYOUT:
        raise CorpusError(
            f"{database.root / HEADER}: {OURS}: {database.header[OURS]!r} was written by another version of "
            f"MLEE; this one reads {LAYOUT}."
        )
    warnings: list[str] = []
    if own:
        utterances = tuple(_own(database, how.label_map))
    else:
        utterances, warnings = read_foreign(database, how.label_map)
    warnings.extend(label_warnings(utterances, how.label_map))
    return Corpus(_name(database), NAME, path, utterances, tuple(warnings))


def _name(database: Database) -> str:
    """The database's name; it becomes part of file names, so only a plain one is taken."""
    name = database.header.get("name")
    plain = isinstance(name, str) and re.fullmatch(r"[\w. +-]{1,80}", name) and name.strip(". ")
    return str(name) if plain else NAME


def _own(database: Database, label_map: LabelMap) -> Iterator[Utterance]:
    cells = database.cells(UTTERANCES, (FILE, *UTTERANCE_COLUMNS))
    given = _own_votes(database, label_map)
    counted = _own_counts(database, label_map)
    anonymous = VOTES not in database.tables
    for file, id, speaker, session, duration, consensus in zip(*cells.values(), strict=True):
        if not (file and id and speaker):
            raise CorpusError(
                f"{database.root}, table {UTTERANCES}: utterance {id!r} lacks a file or speaker."
            )
        verdict = consensus if consensus in (None, NONE) else label_map.of(consensus)
        if anonymous or id in counted:
            votes = Votes(counted.pop(id, {}), consensus=verdict)
        else:
            votes = Votes.from_annotators(given.pop(id, {}), verdict)
        path = (database.root / file).absolute()
        yield Utterance(id, path, speaker, votes, seconds(database, id, duration), session)
    stray = next(iter((*given, *counted)), None)
    if stray is not None:
        raise CorpusError(f"{database.root} has votes on {stray!r}, which table {UTTERANCES} does not hold.")


def _own_votes(database: Database, label_map: LabelMap) -> dict[str, dict[str, list[str]]]:
    """Utterance -> annotator -> labels."""
    found: dict[str, dict[str, list[str]]] = {}
    if VOTES in database.tables:
        for cells in zip(*database.cells(VOTES, VOTE_COLUMNS).values(), strict=True):
            utterance, annotator, label = _filled(database, VOTES, cells)
            labels = found.setdefault(utterance, {}).setdefault(annotator, [])
            labels.append(label_map.of(label))
    return found


def _own_counts(database: Database, label_map: LabelMap) -> dict[str, dict[str, int]]:
    """Utterance -> label -> votes; labels that the user maps to one class add up."""
    found: dict[str, dict[str, int]] = {}
    if COUNTS in database.tables:
        for cells in zip(*database.cells(COUNTS, COUNT_COLUMNS).values(), strict=True):
            utterance, name, votes = _filled(database, COUNTS, cells)
            if not _WHOLE.fullmatch(votes):
                raise CorpusError(
                    f"{database.root}, table {COUNTS}: {votes!r} votes for {name} on {utterance!r}: a vote "
                    "count is a whole number, 0 or more."
                )
            counts, label = found.setdefault(utterance, {}), label_map.of(name)
            counts[label] = counts.get(label, 0) + int(votes)
    return found


def _filled(database: Database, table: str, cells: Iterable[str | None]) -> list[str]:
    filled = [cell for cell in cells if cell is not None]
    if len(filled) < len(VOTE_COLUMNS):
        raise CorpusError(f"{database.root}, table {table}: a row near {filled} has an empty cell.")
    return filled


def write(corpus: Corpus, folder: Path, base: Path) -> None:
    """Put the corpus into the empty `folder` as Parquet tables and db.yaml.

    base: the folder that the files' paths are relative to, which is where the database will stand.

    Raises: OSError when the disk refuses, ValueError for what audformat cannot hold.
    """
    import audformat
    import pandas

    database = audformat.Database(
        corpus.name,
        usage="other",
        description=f"Votes on emotions, from a corpus of format {corpus.format}, written by MLEE.",
        meta={OURS: int(LAYOUT)},
    )
    labels = {label for u in corpus.utterances for label in (*u.votes.counts, u.votes.consensus) if label}
    database.schemes["emotion"] = audformat.Scheme("str", labels=sorted(labels) or None)
    database.schemes["text"] = audformat.Scheme("str")
    database.schemes["seconds"] = audformat.Scheme("float")
    database.schemes["number"] = audformat.Scheme("int", minimum=0)
    paths = [relative(u.file, base) for u in corpus.utterances]
    utterances = database[UTTERANCES] = audformat.Table(audformat.filewise_index(paths))
    schemes = {"duration_s": "seconds", "consensus": "emotion"}
    for name in UTTERANCE_COLUMNS:
        utterances[name] = audformat.Column(scheme_id=schemes.get(name, "text"))
    rows = [(u.id, u.speaker, u.session, u.duration_s, u.votes.consensus) for u in corpus.utterances]
    for name, values in zip(UTTERANCE_COLUMNS, zip(*rows, strict=True), strict=True):
        utterances[name].set(list(values))
    votes, counts = _vote_rows(corpus), _count_rows(corpus)
    if votes:
        index = pandas.MultiIndex.from_tuples(votes, names=VOTE_COLUMNS)
        database[VOTES] = audformat.MiscTable(index)
    if counts:
        index = pandas.MultiIndex.from_tuples([row[:2] for row in counts], names=COUNT_COLUMNS[:2])
        table = database[COUNTS] = audformat.MiscTable(index)
        table[COUNT_COLUMNS[2]] = audformat.Column(scheme_id="number")
        table[COUNT_COLUMNS[2]].set([row[2] for row in counts])
    database.save(str(folder))


def _vote_rows(corpus: Corpus) -> list[tuple[str, str, str]]:
    return [
        (u.id, annotator, label)
        for u in corpus.utterances
        for annotator, labels in (u.votes.annotators or {}).items()
        for label in labels
    ]


def _count_rows(corpus: Corpus) -> list[tuple[str, str, int]]:
    return [
        (u.id, label, votes)
        for u in corpus.utterances
        if u.votes.annotators is None
        for label, votes in u.votes.counts.items()
    ]

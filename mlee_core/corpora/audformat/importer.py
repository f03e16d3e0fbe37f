"""audformat databases (audEERING's format for annotated media): a folder with db.yaml and tables.

A database written by MLEE holds a whole corpus: the filewise table `utterances`, and the votes in the
miscellaneous table `votes` (utterance, annotator, emotion) for named annotators, or `counts` (utterance,
emotion, votes) for unnamed ones. Only annotators who gave no label are lost.

Any other database is read by foreign.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import CorpusError
from ...labels.votes import Votes
from ..corpus import NO_AGREEMENT, Corpus, ReadOptions, Utterance, relative, vote_warnings
from ..label_map import LabelMap
from .foreign import read_foreign
from .tables import FILE, HEADER, Database, open_database, seconds

NAME = "audformat"
LOOKS_LIKE = "an audformat database, a folder with db.yaml"

OURS = "mlee"
LAYOUT = "1"
UTTERANCES, VOTES, COUNTS = "utterances", "votes", "counts"
UTTERANCE_COLUMNS = ("id", "speaker", "session", "duration_s", "consensus")
VOTE_COLUMNS = ("utterance", "annotator", "emotion")
COUNT_COLUMNS = ("utterance", "emotion", "votes")

_WHOLE = re.compile(r"[0-9]{1,9}")


def recognises(path: Path) -> bool:
    """Whether `path` is a db.yaml, or a folder with one."""
    return os.path.exists(path / HEADER) if path.is_dir() else path.name == HEADER


def read(path: Path, options: ReadOptions) -> Corpus:
    """Every utterance of the database; the audio is not read, and no pickle is opened.

    Raises: CorpusError with file, table and utterance for a database that cannot be used as a corpus.
    """
    database = open_database(path if path.is_dir() else path.parent)
    own = OURS in database.header
    if own and database.header[OURS] != LAYOUT:
        raise CorpusError(
            f"{database.root / HEADER}: {OURS}: {database.header[OURS]!r} was written by another version of "
            f"MLEE; this version reads {LAYOUT}."
        )
    label_map = options.label_map
    utterances, unread = (tuple(_own(database, label_map)), []) if own else read_foreign(database, label_map)
    name = database.header.get("name")  # used only if it can be part of a file name
    plain = isinstance(name, str) and re.fullmatch(r"[\w. +-]{1,80}", name) and name.strip(". ")
    warnings = (*unread, *vote_warnings(utterances, label_map))
    return Corpus(str(name) if plain else NAME, NAME, path, utterances, warnings)


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
        verdict = consensus if consensus in (None, NO_AGREEMENT) else label_map.of(consensus)
        if anonymous or id in counted:
            votes = Votes(counted.pop(id, {}), consensus=verdict)
        else:
            votes = Votes.from_annotators(given.pop(id, {}), verdict)
        path = (database.root / file).absolute()
        yield Utterance(id, path, speaker, votes, seconds(database, id, duration), session)
    for stray in (*given, *counted):
        raise CorpusError(f"{database.root} has votes on {stray!r}, which is not in table {UTTERANCES}.")


def _own_votes(database: Database, label_map: LabelMap) -> dict[str, dict[str, list[str]]]:
    """Utterance -> annotator -> labels."""
    found: dict[str, dict[str, list[str]]] = {}
    for utterance, annotator, label in _rows(database, VOTES, VOTE_COLUMNS):
        found.setdefault(utterance, {}).setdefault(annotator, []).append(label_map.of(label))
    return found


def _own_counts(database: Database, label_map: LabelMap) -> dict[str, dict[str, int]]:
    """Utterance -> label -> votes; votes for labels that the user maps to one class add up."""
    found: dict[str, dict[str, int]] = {}
    for utterance, name, votes in _rows(database, COUNTS, COUNT_COLUMNS):
        if not _WHOLE.fullmatch(votes):
            raise CorpusError(
                f"{database.root}, table {COUNTS}: {votes!r} votes for {name} on {utterance!r}: a vote count "
                "is a whole number, 0 or more."
            )
        counts, label = found.setdefault(utterance, {}), label_map.of(name)
        counts[label] = counts.get(label, 0) + int(votes)
    return found


def _rows(database: Database, table: str, columns: Sequence[str]) -> Iterator[list[str]]:
    """The rows of a table that the database may lack. Raises: CorpusError for an empty cell."""
    if table not in database.tables:
        return
    for cells in zip(*database.cells(table, columns).values(), strict=True):
        filled = [cell for cell in cells if cell is not None]
        if len(filled) < len(columns):
            raise CorpusError(f"{database.root}, table {table}: a row near {filled} has an empty cell.")
        yield filled


def write(corpus: Corpus, folder: Path, base: Path) -> None:
    """Write the corpus into the empty `folder` as Parquet tables and db.yaml.

    base: the final folder of the database, to which the files' paths are relative.

    Raises: OSError if the folder cannot be written, ValueError for values that audformat cannot hold.
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
    votes = [
        (u.id, annotator, label)
        for u in corpus.utterances
        for annotator, labels in (u.votes.annotators or {}).items()
        for label in labels
    ]
    if votes:
        database[VOTES] = audformat.MiscTable(pandas.MultiIndex.from_tuples(votes, names=VOTE_COLUMNS))
    unnamed = [u for u in corpus.utterances if u.votes.annotators is None]
    counts = {(u.id, label): count for u in unnamed for label, count in u.votes.counts.items()}
    if counts:
        *names, number = COUNT_COLUMNS
        table = database[COUNTS] = audformat.MiscTable(pandas.MultiIndex.from_tuples(counts, names=names))
        table[number] = audformat.Column(scheme_id="number")
        table[number].set(list(counts.values()))
    database.save(str(folder))

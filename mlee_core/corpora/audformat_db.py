"""audformat databases (audEERING's format for annotated media): a folder with db.yaml and tables.

A database that MLEE wrote holds a corpus whole: the filewise table `utterances`, and the votes in the
miscellaneous table `votes` (utterance, annotator, emotion) where annotators are named, or `counts`
(utterance, emotion, votes) where they are not. It comes back as it was, but for annotators who gave no label.

Any other database is read as audEERING publishes them. An utterance is a file that a filewise table has in a
column `emotion`; that label is its one vote, for such a database tells the gold standard and not who voted.
Several tables may list a file (a whole and its train and test splits) and must agree. Who speaks stands in a
column `speaker` of any filewise table, how long a file is in one called `duration`. Segmented tables, whose
labels are for parts of files, are not read.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import CorpusError
from ..labels import Votes
from .audformat_tables import FILE, FILEWISE, HEADER, SEGMENTED, Database, open_database
from .base import Corpus, Reading, Utterance
from .labelmap import LabelMap
from .paths import relative

NAME = "audformat"
LOOKS_LIKE = "an audformat database, a folder with db.yaml"
OPTIONS: tuple[str, ...] = ()

OURS = "mlee"
LAYOUT = "1"
UTTERANCES, VOTES, COUNTS = "utterances", "votes", "counts"
UTTERANCE_COLUMNS = ("id", "speaker", "session", "duration_s", "consensus")
VOTE_COLUMNS = ("utterance", "annotator", "emotion")
COUNT_COLUMNS = ("utterance", "emotion", "votes")
EMOTION, SPEAKER, DURATION = "emotion", "speaker", "duration"
NONE = "none"

_CLOCK = re.compile(r"(?:([0-9]{1,6}) days? )?([0-9]{2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)")
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
    utterances = tuple((_own if own else _foreign)(database, how.label_map))
    silent = sum(utterance.votes.total == 0 for utterance in utterances)
    warnings = (f"{silent} utterances have no vote, so no label scheme admits them.",) if silent else ()
    return Corpus(_name(database), NAME, path, utterances, warnings)


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
        yield Utterance(id, path, speaker, votes, _seconds(database, id, duration), session)
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


def _foreign(database: Database, label_map: LabelMap) -> Iterator[Utterance]:
    emotions = _by_file(database, EMOTION)
    speakers = _by_file(database, SPEAKER)
    durations = _by_file(database, DURATION, required=False)
    for file, label in emotions.items():
        speaker = speakers.get(file)
        if not speaker:
            raise CorpusError(f"{database.root} names no speaker for {file!r}: every utterance needs one.")
        votes = Votes({label_map.of(label): 1} if label else {})
        duration = _seconds(database, file, durations.get(file))
        yield Utterance(file, (database.root / file).absolute(), speaker, votes, duration)


def _by_file(database: Database, column: str, *, required: bool = True) -> dict[str, str | None]:
    """File -> what the filewise tables hold in `column`, in the order in which the tables list the files.

    Raises: CorpusError if tables contradict each other, or if none has the column although it is required.
    """
    having = [table for table in database.tables.values() if column in table.columns]
    filewise = [table for table in having if table.kind == FILEWISE]
    if required and not filewise:
        segmented = [table.id for table in having if table.kind == SEGMENTED]
        where = f", only in the segmented {', '.join(segmented)}, whose labels are for parts of files"
        raise CorpusError(
            f"{database.root} has no column {column!r} in a filewise table{where if segmented else ''}: "
            "a corpus needs a label and a speaker for every file."
        )
    found: dict[str, str | None] = {}
    for table in filewise:
        files, values = database.cells(table.id, (FILE, column)).values()
        for file, value in zip(files, values, strict=True):
            if not file:
                raise CorpusError(f"{database.root}, table {table.id}: a row names no file.")
            known = found.setdefault(file, value)
            if known is None:
                found[file] = value
            elif value not in (None, known):
                raise CorpusError(
                    f"{database.root} calls the {column} of {file!r} both {known!r} and {value!r}."
                )
    return found


def _seconds(database: Database, utterance: str, text: str | None) -> float | None:
    """A duration in seconds from seconds or, as in CSV tables, from "0 days 00:00:01.898200"."""
    if text is None:
        return None
    clock = _CLOCK.fullmatch(text)
    try:
        if clock:
            days, hours, minutes = (int(part or 0) for part in clock.groups()[:3])
            value = (days * 24 + hours) * 3600 + minutes * 60 + float(clock[4])
        else:
            value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise CorpusError(f"{database.root}: the duration of {utterance!r}, {text!r}, is no time above 0.")
    return value


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

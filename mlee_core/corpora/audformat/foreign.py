"""audformat databases of others, as audEERING publishes them.

An utterance is a file that a filewise table has with an emotion. A column of labels whose `rater_id` names a
person is an annotator, all in one table or one table a rater; its scheme is that of the column `emotion`, or
one with labels that mean target classes. A rater is called by its id, or by the column where one table has
several columns of that rater. The gold standard is the column `emotion` without a rater, or one whose rater
is called gold or stands for a vote or the truth: beside annotators it is the consensus; alone it is the
file's one vote, for such a database does not tell who voted.

Several tables may list a file (a whole and its train and test splits) and must agree. Who speaks stands in a
column `speaker` of any filewise table, how long a file is in one called `duration`. Segmented tables, whose
labels are for parts of files, and columns of vote counts are not read; a warning names them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import CorpusError
from ...labels.votes import CLASSES, Votes
from ..corpus import Utterance
from ..label_map import LabelMap
from ..table import NO_CONSENSUS, NONE
from .tables import FILE, FILEWISE, SEGMENTED, Column, Database, Table, seconds

EMOTION, SPEAKER, DURATION = "emotion", "speaker", "duration"
GOLD = "gold"
GOLD_TYPES = ("vote", "ground truth")  # audformat.define.RaterType
MIN_COUNTS = 2  # columns called like target classes that are taken for vote counts

Place = tuple[Table, str]
"""A table and the name of one of its columns."""
Values = dict[str, str | None]
"""File -> what a column holds for it."""


@dataclass
class _Roles:
    """Which columns hold the gold standard, which an annotator's votes, and why others are not read."""

    gold: list[Place] = field(default_factory=list)
    annotators: dict[str, list[Place]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def read_foreign(database: Database, label_map: LabelMap) -> tuple[tuple[Utterance, ...], list[str]]:
    """The utterances, and warnings on what is not read.

    Raises: CorpusError with table, file and column for a database that cannot be used as a corpus.
    """
    roles = _roles(database, label_map)
    if not roles.gold and not roles.annotators:
        raise _nothing(database, EMOTION, roles.unread)
    gold = _values(database, EMOTION, roles.gold)
    given = {name: _values(database, name, places) for name, places in roles.annotators.items()}
    speakers = _values(database, SPEAKER, _called(database, SPEAKER))
    if not _called(database, SPEAKER):
        raise _nothing(database, SPEAKER, [])
    durations = _values(database, DURATION, _called(database, DURATION))
    utterances = []
    for file in dict.fromkeys(file for values in (gold, *given.values()) for file in values):
        speaker = speakers.get(file)
        if not speaker:
            raise CorpusError(f"{database.root} names no speaker for {file!r}: every utterance needs one.")
        votes = _votes(file, gold, given, label_map)
        duration = seconds(database, file, durations.get(file))
        utterances.append(Utterance(file, (database.root / file).absolute(), speaker, votes, duration))
    return tuple(utterances), [f"not read: {why}." for why in roles.unread]


def _votes(file: str, gold: Values, given: Mapping[str, Values], label_map: LabelMap) -> Votes:
    stated = gold.get(file)
    if not given:
        return Votes({label_map.of(stated): 1} if stated else {})
    consensus = None
    if stated:
        consensus = NONE if stated.lower() in NO_CONSENSUS else label_map.of(stated)
    labels = {name: values.get(file) for name, values in given.items()}
    return Votes.from_annotators({n: (label_map.of(word),) for n, word in labels.items() if word}, consensus)


def _called(database: Database, column: str) -> list[Place]:
    tables = (table for table in database.tables.values() if table.kind == FILEWISE)
    return [(table, column) for table in tables if column in table.columns]


def _nothing(database: Database, column: str, unread: Iterable[str]) -> CorpusError:
    having = [table for table in database.tables.values() if column in table.columns]
    segmented = ", ".join(table.id for table in having if table.kind == SEGMENTED)
    where = f", only in the segmented {segmented}, whose labels are for parts of files" if segmented else ""
    raters = ", nor a rater's column of emotions" if column == EMOTION and not segmented else ""
    also = "".join(f"; not read: {why}" for why in unread) if not segmented else ""
    return CorpusError(
        f"{database.root} has no column {column!r} in a filewise table{where}{raters}: "
        f"a corpus needs a label and a speaker for every file{also}."
    )


# Which column is what


def _roles(database: Database, label_map: LabelMap) -> _Roles:
    roles = _Roles()
    main, alike = _emotion_schemes(database, label_map)
    gold: dict[str, list[Place]] = {}
    rated: list[Place] = []
    for table, name, column in _columns(database):
        if not (name == EMOTION or column.scheme in main or column.scheme in alike):
            continue
        if table.kind != FILEWISE:
            why = (
                "segmented: its labels are for parts of files" if table.kind == SEGMENTED else "not filewise"
            )
            roles.unread.append(f"column {name!r} of table {table.id}, which is {why}")
        elif _is_gold(database, name, column):
            gold.setdefault(name, []).append((table, name))
        elif column.rater is not None:
            rated.append((table, name))
        else:
            roles.unread.append(
                f"column {name!r} of table {table.id}, which has no rater and is not called {EMOTION!r}"
            )
    chosen = EMOTION if EMOTION in gold else next(iter(gold), EMOTION)
    roles.gold = gold.pop(chosen, [])
    first = [(table, name) for table, name in rated if _belongs(table.columns[name], name, main)]
    roles.annotators = _by_annotator(first or rated)
    second = [place for place in rated if first and place not in first]
    for table, name in (*second, *(place for places in gold.values() for place in places)):
        roles.unread.append(f"column {name!r} of table {table.id}, since others hold the emotions")
    roles.unread.extend(_vote_counts(database))
    return roles


def _columns(database: Database) -> Iterator[tuple[Table, str, Column]]:
    for table in database.tables.values():
        for name, column in table.columns.items():
            if name not in (SPEAKER, DURATION):
                yield table, name, column


def _belongs(column: Column, name: str, schemes: set[str | None]) -> bool:
    return name == EMOTION or column.scheme in schemes


def _emotion_schemes(database: Database, label_map: LabelMap) -> tuple[set[str | None], set[str | None]]:
    """The schemes of the columns `emotion`, and those of raters' columns that have a target class."""
    columns = [(name, column) for _, name, column in _columns(database) if column.scheme is not None]
    main = {EMOTION, *(column.scheme for name, column in columns if name == EMOTION)}
    others = {column.scheme for _, column in columns if column.rater is not None} - main
    alike = {s for s in others if any(_means_target(w, label_map) for w in database.labels(s) or ())}
    return main, alike


def _means_target(name: str, label_map: LabelMap) -> bool:
    """One letter means a class only to the user: it may stand for anything in a stranger's scheme."""
    if len(name) == 1 and name.lower() not in label_map.own:
        return False
    return label_map.of(name) in CLASSES


def _is_gold(database: Database, name: str, column: Column) -> bool:
    if column.rater is None:
        return name == EMOTION
    return GOLD in column.rater.lower() or database.entry("raters", column.rater).get("type") in GOLD_TYPES


def _by_annotator(places: Sequence[Place]) -> dict[str, list[Place]]:
    """Annotator -> the columns, at most one a table, that hold the labels which that annotator gave."""
    columns_of = Counter((table.id, table.columns[name].rater) for table, name in places)
    repeated = {rater for (_, rater), n in columns_of.items() if n > 1}
    found: dict[str, list[Place]] = {}
    for table, name in places:
        rater = table.columns[name].rater
        found.setdefault(name if rater is None or rater in repeated else rater, []).append((table, name))
    return found


def _vote_counts(database: Database) -> Iterator[str]:
    for table in database.tables.values():
        names = [name for name in table.columns if _means_target(name, LabelMap())]
        if len(names) >= MIN_COUNTS:
            yield (
                f"columns {', '.join(names)} of table {table.id}, which look like vote counts: a CSV table "
                "with these and the columns file and speaker is read"
            )


# What the columns hold


def _values(database: Database, what: str, places: Iterable[Place]) -> Values:
    """File -> what the columns hold, in the order in which the tables list the files.

    Raises: CorpusError if tables contradict each other, or for a label that its column's scheme lacks.
    """
    found: Values = {}
    for table, column in places:
        labels = None if what in (SPEAKER, DURATION) else database.labels(table.columns[column].scheme)
        allowed = None if labels is None else set(labels)
        files, values = database.cells(table.id, (FILE, column)).values()
        for file, value in zip(files, values, strict=True):
            if not file:
                raise CorpusError(f"{database.root}, table {table.id}: a row names no file.")
            if value and allowed is not None and value.strip() not in allowed:
                raise CorpusError(
                    f"{database.root}, table {table.id}, column {column}: {value!r} of {file!r} is not in "
                    f"the column's scheme: allowed are {', '.join(labels or ())}."
                )
            known = found.setdefault(file, value)
            if known is None:
                found[file] = value
            elif value not in (None, known):
                raise CorpusError(
                    f"{database.root} calls the {what} of {file!r} both {known!r} and {value!r}."
                )
    return found

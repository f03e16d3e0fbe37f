"""audformat databases of others, in the layout of audEERING's publications.

An utterance is a file with an emotion in a filewise table. A column of labels whose `rater_id` is a person
holds an annotator's votes; the annotators are in one table or in one table per rater. Its scheme is that of
the column `emotion`, or one with labels of target classes. The annotator's name is the rater's id, or the
column's name if one table has several columns of that rater. The gold standard is the column `emotion`
without a rater, or one whose rater is called gold or has the type vote or ground truth. Beside annotators it
is the consensus; alone it is the file's only vote, since such a database does not contain the voters.

Several tables may list a file (the whole database and its train and test splits) and must agree. The speaker
is in a column `speaker` of any filewise table, the duration in a column `duration`. Segmented tables, whose
labels are for parts of files, and columns of vote counts are not read; a warning names them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...errors import CorpusError
from ...labels.votes import CLASSES, Votes
from ..corpus import Utterance, consensus_of
from ..label_map import LabelMap
from .tables import FILE, FILEWISE, SEGMENTED, Column, Database, Table, seconds

EMOTION, SPEAKER, DURATION = "emotion", "speaker", "duration"
GOLD = "gold"
GOLD_TYPES = ("vote", "ground truth")  # audformat.define.RaterType
MIN_COUNTS = 2  # from this many columns named like target classes they are considered vote counts

Place = tuple[Table, str]
"""A table and the name of one of its columns."""
Values = dict[str, str | None]
"""File -> its cell in a column."""


def read_foreign(database: Database, label_map: LabelMap) -> tuple[tuple[Utterance, ...], list[str]]:
    """The utterances, and warnings on columns that are not read.

    Raises: CorpusError with table, file and column for a database that cannot be used as a corpus.
    """
    gold_columns, annotators, unread = _roles(database, label_map)
    if not gold_columns and not annotators:
        raise _missing(database, EMOTION, unread)
    gold = _values(database, EMOTION, gold_columns)
    given = {name: _values(database, name, places) for name, places in annotators.items()}
    speaker_columns = _named(database, SPEAKER)
    if not speaker_columns:
        raise _missing(database, SPEAKER, [])
    speakers = _values(database, SPEAKER, speaker_columns)
    durations = _values(database, DURATION, _named(database, DURATION))
    utterances = []
    for file in dict.fromkeys(file for values in (gold, *given.values()) for file in values):
        speaker = speakers.get(file)
        if not speaker:
            raise CorpusError(f"{database.root} has no speaker for {file!r}: every utterance needs one.")
        votes = _votes(file, gold, given, label_map)
        duration = seconds(database, file, durations.get(file))
        utterances.append(Utterance(file, (database.root / file).absolute(), speaker, votes, duration))
    return tuple(utterances), [f"not read: {why}." for why in unread]


def _votes(file: str, gold: Values, given: Mapping[str, Values], label_map: LabelMap) -> Votes:
    stated = gold.get(file)
    if not given:
        return Votes({label_map.of(stated): 1} if stated else {})
    labels = {name: values.get(file) for name, values in given.items()}
    return Votes.from_annotators(
        {name: (label_map.of(label),) for name, label in labels.items() if label},
        consensus_of(stated, label_map),
    )


def _named(database: Database, column: str) -> list[Place]:
    tables = (table for table in database.tables.values() if table.kind == FILEWISE)
    return [(table, column) for table in tables if column in table.columns]


def _missing(database: Database, column: str, unread: Iterable[str]) -> CorpusError:
    having = [table for table in database.tables.values() if column in table.columns]
    segmented = ", ".join(table.id for table in having if table.kind == SEGMENTED)
    where = f", only in the segmented {segmented}, whose labels are for parts of files" if segmented else ""
    raters = ", nor a rater's column of emotions" if column == EMOTION and not segmented else ""
    also = "".join(f"; not read: {why}" for why in unread) if not segmented else ""
    return CorpusError(
        f"{database.root} has no column {column!r} in a filewise table{where}{raters}: "
        f"a corpus needs a label and a speaker for every file{also}."
    )


# The roles of columns


def _roles(database: Database, label_map: LabelMap) -> tuple[list[Place], dict[str, list[Place]], list[str]]:
    """The columns of the gold standard and of each annotator; which others are not read, and why."""
    unread: list[str] = []
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
            unread.append(f"column {name!r} of table {table.id}, which is {why}")
        elif _is_gold(database, name, column):
            gold.setdefault(name, []).append((table, name))
        elif column.rater is not None:
            rated.append((table, name))
        else:
            unread.append(
                f"column {name!r} of table {table.id}, which has no rater and is not named {EMOTION!r}"
            )
    chosen = EMOTION if EMOTION in gold else next(iter(gold), EMOTION)
    chosen_gold = gold.pop(chosen, [])
    first = [(t, name) for t, name in rated if name == EMOTION or t.columns[name].scheme in main]
    second = [place for place in rated if first and place not in first]
    for table, name in (*second, *(place for places in gold.values() for place in places)):
        unread.append(f"column {name!r} of table {table.id}, since others hold the emotions")
    return chosen_gold, _by_annotator(first or rated), [*unread, *_vote_counts(database)]


def _columns(database: Database) -> Iterator[tuple[Table, str, Column]]:
    for table in database.tables.values():
        for name, column in table.columns.items():
            if name not in (SPEAKER, DURATION):
                yield table, name, column


def _emotion_schemes(database: Database, label_map: LabelMap) -> tuple[set[str | None], set[str | None]]:
    """The schemes of the columns `emotion`, and those of raters' columns with a target class."""
    columns = [(name, column) for _, name, column in _columns(database) if column.scheme is not None]
    main = {EMOTION, *(column.scheme for name, column in columns if name == EMOTION)}
    others = {column.scheme for _, column in columns if column.rater is not None} - main
    alike = {s for s in others if any(_means_target(w, label_map) for w in database.labels(s) or ())}
    return main, alike


def _means_target(name: str, label_map: LabelMap) -> bool:
    """Whether `name` is a target class; a letter only if the user maps it, since it may mean anything."""
    if len(name) == 1 and name.lower() not in label_map.own:
        return False
    return label_map.of(name) in CLASSES


def _is_gold(database: Database, name: str, column: Column) -> bool:
    if column.rater is None:
        return name == EMOTION
    return GOLD in column.rater.lower() or database.entry("raters", column.rater).get("type") in GOLD_TYPES


def _by_annotator(places: Sequence[Place]) -> dict[str, list[Place]]:
    """Annotator -> the columns with the annotator's labels, at most one per table."""
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


# The values of columns


def _values(database: Database, what: str, places: Iterable[Place]) -> Values:
    """File -> its value in the columns, in the order of the tables.

    Raises: CorpusError if tables contradict each other, or for a label that is not in its column's scheme.
    """
    found: Values = {}
    for table, column in places:
        labels = None if what in (SPEAKER, DURATION) else database.labels(table.columns[column].scheme)
        allowed = None if labels is None else set(labels)
        files, values = database.cells(table.id, (FILE, column)).values()
        for file, value in zip(files, values, strict=True):
            if not file:
                raise CorpusError(f"{database.root}, table {table.id}: a row has no file.")
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
                    f"{database.root} has two values for the {what} of {file!r}: {known!r} and {value!r}."
                )
    return found

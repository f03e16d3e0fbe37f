"""A table of one's own: a CSV with one row an utterance.

Columns: file (relative to the table's folder) and speaker; id, session, duration_s and consensus where
there are such. Every other column is a vote: either one column a class, named by its label, that holds how
many annotators gave it, or one column an annotator, that holds the labels given, several separated by `;`
(empty or NA: not annotated). Column names and labels are compared without regard to case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import CLASSES, Votes
from .corpus import Corpus, Reading, Utterance
from .csv_reader import CsvFile, Row, read_csv, seconds
from .label_map import LabelMap

NAME = "table"
LOOKS_LIKE = "a CSV file with the columns file, speaker and votes"
OPTIONS: tuple[str, ...] = ()

REQUIRED = ("file", "speaker")
RESERVED = (*REQUIRED, "id", "session", "duration_s", "consensus")
SUFFIXES = (".csv", ".tsv")
BETWEEN_LABELS = ";"
NONE = "none"
LISTED = 15
NOT_GIVEN = ("na", "n/a", "nan", "null", "-")
"""How other programs write a cell without a value."""

NO_CONSENSUS = (NONE, "xxx")
NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?")
WHOLE = re.compile(r"\+?([0-9]{1,9})(\.0*)?")

VoteReader = Callable[[CsvFile, Row, LabelMap], Votes]


def recognises(path: Path) -> bool:
    """Whether `path` is a file whose name ends as a table's does."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def read(path: Path, how: Reading) -> Corpus:
    """Every row of the table; the audio is not looked at.

    An utterance's id is its `id` cell, else its `file` cell as written. Labels that neither the user's
    label map nor the built-in one knows stay votes for something else, and a warning counts them.

    Raises: CorpusError with file, row and column for a table that cannot be used as one.
    """
    table = read_csv(path)
    table.require(REQUIRED)
    vote_columns = tuple(name for name in table.columns if name not in RESERVED)
    if not vote_columns:
        raise CorpusError(f"{path} has no vote column: one a class or one an annotator is needed.")
    votes_of = _count_votes if _holds_counts(table, vote_columns) else _annotator_votes
    utterances = tuple(_utterance(table, row, votes_of, how.label_map) for row in table.rows)
    _refuse_repeated(table, "file", [row["file"] for row in table.rows])
    _refuse_repeated(table, "id", [utterance.id for utterance in utterances])
    _refuse_without_target(path, {label for u in utterances for label in u.votes.counts})
    return Corpus(path.stem, NAME, path, utterances, tuple(label_warnings(utterances, how.label_map)))


def _holds_counts(table: CsvFile, columns: Iterable[str]) -> bool:
    """Whether the vote columns hold counts: the first filled cell decides, and all others must agree."""
    filled = [(row, column) for row in table.rows for column in columns if row[column]]
    if not filled:
        raise CorpusError(f"{table.path} holds no vote: the columns {', '.join(columns)} are empty.")
    first_row, first_column = filled[0]
    counts = _is_number(first_row[first_column])
    for row, column in filled:
        if _is_number(row[column]) != counts:
            kinds = ("a label", "a vote count") if counts else ("a number", "a label")
            raise table.refuse(
                row,
                column,
                f"is {kinds[0]} where row {first_row.number}, column {first_column} holds {kinds[1]}, "
                f"{first_row[first_column]!r}: "
                "a table has either vote counts a class or labels an annotator",
            )
    return counts


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None


def _utterance(table: CsvFile, row: Row, votes_of: VoteReader, label_map: LabelMap) -> Utterance:
    for column in REQUIRED:
        if not row[column]:
            raise table.refuse(row, column, f"is empty: every utterance needs a {column}")
    return Utterance(
        id=row.cells.get("id") or row["file"],
        file=(table.path.parent / row["file"]).absolute(),
        speaker=row["speaker"],
        votes=replace(votes_of(table, row, label_map), consensus=_consensus(row, label_map)),
        duration_s=seconds(table, row, "duration_s") if "duration_s" in row.cells else None,
        session=row.cells.get("session") or None,
    )


def _consensus(row: Row, label_map: LabelMap) -> str | None:
    """The corpus's own verdict; none and xxx are "no agreement", an empty cell states nothing."""
    stated = row.cells.get("consensus", "")
    if not stated:
        return None
    return NONE if stated.lower() in NO_CONSENSUS else label_map.of(stated)


def _count_votes(table: CsvFile, row: Row, label_map: LabelMap) -> Votes:
    counts: dict[str, int] = {}
    for column, cell in row.cells.items():
        if column in RESERVED:
            continue
        whole = WHOLE.fullmatch(cell)
        if whole is None:
            raise table.refuse(row, column, "is no vote count: a whole number, 0 where nobody gave the label")
        label = label_map.of(column)
        counts[label] = counts.get(label, 0) + int(whole[1])
    return Votes(counts)


def _annotator_votes(table: CsvFile, row: Row, label_map: LabelMap) -> Votes:
    cells = {column: cell for column, cell in row.cells.items() if column not in RESERVED}
    given = {column: cell for column, cell in cells.items() if cell.lower() not in NOT_GIVEN}
    return Votes.from_annotators(
        {
            annotator: [label_map.of(name) for name in cell.split(BETWEEN_LABELS) if name.strip()]
            for annotator, cell in given.items()
            if cell
        }
    )


def _refuse_repeated(table: CsvFile, what: str, names: Sequence[str]) -> None:
    first: dict[str, Row] = {}
    for name, row in zip(names, table.rows, strict=True):
        if name in first:
            rows = f"rows {first[name].number} and {row.number}"
            raise CorpusError(f"{table.path}, {rows} have the same {what} {name!r}: one row an utterance.")
        first[name] = row


def _refuse_without_target(path: Path, labels: set[str]) -> None:
    """Raises: CorpusError if no label names a target class: such a table is misread or needs a map."""
    if not labels & set(CLASSES):
        raise CorpusError(
            f"{path} has no label for {', '.join(CLASSES)}; its labels are {', '.join(sorted(labels))}: "
            "name their classes in a label map."
        )


def label_warnings(utterances: Sequence[Utterance], label_map: LabelMap) -> Iterator[str]:
    """What is odd about votes, for any format: labels outside the four classes, utterances without any."""
    voted = Counter[str]()
    for utterance in utterances:
        voted.update(utterance.votes.counts)
    stated = (u.votes.consensus or NONE for u in utterances)
    agreed = Counter(name for name in stated if name != NONE)
    for what, labels in (("votes", voted), ("consensus", agreed)):
        unknown = [(name, n) for name, n in labels.most_common() if n and not label_map.knows(name)]
        listed = ", ".join(f"{name[:30]} {n}" for name, n in unknown[:LISTED])
        more = f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        if listed:
            yield f"{what}: labels outside the four classes, each kept as another emotion: {listed}{more}."
    silent = sum(utterance.votes.total == 0 for utterance in utterances)
    if silent:
        yield f"votes: {silent} utterances have none, so no label scheme admits them."

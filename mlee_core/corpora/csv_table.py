"""A table made by the user: a CSV file with one row per utterance.

Columns: file (relative to the table's folder) and speaker; optionally id, session, duration_s and consensus.
All other columns hold votes: either one column per class, named by its label, with the number of annotators
who gave it, or one column per annotator with the labels given, separated by `;` (empty or NA: not
annotated). Column names and labels are not case-sensitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import CLASSES, Votes
from .corpus import Corpus, ReadOptions, Utterance, consensus_of, name_of, vote_warnings
from .csv_reader import CsvFile, Row, column_names, read_csv, seconds
from .label_map import LabelMap

NAME = "table"
LOOKS_LIKE = "a CSV file, or a folder with one, with the columns file, speaker and votes"

REQUIRED = ("file", "speaker")
RESERVED = (*REQUIRED, "id", "session", "duration_s", "consensus")
SUFFIXES = (".csv", ".tsv")
BETWEEN_LABELS = ";"
NOT_GIVEN = ("na", "n/a", "nan", "null", "-")
"""How other programs write an empty cell."""

NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?")
WHOLE = re.compile(r"\+?([0-9]{1,9})(\.0*)?")

VoteReader = Callable[[CsvFile, Row, LabelMap], Votes]


def recognises(path: Path) -> bool:
    """Whether `path` is a file with the suffix of a table, or a folder with exactly one such corpus."""
    return _table_in(path) is not None if path.is_dir() else path.suffix.lower() in SUFFIXES


def read(path: Path, options: ReadOptions) -> Corpus:
    """Every row of the table; the audio is not read.

    An utterance's id is its `id` cell, else its `file` cell as written. Labels unknown to the user's label
    map and the built-in one remain votes for another emotion, and a warning counts them.

    Raises: CorpusError with file, row and column for a table that cannot be used as a corpus.
    """
    table = read_csv((_table_in(path) if path.is_dir() else None) or path)
    table.require(REQUIRED)
    vote_columns = tuple(name for name in table.columns if name not in RESERVED)
    if not vote_columns:
        raise CorpusError(f"{table.path} has no vote column: it needs one per class or one per annotator.")
    votes_of = _count_votes if _holds_counts(table, vote_columns) else _annotator_votes
    utterances = tuple(_utterance(table, row, votes_of, options.label_map) for row in table.rows)
    table.refuse_repeated("file", lambda row: row["file"])
    table.refuse_repeated("id", _id)
    labels = {label for u in utterances for label in u.votes.counts}
    if labels.isdisjoint(CLASSES):  # such a table is misread or needs a label map
        raise CorpusError(
            f"{table.path} has no label for {', '.join(CLASSES)}; its labels are {', '.join(sorted(labels))}"
            ": name their classes in a label map."
        )
    warnings = tuple(vote_warnings(utterances, options.label_map))
    return Corpus(name_of(table.path), NAME, path, utterances, warnings)


def _table_in(folder: Path) -> Path | None:
    """The table in `folder`, if exactly one has the required columns; None too for a closed folder."""
    found = [file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES and _has_columns(file)]
    return found[0] if len(found) == 1 else None


def _has_columns(file: Path) -> bool:
    try:
        return set(REQUIRED) < set(column_names(file))
    except CorpusError:  # not a table
        return False


def _holds_counts(table: CsvFile, columns: Iterable[str]) -> bool:
    """Whether the vote columns hold counts; all cells must be of the kind of the first non-empty one."""
    filled = [(row, column) for row in table.rows for column in columns if row[column]]
    if not filled:
        raise CorpusError(f"{table.path} holds no vote: the columns {', '.join(columns)} are empty.")
    first_row, first_column = filled[0]
    counts = _is_number(first_row[first_column])
    for row, column in filled:
        if _is_number(row[column]) != counts:
            kinds = ("a label", "a vote count") if counts else ("a number", "a label")
            raise table.cell_error(
                row,
                column,
                f"is {kinds[0]} where row {first_row.number}, column {first_column} holds {kinds[1]}, "
                f"{first_row[first_column]!r}: "
                "a table has either vote counts per class or labels per annotator",
            )
    return counts


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None


def _utterance(table: CsvFile, row: Row, votes_of: VoteReader, label_map: LabelMap) -> Utterance:
    table.require_cells(row, REQUIRED)
    consensus = consensus_of(row.cells.get("consensus"), label_map)
    return Utterance(
        id=_id(row),
        file=(table.path.parent / row["file"]).absolute(),
        speaker=row["speaker"],
        votes=replace(votes_of(table, row, label_map), consensus=consensus),
        duration_s=seconds(table, row, "duration_s") if "duration_s" in row.cells else None,
        session=row.cells.get("session") or None,
    )


def _id(row: Row) -> str:
    return row.cells.get("id") or row["file"]


def _count_votes(table: CsvFile, row: Row, label_map: LabelMap) -> Votes:
    counts: dict[str, int] = {}
    for column, cell in row.cells.items():
        if column in RESERVED:
            continue
        whole = WHOLE.fullmatch(cell)
        if whole is None:
            raise table.cell_error(
                row, column, "is not a vote count: a whole number, 0 where nobody gave the label"
            )
        label = label_map.of(column)
        counts[label] = counts.get(label, 0) + int(whole[1])
    return Votes(counts)


def _annotator_votes(table: CsvFile, row: Row, label_map: LabelMap) -> Votes:
    return Votes.from_annotators(
        {
            column: [label_map.of(name) for name in cell.split(BETWEEN_LABELS) if name.strip()]
            for column, cell in row.cells.items()
            if cell and column not in RESERVED and cell.lower() not in NOT_GIVEN
        }
    )

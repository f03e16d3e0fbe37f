"""Reading a CSV that a person made: UTF-8 with or without a mark, any line ends, `,` `;` or tab."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import CorpusError
from .git_lfs import refuse_pointer

DELIMITERS = ",;\t"
PEEK_BYTES = 65_536
NOT_TEXT = "not UTF-8 text: a table is a CSV file saved as UTF-8"


@dataclass(frozen=True)
class Row:
    """One row: its number as a spreadsheet shows it (the first line is row 1) and its stripped cells."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass(frozen=True)
class CsvFile:
    """Column names in lower case, and the rows; rows without any text are left out."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def require(self, columns: Iterable[str]) -> None:
        """Raises: CorpusError naming the missing columns and those that are there."""
        missing = [name for name in columns if name not in self.columns]
        if missing:
            there = ", ".join(self.columns)
            raise CorpusError(f"{self.path} lacks the column {', '.join(missing)}: its columns are {there}.")

    def refuse(self, row: Row, column: str, why: str) -> CorpusError:
        """The error about one cell, with its place and what it holds."""
        return CorpusError(f"{self.path}, row {row.number}, column {column}: {row[column]!r} {why}.")


def column_names(path: Path) -> tuple[str, ...]:
    """The header alone: column names, stripped and lower case.

    Raises: CorpusError if this is no readable text file, or one without a header.
    """
    return _columns(path, _text(path))[1]


def read_csv(path: Path, *, keep: Collection[str] | None = None, row_names: str | None = None) -> CsvFile:
    """The whole file.

    keep: hold only these columns' cells, so that a long file fits in memory; None holds all. row_names: the
    name to give to a first column that has none, as R writes its row names; None refuses such a column.

    Raises: CorpusError for anything that is not a table of text: missing, unreadable, not UTF-8, broken
    quotes, a column named twice or not at all, a row whose number of cells differs from the header's,
    no row at all.
    """
    text = _text(path)
    delimiter, columns = _columns(path, text, row_names)
    try:
        rows = tuple(_rows(path, text, delimiter, columns, columns if keep is None else keep))
    except csv.Error as error:
        raise CorpusError(f"{path} is no table that can be read ({error}): check its quotes.") from error
    if not rows:
        raise CorpusError(f"{path} has a header but no row: a table needs at least one utterance.")
    return CsvFile(path, columns, rows)


def seconds(table: CsvFile, row: Row, column: str) -> float | None:
    """A duration in seconds, or None where the cell is empty.

    Raises: CorpusError if it is not a positive number.
    """
    if not row[column]:
        return None
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise table.refuse(row, column, "is no duration in seconds (a number above 0, as 2.5)")
    return value


def _text(path: Path) -> str:
    """The whole file as text; a binary one is noticed by its start."""
    try:
        if not path.is_file():
            raise CorpusError(f"{path} is no file: a table is a CSV file.")
        with path.open("rb") as stream:
            content = stream.read(PEEK_BYTES)
            if b"\0" not in content:
                content += stream.read()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from error
    refuse_pointer(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is {NOT_TEXT}.") from error
    if "\0" in text:
        raise CorpusError(f"{path} is {NOT_TEXT}.")
    return text


def _columns(path: Path, text: str, row_names: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Delimiter and column names. The header decides alone: cells below may hold `;` between labels."""
    header = next((line for line in io.StringIO(text, newline="") if line.strip()), None)
    if header is None:
        raise CorpusError(f"{path} is empty: a table needs a header and at least one utterance.")
    try:
        split = {d: next(csv.reader([header], delimiter=d)) for d in DELIMITERS}
    except csv.Error as error:
        raise CorpusError(f"{path} has a header that cannot be read ({error}).") from error
    delimiter = max(split, key=lambda d: len(split[d]))
    columns = tuple(cell.strip().lower() for cell in split[delimiter])
    if not columns[0] and row_names is not None:
        columns = (row_names, *columns[1:])
    if "" in columns:
        raise CorpusError(
            f"{path} has a column without a name, number {columns.index('') + 1} of the header."
        )
    twice = [name for i, name in enumerate(columns) if name in columns[:i]]
    if twice:
        raise CorpusError(f"{path} has the column {twice[0]} twice: column names must differ.")
    return delimiter, columns


def _rows(
    path: Path, text: str, delimiter: str, columns: tuple[str, ...], keep: Collection[str]
) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if _holds_text(line))
    next(numbered, None)  # the header
    for number, line in numbered:
        if len(line) != len(columns):
            raise CorpusError(
                f"{path}, row {number} has {len(line)} cells, but the header has {len(columns)}: "
                "a cell that holds the delimiter needs quotes."
            )
        cells = zip(columns, line, strict=True)
        yield Row(number, {name: cell.strip() for name, cell in cells if name in keep})


def _holds_text(line: list[str]) -> bool:
    return any(cell.strip() for cell in line)

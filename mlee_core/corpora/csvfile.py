"""Reading a CSV that a person made: UTF-8 with or without a mark, any line ends, `,` `;` or tab."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import CorpusError

DELIMITERS = ",;\t"
MARK = "\ufeff"
PEEK_BYTES = 65_536


@dataclass(frozen=True)
class Row:
    """One row: its number as a spreadsheet shows it (the header is row 1) and its stripped cells."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass(frozen=True)
class CsvFile:
    """A header and its rows; rows without any text are left out."""

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


def read_csv(path: Path) -> CsvFile:
    """The whole file.

    Raises: CorpusError for anything that is not a table of text: missing, unreadable, not UTF-8, broken
    quotes, a column named twice or not at all, a row whose number of cells differs from the header's,
    no row at all.
    """
    delimiter, columns = _columns(path, _peek(path))
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.reader(stream, delimiter=delimiter, strict=True))
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    except csv.Error as error:
        raise CorpusError(f"{path} is no table that can be read ({error}): check its quotes.") from error
    header_at = next(i for i, line in enumerate(lines) if _holds_text(line))
    rows = tuple(
        _row(path, columns, number, line)
        for number, line in enumerate(lines[header_at + 1 :], start=header_at + 2)
        if _holds_text(line)
    )
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


def _peek(path: Path) -> str:
    """The file's first line that holds text."""
    if path.is_dir():
        raise CorpusError(f"{path} is a folder: a table is a file.")
    if not path.is_file():
        raise CorpusError(f"{path} does not exist or is no plain file: a table is a CSV file.")
    try:
        with path.open("rb") as stream:
            start = stream.read(PEEK_BYTES)
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from error
    if b"\0" in start:
        raise _not_text(path)
    try:
        # Whole lines only, so that the cut never falls inside a character.
        text = (start[: start.rfind(b"\n") + 1] if len(start) == PEEK_BYTES else start).decode()
    except UnicodeDecodeError as error:
        raise _not_text(path) from error
    for line in text.removeprefix(MARK).splitlines():
        if line.strip(DELIMITERS + ' "'):
            return line
    raise CorpusError(f"{path} is empty: a table needs a header and at least one utterance.")


def _columns(path: Path, header: str) -> tuple[str, tuple[str, ...]]:
    """Delimiter and column names. The header decides alone: cells below may hold `;` between labels."""
    try:
        split = {d: next(csv.reader([header], delimiter=d, strict=True)) for d in DELIMITERS}
    except csv.Error as error:
        raise CorpusError(f"{path} has a header that cannot be read ({error}): check its quotes.") from error
    delimiter = max(split, key=lambda d: len(split[d]))
    columns = tuple(cell.strip() for cell in split[delimiter])
    if "" in columns:
        raise CorpusError(
            f"{path} has a column without a name, number {columns.index('') + 1} of the header."
        )
    twice = [name for i, name in enumerate(columns) if name in columns[:i]]
    if twice:
        raise CorpusError(f"{path} has the column {twice[0]} twice: column names must differ.")
    return delimiter, columns


def _row(path: Path, columns: tuple[str, ...], number: int, line: list[str]) -> Row:
    if len(line) != len(columns):
        raise CorpusError(
            f"{path}, row {number} has {len(line)} cells, but the header has {len(columns)}: "
            "a cell that holds the delimiter needs quotes."
        )
    return Row(number, {name: cell.strip() for name, cell in zip(columns, line, strict=True)})


def _holds_text(line: list[str]) -> bool:
    return any(cell.strip() for cell in line)


def _not_text(path: Path) -> CorpusError:
    return CorpusError(f"{path} is not UTF-8 text: a table is a CSV file saved as UTF-8.")

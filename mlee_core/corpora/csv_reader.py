"""Reading CSV files written by hand: UTF-8 with or without BOM, any line ends, `,` `;` or tab."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import CorpusError
from .duplicates import first_repeated
from .git_lfs import refuse_pointer

DELIMITERS = ",;\t"
PEEK_BYTES = 65_536


@dataclass(frozen=True)
class Row:
    """One row: its number as a spreadsheet shows it (the first line is row 1) and its stripped cells."""

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


@dataclass(frozen=True)
class CsvFile:
    """Column names in lower case, and the rows that hold any text."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def require(self, columns: Iterable[str]) -> None:
        """Raises: CorpusError naming the missing columns and the columns of the file."""
        missing = [name for name in columns if name not in self.columns]
        if missing:
            present = ", ".join(self.columns)
            raise CorpusError(
                f"{self.path} lacks the column {', '.join(missing)}: its columns are {present}."
            )

    def require_cells(self, row: Row, columns: Iterable[str]) -> None:
        """Raises: CorpusError for the first of these cells that is empty."""
        for column in columns:
            if not row[column]:
                raise self.cell_error(row, column, f"is empty: every utterance needs a {column}")

    def refuse_repeated(self, what: str, name_of: Callable[[Row], str]) -> None:
        """Raises: CorpusError naming the first two rows with the same `what`."""
        if rows := first_repeated(self.rows, name_of):
            raise CorpusError(
                f"{self.path}, rows {rows[0].number} and {rows[1].number} have the same {what} "
                f"{name_of(rows[1])!r}: one row per utterance."
            )

    def cell_error(self, row: Row, column: str, why: str) -> CorpusError:
        """The error about one cell, with its place and content."""
        return CorpusError(f"{self.path}, row {row.number}, column {column}: {row[column]!r} {why}.")


def column_names(path: Path) -> tuple[str, ...]:
    """The column names of a file, stripped and in lower case.

    Raises: CorpusError for a file that cannot be read as text, or has no header.
    """
    return _columns(path, _text(path))[1]


def read_csv(path: Path, *, keep: Collection[str] | None = None, row_names: str | None = None) -> CsvFile:
    """Read a whole file.

    Args:
        path: The CSV file.
        keep: Store only the cells of these columns, to save memory with long files; None stores all.
        row_names: Name for a first column without one, as R writes its row names; None refuses it.

    Raises:
        CorpusError: The file is missing, unreadable, not UTF-8 or has broken quotes; a column has no name or
            is named twice; a row has more or fewer cells than the header; there is no row.
    """
    text = _text(path)
    delimiter, columns = _columns(path, text, row_names)
    try:
        rows = tuple(_rows(path, text, delimiter, columns, columns if keep is None else keep))
    except csv.Error as error:
        raise CorpusError(f"{path} cannot be read as a table ({error}): check its quotes.") from error
    if not rows:
        raise CorpusError(f"{path} has a header but no rows: a table needs at least one utterance.")
    return CsvFile(path, columns, rows)


def seconds(table: CsvFile, row: Row, column: str) -> float | None:
    """A duration in seconds, None for an empty cell. Raises: CorpusError unless it is above 0."""
    if not row[column]:
        return None
    value = positive(row[column])
    if value is None:
        raise table.cell_error(row, column, "is not a duration in seconds (a number above 0, such as 2.5)")
    return value


def positive(text: str) -> float | None:
    """A finite number above 0, None for any other text."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None


def _text(path: Path) -> str:
    """The whole file as text; only the start of a binary file is read."""
    try:
        if not path.is_file():
            raise CorpusError(f"{path} is not a file: a table is a CSV file.")
        with path.open("rb") as stream:
            content = stream.read(PEEK_BYTES)
            if b"\0" not in content:
                content += stream.read()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from error
    refuse_pointer(path)
    with suppress(UnicodeDecodeError):
        if b"\0" not in content:
            return content.decode("utf-8-sig")
    raise CorpusError(f"{path} is not UTF-8 text: a table is a CSV file saved as UTF-8.")


def _columns(path: Path, text: str, row_names: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Delimiter and column names, from the header alone: other cells may hold `;` between labels."""
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
        raise CorpusError(f"{path}: column {columns.index('') + 1} of the header has no name.")
    if repeated := first_repeated(columns, str):
        raise CorpusError(f"{path} has the column {repeated[0]} twice: column names must differ.")
    return delimiter, columns


def _rows(
    path: Path, text: str, delimiter: str, columns: tuple[str, ...], keep: Collection[str]
) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if any(map(str.strip, line)))
    next(numbered, None)  # the header
    for number, line in numbered:
        if len(line) != len(columns):
            raise CorpusError(
                f"{path}, row {number} has {len(line)} cells, but the header has {len(columns)}: "
                "a cell that holds the delimiter needs quotes."
            )
        cells = zip(columns, line, strict=True)
        yield Row(number, {name: cell.strip() for name, cell in cells if name in keep})

"""The files of an audformat database, read as plain data.

audformat's own loader is not safe for untrusted files: it builds any Python object that db.yaml names, and
prefers a table's pickle, which runs code when loaded. Here db.yaml yields only text, lists and dictionaries,
and tables are read only from Parquet or CSV; a pickle is never opened.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import CorpusError
from ..csv_reader import read_csv
from ..git_lfs import refuse_pointer

HEADER = "db.yaml"
MAX_HEADER_BYTES = 4_000_000
MAX_ROWS = 20_000_000
FILEWISE, SEGMENTED, MISC = "filewise", "segmented", "misc"
FILE = "file"  # the index of a filewise table
NANOSECONDS = 1_000_000_000
_CLOCK = re.compile(r"(?:([0-9]{1,6}) days? )?([0-9]{2}):([0-9]{2}):([0-9]{2}(?:\.[0-9]{1,9})?)")

Cells = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True)
class Column:
    """A column's scheme, which defines its allowed values, and its rater, if the header contains them."""

    scheme: str | None = None
    rater: str | None = None


@dataclass(frozen=True)
class Table:
    """A table as described by the header."""

    id: str
    kind: str
    columns: Mapping[str, Column]


@dataclass(frozen=True)
class Database:
    """The header of the database in the folder `root`. header: its content, with all values as text."""

    root: Path
    header: Mapping[str, Any]
    tables: Mapping[str, Table]

    def labels(self, scheme: str | None) -> tuple[str, ...] | None:
        """The allowed values of this scheme, None if it allows any value.

        Raises: CorpusError if they are in a miscellaneous table that cannot be read.
        """
        labels = self.entry("schemes", scheme).get("labels")
        if isinstance(labels, str) and labels in self.tables:
            level = next(iter(self.entry("misc_tables", labels).get("levels") or ()), None)
            labels = self.cells(labels, (level,))[level] if isinstance(level, str) else ()
        if not isinstance(labels, list | dict):
            return None
        return tuple(label.strip() for label in labels if isinstance(label, str)) or None

    def entry(self, group: str, id: str | None) -> dict[str, Any]:
        """The entry `id` of the header's group (schemes, raters, …); empty if the group has none."""
        found = _mapping(self.root, group, self.header.get(group)).get(id or "")
        return found if isinstance(found, dict) else {}

    def cells(self, table: str, columns: Sequence[str]) -> Cells:
        """Column -> its cells as text, None for empty ones, all of one length.

        Raises: CorpusError for a table that is missing, only a pickle, unreadable, or lacks a column.
        """
        path = self.root / f"db.{table}"
        for suffix, read in ((".parquet", _parquet), (".csv", _csv)):
            file = path.with_name(path.name + suffix)
            if os.path.exists(file):
                refuse_pointer(file)
                return read(file, columns)
        if os.path.exists(path.with_name(path.name + ".pkl")):
            raise CorpusError(
                f"{path}.pkl is a pickle, which is never opened since it could run any program: save the "
                "table as parquet or csv."
            )
        raise CorpusError(f"{self.root} lacks table {table}: {path.name}.parquet or {path.name}.csv.")


def open_database(root: Path) -> Database:
    """The database in the folder `root`. Raises: CorpusError for an invalid header."""
    header = _header(root / HEADER)
    tables = {}
    for group, kind in (("misc_tables", MISC), ("tables", "")):
        for id, fields in _mapping(root, group, header.get(group)).items():
            if not isinstance(fields, dict) or os.path.basename(id) != id or "\0" in id:
                raise CorpusError(f"{root / HEADER}: {id!r} in {group} is not a table.")
            columns = {
                name: Column(_text(column, "scheme_id"), _text(column, "rater_id"))
                for name, column in _mapping(root, f"{group} {id}", fields.get("columns")).items()
            }
            tables[id] = Table(id, kind or str(fields.get("type")), columns)
    return Database(root, header, tables)


def _text(fields: Any, name: str) -> str | None:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, str) and value else None


def _mapping(root: Path, what: str, value: Any) -> dict[str, Any]:
    """A mapping in the header; an absent or empty one has no entries."""
    if not value:
        return {}
    if not isinstance(value, dict):
        raise CorpusError(f"{root / HEADER}: {what} is not a mapping.")
    return value


def _header(file: Path) -> dict[str, Any]:
    import yaml

    if not os.path.lexists(file):
        raise CorpusError(f"{file} does not exist: an audformat database is a folder with {HEADER}.")
    refuse_pointer(file)
    try:
        if not file.is_file() or file.stat().st_size > MAX_HEADER_BYTES:
            raise CorpusError(f"{file} is not the header of an audformat database: not a file, or too large.")
        # BaseLoader yields text only: no Python objects, dates or merged keys. The C loader crashes on deep
        # nesting.
        content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    except OSError as error:
        raise CorpusError(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CorpusError(f"{file} cannot be read as YAML: {reason}.") from error
    if not isinstance(content, dict):
        raise CorpusError(f"{file} is not the header of an audformat database: it is not a mapping.")
    return content


def _csv(file: Path, columns: Sequence[str]) -> Cells:
    table = read_csv(file, keep={column.lower() for column in columns})
    table.require([column.lower() for column in columns])
    return {column: [row[column.lower()] or None for row in table.rows] for column in columns}


def _parquet(file: Path, columns: Sequence[str]) -> Cells:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(file) as source:
            present = source.schema_arrow.names
            missing = [column for column in columns if column not in present]
            if missing:
                raise CorpusError(
                    f"{file} lacks the column {', '.join(missing)}: its columns are {', '.join(present)}."
                )
            if source.metadata.num_rows > MAX_ROWS:
                raise CorpusError(f"{file} has {source.metadata.num_rows} rows: at most {MAX_ROWS} are read.")
            table = source.read(columns=list(columns))
            return {column: _texts(table.column(column)) for column in columns}
    except (OSError, ValueError, TypeError, KeyError, OverflowError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise CorpusError(f"{file} cannot be read as Parquet: {reason}.") from error


def _texts(column: Any) -> list[str | None]:
    """The cells of an Arrow column as text; times as seconds."""
    import pyarrow

    if pyarrow.types.is_duration(column.type):
        nanoseconds = column.cast(pyarrow.duration("ns")).cast(pyarrow.int64()).to_pylist()
        return [None if n is None else repr(n / NANOSECONDS) for n in nanoseconds]
    return [None if value is None else str(value) for value in column.to_pylist()]


def seconds(database: Database, utterance: str, text: str | None) -> float | None:
    """A duration in seconds, from seconds or (in CSV tables) "0 days 00:00:01.898200"."""
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
        raise CorpusError(f"{database.root}: the duration of {utterance!r}, {text!r}, is not a time above 0.")
    return value

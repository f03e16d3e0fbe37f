"""The blocks of a report's page, as Markdown and as text for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..system.printable import printable


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    text: str


@dataclass(frozen=True)
class Banner:
    """A warning in a frame."""

    text: str


@dataclass(frozen=True)
class Items:
    items: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Cells as text. text_columns: number of leading columns with text; the others are numbers."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    text_columns: int = 1
    title: str = ""


@dataclass(frozen=True)
class Figure:
    """name: of its file without the suffix. alt: its description."""

    name: str
    alt: str


Block = Heading | Text | Banner | Items | Table | Figure


def markdown(blocks: Iterable[Block], folder: str) -> str:
    """One Markdown page; figures are links into `folder`."""
    return "\n\n".join(_markdown(block, folder) for block in blocks) + "\n"


def as_text(table: Table) -> str:
    """The table in columns: text to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
    lines = [_columns(row, widths, table.text_columns) for row in (table.header, *table.rows)]
    return "\n".join([table.title] * bool(table.title) + lines)


def _markdown(block: Block, folder: str) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_escaped(block.text)}"
    if isinstance(block, Banner):
        return f"> **{_escaped(block.text)}**"
    if isinstance(block, Items):
        return "\n".join(f"- {_escaped(item)}" for item in block.items)
    if isinstance(block, Figure):
        return f"![{_escaped(block.alt)}]({folder}/{block.name}.svg)"
    if isinstance(block, Table):
        return "\n".join(_markdown_table(block))
    return _escaped(block.text)


def _markdown_table(table: Table) -> Iterator[str]:
    if table.title:
        yield f"**{_escaped(table.title)}**\n"
    yield _row(table.header)
    yield _row("---" if i < table.text_columns else "---:" for i in range(len(table.header)))
    yield from (_row(map(_escaped, row)) for row in table.rows)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Names from corpora may contain any characters."""
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", printable(text))


def _columns(row: Iterable[str], widths: list[int], text_columns: int) -> str:
    cells = [
        f"{printable(cell):<{width}}" if i < text_columns else f"{printable(cell):>{width}}"
        for i, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()

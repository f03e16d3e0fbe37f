"""A report's page as one HTML file that needs nothing beside it: pictures are in it, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

from ..system.printable import printable
from .document_blocks import Banner, Block, Heading, Items, Picture, Table

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1a1a1a; --faint: #6a6a6a; --line: #d8d8d8;
        --head: #f2f2f2; --warn: #fff3d6; --warn-line: #c78500; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #1e1e1e; --ink: #e8e8e8; --faint: #a8a8a8; --line: #444444; --head: #2b2b2b;
          --warn: #3a2f14; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
       max-width: 1100px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.25em; margin-top: 2.2em; }
nav { font-size: .9em; } nav a { margin-right: 1em; color: inherit; }
.banner { background: var(--warn); border-left: 4px solid var(--warn-line); padding: .6em 1em;
          font-weight: 600; }
.scroll { overflow-x: auto; margin: 1em 0; }
table { border-collapse: collapse; font-size: .9em; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .3em 0; white-space: nowrap; }
th, td { padding: .25em .7em; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { background: var(--head); font-weight: 600; } .w { text-align: left; }
td:not(.w) { white-space: nowrap; }
img { max-width: 100%; height: auto; } p:last-child { color: var(--faint); font-size: .85em; }
"""


@dataclass(frozen=True)
class Drawn:
    """A picture as SVG, for light and for dark pages."""

    light: bytes
    dark: bytes


def html(blocks: Iterable[Block], pictures: Mapping[str, Drawn]) -> str:
    """The whole page. pictures: name -> its drawings, for every Picture among the blocks."""
    parts = list(blocks)
    headings = [block for block in parts if isinstance(block, Heading)]
    links = "".join(f'<a href="#{_anchor(h.text)}">{_text(h.text)}</a> ' for h in headings if h.level > 1)
    body = [_block(block, pictures) for block in parts]
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_text(headings[0].text)}</title><style>{STYLE}</style></head><body>",
            body[0],
            f"<nav>{links}</nav>",
            *body[1:],
            "</body></html>\n",
        )
    )


def _block(block: Block, pictures: Mapping[str, Drawn]) -> str:
    if isinstance(block, Heading):
        return f'<h{block.level} id="{_anchor(block.text)}">{_text(block.text)}</h{block.level}>'
    if isinstance(block, Banner):
        return f'<p class="banner">{_text(block.text)}</p>'
    if isinstance(block, Items):
        return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</ul>"
    if isinstance(block, Picture):
        return _picture(block, pictures[block.name])
    if isinstance(block, Table):
        return "".join(_table(block))
    return f"<p>{_text(block.text)}</p>"


def _table(table: Table) -> Iterator[str]:
    yield '<div class="scroll"><table>'
    if table.title:
        yield f"<caption>{_text(table.title)}</caption>"
    yield f"<thead>{_row('th', table.header, table.words)}</thead><tbody>"
    for row in table.rows:
        yield _row("td", row, table.words)
    yield "</tbody>"
    yield "</table></div>"


def _row(tag: str, cells: Iterable[str], words: int) -> str:
    return f"<tr>{''.join(_cell(tag, text, i < words) for i, text in enumerate(cells))}</tr>\n"


def _cell(tag: str, text: str, words: bool) -> str:
    kind = ' class="w"' if words else ""
    return f"<{tag}{kind}>{_text(text)}</{tag}>"


def _picture(picture: Picture, drawn: Drawn) -> str:
    dark = f'<source media="(prefers-color-scheme: dark)" srcset="{_data(drawn.dark)}">'
    return f'<picture>{dark}<img alt="{_text(picture.alt)}" src="{_data(drawn.light)}"></picture>'


def _data(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def _anchor(heading: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in heading.lower())


def _text(text: str) -> str:
    return escape(printable(text))

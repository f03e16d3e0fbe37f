"""A report's page as one self-contained HTML file, with its figures, light and dark."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from ..system.printable import printable
from .document_blocks import Banner, Block, Figure, Heading, Items, Table

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


def html(blocks: Iterable[Block], figures: Mapping[str, tuple[bytes, bytes]]) -> str:
    """The whole page. figures: name -> its SVG on light and dark pages, for every Figure in the blocks."""
    parts = list(blocks)
    headings = [block for block in parts if isinstance(block, Heading)]
    links = "".join(f'<a href="#{_anchor(h.text)}">{_text(h.text)}</a> ' for h in headings if h.level > 1)
    body = [_block(block, figures) for block in parts]
    rest = "\n".join(body[1:])
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(headings[0].text)}</title><style>{STYLE}</style></head><body>
{body[0]}
<nav>{links}</nav>
{rest}
</body></html>
"""


def _block(block: Block, figures: Mapping[str, tuple[bytes, bytes]]) -> str:
    if isinstance(block, Heading):
        return f'<h{block.level} id="{_anchor(block.text)}">{_text(block.text)}</h{block.level}>'
    if isinstance(block, Banner):
        return f'<p class="banner">{_text(block.text)}</p>'
    if isinstance(block, Items):
        return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</ul>"
    if isinstance(block, Figure):
        light, dark = map(_data, figures[block.name])
        source = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        return f'<picture>{source}<img alt="{_text(block.alt)}" src="{light}"></picture>'
    if isinstance(block, Table):
        return "".join(_table(block))
    return f"<p>{_text(block.text)}</p>"


def _table(table: Table) -> Iterator[str]:
    yield '<div class="scroll"><table>'
    if table.title:
        yield f"<caption>{_text(table.title)}</caption>"
    yield f"<thead>{_row('th', table.header, table.text_columns)}</thead><tbody>"
    for row in table.rows:
        yield _row("td", row, table.text_columns)
    yield "</tbody></table></div>"


def _row(tag: str, cells: Sequence[str], text_columns: int) -> str:
    attributes = [' class="w"' if i < text_columns else "" for i in range(len(cells))]
    row = "".join(f"<{tag}{a}>{_text(cell)}</{tag}>" for a, cell in zip(attributes, cells, strict=True))
    return f"<tr>{row}</tr>\n"


def _data(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg).decode("ascii")


def _anchor(heading: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in heading.lower())


def _text(text: str) -> str:
    return escape(printable(text))

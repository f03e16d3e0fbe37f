"""Everything of a report into one folder, file by file; an earlier report there is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import RunError
from ..events import Progress
from ..files import write_json, write_text
from ..page import DARK, LIGHT, drawing, save
from ..runs import RunFolder
from . import pictures, sheets, tensorboard
from .blocks import markdown
from .collect import collect
from .content import page
from .data import Report
from .html import Drawn, html

FOLDER = "report"
PICTURES = "pictures"


@dataclass(frozen=True)
class Written:
    """The report, and the folder that it is in now."""

    report: Report
    folder: Path


def write(run: RunFolder, out: Path | None = None) -> Iterator[Progress | Written]:
    """Make the report of a run in `out`, RUN/report by default; ends with Written.

    Raises: RunError if there is nothing to report, or where it cannot be written.
    """
    yield Progress("Reading the run", 0)
    report, said = collect(run)
    folder = run.path / FOLDER if out is None else Path(out)
    drawn: dict[str, Drawn] = {}
    try:
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        yield from _draw(report, folder / PICTURES, drawn)
        yield Progress("Writing tables", 0)
        blocks = tuple(page(report))
        write_text(folder / "report.md", markdown(blocks, PICTURES))
        write_text(folder / "report.html", html(blocks, drawn))
        write_json(folder / "report.json", report.to_json())
        sheets.write(folder / "table3.csv", sheets.table3(report))
        sheets.write(folder / "cells.csv", sheets.cells(report))
        sheets.write(folder / "speakers.csv", sheets.speakers(report))
        sheets.write(folder / "curves.csv", sheets.curves(report))
        sheets.write(folder / "predictions.csv", sheets.predictions(said, report))
        write_text(folder / "PREDICTIONS.md", sheets.documentation(report))
        yield Progress("Writing TensorBoard files", 0)
        tensorboard.write(report, folder / "tensorboard")
    except OSError as error:
        raise RunError(f"the report cannot be written to {folder}: {error.strerror or error}.") from error
    yield Written(report, folder)


def _draw(report: Report, folder: Path, drawn: dict[str, Drawn]) -> Iterator[Progress]:
    """Draw each picture light and dark, write both, and keep them for the page."""
    drawings = pictures.drawings(report)
    for done, (name, draw) in enumerate(drawings.items()):
        yield Progress("Drawing", done, len(drawings))
        files = folder / f"{name}.svg", folder / f"{name}-dark.svg"
        with drawing():
            for file, look in zip(files, (LIGHT, DARK), strict=True):
                save(draw(look), file)
        drawn[name] = Drawn(*(file.read_bytes() for file in files))

"""Everything of a report into one folder, file by file; an earlier report there is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import RunError
from ..events import Progress
from ..figures.page import DARK, LIGHT, drawing, save
from ..runs.run_folder import RunFolder
from ..system.files import write_json, write_text
from . import csv_files, plots, tensorboard
from .collect import collect
from .document import page
from .document_blocks import markdown
from .html import Drawn, html
from .report_data import Report

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
        csv_files.write(folder / "table3.csv", csv_files.table3(report))
        csv_files.write(folder / "cells.csv", csv_files.cells(report))
        csv_files.write(folder / "speakers.csv", csv_files.speakers(report))
        csv_files.write(folder / "curves.csv", csv_files.curves(report))
        csv_files.write(folder / "predictions.csv", csv_files.predictions(said, report))
        write_text(folder / "PREDICTIONS.md", csv_files.documentation(report))
        yield Progress("Writing TensorBoard files", 0)
        tensorboard.write(report, folder / "tensorboard")
    except OSError as error:
        raise RunError(f"the report cannot be written to {folder}: {error.strerror or error}.") from error
    yield Written(report, folder)


def _draw(report: Report, folder: Path, drawn: dict[str, Drawn]) -> Iterator[Progress]:
    """Draw each picture light and dark, write both, and keep them for the page."""
    drawings = plots.drawings(report)
    for done, (name, draw) in enumerate(drawings.items()):
        yield Progress("Drawing", done, len(drawings))
        files = folder / f"{name}.svg", folder / f"{name}-dark.svg"
        with drawing():
            for file, look in zip(files, (LIGHT, DARK), strict=True):
                save(draw(look), file)
        drawn[name] = Drawn(*(file.read_bytes() for file in files))

"""Writes all files of a report into one folder; an earlier report is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import RunError
from ..events import Progress
from ..figures.page import DARK, LIGHT, save
from ..runs.run_folder import RunFolder
from ..system.files import write_json, write_text
from . import csv_files, plots, tensorboard
from .collect import collect
from .document import page
from .document_blocks import markdown
from .html import html
from .report_data import Report

FOLDER = "report"
PICTURES = "pictures"


@dataclass(frozen=True)
class Written:
    """The report and the folder it was written to."""

    report: Report
    folder: Path


def write(run: RunFolder, out: Path | None = None) -> Iterator[Progress | Written]:
    """Write the report of a run into `out`, RUN/report by default; ends with Written.

    Raises: RunError if there is nothing to report, or it cannot be written.
    """
    yield Progress("Reading the run", 0)
    report, predictions = collect(run)
    folder = run.path / FOLDER if out is None else Path(out)
    figures: dict[str, tuple[bytes, bytes]] = {}
    try:
        (folder / PICTURES).mkdir(parents=True, exist_ok=True)
        functions = plots.figures(report)
        for done, (name, draw) in enumerate(functions.items()):
            yield Progress("Drawing", done, len(functions))
            light, dark = (folder / PICTURES / f"{name}{kind}.svg" for kind in ("", "-dark"))
            save(partial(draw, LIGHT), light)
            save(partial(draw, DARK), dark)
            figures[name] = light.read_bytes(), dark.read_bytes()
        yield Progress("Writing tables", 0)
        blocks = tuple(page(report))
        write_text(folder / "report.md", markdown(blocks, PICTURES))
        write_text(folder / "report.html", html(blocks, figures))
        write_json(folder / "report.json", report.to_json())
        csv_files.write(folder, report, predictions)
        write_text(folder / "PREDICTIONS.md", csv_files.documentation(report))
        yield Progress("Writing TensorBoard files", 0)
        tensorboard.write(report, folder / "tensorboard")
    except OSError as error:
        raise RunError(f"the report cannot be written to {folder}: {error.strerror or error}.") from error
    yield Written(report, folder)

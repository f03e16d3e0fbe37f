"""Corpora: one importer per file, each with NAME, LOOKS_LIKE, `recognises` and `read`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ..errors import CorpusError
from . import cremad, csv_table, emodb, iemocap, msp
from .audformat import importer as audformat
from .corpus import Corpus, ReadOptions, Utterance
from .label_map import LabelMap, make

__all__ = ["FORMATS", "Corpus", "Importer", "LabelMap", "ReadOptions", "Utterance", "open_corpus"]


class Importer(Protocol):
    """The interface of an importer module."""

    NAME: str
    LOOKS_LIKE: str

    def recognises(self, path: Path) -> bool:
        """Whether `path`, which exists, looks like this format; never raises for unexpected content."""

    def read(self, path: Path, options: ReadOptions) -> Corpus:
        """The corpus at `path`. Raises: CorpusError for anything that is not this format."""


_IMPORTERS: tuple[Importer, ...] = (iemocap, cremad, msp, audformat, emodb, csv_table)
FORMATS: Mapping[str, Importer] = {importer.NAME: importer for importer in _IMPORTERS}
"""Importers by name, in the order in which they are tried on a path."""


def open_corpus(
    path: Path | str,
    format: str | None = None,
    label_map: LabelMap | Mapping[str, str] | Path | None = None,
    *,
    scripted: bool = False,
    self_reports: bool = False,
) -> Corpus:
    """Read the corpus at `path`, without its audio.

    Args:
        path: A folder or a file.
        format: A name from FORMATS; None detects the format.
        label_map: Label -> class, or a CSV file with the columns label and class; it overrides the built-in
            synonyms.
        scripted: See ReadOptions.
        self_reports: See ReadOptions.

    Raises:
        CorpusError: The path does not exist, no format fits, the content does not follow the format, or the
            format does not support an option.
    """
    path = Path(path)
    try:
        path.stat()
    except OSError as error:
        raise CorpusError(f"{path} cannot be opened as a corpus: {error.strerror}.") from error
    importer = _importer(path, format)
    for option, given in (("scripted", scripted), ("self-reports", self_reports)):
        if given and importer.NAME != iemocap.NAME:
            raise CorpusError(
                f"--{option} does not apply to {importer.NAME} corpora, only to {iemocap.NAME}."
            )
    options = ReadOptions(make(label_map), scripted, self_reports)
    corpus = importer.read(path, options)
    options.label_map.refuse_unknown(corpus.name)
    return corpus


def _importer(path: Path, format: str | None) -> Importer:
    if format is not None:
        if format not in FORMATS:
            raise CorpusError(f"{format!r} is not a corpus format: the formats are {', '.join(FORMATS)}.")
        return FORMATS[format]
    for importer in FORMATS.values():
        if importer.recognises(path):
            return importer
    known = "; ".join(f"{name}, {importer.LOOKS_LIKE}" for name, importer in FORMATS.items())
    tables = [file for file in path.glob("*") if _is_table(file)]  # empty for a folder without permission
    choose = f", or choose its {tables[0].name}" if len(tables) == 1 else ""
    raise CorpusError(f"{path} is not a corpus of a known format: {known}{choose}.")


def _is_table(file: Path) -> bool:
    """Whether `file` can be read as a table."""
    try:
        return csv_table.recognises(file) and bool(csv_table.read(file, ReadOptions()))
    except CorpusError:
        return False

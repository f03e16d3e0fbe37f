"""Corpora: one importer a file, each with NAME, LOOKS_LIKE, `recognises` and `read`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from ..errors import CorpusError
from . import cremad, emodb, iemocap, msp, table
from .audformat import importer as audformat_db
from .corpus import Corpus, Reading, Utterance
from .label_map import LabelMap, make

__all__ = ["FORMATS", "Corpus", "Importer", "LabelMap", "Reading", "Utterance", "open_corpus"]


class Importer(Protocol):
    """What a module in here must have to be an importer. OPTIONS: the fields of Reading it knows besides
    the label map."""

    NAME: str
    LOOKS_LIKE: str
    OPTIONS: tuple[str, ...]

    def recognises(self, path: Path) -> bool:
        """Whether `path`, which exists, looks like this format; never raises for odd content."""
        ...

    def read(self, path: Path, how: Reading) -> Corpus:
        """The corpus at `path`. Raises: CorpusError for anything that is not this format."""
        ...


_IMPORTERS: tuple[Importer, ...] = (iemocap, cremad, msp, audformat_db, emodb, table)
FORMATS: Mapping[str, Importer] = {importer.NAME: importer for importer in _IMPORTERS}
"""Importers by name, in the order in which they are asked whether they recognise a path."""


def open_corpus(
    path: Path | str,
    format: str | None = None,
    label_map: LabelMap | Mapping[str, str] | Path | None = None,
    *,
    scripted: bool = False,
    self_reports: bool = False,
) -> Corpus:
    """The corpus at `path`, a folder or a file; no audio is read.

    format: a name from FORMATS; None recognises it. label_map: label -> class, or a CSV file with the
    columns label and class; it goes before the built-in synonyms. scripted, self_reports: see Reading.

    Raises: CorpusError if nothing is there, no format fits, the content is not what the format asks, or an
    option is not one of the format's.
    """
    path = Path(path)
    try:
        path.stat()
    except OSError as error:
        raise CorpusError(f"{path} cannot be opened as a corpus: {error.strerror}.") from error
    importer = _importer(path, format)
    for option, wanted in (("scripted", scripted), ("self_reports", self_reports)):
        if wanted and option not in importer.OPTIONS:
            knowing = ", ".join(name for name, i in FORMATS.items() if option in i.OPTIONS)
            asked = f"--{option.replace('_', '-')}"
            raise CorpusError(f"{asked} is not for {importer.NAME} corpora: only {knowing} ones have such.")
    how = Reading(make(label_map), scripted, self_reports)
    corpus = importer.read(path, how)
    how.label_map.refuse_unmet(corpus.name)
    return corpus


def _importer(path: Path, format: str | None) -> Importer:
    if format is not None:
        if format not in FORMATS:
            raise CorpusError(f"{format!r} is no corpus format: the formats are {', '.join(FORMATS)}.")
        return FORMATS[format]
    for importer in FORMATS.values():
        if importer.recognises(path):
            return importer
    known = "; ".join(f"{name}, {importer.LOOKS_LIKE}" for name, importer in FORMATS.items())
    tables = [file for file in path.glob("*") if _is_table(file)]  # none of a closed folder
    choose = f", or choose its {tables[0].name}" if len(tables) == 1 else ""
    raise CorpusError(f"{path} is no corpus of a known format: {known}{choose}.")


def _is_table(file: Path) -> bool:
    """Whether it can be read as one, not only by its name."""
    try:
        return table.recognises(file) and bool(table.read(file, Reading(make(None))))
    except CorpusError:
        return False

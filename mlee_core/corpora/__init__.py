"""Corpora: one importer per file, each with NAME, LOOKS_LIKE, `recognises` and `read`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from ..errors import CorpusError
from . import cremad, csv_table, emodb, iemocap, msp
from .audformat import importer as audformat
from .corpus import Corpus, ReadOptions, Utterance
from .label_map import LabelMap, make
from .union import joined, refuse_repeated

__all__ = [
    "FORMATS",
    "Corpus",
    "Importer",
    "LabelMap",
    "ReadOptions",
    "Utterance",
    "open_corpora",
    "open_corpus",
]


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
    """Read the corpus at `path`, without its audio: `open_corpora` with one path."""
    return open_corpora([path], format, label_map, scripted=scripted, self_reports=self_reports)


def open_corpora(
    paths: Sequence[Path | str],
    format: str | None = None,
    label_map: LabelMap | Mapping[str, str] | Path | None = None,
    *,
    scripted: bool = False,
    self_reports: bool = False,
) -> Corpus:
    """Read the corpora at `paths`, without their audio, as one corpus (union.py).

    With several, each option applies to those that it fits; one that fits none is refused.

    Args:
        paths: Folders or files.
        format: A name from FORMATS; None detects the format of each.
        label_map: Label -> class, or a CSV file with the columns label and class; it overrides the built-in
            synonyms.
        scripted: See ReadOptions.
        self_reports: See ReadOptions.

    Raises:
        CorpusError: A path does not exist or is given twice, no format fits, the content does not follow the
            format, the format does not support an option, or two corpora have the same name.
    """
    places = [Path(path) for path in paths]
    for path in places:
        try:
            path.stat()
        except OSError as error:
            raise CorpusError(f"{path} cannot be opened as a corpus: {error.strerror}.") from error
    refuse_repeated(places)
    importers = _importers(places, format)
    names = " and ".join(dict.fromkeys(importer.NAME for importer in importers))
    for option, given in (("scripted", scripted), ("self-reports", self_reports)):
        if given and FORMATS[iemocap.NAME] not in importers:
            raise CorpusError(f"--{option} does not apply to {names} corpora, only to {iemocap.NAME}.")
    options = ReadOptions(make(label_map), scripted, self_reports)
    read = [importer.read(path, options) for importer, path in zip(importers, places, strict=True)]
    corpus = joined(read)
    options.label_map.refuse_unknown(corpus.name)
    return corpus


def _importers(paths: Sequence[Path], format: str | None) -> list[Importer]:
    """The importer of each path. Raises: CorpusError."""
    if format is None:
        return [_recognised(path) for path in paths]
    if format not in FORMATS:
        raise CorpusError(f"{format!r} is not a corpus format: the formats are {', '.join(FORMATS)}.")
    named = FORMATS[format]
    if len(paths) == 1:
        return [named]
    fits = [named.recognises(path) for path in paths]
    if not any(fits):
        raise CorpusError(f"none of {', '.join(map(str, paths))} is a corpus of format {format}.")
    return [named if fit else _recognised(path) for fit, path in zip(fits, paths, strict=True)]


def _recognised(path: Path) -> Importer:
    for importer in FORMATS.values():
        if importer.recognises(path):
            return importer
    known = "; ".join(f"{name}, {importer.LOOKS_LIKE}" for name, importer in FORMATS.items())
    raise CorpusError(f"{path} is not a corpus of a known format: {known}.")

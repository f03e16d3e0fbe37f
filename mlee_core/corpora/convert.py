"""Writes a corpus as a CSV table (corpora/csv_table.py) or an audformat database.

The result is read back before it gets its name, and must be the same corpus: ids, files, speakers, sessions,
durations, votes and consensus. So anything that a format cannot hold is refused, not changed.

Labels are written as the classes they are mapped to, so that no label map is needed to read them. The audio
is not copied; the written files contain paths relative to their own folder.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Literal

from ..errors import CorpusError
from ..labels.votes import CLASSES, Votes
from ..system.files import atomic_folder, atomic_path
from . import Importer, csv_table
from .audformat import importer as audformat
from .corpus import Corpus, ReadOptions, Utterance, relative, without_parents
from .duplicates import first_repeated

Target = Literal["csv", "audformat"]
TARGETS: tuple[Target, ...] = ("csv", "audformat")
TABLE_SUFFIX = ".csv"

MAX_ANNOTATOR_COLUMNS = 100
"""With more annotators a table has vote counts, since most cells of annotators' columns would be empty."""


def convert(corpus: Corpus, out: Path, to: Target) -> Path:
    """Write the corpus as the CSV table or the audformat database `out`, completely or not at all.

    Returns: the path that was written, without links.

    Raises: CorpusError if `out` exists or cannot be written, or for content that the format cannot hold.
    """
    if to not in TARGETS:
        raise CorpusError(f"{to!r} is not a format to convert to: allowed are {', '.join(TARGETS)}.")
    if to == "audformat" and out.suffix.lower() == TABLE_SUFFIX:
        raise CorpusError(
            f"{out} would be a folder with an audformat database: a name that ends in {TABLE_SUFFIX} is for "
            "tables."
        )
    if shared := first_repeated(corpus.utterances, lambda u: u.file):
        raise CorpusError(
            f"{corpus.name} cannot be written as {to}, where each row is a file: utterances "
            f"{shared[0].id!r} and {shared[1].id!r} are in the same file, {shared[0].file}."
        )
    try:
        out = Path(os.path.realpath(out))
        _refuse_taken(out, to)
        if to == "csv":
            with atomic_path(out) as file:
                _write_table(corpus, file)
                _verify(corpus, csv_table, file, out)
        else:
            with atomic_folder(out) as folder:
                audformat.write(corpus, folder, out)
                _verify(corpus, audformat, folder, out)
    except OSError as error:
        raise CorpusError(f"{out} cannot be written: {error.strerror or error}.") from error
    except ValueError as error:  # text that is not UTF-8, such as some file names
        reason = " ".join(str(error).split())
        raise CorpusError(f"{corpus.name} cannot be written to {out}: {reason}.") from error
    return out


def target_of(out: Path) -> Target:
    """The format for the suffix of `out`. Raises: CorpusError for a suffix that does not determine it."""
    suffix = out.suffix.lower()
    if suffix not in (TABLE_SUFFIX, ""):
        raise CorpusError(
            f"{out} does not determine the format: with the suffix {out.suffix} add --to "
            f"{' or --to '.join(TARGETS)}; without --to, {TABLE_SUFFIX} makes a table and a name without "
            "suffix an audformat database."
        )
    return "csv" if suffix else "audformat"


def notes(corpus: Corpus, to: Target) -> tuple[str, ...]:
    """Remarks for the user on the result of `convert`, one sentence each."""
    names = _annotators(corpus)
    if to == "audformat" or not names or _by_annotator(corpus):
        return ()
    why = (
        f"{len(names)} annotators are more than {MAX_ANNOTATOR_COLUMNS} columns"
        if len(names) > MAX_ANNOTATOR_COLUMNS
        else "not all votes have an annotator's name"
    )
    return (f"{why}, so the table has vote counts without names; an audformat database keeps the names.",)


def _refuse_taken(out: Path, to: Target) -> None:
    if not out.parent.is_dir():
        raise CorpusError(f"{out} cannot be written: the folder {out.parent} does not exist.")
    if to == "audformat" and out.is_dir() and not any(out.iterdir()):
        return
    if os.path.lexists(out):
        raise CorpusError(f"{out} exists already: choose another name, since nothing is overwritten.")


# CSV


def _annotators(corpus: Corpus) -> tuple[str, ...]:
    """All annotators' names, in order of first appearance."""
    return tuple(dict.fromkeys(name for u in corpus.utterances for name in u.votes.annotators or ()))


def _by_annotator(corpus: Corpus) -> bool:
    """Whether the table has one column per annotator: all votes are named, by few enough annotators."""
    named = all(u.votes.annotators is not None or u.votes.total == 0 for u in corpus.utterances)
    return named and 0 < len(_annotators(corpus)) <= MAX_ANNOTATOR_COLUMNS


def _write_table(corpus: Corpus, file: Path) -> None:
    by_annotator = _by_annotator(corpus)
    if by_annotator:
        columns = _annotators(corpus)
    else:
        other = {label for u in corpus.utterances for label in u.votes.counts} - set(CLASSES)
        columns = (*CLASSES, *sorted(other))
    with file.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow((*csv_table.RESERVED, *columns))
        for u in corpus.utterances:
            reserved = (relative(u.file, file.parent), u.speaker, u.id, u.session, u.duration_s)
            given = u.votes.annotators or {}
            votes = (
                csv_table.BETWEEN_LABELS.join(given.get(name, ()))
                if by_annotator
                else u.votes.counts.get(name, 0)
                for name in columns
            )
            rows.writerow((*reserved, u.votes.consensus, *votes))


# Verification


def _verify(corpus: Corpus, importer: Importer, written: Path, out: Path) -> None:
    """Raises: CorpusError if `written`, later `out`, is not read as the same corpus."""
    try:
        difference = _difference(corpus, importer.read(written, ReadOptions()))
    except CorpusError as error:
        difference = str(error).replace(str(written), str(out)).rstrip(".")
    if difference:
        advice = "; audformat can hold more names and labels" if importer is csv_table else ""
        raise CorpusError(f"{corpus.name} cannot be written to {out}: {difference}{advice}.")


def _difference(meant: Corpus, found: Corpus) -> str | None:
    if len(meant.utterances) != len(found.utterances):
        return f"its {len(meant.utterances)} utterances would be read as {len(found.utterances)}"
    any_case = found.format == csv_table.NAME  # its column names are not case-sensitive
    for one, other in zip(meant.utterances, found.utterances, strict=True):
        expected, actual = _fields(one, without_parents(one.file)), _fields(other, other.file)
        if other.votes.annotators is not None:
            expected = {"votes by annotator": _by_name(one.votes, any_case), **expected}
            actual = {"votes by annotator": _by_name(other.votes, any_case), **actual}
        for what, value in expected.items():
            if value != actual[what]:
                return f"the {what} of utterance {one.id!r}, {value!r}, would be read as {actual[what]!r}"
    return None


def _by_name(votes: Votes, any_case: bool) -> dict[str, tuple[str, ...]]:
    return {
        name.lower() if any_case else name: tuple(labels)
        for name, labels in (votes.annotators or {}).items()
        if labels
    }


def _fields(utterance: Utterance, file: Path) -> dict[str, object]:
    """The compared values of an utterance in `file`."""
    return {
        "id": utterance.id,
        "file": os.path.normpath(file),
        "speaker": utterance.speaker,
        "session": utterance.session,
        "duration": utterance.duration_s,
        "consensus": utterance.votes.consensus,
        "votes": utterance.votes.nonzero,
    }

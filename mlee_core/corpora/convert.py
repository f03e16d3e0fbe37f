"""A corpus written in a format of ours: a CSV table (corpora/table.py) or an audformat database.

What is written is read again before it gets its name, and must be the same corpus: ids, files, speakers,
sessions, durations, votes and consensus. So whatever a format cannot hold is refused, not changed.

Labels are written as the classes they were mapped to; a label map is not needed again. The audio stays where
it is; the files refer to it by paths relative to where they stand.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ..errors import CorpusError
from ..labels.votes import CLASSES, Votes
from ..system.files import atomic_folder, atomic_path
from . import Importer, table
from .audformat import importer as audformat_db
from .corpus import Corpus, Reading, Utterance
from .paths import plain, relative

Target = Literal["csv", "audformat"]
TARGETS: tuple[Target, ...] = ("csv", "audformat")
TABLE_SUFFIX = ".csv"

MAX_ANNOTATOR_COLUMNS = 100
"""With more annotators a table has vote counts: columns that are empty almost everywhere help nobody."""


def convert(corpus: Corpus, out: Path, to: Target) -> Path:
    """Write the corpus as the CSV table or the audformat database `out`; returns its path.

    Nothing is left at `out` unless it is whole.

    Raises: CorpusError if `out` is taken or cannot be written, or for what the format cannot hold.
    """
    if to not in TARGETS:
        raise CorpusError(f"{to!r} is nothing to convert to: allowed are {', '.join(TARGETS)}.")
    if to == "audformat" and out.suffix.lower() == TABLE_SUFFIX:
        raise CorpusError(
            f"{out} would be a folder with an audformat database: a name that ends in {TABLE_SUFFIX} is for "
            "tables."
        )
    _refuse_shared_files(corpus, to)
    try:
        out = Path(os.path.realpath(out))
        _refuse_taken(out, to)
        if to == "csv":
            with atomic_path(out) as file:
                _write_table(corpus, file)
                _verify(corpus, table, file, out)
        else:
            with atomic_folder(out) as folder:
                audformat_db.write(corpus, folder, out)
                _verify(corpus, audformat_db, folder, out)
    except OSError as error:
        raise CorpusError(f"{out} cannot be written: {error.strerror or error}.") from error
    except ValueError as error:  # text that is no UTF-8, as file names may be
        reason = " ".join(str(error).split())
        raise CorpusError(f"{corpus.name} cannot be written to {out}: {reason}.") from error
    return out


def target_of(out: Path) -> Target:
    """What the name of `out` asks for. Raises: CorpusError for an ending that says nothing of it."""
    suffix = out.suffix.lower()
    if suffix not in (TABLE_SUFFIX, ""):
        raise CorpusError(
            f"{out} does not tell what to write: with the ending {out.suffix} name it by --to "
            f"{' or --to '.join(TARGETS)}; without --to, {TABLE_SUFFIX} makes a table and a name without an "
            "ending an audformat database."
        )
    return "csv" if suffix else "audformat"


def notes(corpus: Corpus, to: Target) -> tuple[str, ...]:
    """What the user should know about what `convert` writes, one sentence each."""
    names = _annotators(corpus)
    if to == "audformat" or not names or _by_annotator(corpus):
        return ()
    why = (
        f"{len(names)} annotators are more than {MAX_ANNOTATOR_COLUMNS} columns"
        if len(names) > MAX_ANNOTATOR_COLUMNS
        else "not all votes have an annotator's name"
    )
    return (f"{why}, so the table holds vote counts without names; an audformat database keeps the names.",)


def _refuse_taken(out: Path, to: Target) -> None:
    if not out.parent.is_dir():
        raise CorpusError(f"{out} cannot be written: there is no folder {out.parent}.")
    if to == "audformat" and out.is_dir() and not any(out.iterdir()):
        return
    if os.path.lexists(out):
        raise CorpusError(f"{out} exists already: name another, since nothing is overwritten.")


def _refuse_shared_files(corpus: Corpus, to: Target) -> None:
    first: dict[Path, Utterance] = {}
    for utterance in corpus.utterances:
        other = first.setdefault(utterance.file, utterance)
        if other is not utterance:
            raise CorpusError(
                f"{corpus.name} cannot be written as {to}, where a row is a file: utterances {other.id!r} "
                f"and {utterance.id!r} are in the same one, {utterance.file}."
            )


# CSV


def _annotators(corpus: Corpus) -> tuple[str, ...]:
    """All annotators' names, in the order in which they are met."""
    return tuple(dict.fromkeys(name for u in corpus.utterances for name in u.votes.annotators or ()))


def _by_annotator(corpus: Corpus) -> bool:
    """Whether the table has one column an annotator: each vote has a name, and the names are few enough."""
    named = all(u.votes.annotators is not None or u.votes.total == 0 for u in corpus.utterances)
    return named and 0 < len(_annotators(corpus)) <= MAX_ANNOTATOR_COLUMNS


def _write_table(corpus: Corpus, file: Path) -> None:
    by_annotator = _by_annotator(corpus)
    if by_annotator:
        columns = _annotators(corpus)
        _refuse_annotators(corpus, columns)
    else:
        other = {label for u in corpus.utterances for label in u.votes.counts} - set(CLASSES)
        columns = (*CLASSES, *sorted(other))
    with file.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow((*table.RESERVED, *columns))
        for utterance in corpus.utterances:
            rows.writerow((*_facts(utterance, file.parent), *_votes(utterance.votes, columns, by_annotator)))


def _refuse_annotators(corpus: Corpus, names: tuple[str, ...]) -> None:
    """Raises: CorpusError for names and labels that would not be taken for such in a table."""
    for name in names:
        if name.strip().lower() in table.RESERVED:
            raise CorpusError(
                f"{corpus.name} cannot be written as csv: annotator {name!r} is called like a column that "
                "means something else; audformat can hold the name."
            )
    for utterance in corpus.utterances:
        for label in utterance.votes.counts:
            if table.BETWEEN_LABELS in label:
                raise CorpusError(
                    f"{corpus.name} cannot be written as csv: the label {label!r} of utterance "
                    f"{utterance.id!r} holds {table.BETWEEN_LABELS!r}, which stands between labels; "
                    "audformat can hold it."
                )


def _facts(utterance: Utterance, folder: Path) -> Iterator[str]:
    """The cells of table.RESERVED."""
    yield relative(utterance.file, folder)
    yield utterance.speaker
    yield utterance.id
    yield utterance.session or ""
    yield "" if utterance.duration_s is None else repr(utterance.duration_s)
    yield utterance.votes.consensus or ""


def _votes(votes: Votes, columns: tuple[str, ...], by_annotator: bool) -> Iterator[str]:
    for column in columns:
        if by_annotator:
            yield table.BETWEEN_LABELS.join((votes.annotators or {}).get(column, ()))
        else:
            yield str(votes.counts.get(column, 0))


# What was written is what was meant


def _verify(corpus: Corpus, importer: Importer, written: Path, out: Path) -> None:
    """Raises: CorpusError if `written`, which will be `out`, is not read as the same corpus."""
    try:
        difference = _difference(corpus, importer.read(written, Reading()))
    except CorpusError as error:
        difference = str(error).replace(str(written), str(out)).rstrip(".")
    if difference:
        raise CorpusError(f"{corpus.name} cannot be written to {out}: {difference}.")


def _difference(meant: Corpus, found: Corpus) -> str | None:
    if len(meant.utterances) != len(found.utterances):
        return f"its {len(meant.utterances)} utterances would be read as {len(found.utterances)}"
    any_case = found.format == table.NAME  # whose column names are compared without regard to case
    for one, other in zip(meant.utterances, found.utterances, strict=True):
        if other.votes.annotators is not None:
            names = [_by_name(u.votes, any_case) for u in (one, other)]
            if names[0] != names[1]:
                return f"the votes on utterance {one.id!r}, {names[0]}, would be read as {names[1]}"
        said, read_again = _said(one, plain(one.file)), _said(other, other.file)
        for (what, value), read_as in zip(said.items(), read_again.values(), strict=True):
            if value != read_as:
                return f"the {what} of utterance {one.id!r}, {value!r}, would be read as {read_as!r}"
    return None


def _by_name(votes: Votes, any_case: bool) -> dict[str, tuple[str, ...]]:
    given = {name: tuple(labels) for name, labels in (votes.annotators or {}).items() if labels}
    return {name.lower(): labels for name, labels in given.items()} if any_case else given


def _said(utterance: Utterance, file: Path) -> dict[str, object]:
    """What a corpus says of an utterance in `file`, for comparison; a label with no vote says nothing."""
    return {
        "id": utterance.id,
        "file": os.path.normpath(file),
        "speaker": utterance.speaker,
        "session": utterance.session,
        "duration": utterance.duration_s,
        "consensus": utterance.votes.consensus,
        "votes": {label: n for label, n in utterance.votes.counts.items() if n},
    }

"""CREMA-D (Cao et al. 2014) in the layout of its repository, or its `processedResults/tabulatedVotes.csv`.

Each clip was rated from the voice, from the face and from both. Only the votes on the voice are read: the
rows of tabulatedVotes.csv whose row name begins with 1.

`finishedResponses.csv`, if present, contains each rater's votes. The tabulated votes leave out every response
whose first click came after 10 s (`processFinishedResponses.R`); these times are in
`finishedEmoResponses.csv`. The tabulated votes are those that others compare with, so they are used whatever
other files are present. Raters are named where their responses add up to these counts.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import Votes
from .corpus import Corpus, ReadOptions, Utterance
from .csv_reader import CsvFile, Row, read_csv
from .label_map import LabelMap

NAME = "cremad"
LOOKS_LIKE = "a folder with CREMA-D's processedResults/tabulatedVotes.csv"

TABLE = "tabulatedVotes.csv"
RESULTS = "processedResults"
RESPONSES, FIRST_CLICKS = "finishedResponses.csv", "finishedEmoResponses.csv"
ACTORS = "VideoDemographics.csv"
AUDIO = "AudioWAV"
ROW = "row"
EMOTIONS = {"a": "anger", "d": "disgust", "f": "fear", "h": "happy", "n": "neutral", "s": "sad"}
VOICE = "1"
DISTRACTED_MS = 10_000

_ROW_NAME = re.compile(r"[123][0-9]{5}")
_CLIP = re.compile(r"[0-9]{4}_[A-Za-z0-9_]{1,60}")
_COUNT = re.compile(r"[0-9]{1,6}")
_TABLE_COLUMNS = (ROW, *EMOTIONS, "filename", "numresponses")
_QUESTION = ("sessionnums", "querytype", "questnum")
_RESPONSE_COLUMNS = ("localid", "clipname", "respemo", *_QUESTION)
_CLICK_COLUMNS = ("ttr", *_QUESTION)

Responses = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Clip -> rater -> the letters given by the rater (two for a rater who rated a clip twice)."""


def recognises(path: Path) -> bool:
    """Whether `path` is tabulatedVotes.csv or a folder that contains it."""
    return path.name == TABLE if os.path.isfile(path) else os.path.isfile(_table_of(path))


def read(path: Path, options: ReadOptions) -> Corpus:
    """The 7442 clips with the votes on the voice; no audio is read.

    The emotions are anger, disgust, fear, happy, neutral and sad; a label map may name them by letter too.
    speaker is the actor, the first four digits of the file name.

    Raises: CorpusError with file, row and column for a table that is not CREMA-D's, and naming Git LFS
    for a table that is a pointer.
    """
    file = (path if os.path.isfile(path) else _table_of(path)).absolute()
    table = _table(file, _TABLE_COLUMNS)
    rows = [row for row in table.rows if _checked_row_name(table, row).startswith(VOICE)]
    if not rows:
        raise CorpusError(f"{file} has no row for the voice, whose name begins with {VOICE}.")
    root = file.parent.parent if file.parent.name == RESULTS else file.parent
    responses = _responses(root)
    utterances = tuple(_utterance(table, row, root, options.label_map, responses) for row in rows)
    unnamed = sum(u.votes.annotators is None and u.votes.total > 0 for u in utterances)
    warnings = _table_warnings(table, rows, unnamed if responses else 0)
    return Corpus(NAME, NAME, path, utterances, (*warnings, *_actor_warnings(root, utterances)))


def _table_of(folder: Path) -> Path:
    inside = folder / RESULTS / TABLE
    return inside if os.path.isfile(inside) else folder / TABLE


def _table(file: Path, columns: tuple[str, ...]) -> CsvFile:
    table = read_csv(file, keep=columns, row_names=ROW)
    table.require(columns)
    return table


def _checked_row_name(table: CsvFile, row: Row) -> str:
    if _ROW_NAME.fullmatch(row[ROW]) is None:
        raise table.cell_error(
            row, ROW, "is not a row name of CREMA-D: 1 (voice), 2 (face) or 3 (both), then 5 digits"
        )
    return row[ROW]


def _utterance(table: CsvFile, row: Row, root: Path, label_map: LabelMap, responses: Responses) -> Utterance:
    clip = row["filename"]
    if _CLIP.fullmatch(clip) is None:
        raise table.cell_error(row, "filename", "is not a clip of CREMA-D, such as 1001_DFA_ANG_XX")
    counts = Counter[str]()
    for letter in EMOTIONS:
        counts[_label(letter, label_map)] += _count(table, row, letter)
    votes = Votes(dict(+counts))  # without zeros
    raters = responses.get(clip, {})
    named = Votes.from_annotators(
        {rater: [_label(letter, label_map) for letter in letters] for rater, letters in raters.items()}
    )
    return Utterance(
        id=clip,
        file=root / AUDIO / f"{clip}.wav",
        speaker=clip[:4],
        votes=named if named.counts == votes.counts and raters else votes,
    )


def _label(letter: str, label_map: LabelMap) -> str:
    return label_map.of(EMOTIONS[letter], letter)


def _count(table: CsvFile, row: Row, column: str) -> int:
    if _COUNT.fullmatch(row[column]) is None:
        raise table.cell_error(row, column, "is not a vote count, a whole number from 0")
    return int(row[column])


def _responses(root: Path) -> Responses:
    """The raters' votes on the voice, without the responses that the tabulated votes leave out."""
    if not os.path.isfile(root / RESPONSES):
        return {}
    distracted = _distracted(root / FIRST_CLICKS)
    table = _table(root / RESPONSES, _RESPONSE_COLUMNS)
    responses: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in table.rows:
        if row["querytype"] != VOICE or _question(row) in distracted:
            continue
        letter = row["respemo"].lower()
        if letter not in EMOTIONS:
            raise table.cell_error(row, "respemo", f"is not one of {', '.join(EMOTIONS).upper()}")
        raters = responses.setdefault(row["clipname"], {})
        raters[row["localid"]] = (*raters.get(row["localid"], ()), letter)
    return responses


def _distracted(file: Path) -> set[tuple[str, ...]]:
    """The questions whose first click came after DISTRACTED_MS."""
    if not os.path.isfile(file):
        return set()
    return {_question(row) for row in _table(file, _CLICK_COLUMNS).rows if _is_late(row["ttr"])}


def _is_late(milliseconds: str) -> bool:
    try:
        return float(milliseconds) > DISTRACTED_MS  # R writes 100000 as 1e+05
    except ValueError:
        return False  # NA, as in the R script


def _question(row: Row) -> tuple[str, ...]:
    return tuple(row[column] for column in _QUESTION)


def _table_warnings(table: CsvFile, rows: Iterable[Row], unnamed: int) -> Iterator[str]:
    """unnamed: number of clips whose votes are not the raters' responses."""
    differing = sum(
        _count(table, row, "numresponses") != sum(_count(table, row, letter) for letter in EMOTIONS)
        for row in rows
    )
    if differing:
        yield f"{TABLE}: numResponses is not the sum of the votes in {differing} clips; the votes count."
    if unnamed:
        yield (
            f"{RESPONSES}: its responses differ from {TABLE} in {unnamed} clips, whose tabulated votes are "
            f"kept without raters' names; {FIRST_CLICKS} shows which responses were too late to count."
        )


def _actor_warnings(root: Path, utterances: Iterable[Utterance]) -> Iterator[str]:
    if not os.path.isfile(root / ACTORS):
        return
    known = {row["actorid"] for row in _table(root / ACTORS, ("actorid",)).rows}
    missing = sorted({u.speaker for u in utterances} - known)
    if missing:
        yield f"{ACTORS} lacks the actors {', '.join(missing)}."

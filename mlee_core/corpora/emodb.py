"""The Berlin Database of Emotional Speech (Burkhardt et al. 2005): `utterances.csv` beside its audio, or the
recordings alone, whose names tell speaker, sentence and emotion: 03a01Fa.wav.

EmoDB has no votes per class. It tells the emotion the actor meant and the share of 20 listeners who
recognised it, so the intended emotion gets round(20 · share) votes; what the other listeners said is not
known, and their votes go to *other*. Without the table there is one vote, for the emotion that was meant.
"""

from __future__ import annotations

import os
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import OTHER, Votes
from .corpus import Corpus, Reading, Utterance
from .csv_reader import CsvFile, Row, column_names, read_csv, seconds
from .label_map import LabelMap

NAME = "emodb"
LOOKS_LIKE = "a folder with EmoDB's utterances.csv or its wav/"
OPTIONS: tuple[str, ...] = ()

TABLE = "utterances.csv"
RECORDINGS = "wav"
RECORDING = re.compile(r"(\d\d)[a-z]\d\d([WLEAFTN])[a-z]?\.(wav|flac)", re.IGNORECASE)
LETTERS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "N": "neutral",
    "T": "sadness",
}
"""Of the German words: Wut (anger), Langeweile, Ekel, Angst, Freude, neutral, Trauer."""

MEANT_ONLY = (
    f"{TABLE} with the listening test is not there: each utterance has one vote, for the emotion meant."
)
LISTENERS = 20
COLUMNS = ("file", "speaker", "emotion", "duration_s", "recognised")
VOTES_NOTE = (
    "EmoDB's votes are made of the share of 20 listeners who recognised the intended emotion; what the "
    "others said is not known and counts as one label, so the agreement told here is likely too high."
)
EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with an utterances.csv or such recordings, or that table itself."""
    if path.is_dir():
        return os.path.exists(path / TABLE) or bool(_recordings(path))  # no error in a closed folder
    try:
        return path.name == TABLE and set(COLUMNS) <= set(column_names(path))
    except CorpusError:
        return False  # not even a table: whoever reads it will say so


def read(path: Path, how: Reading) -> Corpus:
    """Every utterance of the folder's table; the audio is not looked at.

    Raises: CorpusError with file, row and column for a table that is not EmoDB's.
    """
    if path.is_dir() and not os.path.exists(path / TABLE) and (files := _recordings(path)):
        utterances = tuple(_meant(file, how.label_map) for file in files)
        return Corpus(NAME, NAME, path, utterances, (MEANT_ONLY,))
    table = read_csv(path / TABLE if path.is_dir() else path)
    table.require(COLUMNS)
    return Corpus(NAME, NAME, path, tuple(_utterance(table, row, how.label_map) for row in table.rows))


def _utterance(table: CsvFile, row: Row, label_map: LabelMap) -> Utterance:
    for column in ("file", "speaker"):
        if not row[column]:
            raise table.refuse(row, column, f"is empty: every utterance needs a {column}")
    if row["emotion"] not in EMOTIONS:
        raise table.refuse(row, "emotion", f"is no emotion of EmoDB, which are {', '.join(EMOTIONS)}")
    recognised = votes_for(row["recognised"])
    if recognised is None:
        raise table.refuse(row, "recognised", "is no share between 0 and 1")
    label = label_map.of(row["emotion"])
    counts = {label: recognised}
    counts[OTHER] = counts.get(OTHER, 0) + LISTENERS - recognised
    file = (table.path.parent / row["file"]).absolute()
    return Utterance(file.stem, file, row["speaker"], Votes(counts), seconds(table, row, "duration_s"))


def _recordings(path: Path) -> list[Path]:
    """The files of `path` or its wav/ that are named as EmoDB's, sorted; none in a closed folder."""
    for folder in (path / RECORDINGS, path):
        try:
            found = sorted(file for file in folder.iterdir() if RECORDING.fullmatch(file.name))
        except OSError:
            continue
        if found:
            return found
    return []


def _meant(file: Path, label_map: LabelMap) -> Utterance:
    parts = RECORDING.fullmatch(file.name)
    assert parts is not None, "only such files are asked for"
    label = label_map.of(LETTERS[parts[2].upper()])
    return Utterance(file.stem, file.absolute(), parts[1], Votes({label: 1}))


def votes_for(share: str) -> int | None:
    """Of 20 listeners, how many are `share` (0 to 1, as written); None if that is no share.

    Halves go up, on the written decimals: Python's round() would take 0.125 · 20 = 2.5 down to 2 and
    0.175 · 20 = 3.5 up to 4, and a binary float may miss a half altogether.
    """
    try:
        exact = Decimal(share)
    except InvalidOperation:
        return None
    if not (exact.is_finite() and 0 <= exact <= 1):
        return None
    return int((LISTENERS * exact).quantize(Decimal(1), rounding=ROUND_HALF_UP))

"""The Berlin Database of Emotional Speech (Burkhardt et al. 2005): `utterances.csv` beside its audio, or the
recordings alone, whose names contain speaker, sentence and emotion: 03a01Fa.wav.

EmoDB has no votes per class but the intended emotion and the share of 20 listeners who recognised it. So the
intended emotion gets round(20 · share) votes; the answers of the other listeners are not known, and their
votes go to *other*. Without the table the intended emotion gets one vote.
"""

from __future__ import annotations

import os
import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import OTHER, Votes
from .corpus import Corpus, ReadOptions, Utterance
from .csv_reader import CsvFile, Row, column_names, read_csv, seconds
from .label_map import LabelMap

NAME = "emodb"
LOOKS_LIKE = "a folder with EmoDB's utterances.csv or its wav/"

TABLE = "utterances.csv"
RECORDINGS = "wav"
RECORDING = re.compile(r"(\d\d)[a-z]\d\d([WLEAFTN])[a-z]?\.(wav|flac)", re.IGNORECASE)
EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")
LETTERS = dict(zip("WLEAFNT", EMOTIONS, strict=True))
"""Of the German words: Wut (anger), Langeweile, Ekel, Angst, Freude, neutral, Trauer."""

NO_LISTENING_TEST = (
    f"{TABLE} with the listening test is missing: each utterance has one vote, for the intended emotion."
)
LISTENERS = 20
COLUMNS = ("file", "speaker", "emotion", "duration_s", "recognised")
VOTES_NOTE = (
    "EmoDB's votes are computed from the share of 20 listeners who recognised the intended emotion; the "
    "answers of the others are not known and count as one label, so this agreement is likely too high."
)


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with an utterances.csv or EmoDB's recordings, or that table itself."""
    if path.is_dir():
        return os.path.exists(path / TABLE) or bool(_recordings(path))  # no error in a closed folder
    try:
        return path.name == TABLE and set(COLUMNS) <= set(column_names(path))
    except CorpusError:
        return False  # not a table; the importer that reads it reports why


def read(path: Path, options: ReadOptions) -> Corpus:
    """Every utterance of the folder's table; the audio is not read.

    Raises: CorpusError with file, row and column for a table that is not EmoDB's.
    """
    if path.is_dir() and not os.path.exists(path / TABLE) and (found := _recordings(path)):
        utterances = tuple(
            Utterance(file.stem, file.absolute(), speaker, Votes({options.label_map.of(intended): 1}))
            for file, speaker, intended in found
        )
        return Corpus(NAME, NAME, path, utterances, (NO_LISTENING_TEST,))
    table = read_csv(path / TABLE if path.is_dir() else path)
    table.require(COLUMNS)
    return Corpus(NAME, NAME, path, tuple(_utterance(table, row, options.label_map) for row in table.rows))


def _utterance(table: CsvFile, row: Row, label_map: LabelMap) -> Utterance:
    table.require_cells(row, ("file", "speaker"))
    if row["emotion"] not in EMOTIONS:
        raise table.cell_error(row, "emotion", f"is not an emotion of EmoDB, which are {', '.join(EMOTIONS)}")
    recognised = votes_for(row["recognised"])
    if recognised is None:
        raise table.cell_error(row, "recognised", "is not a share between 0 and 1")
    label = label_map.of(row["emotion"])
    counts = {label: recognised}
    counts[OTHER] = counts.get(OTHER, 0) + LISTENERS - recognised
    file = (table.path.parent / row["file"]).absolute()
    return Utterance(file.stem, file, row["speaker"], Votes(counts), seconds(table, row, "duration_s"))


def _recordings(path: Path) -> list[tuple[Path, str, str]]:
    """(file, speaker, emotion) for the names as in EmoDB in `path` or its wav/, sorted by name.

    A folder without permission has none.
    """
    for folder in (path / RECORDINGS, path):
        try:
            names = [(file, RECORDING.fullmatch(file.name)) for file in sorted(folder.iterdir())]
        except OSError:
            continue
        if found := [(file, parts[1], LETTERS[parts[2].upper()]) for file, parts in names if parts]:
            return found
    return []


def votes_for(share: str) -> int | None:
    """How many of 20 listeners `share` (0 to 1, as written) stands for; None unless it is a share.

    Halves round up, on the written decimals: Python's round() would take 0.125 · 20 = 2.5 down to 2 and
    0.175 · 20 = 3.5 up to 4, and a binary float may miss a half altogether.
    """
    try:
        exact = Decimal(share)
    except InvalidOperation:
        return None
    if not (exact.is_finite() and 0 <= exact <= 1):
        return None
    return int((LISTENERS * exact).quantize(Decimal(1), rounding=ROUND_HALF_UP))

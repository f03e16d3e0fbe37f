"""MSP-Podcast (Lotfian & Busso 2019) and corpora in its layout: a folder `Labels` beside the audio, with
`labels_detailed.csv`, one row per rating, and `labels_consensus.csv`, one row per utterance.

The releases use different column names, which NAMES lists. Releases 1.7 to 1.12 put a rating into one cell,
EmoDetail: `WORKER00000123; Happy; Happy,Amused; A:5; V:6; D:4;`. Up to 1.9 the consensus file is called
labels_concensus.csv.

(reading) A vote is the *primary* emotion, which the rater considers dominant. The secondary emotions are
further ones the rater perceived, ticked in a list by very different standards; they are not votes. A rater
who entered "Other-…" with free text votes for *other*. Words in the ratings and letters in the consensus are
two spellings of the same classes, so a label map applies to both; X is no agreement.

Left out, with a warning that counts them: utterances whose speaker is not known, since no fold could separate
them from the speaker's other utterances, and utterances that only one of the two files contains.

MSP-IMPROV (Busso et al. 2017) in this layout may lack SpkrID: `MSP-IMPROV-S01A-F01-P-FM01` is sentence 01
acted for anger, spoken by F01, the woman of session 01.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..errors import CorpusError
from ..labels.votes import Votes
from .corpus import NO_AGREEMENT, Corpus, ReadOptions, Utterance, vote_warnings
from .csv_reader import CsvFile, Row, read_csv
from .label_map import LabelMap

NAME = "msp"
LOOKS_LIKE = "a folder with MSP-Podcast's Labels/labels_detailed.csv and labels_consensus.csv"

DETAILED = ("labels_detailed.csv",)
CONSENSUS = ("labels_consensus.csv", "labels_concensus.csv")
LABEL_FOLDERS = ("", "Labels", "labels", "label")
AUDIO_FOLDERS = ("Audios", "Audio", "audios", "audio")
NAMES: Mapping[str, tuple[str, ...]] = {
    "file": ("filename", "file_name", "file"),
    "rater": ("workers", "workerid", "worker", "worker_id", "rater", "rater_id", "annotator", "annotatorid"),
    "primary": ("emoclass_major", "emoclass_primary", "primary"),
    "rating": ("emodetail",),
    "class": ("emoclass", "emoclass_major"),
    "speaker": ("spkrid", "spkr_id", "speakerid", "speaker_id", "speaker"),
}
"""Column names in lower case; of several in one header the first counts."""

CODES = {
    "a": ("angry", "anger"),
    "s": ("sad", "sadness"),
    "h": ("happy", "happiness"),
    "u": ("surprise", "surprised"),
    "f": ("fear", "fearful"),
    "d": ("disgust", "disgusted"),
    "c": ("contempt",),
    "n": ("neutral",),
    "o": ("other",),
}
NO_AGREEMENT_SPELLINGS = ("x", "no agreement")
UNKNOWN = ("", "unknown", "nan", "none", "null")
FIELD = ";"  # between the parts of an EmoDetail cell
SUFFIXES = (".wav", ".flac", ".avi", ".mp4")

_SPELLINGS = {name: (*words, code) for code, words in CODES.items() for name in (code, *words)}
_IMPROV = re.compile(
    r"(?:MSP|UTD)-IMPROV-((S[0-9]{2}[A-Z])-([FM]([0-9]{2}))-([A-Z])-[FM]{2}[0-9]{2,3})", re.I
)


def recognises(path: Path) -> bool:
    """Whether `path` is the release, its folder of labels, or one of the two files."""
    return _find(path, DETAILED) is not None and _find(path, CONSENSUS) is not None


def read(path: Path, options: ReadOptions) -> Corpus:
    """Every utterance that is in both files and whose speaker is known; no audio is read.

    Raises: CorpusError with file, row and column for files in another layout.
    """
    detailed, consensus = (_table(path, names) for names in (DETAILED, CONSENSUS))
    ratings, without_primary = _ratings(detailed, options.label_map)
    file, column = _required(consensus, "file"), _required(consensus, "class")
    consensus.refuse_repeated(file, lambda row: _id(consensus, row, file))
    rows = {_id(consensus, row, file): row for row in consensus.rows}
    rated = {id: row for id, row in rows.items() if ratings.get(id)}
    audio = _audio_locator(consensus.path)
    utterances = []
    for id, row in rated.items():
        if (speaker := _speaker(consensus, row, id)) is not None:
            votes = Votes.from_annotators(ratings[id], _consensus(consensus, row, column, options.label_map))
            improv = _IMPROV.fullmatch(id)
            session = improv[4] if improv else None
            utterances.append(Utterance(id, audio(row[file]), speaker, votes, session=session))
    left_out = {
        f"{detailed.path.name} has no rating of them": len(rows) - len(rated),
        f"they are not in {consensus.path.name}": sum(id not in rows for id in ratings),
        "their speaker is not known, so no fold could contain them": len(rated) - len(utterances),
    }
    warnings = [f"{n} utterances are left out: {why}." for why, n in left_out.items() if n]
    if without_primary:
        warnings.append(f"{without_primary} ratings are left out: they have no primary emotion.")
    if not utterances:
        raise CorpusError(f"{path} has no utterance to read: {' '.join(warnings)}")
    warnings.extend(vote_warnings(utterances, options.label_map))
    return Corpus(NAME, NAME, path, tuple(utterances), tuple(warnings))


def _find(path: Path, names: Sequence[str]) -> Path | None:
    """The first of these files in the release, in its folder of labels, or beside the file `path`."""
    if path.is_file():
        if path.name not in (*DETAILED, *CONSENSUS):
            return None
        path = path.parent
    places = [path / folder / name for folder in LABEL_FOLDERS for name in names]
    return next((place for place in places if os.path.exists(place)), None)


def _table(path: Path, names: Sequence[str]) -> CsvFile:
    file = _find(path, names)
    if file is None:
        raise CorpusError(f"{path} has no {names[0]}, neither in it nor in its folder Labels.")
    return read_csv(file, keep={name for group in NAMES.values() for name in group})


def _column(table: CsvFile, what: str) -> str | None:
    return next((name for name in NAMES[what] if name in table.columns), None)


def _required(table: CsvFile, what: str) -> str:
    column = _column(table, what)
    if column is None:
        names, present = " or ".join(NAMES[what]), ", ".join(table.columns)
        raise CorpusError(f"{table.path} lacks a column for the {what} ({names}): its columns are {present}.")
    return column


def _ratings(table: CsvFile, label_map: LabelMap) -> tuple[dict[str, dict[str, list[str]]], int]:
    """Utterance -> rater -> labels, and the number of ratings without a primary emotion."""
    file, rating = _required(table, "file"), _column(table, "rating")
    columns = (rating,) if rating else (_required(table, "rater"), _required(table, "primary"))
    found: dict[str, dict[str, list[str]]] = {}
    without_primary = 0
    for row in table.rows:
        cells = row[rating].split(FIELD) if rating else [row[column] for column in columns]
        if len(cells) < 2:
            raise table.cell_error(row, columns[0], "is not a rating, such as rater; primary emotion; …")
        rater, word = (cell.strip() for cell in cells[:2])
        if not rater:
            raise table.cell_error(row, columns[0], "has no rater")
        raters = found.setdefault(_id(table, row, file), {})
        if word:
            raters.setdefault(rater, []).append(_label(table, row, columns[-1], word, label_map))
        else:
            without_primary += 1
    return found, without_primary


def _label(table: CsvFile, row: Row, column: str, word: str, label_map: LabelMap) -> str:
    """The class of a word or a letter of MSP-Podcast."""
    key = word.lower()
    if key in _SPELLINGS:
        return label_map.of(*_SPELLINGS[key])
    if key.startswith("other"):
        return label_map.of(key, *_SPELLINGS["other"])
    if len(key) == 1:
        raise table.cell_error(
            row, column, f"is not a class: the letters are {' '.join(CODES).upper()} and X"
        )
    return label_map.of(key)


def _consensus(table: CsvFile, row: Row, column: str, label_map: LabelMap) -> str | None:
    stated = row[column]
    if not stated:
        return None
    if stated.lower() in NO_AGREEMENT_SPELLINGS:
        return NO_AGREEMENT
    return _label(table, row, column, stated, label_map)


def _id(table: CsvFile, row: Row, column: str) -> str:
    """The file's name without its suffix; MSP-IMPROV's videos count as its audio."""
    table.require_cells(row, (column,))
    return _without_suffix(row[column])


def _without_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    stem = stem if suffix.lower() in SUFFIXES else name
    improv = _IMPROV.fullmatch(stem)
    return f"MSP-IMPROV-{improv[1].upper()}" if improv else stem


def _speaker(table: CsvFile, row: Row, id: str) -> str | None:
    """The speaker, None if not known."""
    improv = _IMPROV.fullmatch(id)
    if improv and _column(table, "speaker") is None:
        return improv[3]
    name = row[_required(table, "speaker")]
    if name.lower() not in UNKNOWN:
        return name
    return improv[3] if improv else None


def _audio_locator(consensus: Path) -> Callable[[str], Path]:
    """A function from file names to audio files, in one folder or in MSP-IMPROV's folders of sessions."""
    labels = consensus.absolute().parent
    root = labels.parent if labels.name in LABEL_FOLDERS else labels
    places = [root / name for name in AUDIO_FOLDERS]
    folder = next((place for place in places if os.path.isdir(place)), places[0])
    by_session = any(os.path.isdir(folder / f"session{n}") for n in range(1, 7))

    def audio(name: str) -> Path:
        id = _without_suffix(name)
        improv = _IMPROV.fullmatch(id)
        if improv and by_session:
            return folder / f"session{int(improv[4])}" / improv[2] / improv[5] / f"{id}.wav"
        return folder / (f"{id}.wav" if improv or id == name else name)

    return audio

"""IEMOCAP (Busso et al. 2008) as released: `Session1` … `Session5`, each with `dialog/EmoEvaluation`.

There is one text file per dialog. An utterance begins with the release's consensus,
`[start - end] ID neu [v, a, d]`, separated by tabs. It is followed by the evaluators' labels,
`C-E2: Neutral; Frustration; (comment)`, one line per evaluator with one or more labels; the actors' own,
`C-F1:` and `C-M1:`; and ratings of valence, activation and dominance, `A-E2:`, which are not read. A comment
may continue over several lines.

Labels and consensus codes are two spellings of the same ten words, so a label map applies to both:
`excited=hap` makes votes for *Excited* votes for hap and turns the consensus `exc` into hap. (reading) The
consensus is mapped, not recomputed: this is the usual merge of the two classes, which researchers compare
with. So an utterance with one vote each for happy, excited and neutral remains `xxx`, no agreement. Without a
map *Excited* is an emotion outside the four classes, as in the paper.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CorpusError
from ..labels.votes import CLASSES, Votes
from ..system.printable import listed
from .corpus import NO_AGREEMENT, Corpus, ReadOptions, Utterance
from .duplicates import first_repeated
from .label_map import LabelMap

NAME = "iemocap"
LOOKS_LIKE = "a folder with IEMOCAP's Session1 to Session5"

EVALUATION = Path("dialog") / "EmoEvaluation"
IMPROVISED, SCRIPTED = "impro", "script"
EVALUATORS, SELF = "E", "FM"
USUAL_EVALUATORS = 3
LISTED = 5  # unknown labels that a warning names
NO_AGREEMENT_CODE = "xxx"
WORDS = {
    "neu": ("neutral", "neutral state"),
    "hap": ("happiness", "happy"),
    "sad": ("sadness",),
    "ang": ("anger", "angry"),
    "exc": ("excited", "excitement"),
    "fru": ("frustration", "frustrated"),
    "fea": ("fear",),
    "sur": ("surprise", "surprised"),
    "dis": ("disgust", "disgusted"),
    "oth": ("other",),
}
_NAMES = {name: (*words, code) for code, words in WORDS.items() for name in (*words, code)}

_SECONDS = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_CONSENSUS = re.compile(rf"\[\s*{_SECONDS}\s*-\s*{_SECONDS}\s*\]\s+(\S+)\s+(\S+)\s+\[[^\[\]]*\]")
_ID = re.compile(r"((Ses[0-9]{2})[FM]_[A-Za-z0-9_]{1,60})_([FM])[A-Za-z0-9]{1,20}")
_VOTE = re.compile(r"C-([EFM][A-Za-z0-9]*)\s*:(.*)")
_CONSENSUS_FORM = "`[start - end] ID label [v, a, d]`, seconds with the start before the end"
_ID_FORM = "an id is like Ses01F_impro01_M003"
_VOTE_FORM = "`C-E1: label; label; (comment)`, C-F1 or C-M1"


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with a Session1 … that holds evaluations."""
    return any(os.path.isdir(path / f"Session{n}" / EVALUATION) for n in range(1, 6))


def read(path: Path, options: ReadOptions) -> Corpus:
    """Every utterance of the improvised dialogs, and on request of the scripted ones; no audio is read.

    The speaker is the letter before the last number of the id: Ses01F_impro01_M003 is Ses01M.
    An utterance without votes has no consensus either: nothing supports it, so no scheme admits it.

    Raises: CorpusError with file and line for a file that is no EmoEvaluation file, and for a repeated id.
    """
    folders = _session_folders(path)
    wanted = EVALUATORS + (SELF if options.self_reports else "")
    dialogs = [_turns(file, wanted) for folder in folders for file in _dialogs(folder, options.scripted)]
    turns = [turn for dialog in dialogs for turn in sorted(dialog, key=lambda t: (t.start_s, t.id))]
    if not turns:
        kind = "utterance" if options.scripted else f"improvised utterance (*{IMPROVISED}*.txt)"
        raise CorpusError(f"{path} has no {kind} in Session*/{EVALUATION}.")
    if repeated := first_repeated(turns, lambda turn: turn.id):
        places = " and ".join(f"{turn.file}, line {turn.line}" for turn in repeated)
        raise CorpusError(f"{places} both hold utterance {repeated[0].id!r}: ids must be unique.")
    utterances = tuple(_utterance(turn, options.label_map) for turn in turns)
    warnings = _vote_warnings(turns, options.label_map)
    return Corpus(NAME, NAME, path, utterances, (*_absences(folders, dialogs), *warnings))


@dataclass(frozen=True)
class _Turn:
    """One utterance of a dialog; file and line: the place of its consensus."""

    id: str
    dialog: str
    session: str
    speaker: str
    file: Path
    line: int
    start_s: float
    end_s: float
    code: str
    given: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)


def _session_folders(path: Path) -> list[Path]:
    try:
        folders = sorted(p for p in path.iterdir() if re.fullmatch(r"Session[0-9]+", p.name))
    except OSError as error:
        raise CorpusError(f"{path} cannot be read as IEMOCAP, {LOOKS_LIKE}: {error.strerror}.") from error
    if not any(_is_folder(folder / EVALUATION) for folder in folders):
        raise CorpusError(f"{path} is not {LOOKS_LIKE}: it has no Session*/{EVALUATION}.")
    return folders


def _dialogs(session: Path, scripted: bool) -> list[Path]:
    """The session's evaluation files, without folders and the `._` files of macOS."""
    folder = session / EVALUATION
    if not _is_folder(folder):
        return []
    try:
        return sorted(
            file
            for file in folder.iterdir()
            if file.suffix == ".txt"
            and not file.name.startswith(".")
            and (scripted or IMPROVISED in file.name)
            and not os.path.isdir(file)
        )
    except OSError as error:
        raise CorpusError(f"{folder} cannot be read: {error.strerror}.") from error


def _is_folder(folder: Path) -> bool:
    """Whether this is a folder. Raises: CorpusError if that cannot be determined, as without permission."""
    try:
        return stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        for part in (*reversed(folder.parents), folder):
            if part.is_symlink() and not part.exists():
                raise CorpusError(f"{part} cannot be read: {error.strerror}.") from error
        return False
    except OSError as error:
        raise CorpusError(f"{folder} cannot be read: {error.strerror}.") from error


def _turns(file: Path, wanted: str) -> list[_Turn]:
    """The utterances of one dialog with the labels of the `wanted` kinds of annotators."""
    turns: list[_Turn] = []
    in_comment = False
    for number, line in enumerate(_lines(file), start=1):
        if line.startswith("["):
            turns.append(_turn(file, number, line))
        elif line.startswith("C-"):
            if not turns:
                raise _refuse(file, number, line, "precedes any utterance")
            annotator, labels = _vote(file, number, line)
            if annotator[0] in wanted:
                turns[-1].given.append((annotator, labels))
        elif line and not in_comment and not line.startswith(("A-", "%")):
            raise _refuse(file, number, line, f"is none of {_CONSENSUS_FORM}; {_VOTE_FORM}; A-…; or % header")
        in_comment = _leaves_open(line, in_comment)
    return turns


def _leaves_open(line: str, in_comment: bool) -> bool:
    """Whether the next line may continue a comment."""
    begins = line.startswith(("C-", "A-")) and "(" in line
    return (begins or (in_comment and not line.startswith("["))) and not line.endswith(")")


def _lines(file: Path) -> Iterator[str]:
    """Stripped lines. Comments hold Latin-1 bytes, and only comments hold more than ASCII."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a pipe would never end
            raise CorpusError(f"{file} cannot be read: it is not a regular file.")
        content = file.read_bytes()
    except OSError as error:
        raise CorpusError(f"{file} cannot be read: {error.strerror}.") from error
    # bytes, since str.splitlines would also break a line at a Latin-1 comment's \x85
    return (line.decode("latin-1").strip() for line in content.removeprefix(b"\xef\xbb\xbf").splitlines())


def _turn(file: Path, number: int, line: str) -> _Turn:
    match = _CONSENSUS.fullmatch(line)
    if match is None or round(float(match[2]) - float(match[1]), 4) <= 0:
        raise _refuse(file, number, line, f"is not {_CONSENSUS_FORM}")
    start, end, name, code = match.groups()
    parts = _ID.fullmatch(name)
    if parts is None:
        raise _refuse(file, number, name, f"is not an id of IEMOCAP: {_ID_FORM}")
    if code not in (*WORDS, NO_AGREEMENT_CODE):
        allowed = ", ".join((*WORDS, NO_AGREEMENT_CODE))
        raise _refuse(file, number, code, f"is not a consensus: allowed are {allowed}")
    dialog, session, letter = parts.groups()
    return _Turn(name, dialog, session, session + letter, file, number, float(start), float(end), code)


def _vote(file: Path, number: int, line: str) -> tuple[str, tuple[str, ...]]:
    match = _VOTE.fullmatch(line)
    if match is None:
        raise _refuse(file, number, line, f"is not {_VOTE_FORM}")
    words = (word.strip().lower() for word in match[2].partition("(")[0].split(";"))
    return match[1], tuple(word for word in words if word)


def _refuse(file: Path, number: int, found: str, why: str) -> CorpusError:
    shown = found if len(found) <= 60 else f"{found[:60]}…"
    return CorpusError(f"{file}, line {number}: {shown!r} {why}.")


def _utterance(turn: _Turn, label_map: LabelMap) -> Utterance:
    annotators: dict[str, list[str]] = {}
    for annotator, words in turn.given:
        labels = [label_map.of(*_NAMES.get(word, (word,))) for word in words]
        if labels:
            annotators.setdefault(annotator, []).extend(labels)
    consensus = None
    if annotators:
        no_agreement = turn.code == NO_AGREEMENT_CODE
        consensus = NO_AGREEMENT if no_agreement else label_map.of(*_NAMES[turn.code])
    return Utterance(
        id=turn.id,
        file=(turn.file.parents[2] / "sentences" / "wav" / turn.dialog / f"{turn.id}.wav").absolute(),
        speaker=turn.speaker,
        votes=Votes.from_annotators(annotators, consensus),
        duration_s=round(turn.end_s - turn.start_s, 4),
        session=turn.session,
    )


def _absences(folders: Iterable[Path], dialogs: Iterable[Sequence[_Turn]]) -> Iterator[str]:
    without = [folder.name for folder in folders if not _is_folder(folder / EVALUATION)]
    if without:
        yield f"{', '.join(without)}: not read, since {EVALUATION} is missing."
    empty = sum(not dialog for dialog in dialogs)
    if empty:
        yield f"{empty} dialogs' files hold no utterance."


def _vote_warnings(turns: Sequence[_Turn], label_map: LabelMap) -> Iterator[str]:
    evaluators = [{name for name, words in t.given if words and name[0] in EVALUATORS} for t in turns]
    few = sum(0 < len(names) < USUAL_EVALUATORS for names in evaluators)
    if few:
        yield f"votes: {few} of {len(turns)} utterances have fewer than {USUAL_EVALUATORS} evaluators."
    without = sum(not any(words for _, words in turn.given) for turn in turns)
    if without:
        yield (
            f"votes: {without} of {len(turns)} utterances have none, so no label scheme admits them, "
            "whatever their consensus."
        )
    empty = sum(not words for turn in turns for _, words in turn.given)
    if empty:
        yield f"votes: {empty} lines of annotators hold no label and are ignored."
    repeated = sum(len(turn.given) - len({name for name, _ in turn.given}) for turn in turns)
    if repeated:
        yield f"votes: {repeated} lines repeat an annotator on an utterance; their labels are combined."
    unknown = Counter(
        word
        for turn in turns
        for _, words in turn.given
        for word in words
        if word not in _NAMES and not label_map.knows(word)
    )
    if unknown:
        names = listed([f"{word} {n}" for word, n in unknown.most_common()], LISTED)
        yield f"votes: labels that IEMOCAP does not have, each kept as another emotion: {names}."


# Comparison with the paper

PAPER_UTTERANCES, PAPER_SPEAKERS = 4784, 10
PAPER_DOMINANT = {"neu": 1099, "hap": 284, "sad": 608, "ang": 289}
PAPER_TABLE_1 = {
    "dominant": {"neu": 58.2, "hap": 15.4, "sad": 30.5, "ang": 15.9},
    "all": {"neu": 45.2, "hap": 24.0, "sad": 19.8, "ang": 17.8},
}
_TABLE_1_ROWS = {"dominant": "of those with a dominant class", "all": "of all annotated"}


def against_paper(corpus: Corpus) -> tuple[str, ...]:
    """Compares utterances, dominant classes and Table 1 with the paper (SPEC.md); sentences to print.

    corpus: IEMOCAP. The paper's numbers are those of the default options; with scripted dialogs or
    self-reports the only sentence is that they cannot be compared.
    """
    from .statistics import info

    annotators = {name for u in corpus.utterances for name in u.votes.annotators or ()}
    beyond_default = {
        "scripted dialogs": any(SCRIPTED in u.id for u in corpus.utterances),
        "self-reports": any(name[0] in SELF for name in annotators),
    }
    included = [name for name, present in beyond_default.items() if present]
    if included:
        return (
            f"With {' and '.join(included)} the paper's numbers, which are those of the improvised dialogs "
            "without self-reports, cannot be compared.",
        )
    differing = tuple(_differences(info(corpus)))
    if differing:
        return (
            "The numbers differ from the paper's, which are those of a complete IEMOCAP without a label map:",
            *differing,
        )
    counts = ", ".join(f"{n} {name}" for name, n in PAPER_DOMINANT.items())
    return (f"As in the paper: {PAPER_UTTERANCES} utterances; dominant {counts}; Table 1 to 0.1 %.",)


def _differences(found: dict[str, Any]) -> Iterator[str]:
    for what, paper in (("utterances", PAPER_UTTERANCES), ("speakers", PAPER_SPEAKERS)):
        if found[what] != paper:
            yield f"{found[what]} {what}; the paper has {paper}."
    counts = {name: (found["dominant"][name], PAPER_DOMINANT[name]) for name in CLASSES}
    differing = [f"{name} {here} (paper {paper})" for name, (here, paper) in counts.items() if here != paper]
    if differing:
        yield f"Dominant class: {', '.join(differing)}."
    for row, title in _TABLE_1_ROWS.items():
        differing = [
            f"{name} {_percent(share)} (paper {PAPER_TABLE_1[row][name]:.1f} %)"
            for name, share in found["existence_ratio"][row].items()
            if _percent(share) != f"{PAPER_TABLE_1[row][name]:.1f} %"
        ]
        if differing:
            yield f"Table 1, {title}: {', '.join(differing)}."


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"

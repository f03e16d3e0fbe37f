"""Which recordings of a corpus are there: files that are missing, or Git-LFS pointers in place of sound.

Only the file system is asked, nothing is decoded: 7442 files take about 0.1 s.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..errors import CorpusError
from .corpus import Corpus, Utterance
from .git_lfs import ADVICE, is_pointer

TOLERATED_PERCENT = 1
"""Up to this share of a corpus may lack its audio without the user's word."""

LISTED = 5


@dataclass(frozen=True)
class MissingAudio:
    """The corpus's utterances in corpus order, each in one of three.

    present: with a file; missing: without one; pointers: with a Git-LFS pointer in place of it.
    """

    present: tuple[Utterance, ...]
    missing: tuple[Utterance, ...]
    pointers: tuple[Utterance, ...]

    @property
    def absent(self) -> int:
        """Utterances without audio."""
        return len(self.missing) + len(self.pointers)


def count(corpus: Corpus) -> MissingAudio:
    """Ask for every utterance's file; one that is a folder or a device counts as missing."""
    present, missing, pointers = [], [], []
    for utterance in corpus.utterances:
        if not os.path.isfile(utterance.file):  # unlike Path.is_file, False for a name that is too long
            missing.append(utterance)
        elif is_pointer(utterance.file):
            pointers.append(utterance)
        else:
            present.append(utterance)
    return MissingAudio(tuple(present), tuple(missing), tuple(pointers))


def present(corpus: Corpus, *, skip_missing: bool) -> Corpus:
    """The corpus without the utterances whose audio is missing or a Git-LFS pointer.

    If there are any, the corpus that is returned has one warning more, which counts them and lists the first.

    Raises: CorpusError if more than 1 % are absent and not `skip_missing`, or if all are.
    """
    found = count(corpus)
    if not found.absent:
        return corpus
    what = _in_words(corpus, found)
    if not found.present:
        raise CorpusError(f"{what}; nothing is left to train on.")
    if not skip_missing and 100 * found.absent > TOLERATED_PERCENT * len(corpus.utterances):
        raise CorpusError(
            f"{what}; --skip-missing leaves out more than {TOLERATED_PERCENT} %, "
            f"`mlee corpus info {corpus.root} --missing` lists them all."
        )
    return replace(corpus, utterances=found.present, warnings=(*corpus.warnings, f"{what}; left out."))


def _in_words(corpus: Corpus, found: MissingAudio) -> str:
    """ "/data/x lacks the audio of 7 of 535 utterances (1.31 %): a.wav, b.wav, … and 2 more"."""
    absent, total = found.absent, len(corpus.utterances)
    pointers = f", {len(found.pointers)} of them Git-LFS pointers ({ADVICE})" if found.pointers else ""
    files = _listed([path_in(corpus, u) for u in (*found.missing, *found.pointers)])
    share = f"{100 * absent / total:.3g} %"
    return f"{corpus.root} lacks the audio of {absent} of {total} utterances ({share}){pointers}: {files}"


def path_in(corpus: Corpus, utterance: Utterance) -> str:
    """The utterance's file as seen from the corpus's folder; its whole path if it lies elsewhere."""
    root = corpus.root.absolute()
    folder = root if root.is_dir() else root.parent
    file = utterance.file
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


def _listed(files: Sequence[str]) -> str:
    more = len(files) - LISTED
    return ", ".join(files[:LISTED]) + (f" and {more} more" if more > 0 else "")

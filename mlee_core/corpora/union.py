"""Several corpora as one, to train on all of them: speakers and utterances are named after their corpus."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import CorpusError
from .corpus import Corpus
from .duplicates import first_repeated


def refuse_repeated(paths: Sequence[Path]) -> None:
    """Raises: CorpusError for a folder or file that is named twice, also by way of a link."""
    if repeated := first_repeated(paths, os.path.realpath):
        raise CorpusError(f"{repeated[1]} is given twice: each corpus is allowed once.")


def joined(corpora: Sequence[Corpus]) -> Corpus:
    """One corpus with the utterances of all, in the given order; the corpus itself if there is only one.

    "03" of emodb becomes "emodb/03" (`qualified`), and so do ids of utterances and sessions, so that the
    same name in two corpora stays two speakers. The parts stay available as `Corpus.parts`.

    Raises: CorpusError if two corpora have the same name.
    """
    if len(corpora) == 1:
        return corpora[0]
    parts = tuple(replace(corpus, name=corpus.name.replace("/", "-")) for corpus in corpora)
    if repeated := first_repeated(parts, lambda part: part.name):
        first, second = repeated
        raise CorpusError(
            f"{first.root} and {second.root} are both named {first.name}: the names of corpora must differ, "
            "since speakers are named after them (a table has the name of its file or folder)."
        )
    return Corpus(
        name="+".join(part.name for part in parts),
        format="+".join(dict.fromkeys(part.format for part in parts)),
        root=parts[0].root,
        utterances=tuple(
            replace(
                u,
                id=part.qualified(u.id),
                speaker=part.qualified(u.speaker),
                session=None if u.session is None else part.qualified(u.session),
            )
            for part in parts
            for u in part.utterances
        ),
        warnings=tuple(f"{part.name}: {warning}" for part in parts for warning in part.warnings),
        joined=parts,
    )

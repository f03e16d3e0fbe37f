"""Recordings of files and folders, with their speakers. For a thread; opens no audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlee_core.errors import AudioError, CorpusError


@dataclass(frozen=True)
class Found:
    """A recording. speaker, corpus: None where its folder is no known corpus."""

    path: str
    speaker: str | None = None
    corpus: str | None = None


def listing(paths: Sequence[str]) -> tuple[list[Found], list[str]]:
    """The recordings of files and folders in order, and one sentence for each folder that cannot be read.

    A file that is missing or no audio is listed too; reading it reports what is wrong.
    """
    from mlee_core.audio.decoding import find_audio

    utterances = cache(_utterances)
    found: list[Found] = []
    refused: list[str] = []
    for name in paths:
        path = Path(name).absolute()
        try:
            files = find_audio(path) if path.is_dir() else (path,)
        except AudioError as error:
            refused.append(str(error))
            continue
        for file in files:
            folders = list(file.parents)[:2]  # the corpus itself, or a folder of audio inside it
            known = (utterances(folder).get(file) for folder in folders)
            found.append(next(filter(None, known), Found(str(file))))
    return found, refused


def _utterances(folder: Path) -> dict[Path, Found]:
    """The files of a corpus with speaker and corpus; none where the folder is no corpus."""
    from mlee_core.corpora import open_corpus  # slow: imports the importers of many formats

    try:
        corpus = open_corpus(folder)
    except CorpusError:  # an ordinary folder, as most are
        return {}
    return {u.file: Found(str(u.file), u.speaker, corpus.name) for u in corpus.utterances}

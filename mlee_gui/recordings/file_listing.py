"""Recordings of files and folders, with their speakers. For a thread; opens no audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlee_core.errors import AudioError, CorpusError


@dataclass(frozen=True)
class Found:
    """A recording. speaker, corpus: None where its folder is no known corpus."""

    path: str
    speaker: str | None = None
    corpus: str | None = None


@dataclass(frozen=True)
class Listing:
    """found: recordings in order. refused: one sentence for each folder that could not be read."""

    found: tuple[Found, ...]
    refused: tuple[str, ...] = ()


@dataclass
class _Speakers:
    """Speaker and corpus of a file, if a folder above it is a corpus; each folder is read once."""

    _known: dict[Path, dict[Path, Found]] = field(default_factory=dict)

    def of(self, path: Path) -> Found:
        for folder in list(path.parents)[:2]:  # the corpus itself, or a folder of audio inside it
            found = self._utterances(folder).get(path)
            if found is not None:
                return found
        return Found(str(path))

    def _utterances(self, folder: Path) -> dict[Path, Found]:
        from mlee_core.corpora import open_corpus  # slow: imports the importers of many formats

        if folder not in self._known:
            try:
                corpus = open_corpus(folder)
            except CorpusError:  # an ordinary folder, as most are
                self._known[folder] = {}
            else:
                self._known[folder] = {
                    u.file: Found(str(u.file), u.speaker, corpus.name) for u in corpus.utterances
                }
        return self._known[folder]


def listing(paths: Sequence[str]) -> Listing:
    """The recordings of files and folders; a folder that cannot be read is reported in `refused`.

    A file that is missing or no audio is listed too; reading it reports what is wrong.
    """
    from mlee_core.audio.decoding import find_audio

    speakers = _Speakers()
    found: list[Found] = []
    refused: list[str] = []
    for name in paths:
        path = Path(name).absolute()
        try:
            files = find_audio(path) if path.is_dir() else (path,)
        except AudioError as error:
            refused.append(str(error))
            continue
        found.extend(speakers.of(file) for file in files)
    return Listing(tuple(found), tuple(refused))

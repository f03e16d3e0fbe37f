"""From what the user points at to recordings with their speakers. Runs off the GUI thread; opens no audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlee_core.errors import AudioError, CorpusError


@dataclass(frozen=True)
class Found:
    """A recording to be listed. speaker, corpus: where its folder is a known corpus, else None."""

    path: str
    speaker: str | None = None
    corpus: str | None = None


@dataclass(frozen=True)
class Listing:
    """found: recordings in order. refused: one sentence each on what could not be listed."""

    found: tuple[Found, ...]
    refused: tuple[str, ...] = ()


@dataclass
class _Speakers:
    """Speaker and corpus of a file, if one of the folders above it is a corpus; each folder is read once."""

    _known: dict[Path, dict[Path, Found]] = field(default_factory=dict)

    def of(self, path: Path) -> Found:
        for folder in list(path.parents)[:2]:  # the corpus itself, or a folder of audio inside it
            found = self._utterances(folder).get(path)
            if found is not None:
                return found
        return Found(str(path))

    def _utterances(self, folder: Path) -> dict[Path, Found]:
        from mlee_core.corpora import open_corpus  # importers of many formats: the window opens before

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
    """Files as they are, folders as the recordings in them; a bad folder is told and the rest goes on.

    A file that is missing or no audio is listed too: reading it will say what is wrong with it.
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

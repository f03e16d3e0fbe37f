"""Changes of the list that can be taken back. Entries keep their ids, rows and results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

if TYPE_CHECKING:
    from .session import Entry, Session


def _what(entries: Sequence[Entry]) -> str:
    return entries[0].name if len(entries) == 1 else f"{len(entries)} recordings"


class AddEntries(QUndoCommand):
    def __init__(self, session: Session, rows: list[tuple[int, Entry]], current: int) -> None:
        super().__init__(f"add {_what([e for _, e in rows])}")
        self._session = session
        self._rows = rows
        self._current = current

    def redo(self) -> None:
        self._session.insert(self._rows, self._current)

    def undo(self) -> None:
        self._rows = self._session.take([e.id for _, e in self._rows])


class RemoveEntries(QUndoCommand):
    def __init__(self, session: Session, ids: list[int]) -> None:
        gone = [e for e in session.entries() if e.id in set(ids)]
        super().__init__(f"remove {_what(gone)}")
        self._session = session
        self._ids = ids
        self._rows: list[tuple[int, Entry]] = []

    def redo(self) -> None:
        self._rows = self._session.take(self._ids)

    def undo(self) -> None:
        self._session.insert(self._rows, self._rows[0][1].id)

"""Changes of the queue that can be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QUndoCommand

if TYPE_CHECKING:
    from mlee_core.jobs.queue import Item

    from .jobs import Jobs


class Move(QUndoCommand):
    """Train an experiment earlier (by < 0) or later."""

    def __init__(self, jobs: Jobs, item: Item, by: int) -> None:
        super().__init__(f"move {item.run.name}")
        self._jobs, self._id, self._by = jobs, item.id, by

    def redo(self) -> None:
        self._jobs.move_now(self._id, self._by)

    def undo(self) -> None:
        self._jobs.move_now(self._id, -self._by)


class Forget(QUndoCommand):
    """Take an experiment off the list."""

    def __init__(self, jobs: Jobs, item: Item) -> None:
        super().__init__(f"remove {item.run.name} from the list")
        self._jobs, self._item = jobs, item
        self._row = jobs.row(item)

    def redo(self) -> None:
        self._jobs.remove_now(self._item.id)

    def undo(self) -> None:
        self._jobs.put_back(self._item, self._row)

"""The open recordings, the current one and its selection: the state that all panels share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from mlee_core.errors import MleeError
from mlee_core.events import Progress
from mlee_core.inference.model_file import ModelInfo
from mlee_core.inference.protocol import OpenedRecording
from mlee_core.inference.results import Analysis, Segment

from ..shell.messages import Messages
from ..shell.tasks import Tasks
from .file_listing import Found, listing

State = Literal["queued", "reading", "analysing", "done", "failed", "cancelled"]
WAITING: tuple[State, ...] = ("queued", "reading", "analysing")

MIN_SELECTION_S = 0.001
"""Length below which a drag counts as a click."""


@dataclass(frozen=True)
class Entry:
    """One recording in the list, immutable: `Session.update` replaces it.

    opened: its samples and picture on disk, for recordings shown recently. segments: results so far, which
    arrive one by one. selection_analysis: of the time range analysed last. message: why it failed. restored:
    it was open at the last exit; if it fails again, only its row shows it.
    """

    id: int
    path: str
    name: str
    speaker: str | None = None
    corpus: str | None = None
    opened: OpenedRecording | None = None
    analysis: Analysis | None = None
    segments: tuple[Segment, ...] = ()
    selection_analysis: Analysis | None = None
    state: State = "queued"
    progress: Progress | None = None
    message: str = ""
    restored: bool = False

    @property
    def duration_s(self) -> float | None:
        """Seconds, None before the recording was read."""
        if self.opened is not None:
            return self.opened.duration_s
        return None if self.analysis is None else self.analysis.duration_s

    def without_results(self) -> Entry:
        """The same recording, queued for analysis again."""
        return Entry(self.id, self.path, self.name, self.speaker, self.corpus, self.opened)


class Session(QObject):
    """The list of recordings, the current one, its selection and cursor, and the model.

    The last four signals are for the `AnalysisQueue`; commands emit the last two.
    """

    entries_changed = Signal()
    entry_changed = Signal(int)
    current_changed = Signal(int)  # id, or -1
    selection_changed = Signal(object)  # (start_s, end_s) or None
    cursor_moved = Signal(float)
    model_changed = Signal(object)  # ModelInfo
    listed = Signal(object)  # the requested paths, once they are in the list
    work_changed = Signal()  # what is to be read or analysed may have changed
    discarded = Signal(object)  # ids of entries that are removed or read again
    selection_analysis_requested = Signal()
    stop_requested = Signal()  # of all running and waiting analyses; results so far stay

    def __init__(
        self, messages: Messages, find_model: Callable[[str], ModelInfo], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.messages = messages
        self.undo_stack = QUndoStack(self)
        self.model: ModelInfo | None = None
        self.model_name = ""
        self.selection: tuple[float, float] | None = None
        self.cursor_s = 0.0
        self._find_model = find_model
        self._entries: dict[int, Entry] = {}
        self._current = -1
        self._ids = count(1)
        self._tasks = Tasks("listing", self)

    # --- the list

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def entry(self, entry_id: int) -> Entry | None:
        return self._entries.get(entry_id)

    def current(self) -> Entry | None:
        return self._entries.get(self._current)

    def add_paths(
        self,
        paths: Sequence[str],
        *,
        current: str | None = None,
        undoable: bool = True,
        restored: bool = False,
    ) -> None:
        """Add files and the recordings of folders; returns at once, `listed` follows when they are added.

        Args:
            paths: Files and folders.
            current: The path that becomes current; None for the first one.
            undoable: Whether the user can undo it.
            restored: Whether they were open at the last exit.
        """
        requested = list(paths)
        self._tasks.run(
            lambda: listing(requested),
            lambda listed: self._add(requested, listed[0], listed[1], current, undoable, restored),
            lambda error: self.messages.failed("searching for recordings", error),
        )

    def remove(self, ids: Iterable[int]) -> None:
        """Remove recordings from the list (undoable); the files stay."""
        rows = self._rows(set(ids))
        if rows:
            self.undo_stack.push(EditList(self, rows, rows[0][1].id, add=False))

    def clear(self) -> None:
        self.remove(list(self._entries))

    def insert(self, entries: Sequence[tuple[int, Entry]], current: int) -> None:
        """Insert entries at their rows, in ascending order, and make `current` current. For undo commands."""
        order = list(self._entries.values())
        for row, entry in entries:
            order.insert(row, entry)
        self._entries = {e.id: e for e in order}
        self.entries_changed.emit()
        self.set_current(current)
        self.work_changed.emit()

    def extract(self, ids: Iterable[int]) -> list[tuple[int, Entry]]:
        """Remove entries, return them with their rows; the next one becomes current. For undo commands."""
        gone = set(ids)
        self.discarded.emit(gone)  # updates the entries
        taken = self._rows(gone)
        current_row = next((row for row, entry in taken if entry.id == self._current), None)
        self._entries = {e.id: e for e in self._entries.values() if e.id not in gone}
        self.entries_changed.emit()
        if current_row is not None:
            remaining = list(self._entries)
            self.set_current(remaining[min(current_row, len(remaining) - 1)] if remaining else -1)
        self.work_changed.emit()
        return taken

    def update(self, entry_id: int, **changes: Any) -> None:
        """Replace fields of an entry, if it still exists."""
        entry = self._entries.get(entry_id)
        if entry is not None:
            self._entries[entry_id] = replace(entry, **changes)
            self.entry_changed.emit(entry_id)

    # --- the current recording

    def set_current(self, entry_id: int) -> None:
        if entry_id == self._current:
            return
        self._current = entry_id if entry_id in self._entries else -1
        self.cursor_s = 0.0
        self.selection = None
        entry = self.current()
        if entry is not None and entry.state == "cancelled" and entry.opened is None:
            self.update(entry.id, state="queued", message="")  # its reading never started
        self.current_changed.emit(self._current)
        self.selection_changed.emit(None)
        self.work_changed.emit()

    def step(self, rows: int) -> None:
        """Make the recording `rows` below the current one current, if it exists."""
        order = list(self._entries)
        if self._current in order:
            self.set_current(order[max(0, min(order.index(self._current) + rows, len(order) - 1))])

    def set_selection(self, span: tuple[float, float] | None) -> None:
        """Select a time range in seconds, in any order, clipped to the recording; None clears it."""
        entry = self.current()
        if span is not None:
            end = entry.duration_s if entry is not None and entry.duration_s is not None else 0.0
            low, high = (min(max(t, 0.0), end) for t in sorted(span))
            span = (low, high) if high - low >= MIN_SELECTION_S else None
        if span == self.selection:
            return
        self.selection = span
        if span is None and entry is not None and entry.selection_analysis is not None:
            self.update(entry.id, selection_analysis=None)
        self.selection_changed.emit(span)

    def set_cursor(self, at_s: float) -> None:
        self.cursor_s = at_s
        self.cursor_moved.emit(at_s)

    # --- the model and the analyses

    def set_model(self, name: str) -> None:
        """Use this model from now on; all recordings are analysed again."""
        try:
            info = self._find_model(name)
        except MleeError as error:
            self.messages.error(str(error))
            return
        changed = self.model is not None and info != self.model
        self.model, self.model_name = info, name
        if changed:
            self.discarded.emit(list(self._entries))
            self._entries = {i: e.without_results() for i, e in self._entries.items()}
            self.entries_changed.emit()
        self.model_changed.emit(info)
        self.work_changed.emit()

    def reanalyse(self, ids: Iterable[int]) -> None:
        """Read the files again and analyse them."""
        known = [i for i in ids if i in self._entries]
        self.discarded.emit(known)
        for entry_id in known:
            self._entries[entry_id] = replace(self._entries[entry_id].without_results(), opened=None)
            self.entry_changed.emit(entry_id)
        self.work_changed.emit()

    def close(self) -> None:
        self._tasks.stop()

    # --- helpers

    def _rows(self, ids: set[int]) -> list[tuple[int, Entry]]:
        return [(row, entry) for row, entry in enumerate(self.entries()) if entry.id in ids]

    def _add(
        self,
        requested: list[str],
        found: list[Found],
        refused: list[str],
        current: str | None,
        undoable: bool,
        restored: bool,
    ) -> None:
        for sentence in refused:
            self.messages.error(sentence)
        ids = {e.path: e.id for e in self._entries.values()}
        new = [
            Entry(next(self._ids), f.path, Path(f.path).name, f.speaker, f.corpus, restored=restored)
            for f in dict.fromkeys(found)
            if f.path not in ids
        ]
        ids |= {e.path: e.id for e in new}
        path = current if current in ids else next((f.path for f in found), "")
        show = ids.get(path or "", self._current)
        if new:
            rows = list(enumerate(new, start=len(self._entries)))
            if undoable:
                self.undo_stack.push(EditList(self, rows, show, add=True))
            else:
                self.insert(rows, show)
        else:
            self.set_current(show)
        self.listed.emit(requested)


class EditList(QUndoCommand):
    """Adds entries to the list or removes them.

    Args:
        session: The session with the list.
        rows: The entries with their rows, ascending.
        current: Id of the entry that is current once they are in the list.
        add: Whether they are added, else removed.
    """

    def __init__(self, session: Session, rows: list[tuple[int, Entry]], current: int, add: bool) -> None:
        what = rows[0][1].name if len(rows) == 1 else f"{len(rows)} recordings"
        super().__init__(f"{'add' if add else 'remove'} {what}")
        self._session, self._rows, self._current, self._add = session, rows, current, add

    def redo(self) -> None:
        self._edit(self._add)

    def undo(self) -> None:
        self._edit(not self._add)

    def _edit(self, add: bool) -> None:
        if add:
            self._session.insert(self._rows, self._current)
        else:
            self._rows = self._session.extract([entry.id for _, entry in self._rows])

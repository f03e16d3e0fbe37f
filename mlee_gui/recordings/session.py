"""What is open, which recording is current, what is selected: the only thing that panels share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from mlee_core.errors import MleeError
from mlee_core.events import Progress
from mlee_core.inference.model_info import ModelInfo
from mlee_core.inference.protocol import OpenedRecording
from mlee_core.inference.results import Analysis, Segment

from ..shell.messages import Messages
from ..shell.tasks import Tasks
from .file_listing import Found, Listing, listing

State = Literal["queued", "reading", "analysing", "done", "failed", "cancelled"]
WAITING: tuple[State, ...] = ("queued", "reading", "analysing")

MIN_SELECTION_S = 0.001
"""A shorter drag is a click."""


@dataclass(frozen=True)
class Entry:
    """One recording in the list. It changes by being replaced (`Session.update`).

    opened: its samples and picture on disk, for recordings looked at lately. segments: verdicts so far,
    which arrive one by one. selection_analysis: of the stretch analysed last. message: why it failed.
    restored: it was open before; if it fails again, its row says so and no message does.
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
        """Seconds, None until the recording was read."""
        if self.opened is not None:
            return self.opened.duration_s
        return None if self.analysis is None else self.analysis.duration_s

    def afresh(self) -> Entry:
        """The same recording, waiting to be analysed, nothing known but what was read."""
        return replace(
            self,
            analysis=None,
            segments=(),
            selection_analysis=None,
            state="queued",
            progress=None,
            message="",
            restored=False,
        )


class Work(Protocol):
    """What does the reading and analysing for a session (backlog.py)."""

    def pump(self) -> None: ...
    def analyse_selection(self) -> None: ...
    def cancel(self, entry_id: int) -> None: ...
    def stop(self) -> None: ...
    def forget(self, entry_ids: Iterable[int]) -> None: ...


class Session(QObject):
    """The list of recordings, the current one, its selection and cursor, and the model."""

    entries_changed = Signal()
    entry_changed = Signal(int)
    current_changed = Signal(int)  # id, or -1
    selection_changed = Signal(object)  # (start_s, end_s) or None
    cursor_moved = Signal(float)
    model_changed = Signal(object)  # ModelInfo
    listed = Signal(object)  # the paths that were asked for, once they are in the list

    def __init__(
        self,
        messages: Messages,
        find_model: Callable[[str], ModelInfo],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.messages = messages
        self.undo_stack = QUndoStack(self)
        self.model: ModelInfo | None = None
        self.model_name = ""
        self.selection: tuple[float, float] | None = None
        self.cursor_s = 0.0
        self.work: Work | None = None
        self._find_model = find_model
        self._entries: dict[int, Entry] = {}
        self._current = -1
        self._next_id = 0
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
        """List files, and the recordings of folders; the first of them becomes current, or `current`.

        restored: they were open before. Returns at once: folders are walked elsewhere, and `listed` tells
        when the list has them.
        """
        asked = list(paths)
        self._tasks.run(
            lambda: listing(asked),
            lambda found: self._add(asked, found, current, undoable, restored),
            lambda error: self.messages.failed("looking for recordings", error),
        )

    def remove(self, ids: Iterable[int]) -> None:
        """Take recordings off the list (undoable; files stay where they are)."""
        known = [i for i in ids if i in self._entries]
        if known:
            self.undo_stack.push(RemoveEntries(self, known))

    def clear(self) -> None:
        self.remove(list(self._entries))

    def insert(self, entries: Sequence[tuple[int, Entry]], current: int) -> None:
        """Put entries at their places (row, entry), rows ascending, and make `current` current.

        For the undo stack's commands.
        """
        order = list(self._entries.values())
        for row, entry in entries:
            order.insert(row, entry)
        self._entries = {e.id: e for e in order}
        self.entries_changed.emit()
        self.set_current(current)
        self._pump()

    def take(self, ids: Iterable[int]) -> list[tuple[int, Entry]]:
        """Take entries out; returns them with their rows. The nearest entry below becomes current."""
        gone = set(ids)
        order = list(self._entries.values())
        taken = [(row, entry) for row, entry in enumerate(order) if entry.id in gone]
        if self.work is not None:
            self.work.forget(gone)
            taken = [(row, self._entries[entry.id]) for row, entry in taken]
        rest = {e.id: e for e in self._entries.values() if e.id not in gone}
        current_row = next((row for row, entry in taken if entry.id == self._current), None)
        self._entries = rest
        self.entries_changed.emit()
        if current_row is not None:
            left = list(rest)
            self.set_current(left[min(current_row, len(left) - 1)] if left else -1)
        self._pump()
        return taken

    def update(self, entry_id: int, **changes: Any) -> None:
        """Replace fields of an entry, if it is still there, and tell."""
        entry = self._entries.get(entry_id)
        if entry is not None:
            self._entries[entry_id] = replace(entry, **changes)
            self.entry_changed.emit(entry_id)

    # --- what is looked at

    def set_current(self, entry_id: int) -> None:
        if entry_id == self._current:
            return
        self._current = entry_id if entry_id in self._entries else -1
        self.cursor_s = 0.0
        self.selection = None
        entry = self.current()
        if entry is not None and entry.state == "cancelled" and entry.opened is None:
            self.update(entry.id, state="queued", message="")  # it had never started
        self.current_changed.emit(self._current)
        self.selection_changed.emit(None)
        self._pump()

    def step(self, rows: int) -> None:
        """Make the recording `rows` below the current one current, where there is one."""
        order = list(self._entries)
        if self._current in order:
            self.set_current(order[max(0, min(order.index(self._current) + rows, len(order) - 1))])

    def set_selection(self, span: tuple[float, float] | None) -> None:
        """Select a stretch in seconds, in either order; it is clipped to the recording. None clears."""
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

    # --- the model and its work

    def set_model(self, name: str) -> None:
        """Analyse with this model from now on; every recording waits for it again."""
        try:
            info = self._find_model(name)
        except MleeError as error:
            self.messages.error(str(error))
            return
        changed = self.model is not None and info != self.model
        self.model, self.model_name = info, name
        if changed and self.work is not None:
            self.work.forget(list(self._entries))
        if changed:
            self._entries = {i: e.afresh() for i, e in self._entries.items()}
            self.entries_changed.emit()
        self.model_changed.emit(info)
        self._pump()

    def analyse_selection(self) -> None:
        if self.work is not None:
            self.work.analyse_selection()

    def reanalyse(self, ids: Iterable[int]) -> None:
        """Read and analyse these again, from the file as it is now."""
        known = [i for i in ids if i in self._entries]
        if self.work is not None:
            self.work.forget(known)
        for entry_id in known:
            fresh = replace(self._entries[entry_id].afresh(), opened=None)
            self._entries[entry_id] = fresh
            self.entry_changed.emit(entry_id)
        self._pump()

    def cancel(self, entry_id: int) -> None:
        """Stop what runs for this recording; what was found so far stays."""
        if self.work is not None:
            self.work.cancel(entry_id)

    def stop(self) -> None:
        """Stop everything that runs or waits."""
        if self.work is not None:
            self.work.stop()

    def close(self) -> None:
        self._tasks.stop()

    # --- inside

    def _add(
        self, asked: list[str], found: Listing, current: str | None, undoable: bool, restored: bool
    ) -> None:
        for sentence in found.refused:
            self.messages.error(sentence)
        ids = {e.path: e.id for e in self._entries.values()}
        new = [
            replace(self._make(f), restored=restored) for f in dict.fromkeys(found.found) if f.path not in ids
        ]
        ids |= {e.path: e.id for e in new}
        wanted = current if current in ids else next((f.path for f in found.found), "")
        show = ids.get(wanted or "", self._current)
        if new:
            at = len(self._entries)
            rows = [(at + k, entry) for k, entry in enumerate(new)]
            if undoable:
                self.undo_stack.push(AddEntries(self, rows, show))
            else:
                self.insert(rows, show)
        else:
            self.set_current(show)
        self.listed.emit(asked)

    def _make(self, found: Found) -> Entry:
        self._next_id += 1
        return Entry(self._next_id, found.path, Path(found.path).name, found.speaker, found.corpus)

    def _pump(self) -> None:
        if self.work is not None:
            self.work.pump()


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

"""The order in which recordings are read and analysed: the current one first, the rest one by one."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from mlee_core.events import Progress
from mlee_core.inference.protocol import Analyze, OpenedRecording, OpenRecording
from mlee_core.inference.results import Analysis, Segment

from ..shell.status_bar import Activity
from ..shell.tasks import Tasks
from .inference_client import InferenceClient
from .session import WAITING, Entry, Session, State

KEEP_OPEN = 8
"""Number of recordings whose samples and picture stay on disk; one hour takes about 400 MB."""

MAX_CRASHES = 2
"""Number of crashes without a result after which the rest of the list is not tried."""

STOPPED = "Stopped."

Kind = Literal["open", "analyze", "selection"]
_DOING = {"open": "reading", "analyze": "analysing", "selection": "analysing the selection of"}


@dataclass(frozen=True)
class _QueuedAnalysis:
    entry: int
    kind: Kind


class AnalysisQueue(QObject):
    """Turns queued entries into jobs, and answers into entries.

    The worker runs its newest job first, so the rest of the list is sent only while nothing else runs. Thus
    neither a click nor a selection waits for it.
    """

    activity_changed = Signal()

    def __init__(
        self, session: Session, inference: InferenceClient, folder: Path, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._inference = inference
        self._folder = folder
        self._jobs: dict[int, _QueuedAnalysis] = {}
        self._progress: dict[int, Progress] = {}
        self._opened: list[int] = []  # entries with files in the folder, newest last
        self._batch: tuple[float, int] | None = None  # when the list was started, entries done then
        self._opens = 0
        self._crashes = 0  # since the last result
        self._tasks = Tasks("cleaning", self)
        session.work_changed.connect(self.pump)
        session.discarded.connect(self.forget)
        session.selection_analysis_requested.connect(self.analyse_selection)
        session.stop_requested.connect(self.stop)
        inference.opened.connect(self._on_opened)
        inference.progressed.connect(self._on_progressed)
        inference.segment_done.connect(self._on_segment)
        inference.analyzed.connect(self._on_analyzed)
        inference.refused.connect(self._on_refused)
        inference.died.connect(self._on_died)

    # --- requests of the session

    def pump(self) -> None:
        """Send the worker its next job, if any."""
        current = self._session.current()
        if current is not None:
            self._request_current(current)
        if not self._jobs:
            waiting = next((e for e in self._session.entries() if e.state == "queued"), None)
            if waiting is not None:
                self._analyze(waiting)
        self._update_activity()

    def analyse_selection(self) -> None:
        entry, span = self._session.current(), self._session.selection
        if entry is None or entry.opened is None:
            self._session.messages.show_status("No recording is open for analysis.")
        elif span is None:
            self._session.messages.show_status("Select a time range first: drag on the plots.")
        else:
            self._drop(j for j, job in self._jobs.items() if job == _QueuedAnalysis(entry.id, "selection"))
            self._send_analyze(entry, "selection", span)
            self._update_activity()

    def stop(self) -> None:
        self._drop(self._jobs)
        for entry in self._session.entries():
            if entry.state in WAITING:
                self._finish("analyze", entry.id, "cancelled", STOPPED)
        self._update_activity()

    def forget(self, entry_ids: Iterable[int]) -> None:
        """Drop jobs and temporary files of entries that are removed or read again."""
        gone = set(entry_ids)
        self._drop(j for j, job in self._jobs.items() if job.entry in gone)
        for entry_id in gone:
            entry = self._session.entry(entry_id)
            if entry is not None and entry.state in ("reading", "analysing"):
                self._session.update(entry_id, state="queued", progress=None, segments=())
            self._close_files(entry_id)

    def close(self) -> None:
        self._jobs.clear()
        self._tasks.stop()

    def activity(self) -> Activity | None:
        """The running analysis, or None."""
        if not self._jobs:
            return None
        newest = max(self._jobs)
        job = self._jobs[newest]
        entry = self._session.entry(job.entry)
        name = entry.name if entry is not None else "a recording"
        doing = _DOING[job.kind]
        text = f"{doing} {name}"
        entries = self._session.entries()
        waiting = sum(e.state in WAITING for e in entries)
        progress = self._progress.get(newest)
        fraction = min(progress.done / progress.total, 1.0) if progress and progress.total else None
        if waiting > 1:
            return self._batch_activity(text, len(entries) - waiting, len(entries), fraction or 0.0)
        if progress is None:
            return Activity(text, None, None)
        stage = "" if doing.startswith(progress.what.lower()) else f": {progress.what}"
        return Activity(text + stage, fraction, progress.left_s)

    # --- requests

    def _request_current(self, entry: Entry) -> None:
        """Request the picture of the current recording first, then its analysis."""
        kinds = {job.kind for job in self._jobs.values() if job.entry == entry.id}
        if entry.opened is None and "open" not in kinds and entry.state not in ("failed", "cancelled"):
            self._opens += 1
            folder = self._folder / f"{entry.id}-{self._opens}"
            folder.mkdir(parents=True, exist_ok=True)
            job = self._inference.request(OpenRecording(entry.path, str(folder)))
            self._jobs[job] = _QueuedAnalysis(entry.id, "open")
            if entry.state == "queued":
                self._session.update(entry.id, state="reading")
        elif entry.opened is not None and entry.state == "queued" and "analyze" not in kinds:
            self._analyze(entry)

    def _analyze(self, entry: Entry) -> None:
        self._session.update(entry.id, state="analysing", segments=(), message="")
        self._send_analyze(entry, "analyze", None)

    def _send_analyze(self, entry: Entry, kind: Kind, span: tuple[float, float] | None) -> None:
        model, (start_s, end_s) = self._session.model_name, span or (None, None)
        request = Analyze(entry.path, model, start_s, end_s, entry.speaker, entry.corpus)
        self._jobs[self._inference.request(request)] = _QueuedAnalysis(entry.id, kind)

    def _drop(self, jobs: Iterable[int]) -> None:
        """Cancel jobs and ignore their answers."""
        for job in list(jobs):
            self._inference.cancel(job)
            self._end(job)

    def _end(self, job: int) -> tuple[Kind, Entry] | None:
        """Remove a job; returns its kind and entry, None if it was dropped."""
        self._progress.pop(job, None)
        known = self._jobs.pop(job, None)
        entry = None if known is None else self._session.entry(known.entry)
        return None if known is None or entry is None else (known.kind, entry)

    # --- answers; an unknown job was dropped

    def _on_opened(self, job: int, recording: OpenedRecording) -> None:
        if (ended := self._end(job)) is None:
            return
        _, entry = ended
        self._crashes = 0
        self._opened.append(entry.id)
        state: State = "queued" if entry.state == "reading" else entry.state
        self._session.update(entry.id, opened=recording, state=state, progress=None)
        current = self._session.current()
        shown = {entry.id, -1 if current is None else current.id}
        for old in [i for i in self._opened if i not in shown][: max(0, len(self._opened) - KEEP_OPEN)]:
            self._close_files(old)
        self.pump()

    def _on_progressed(self, job: int, progress: Progress) -> None:
        if job in self._jobs:
            self._progress[job] = progress
            if self._jobs[job].kind != "selection":
                self._session.update(self._jobs[job].entry, progress=progress)
            self._update_activity()

    def _on_segment(self, job: int, segment: Segment) -> None:
        known = self._jobs.get(job)
        entry = None if known is None else self._session.entry(known.entry)
        if known is not None and entry is not None and known.kind == "analyze":
            self._session.update(entry.id, segments=(*entry.segments, segment))

    def _on_analyzed(self, job: int, analysis: Analysis) -> None:
        if (ended := self._end(job)) is None:
            return
        kind, entry = ended
        self._crashes = 0
        if kind == "selection":
            self._session.update(entry.id, selection_analysis=analysis)
        else:
            self._session.update(entry.id, analysis=analysis, segments=analysis.segments)
            self._finish(kind, entry.id, "done")
        self.pump()

    def _on_refused(self, job: int, sentence: str) -> None:
        if (ended := self._end(job)) is None:
            return
        kind, entry = ended
        if not entry.restored:
            self._session.messages.error(sentence)
        self._finish(kind, entry.id, "failed", sentence)
        self.pump()

    def _on_died(self, jobs: frozenset[int], sentence: str, details: str) -> None:
        names: list[str] = []
        for kind, entry in filter(None, map(self._end, jobs)):
            names.append(entry.name)
            self._finish(kind, entry.id, "failed", sentence)
        what = f" Not analysed: {', '.join(dict.fromkeys(names))} (retry with F5)." if names else ""
        self._session.messages.error(sentence + what, details)
        self._crashes += 1
        if self._crashes >= MAX_CRASHES:
            self.stop()
        self.pump()

    # --- helpers

    def _finish(self, kind: Kind, entry_id: int, state: State, message: str = "") -> None:
        """Set the final state of an entry; a job for its selection does not change that."""
        if kind != "selection":
            self._session.update(entry_id, state=state, progress=None, message=message)

    def _close_files(self, entry_id: int) -> None:
        """Remove the samples and the picture of a recording that is no longer shown."""
        entry = self._session.entry(entry_id)
        if entry_id in self._opened:
            self._opened.remove(entry_id)
        if entry is None or entry.opened is None:
            return
        folder = Path(entry.opened.samples_file).parent
        self._session.update(entry_id, opened=None)
        failed = partial(self._session.messages.failed, "removing temporary files")
        self._tasks.run(partial(shutil.rmtree, folder), lambda _: None, failed)

    def _batch_activity(self, text: str, done: int, total: int, part: float) -> Activity:
        now = time.monotonic()
        if self._batch is None:
            self._batch = (now, done)
        start, done_at_start = self._batch
        finished = done - done_at_start
        remaining_s = (now - start) / finished * (total - done) if finished >= 3 else None  # else a guess
        return Activity(f"{text} ({done + 1} of {total})", (done + part) / total, remaining_s)

    def _update_activity(self) -> None:
        if not self._jobs:
            self._batch = None
        self.activity_changed.emit()

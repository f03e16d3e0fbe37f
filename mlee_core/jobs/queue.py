"""The queue: experiments that run one after the other, listed in a file that outlives windows and runners.

FOLDER/queue.json  queue.lock     the list; each edit holds the lock and replaces the file
FOLDER/runner.lock runner.log     held and written by the process that runs the experiments (runner.py)
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..config.experiment_spec import ExperimentSpec, new_run
from ..errors import MleeError, RunError
from ..runs import control_requests
from ..runs.spec_file import stored_spec, write_spec
from ..runs.status_files import ControlRequest, JobStatus
from ..system import files, locks
from ..system.process_identity import ProcessIdentity
from ..system.user_folders import state_folder
from .control import lives

_UNEXPECTED = "The job ended unexpectedly: its process was killed, or the machine went down."
State = Literal["waiting", "running", "finished", "failed", "cancelled", "stopped", "paused", "interrupted"]


@dataclass(frozen=True)
class Item:
    """An experiment in the queue. run: its folder, an absolute path. message: one sentence if it failed.
    process: its job's, once started. added_at: seconds since the epoch (UTC). later: names of cells that were
    requested while it ran; it is queued again for them once it has ended."""

    id: str
    spec: ExperimentSpec
    run: Path
    state: State
    message: str
    added_at: float
    process: ProcessIdentity | None = None
    later: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        others = {name: value for name, value in vars(self).items() if name != "spec"}
        process = None if self.process is None else asdict(self.process)
        return {**others, "order": self.spec.to_json(), "run": str(self.run), "process": process}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Item:
        """Keys of a newer version are ignored."""
        return cls(
            value["id"],
            ExperimentSpec.from_json(value["order"]),
            Path(value["run"]),
            value["state"],
            value["message"],
            value["added_at"],
            None if value["process"] is None else ProcessIdentity.from_json(value["process"]),
            tuple(value.get("later", ())),
        )

    def ended(self, state: State, message: str) -> Item:
        """The item once its job has ended: in this state, or waiting for the cells of `later`."""
        ended = replace(self, state=state, message=message)
        if self.later and state in ("finished", "failed", "interrupted"):
            return ended.waiting(self.later)
        return replace(ended, later=())

    def waiting(self, cells: tuple[str, ...]) -> Item:
        """The item queued to resume its run, with these cells only or, for (), with all."""
        spec = replace(_resumed(self), cells=cells)
        return replace(self, spec=spec, state="waiting", message="", process=None, later=())

    def now(self) -> Item:
        """The item at this moment: its job may have ended, and nobody written that into the queue yet."""
        if self.state not in ("running", "interrupted") or self.process is None:
            return self
        if self.state == "running" and lives(self.run, self.process):
            return self
        job = JobStatus.load(self.run)  # after the check of its process, which may have ended normally
        if job is not None and job.writer == self.process and job.state != "running":
            return replace(self, state=job.state, message=job.message)
        return replace(self, state="interrupted", message=self.message or _UNEXPECTED)


@dataclass(frozen=True)
class Queue:
    """items: in the order in which they run. paused: no experiment is started. keep_going: a failed one does
    not pause the queue."""

    items: tuple[Item, ...] = ()
    paused: bool = False
    keep_going: bool = True

    def item(self, id: str) -> Item:
        """Raises: RunError if there is none."""
        found = next((item for item in self.items if item.id == id), None)
        if found is None:
            raise RunError(f"{id!r} is no longer in the queue.")
        return found

    def of(self, run: Path) -> Item | None:
        """The item of a run folder, None if it has none."""
        return next((item for item in self.items if item.run == run), None)

    def now(self) -> Queue:
        return replace(self, items=tuple(item.now() for item in self.items))

    def settled(self) -> Queue:
        """`now`, with the cells queued that were requested during a run that has ended."""
        items = list(self.now().items)
        for at, (was, now) in enumerate(zip(self.items, items, strict=True)):
            if was.state == "running" != now.state:
                items[at] = was.ended(now.state, now.message)
        return replace(self, items=tuple(items))

    def with_item(self, changed: Item) -> Queue:
        items = tuple(changed if item.id == changed.id else item for item in self.items)
        return replace(self, items=items)


class QueueFile:
    """The queue in its folder; whatever changes it raises RunError if it cannot be written.

    folder: None is the user's own (`usual_folder`).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = usual_folder() if folder is None else Path(folder).absolute()
        self._file = self.folder / "queue.json"

    def read(self) -> Queue:
        """The queue at this moment; needs no lock. Raises: RunError for a damaged file."""
        return self._stored().now()

    def add(self, spec: ExperimentSpec) -> Item:
        """Add an experiment at the end, waiting. Raises: RunError if its run folder cannot be written."""
        run = (spec.run or new_run(spec)).absolute()
        spec = replace(spec, **_absolute(spec), run=run)
        if (run / "config.json").exists() and not spec.resume:
            raise RunError(f"{run} already holds a run: resume it, or name another folder.")

        def added(queue: Queue) -> Queue:
            known = queue.of(run)
            if known is not None:
                raise RunError(f"{run} is already in the queue ({known.state}).")
            return replace(queue, items=(*queue.items, item))

        item = Item(uuid.uuid4().hex[:12], spec, run, "waiting", "", time.time())
        write_spec(run, spec)
        self.edit(added)
        return item

    def adopt(self, run: Path) -> Item:
        """Add a run folder that was started elsewhere, in a terminal for example. Raises: RunError."""
        run = Path(run).absolute()
        job = JobStatus.load(run)
        state = _state_by_events(run) if job is None else "running"
        item = Item(uuid.uuid4().hex[:12], _spec_of(run), run, state, "", time.time())
        if job is not None and job.state != "running":  # its writer may still run, to print a report
            item = replace(item, state=job.state, message=job.message)
        elif job is not None:
            item = replace(item, process=job.writer).now()

        taken = self.edit(lambda q: q if q.of(run) else replace(q, items=(*q.items, item))).of(run)
        assert taken is not None, "it was in the queue or has been added"
        return taken

    def move(self, id: str, by: int) -> None:
        """Move an item. by: places towards the end, negative towards the front."""

        def moved(queue: Queue) -> Queue:
            items = list(queue.items)
            at = items.index(queue.item(id))
            items.insert(max(0, at + by), items.pop(at))
            return replace(queue, items=tuple(items))

        self.edit(moved)

    def remove(self, id: str) -> None:
        """Remove an item; its run folder stays. Raises: RunError while it runs."""

        def removed(queue: Queue) -> Queue:
            unwanted = _idle_item(queue, id)
            return replace(queue, items=tuple(item for item in queue.items if item != unwanted))

        self.edit(removed)

    def again(self, id: str, cells: tuple[str, ...] = (), redo: tuple[str, ...] = ()) -> None:
        """Queue an item again, to resume its run.

        Args:
            id: of the item.
            cells: names of the cells to train, besides those for which it already waits; () is all. Cells of
                a running item are queued once it has ended.
            redo: names of cells to train from the start again, with those that depend on them.

        Raises: RunError for all cells of a running item, or if a file cannot be written.
        """

        def waiting(queue: Queue) -> Queue:
            item = queue.item(id)
            if cells and item.now().state == "running":
                with files.faults_as_run_errors(item.run):
                    control_requests.edit(
                        item.run, lambda request: replace(_wanted(request, cells, redo), ask=request.ask)
                    )
                return queue.with_item(replace(item, later=tuple(dict.fromkeys((*item.later, *cells)))))
            _idle_item(queue, id)
            now = item.waiting(_together(item, cells))
            with files.faults_as_run_errors(item.run):
                control_requests.edit(item.run, lambda request: _wanted(request, cells, redo))
            write_spec(item.run, now.spec)
            return queue.with_item(now)

        self.edit(waiting)

    def set_paused(self, paused: bool) -> None:
        """Start nothing more, or resume: paused items then wait again, in their places."""

        def resumed(item: Item) -> Item:
            return item.waiting(item.spec.cells) if item.state == "paused" else item

        def changed(queue: Queue) -> Queue:
            items = queue.items if paused else tuple(map(resumed, queue.now().items))
            return replace(queue, items=items, paused=paused)

        self.edit(changed)

    def set_keep_going(self, keep_going: bool) -> None:
        self.edit(lambda queue: replace(queue, keep_going=keep_going))

    def edit(self, change: Callable[[Queue], Queue]) -> Queue:
        """Change the queue under its lock; returns the new one."""
        with self.locked():
            before = self._stored()
            queue = change(before)
            if queue != before:
                items = [item.to_json() for item in queue.items]
                with files.faults_as_run_errors(self.folder):
                    files.write_json(self._file, {**vars(queue), "items": items})
        return queue

    @contextmanager
    def locked(self) -> Iterator[None]:
        held = ExitStack()
        with files.faults_as_run_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            held.enter_context(locks.locked(self.folder / "queue.lock"))
        with held:
            yield

    def _stored(self) -> Queue:
        try:
            value = json.loads(self._file.read_text(encoding="utf-8"))
            items = tuple(Item.from_json(item) for item in value["items"])
            return Queue(items, bool(value["paused"]), bool(value["keep_going"]))
        except FileNotFoundError:
            return Queue()
        except OSError as error:
            raise RunError(f"{self._file} cannot be read: {error.strerror}.") from error
        except (AttributeError, KeyError, TypeError, ValueError, MleeError) as error:
            raise RunError(
                f"{self._file} cannot be read ({error}): if another version of MLEE wrote it, restart the "
                "window; if it is damaged, move it away to start a new queue."
            ) from error


def usual_folder() -> Path:
    """Where the user's queue lies."""
    return state_folder() / "queue"


def _spec_of(run: Path) -> ExperimentSpec:
    """What resumes a run that was not queued. Raises: RunError."""
    from ..runs.run_folder import RunFolder

    if (run / "order.json").exists():
        return stored_spec(run)
    config = RunFolder(run).config()
    corpus, *also = map(Path, config.corpus)
    return ExperimentSpec(corpus, tuple(also), format=config.format, run=run, resume=True)


def _state_by_events(run: Path) -> State:
    """The state of a run without job.json, which older versions did not write."""
    from ..runs.follower import Follower

    follower = Follower(run)
    while follower.poll(1.0) and not follower.caught_up:
        pass
    if follower.progress.done == follower.progress.total:
        return "finished"
    return "failed" if follower.state == "failed" else "interrupted"


def _absolute(spec: ExperimentSpec) -> dict[str, Any]:
    """The other paths of a spec made absolute: a job runs in another working folder."""
    also = tuple(path.absolute() for path in spec.also)
    found: dict[str, Any] = {"corpus": spec.corpus.absolute(), "also": also}
    if spec.label_map is not None:
        found["label_map"] = spec.label_map.absolute()
    if spec.folds is not None and Path(spec.folds).exists():
        found["folds"] = str(Path(spec.folds).absolute())
    return found


def _resumed(item: Item) -> ExperimentSpec:
    """The spec that resumes an item's run. What a smoke run shortened stays short."""
    if not (item.run / "config.json").exists():
        return item.spec
    spec = replace(item.spec, resume=True, smoke=False)
    if item.spec.smoke:
        spec = replace(spec, rows=(), train_sets=(), only=(), seeds=None, recipe=None, settings=(),
                        max_epochs=None, patience=None, level=None, batch_size=None)  # fmt: skip
    return spec


def _wanted(request: ControlRequest, cells: tuple[str, ...], redo: tuple[str, ...]) -> ControlRequest:
    """The request without what would keep these cells from being trained."""
    skip = tuple(name for name in request.skip if name not in (*cells, *redo))
    return ControlRequest(None, skip, tuple(dict.fromkeys((*request.redo, *redo))))


def _together(item: Item, cells: tuple[str, ...]) -> tuple[str, ...]:
    """The cells that an item is to train if these are requested as well; () is all."""
    if item.state != "waiting":
        return cells
    return tuple(dict.fromkeys((*item.spec.cells, *cells))) if item.spec.cells and cells else ()


def _idle_item(queue: Queue, id: str) -> Item:
    """Raises: RunError while it runs."""
    item = queue.item(id)
    if item.now().state == "running":
        raise RunError(f"{item.run} is being trained: stop or cancel it first.")
    return item

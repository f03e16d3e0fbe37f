"""The queue: which experiments are to run one after the other, in a file that outlives windows and runners.

FOLDER/queue.json  queue.lock     the list; each edit holds the lock and replaces the file
FOLDER/runner.lock runner.log     held and written by the process that works it (runner.py)
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
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

_UNTOLD = "The job ended without a word: its process was killed, or the machine went down."
State = Literal["waiting", "running", "finished", "failed", "cancelled", "stopped", "paused", "interrupted"]


@dataclass(frozen=True)
class Item:
    """An experiment in the queue. run: its folder, an absolute path. message: one sentence where it failed.
    process: its job's, once it has been started. added_at: seconds since the epoch (UTC). later: names of
    cells that were asked for while it ran; it waits again for them once it has ended."""

    id: str
    spec: ExperimentSpec
    run: Path
    state: State
    message: str
    added_at: float
    process: ProcessIdentity | None = None
    later: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        process = None if self.process is None else asdict(self.process)
        plain = {"order": self.spec.to_json(), "run": str(self.run), "process": process}
        return {**{name: value for name, value in vars(self).items() if name != "spec"}, **plain}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Item:
        process = None if value["process"] is None else ProcessIdentity.from_json(value["process"])
        read = {
            "spec": ExperimentSpec.from_json(value["order"]),
            "run": Path(value["run"]),
            "process": process,
        }
        read["later"] = tuple(value.get("later", ()))
        known = {field.name for field in fields(cls)}  # a newer version may write more
        return cls(**{name: v for name, v in {**value, **read}.items() if name in known})

    def ended(self, state: State, message: str) -> Item:
        """As it is when its job has ended so: at rest, or waiting for what was asked for meanwhile."""
        rests = replace(self, state=state, message=message)
        if not self.later or state not in ("finished", "failed", "interrupted"):
            return replace(rests, later=())
        return rests.waiting(self.later)

    def waiting(self, cells: tuple[str, ...]) -> Item:
        """To go on with its run: with these cells alone, with all for ()."""
        spec = replace(_resumed(self), cells=cells)
        return replace(self, spec=spec, state="waiting", message="", process=None, later=())

    def now(self) -> Item:
        """As it is at this moment: what was started may have ended, though nobody wrote that down yet."""
        if self.state not in ("running", "interrupted") or self.process is None:
            return self
        if self.state == "running" and lives(self.run, self.process):
            return self
        job = JobStatus.load(self.run)  # after the look at its process, which may have ended in good order
        if job is not None and job.writer == self.process and job.state != "running":
            return replace(self, state=job.state, message=job.message)
        return replace(self, state="interrupted", message=self.message or _UNTOLD)


@dataclass(frozen=True)
class Queue:
    """items: in the order in which they run. paused: nothing new begins. keep_going: what fails does not
    pause the queue."""

    items: tuple[Item, ...] = ()
    paused: bool = False
    keep_going: bool = True

    def item(self, id: str) -> Item:
        """Raises: RunError where there is none."""
        found = next((item for item in self.items if item.id == id), None)
        if found is None:
            raise RunError(f"{id!r} is not in the queue any more.")
        return found

    def of(self, run: Path) -> Item | None:
        """What is queued for a run folder."""
        return next((item for item in self.items if item.run == run), None)

    def now(self) -> Queue:
        return replace(self, items=tuple(item.now() for item in self.items))

    def settled(self) -> Queue:
        """The same, and what was asked for while something ran that has ended waits."""
        nows = ((item, item.now()) for item in self.items)
        ended = (
            item.ended(now.state, now.message) if item.state == "running" != now.state else now
            for item, now in nows
        )
        return replace(self, items=tuple(ended))

    def with_item(self, changed: Item) -> Queue:
        items = tuple(changed if item.id == changed.id else item for item in self.items)
        return replace(self, items=items)


class QueueFile:
    """The queue in its folder; all that changes it raises RunError, one sentence, when it cannot be written.

    folder: None is the user's own (XDG_STATE_HOME, else ~/.local/state).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = usual_folder() if folder is None else Path(folder).absolute()
        self._file = self.folder / "queue.json"

    def read(self) -> Queue:
        """As it is at this moment; needs no lock. Raises: RunError for a damaged one."""
        return self._stored().now()

    def add(self, spec: ExperimentSpec) -> Item:
        """To the end of the list, as "waiting". Raises: RunError where its run folder cannot be begun."""
        run = _run_of(spec)
        spec = replace(spec, **_absolute(spec), run=run)
        if (run / "config.json").exists() and not spec.resume:
            raise RunError(f"{run} holds a run already: resume it, or name another folder.")

        def added(queue: Queue) -> Queue:
            known = queue.of(run)
            if known is not None:
                raise RunError(f"{run} is in the queue already ({known.state}).")
            return replace(queue, items=(*queue.items, item))

        item = Item(uuid.uuid4().hex[:12], spec, run, "waiting", "", time.time())
        write_spec(run, spec)
        self.edit(added)
        return item

    def adopt(self, run: Path) -> Item:
        """A run folder that was begun elsewhere, in a terminal say; as it is now. Raises: RunError."""
        run = Path(run).absolute()
        job = JobStatus.load(run)
        state = _state_by_events(run) if job is None else "running"
        item = Item(uuid.uuid4().hex[:12], _order_of(run), run, state, "", time.time())
        if job is not None and job.state != "running":  # its writer may live on, to print a report say
            item = replace(item, state=job.state, message=job.message)
        elif job is not None:
            item = replace(item, process=job.writer).now()

        def adopted(queue: Queue) -> Queue:
            return queue if queue.of(run) else replace(queue, items=(*queue.items, item))

        taken = self.edit(adopted).of(run)
        assert taken is not None, "it was there or was put there"
        return taken

    def move(self, id: str, by: int) -> None:
        """by: places towards the end, negative towards the front."""

        def moved(queue: Queue) -> Queue:
            item = queue.item(id)
            at = queue.items.index(item)
            rest = [*queue.items[:at], *queue.items[at + 1 :]]
            rest.insert(max(0, at + by), item)
            return replace(queue, items=tuple(rest))

        self.edit(moved)

    def remove(self, id: str) -> None:
        """Off the list; its run folder stays. Raises: RunError while it runs."""

        def removed(queue: Queue) -> Queue:
            gone = _at_rest(queue, id)
            return replace(queue, items=tuple(item for item in queue.items if item != gone))

        self.edit(removed)

    def again(self, id: str, cells: tuple[str, ...] = (), redo: tuple[str, ...] = ()) -> None:
        """Let it wait again, to go on with its run: with all, or with these cells alone, besides those that
        it waits for already; those of `redo` are trained anew, with what stands on them. Cells of one that
        runs wait until it has ended.

        Raises: RunError for all of one that runs, or where it cannot be written.
        """

        def waiting(queue: Queue) -> Queue:
            item = queue.item(id)
            if cells and item.now().state == "running":
                with files.faults_as_run_errors(item.run):
                    control_requests.edit(
                        item.run, lambda asked: replace(_wanted(asked, cells, redo), ask=asked.ask)
                    )
                return queue.with_item(replace(item, later=tuple(dict.fromkeys((*item.later, *cells)))))
            _at_rest(queue, id)
            now = item.waiting(_together(item, cells))
            with files.faults_as_run_errors(item.run):
                control_requests.edit(item.run, lambda asked: _wanted(asked, cells, redo))
            write_spec(item.run, now.spec)
            return queue.with_item(now)

        self.edit(waiting)

    def set_paused(self, paused: bool) -> None:
        """Begin nothing more, or go on: what was paused then waits again, at its place."""

        def changed(queue: Queue) -> Queue:
            now = queue if paused else replace(queue, items=tuple(map(_unpaused, queue.now().items)))
            return replace(now, paused=paused)

        self.edit(changed)

    def set_keep_going(self, keep_going: bool) -> None:
        self.edit(lambda queue: replace(queue, keep_going=keep_going))

    def edit(self, change: Callable[[Queue], Queue]) -> Queue:
        """Change the queue while nobody else can; returns the new one."""
        with self.locked():
            before = self._stored()
            queue = change(before)
            if queue != before:
                with files.faults_as_run_errors(self.folder):
                    files.write_json(self._file, self._to_json(queue))
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
                f"{self._file} cannot be understood ({error}): if another version of MLEE wrote it, start "
                "the window again; if it is damaged, move it away to begin a new queue."
            ) from error

    @staticmethod
    def _to_json(queue: Queue) -> dict[str, Any]:
        return {**vars(queue), "items": [item.to_json() for item in queue.items]}


def usual_folder() -> Path:
    """Where the user's queue lies."""
    return state_folder() / "queue"


def _order_of(run: Path) -> ExperimentSpec:
    """To go on with a run that was not queued. Raises: RunError."""
    from ..runs.run_folder import RunFolder

    if (run / "order.json").exists():
        return stored_spec(run)
    config = RunFolder(run).config()
    return ExperimentSpec(Path(config.corpus), format=config.format, run=run, resume=True)


def _state_by_events(run: Path) -> State:
    """Of a run that was made before writers told of themselves."""
    from ..runs.follower import Follower

    follower = Follower(run)
    while follower.poll(1.0) and not follower.caught_up:
        pass
    if follower.progress.done == follower.progress.total:
        return "finished"
    return "failed" if follower.state == "failed" else "interrupted"


def _run_of(spec: ExperimentSpec) -> Path:
    """Its run folder, absolute; a new one beside the corpus's name where it names none."""
    return (spec.run or new_run(spec)).absolute()


def _absolute(spec: ExperimentSpec) -> dict[str, Any]:
    """Its other paths: a job runs in no particular folder."""
    found: dict[str, Any] = {"corpus": spec.corpus.absolute()}
    if spec.label_map is not None:
        found["label_map"] = spec.label_map.absolute()
    if spec.folds is not None and Path(spec.folds).exists():
        found["folds"] = str(Path(spec.folds).absolute())
    return found


def _resumed(item: Item) -> ExperimentSpec:
    """The order that goes on with what an item has begun. What a smoke run shortened stays short."""
    if not (item.run / "config.json").exists():
        return item.spec
    spec = replace(item.spec, resume=True, smoke=False)
    if item.spec.smoke:
        spec = replace(spec, rows=(), train_sets=(), only=(), seeds=None, recipe=None, settings=(),
                        max_epochs=None, patience=None, level=None, batch_size=None)  # fmt: skip
    return spec


def _wanted(asked: ControlRequest, cells: tuple[str, ...], redo: tuple[str, ...]) -> ControlRequest:
    skip = tuple(name for name in asked.skip if name not in (*cells, *redo))
    return ControlRequest(None, skip, tuple(dict.fromkeys((*asked.redo, *redo))))


def _unpaused(item: Item) -> Item:
    return item.waiting(item.spec.cells) if item.state == "paused" else item


def _together(item: Item, cells: tuple[str, ...]) -> tuple[str, ...]:
    """The cells that an item is to train when these are asked for too; () is all."""
    if item.state != "waiting":
        return cells
    return tuple(dict.fromkeys((*item.spec.cells, *cells))) if item.spec.cells and cells else ()


def _at_rest(queue: Queue, id: str) -> Item:
    """Raises: RunError while it runs."""
    item = queue.item(id)
    if item.now().state == "running":
        raise RunError(f"{item.run} is being trained: stop or cancel it first.")
    return item

"""The paper's experiment: rows of Table 3 over folds, train sets and seeds, in one resumable run folder."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from ..config.experiment_spec import LOCAL, Engine
from ..config.run_config import RunConfig, Selection
from ..config.stages import plan
from ..corpora.corpus import Corpus
from ..corpora.folds import Folds
from ..errors import ConfigError, RunError
from ..events import Cancelled, Event, Failed, Finished, Progress, StageDone, Started
from ..runs import forecast
from ..runs.cells import MODEL_FILE, Cell, CellResult, cells
from ..runs.control_requests import ControlRequests
from ..runs.forecast import Cost, Forecast, Speed, Workload
from ..runs.run_folder import RunFolder
from ..system.temporary_folders import TemporaryFolder
from . import engines
from .engines.tasks import TrainingTask, restricted_to, training_tasks


@dataclass(frozen=True)
class Experiment:
    """A requested experiment, made by the command line or the window.

    folds: all of the corpus; the config's selection says which of them are trained. folder: need not exist
    yet. workers: trainings side by side. engine: where they run. alone: names of the cells that are trained,
    with the encoders they need; () trains the whole selection. model: file for the model of these cells;
    None: one in each fold, of all its stages.

    Raises: ConfigError for a cell that the selection does not contain.
    """

    corpus: Corpus
    folds: Folds
    config: RunConfig
    folder: RunFolder
    workers: int
    engine: Engine = LOCAL
    alone: tuple[str, ...] = ()
    model: Path | None = None

    def __post_init__(self) -> None:
        known = {cell.name for cell in self._selected} if self.alone else set()
        for name in self.alone:
            if name not in known:
                raise ConfigError(
                    f"cell {name!r} is not in this experiment: its cells have names such as "
                    f"{self._selected[0].name}."
                )

    @property
    def selection(self) -> Selection:
        return self.config.selection

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The cells to train, encoders before the rows that use them."""
        if not self.alone:
            return self._selected
        named = [cell for cell in self._selected if cell.name in self.alone]
        wanted = {replace(cell, stage=stage) for cell in named for stage in plan((cell.stage,))}
        return tuple(cell for cell in self._selected if cell in wanted)

    @property
    def _selected(self) -> tuple[Cell, ...]:
        return cells(self.config)

    def results(self) -> tuple[CellResult, ...]:
        """Results of the cells that are done already. Raises: RunError for a damaged one."""
        found = (self.folder.result(cell) for cell in self.cells)
        return tuple(result for result in found if result is not None)

    def refuse_untrainable(self) -> None:
        """Raise now what a stage of some fold would raise after hours. Raises: ConfigError naming it."""
        from .cell_training import refuse_untrainable

        for fold in self.folds.folds:
            stages = dict.fromkeys(cell.stage for cell in self.cells if cell.fold == fold.name)
            refuse_untrainable(self.config, self.corpus, fold, [*stages])

    @property
    def measurable(self) -> bool:
        """Whether this machine has the kind of device that the experiment needs."""
        from ..training import devices

        return self.config.compute.device == "cpu" or len(devices.available()) > 1

    def trial(self) -> Generator[Progress, None, Speed]:
        """The speed of this machine, measured for some seconds."""
        from . import speed_trial

        here = self.workers
        if not self.engine.is_here:
            here = min(here, engines.slots_here(self.config.compute))
        return speed_trial.measure(self.config, self.corpus, here)

    def cost(self, speed: Speed) -> Cost:
        work = self._workload(speed)
        return forecast.cost(self.config, work, self.cells, self.results(), self.workers, speed)

    def forecast(self, speed: Speed | None) -> Forecast:
        """A forecast for the events of `train`."""
        made = Forecast(self.config, self._workload(speed), self.cells, self.workers, speed)
        made.take_over(self.results())
        return made

    def free_bytes(self) -> int:
        """On the disk where the run folder is or will be."""
        here = self.folder.path.absolute()
        return shutil.disk_usage(next(p for p in (here, *here.parents) if p.is_dir())).free

    def refuse_full_disk(self, cost: Cost) -> None:
        """Raises: ConfigError when the run would not fit where it is to be written."""
        needed, free = cost.disk_bytes + cost.features_bytes, self.free_bytes()
        if needed > free:
            raise ConfigError(
                f"{self.folder.path} needs {needed / 1e9:.1f} GB of disk, {free / 1e9:.1f} GB are free: "
                "choose another folder, or fewer folds, rows or seeds."
            )

    def begin(self, *, resume: bool) -> None:
        """Make the run folder, or continue it. Raises: RunError."""
        self.folder.begin(self.config, self.corpus, self.folds, resume=resume)

    def train(self) -> Generator[Event]:
        """Train the cells that have no result. Ends with Finished, or with Cancelled when a request to pause
        or to stop leaves some of them. All events but Progress belong into the run's events.

        A cell that fails does not stop the others. Raises: RunError at the end when some have failed.
        """
        from . import model_export

        requests, results = ControlRequests(self.folder.path), self.results()
        done = {result.cell for result in results}
        remaining = {cell.name for cell in self.cells} - {cell.name for cell in done}
        failed: list[Failed] = []
        yield Started(f"{len(self.cells) - len(done)} of {len(self.cells)} stages")
        for result in results:
            yield from result.events()
        every = training_tasks(self.config, self.folds, self.corpus, done)
        with closing(self._train(restricted_to(every, self.cells), done, requests)) as events:
            for event in events:
                if isinstance(event, Failed):
                    failed.append(event)
                elif isinstance(event, StageDone):
                    remaining.discard(f"{event.fold}/seed-{event.seed}/{event.stage}")
                yield event
        for fold in self.folds.folds:
            path = self.model or self.folder.path / fold.name / MODEL_FILE
            if self._has_all(fold.name):
                model_export.export(self.folder, self.config, self.corpus, fold, path)
        if failed:
            first = failed[0]
            raise RunError(f"{len(failed)} stages failed, the first in fold {first.fold}: {first.message}")
        ask = requests.now().ask
        if remaining and ask is not None:
            yield Cancelled("paused" if ask == "pause" else "stopped")
        else:
            yield Finished(f"{len(self.cells)} stages")

    def _train(
        self, tasks: Sequence[TrainingTask], done: Collection[Cell], requests: ControlRequests
    ) -> Generator[Event]:
        """Compute the features and run the tasks, if there are any."""
        if not tasks:
            return
        from .cell_training import prepare, refuse_duplicates

        scratch = TemporaryFolder(self.folder.path)
        try:
            preparing = prepare(self.folder, self.config, self.corpus, scratch.path)
            work = yield from requests.unless_ended(preparing)
            if work is not None:
                if not self.config.allow_duplicates:
                    refuse_duplicates(work, [f for f in self.folds.folds if f.name in self.selection.folds])
                yield from engines.run(self.engine, work, tasks, done, self.workers)
        finally:
            scratch.remove()

    def _workload(self, speed: Speed | None) -> Workload:
        mean_s = forecast.USUAL_S if speed is None else speed.mean_duration_s
        return Workload(self.config, self.corpus, self.folds.folds, mean_s)

    def _has_all(self, fold: str) -> bool:
        """Whether the first ensemble of this fold is done, so that a model can be exported."""
        seeds = self.config.ensembles[0]
        of_model = self._selected if self.model is None else self.cells
        needed = [cell for cell in of_model if cell.fold == fold and cell.seed in seeds]
        return bool(needed) and all(self.folder.result(cell) is not None for cell in needed)

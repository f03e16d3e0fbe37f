"""The paper's experiment: rows of Table 3 over folds, train sets and seeds, in one resumable run folder."""

from __future__ import annotations

from collections.abc import Iterator

from .config import RunConfig
from .corpora.base import Corpus
from .errors import RunError
from .events import Event, Failed, Finished, Started
from .folds import Fold
from .runs import Cell, RunFolder
from .scratch import Scratch


def train_table(run: RunFolder, workers: int) -> Iterator[Event]:
    """Train what the run folder's selection asks for and it has not yet; ends with Finished.

    All but Progress belongs into the run's events. A cell that fails does not stop the others.

    Raises: RunError in the end when some have failed.
    """
    from . import engines, experiment, models
    from .engines import local

    config, corpus, folds = run.config(), run.corpus(), run.folds()
    assert config.selection is not None, "begun by mlee table3"
    cells = run.cells()
    done = {result.cell for result in run.results()}
    failed: list[Failed] = []
    yield Started(f"{len(cells) - len(done)} of {len(cells)} stages")
    waiting = engines.jobs(config, config.selection, folds, done)
    if waiting:
        scratch = Scratch(run.path)
        try:
            work = yield from experiment.prepare(run, config, corpus, scratch.path)
            for event in local.run(work, waiting, done, workers):
                if isinstance(event, Failed):
                    failed.append(event)
                yield event
        finally:
            scratch.remove()
    for fold in folds.folds:
        if _has_all(run, config, fold):
            models.export(run, config, corpus, fold, run.path / fold.name / models.MODEL_FILE)
    if failed:
        first = failed[0]
        raise RunError(f"{len(failed)} stages failed, the first in fold {first.fold}: {first.message}")
    yield Finished(f"{len(cells)} stages")


def refuse_untrainable(config: RunConfig, corpus: Corpus, folds: tuple[Fold, ...]) -> None:
    """Raise now what a stage of some fold would raise after hours. Raises: ConfigError naming the fold."""
    from . import experiment

    assert config.selection is not None
    for fold in folds:
        if fold.name in config.selection.folds:
            experiment.refuse_untrainable(config, corpus, fold, config.selection.stages)


def _has_all(run: RunFolder, config: RunConfig, fold: Fold) -> bool:
    """Whether the first seed of this fold is done, so that a model can be made of it."""
    assert config.selection is not None
    if fold.name not in config.selection.folds:
        return False
    cells = [Cell(fold.name, config.seed, stage) for stage in config.selection.stages]
    return all(run.result(cell) is not None for cell in cells)

"""Retraining: the results of cells are dropped, with everything that was derived from them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from ..errors import RunError
from ..events import Dropped
from .cells import MODEL_FILE, RESULT, Cell
from .run_folder import RunFolder

_FILES = (RESULT, "last.safetensors", "best.safetensors")
"""The result first: a cell without one is not done, whatever other files remain."""


def drop(run: RunFolder, names: Collection[str]) -> Iterator[Dropped]:
    """Remove these cells, their twins that are the same training, the cells that use their outputs, and the
    models made of them. Names of unknown cells are ignored. Raises: OSError, RunError."""
    for cell in _affected(run, names) if names else ():
        for name in _FILES:
            (run.stage_folder(cell) / name).unlink(missing_ok=True)
        for model in (run.path / cell.fold / MODEL_FILE, run.path / MODEL_FILE):
            model.unlink(missing_ok=True)
        yield Dropped(cell.stage.name, fold=cell.fold, seed=cell.seed)


def _affected(run: RunFolder, names: Collection[str]) -> list[Cell]:
    every = run.cells()
    named = [cell for cell in every if cell.name in names]
    keys = {(cell.fold, key) for cell in named if (key := _key(run, cell)) is not None}
    dropped = {cell for cell in every if cell in named or (cell.fold, _key(run, cell)) in keys}

    def uses_dropped(cell: Cell) -> bool:
        return any(replace(cell, stage=encoder) in dropped for encoder in cell.stage.encoders)

    return [cell for cell in every if cell in dropped or uses_dropped(cell)]


def _key(run: RunFolder, cell: Cell) -> str | None:
    try:
        result = run.result(cell)
    except RunError:  # damaged, which may be the reason for retraining it
        return None
    return None if result is None else result.key

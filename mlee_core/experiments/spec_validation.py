"""Contradictions in a specification, field by field, while the user types: needs no file and no device."""

from __future__ import annotations

from collections.abc import Callable

from ..config.experiment_spec import Engine, ExperimentSpec
from ..config.recipe import RECIPES
from ..config.run_config import Compute, RunConfig, Selection
from ..config.stages import LINES, TRAIN_SETS
from ..corpora.label_map import from_pairs
from ..errors import MleeError
from .builder import about, recipe_of, refuse_contradictions, selected

_EVERYTHING = Selection(tuple(LINES), TRAIN_SETS, ("all of them",))


def faults(spec: ExperimentSpec) -> dict[str, str]:
    """Field -> one sentence on what is wrong with it."""
    found: dict[str, str] = {}
    for check in _CHECKS:
        try:
            check(spec)
        except MleeError as error:
            found.setdefault(error.about, str(error))
    return found


def _engine(spec: ExperimentSpec) -> None:
    with about("address"):
        Engine(spec.engine, spec.address)


def _recipe(spec: ExperimentSpec) -> None:
    recipe_of(spec, RECIPES["paper"])


def _selection(spec: ExperimentSpec) -> None:
    selected(spec, _EVERYTHING)


def _labels(spec: ExperimentSpec) -> None:
    with about("map"):
        from_pairs(spec.map)


def _seed(spec: ExperimentSpec) -> None:
    with about("seed"):
        RunConfig("", None, (), "", RECIPES["paper"], Compute(), spec.seed or 0, selection=_EVERYTHING)


def _arithmetic(spec: ExperimentSpec) -> None:
    with about("dtype"):
        Compute(dtype=spec.dtype or Compute.dtype)
    with about("threads"):
        Compute(threads=Compute.threads if spec.threads is None else spec.threads)


def _graphs(spec: ExperimentSpec) -> None:
    with about("cuda_graphs"):
        Compute(device=spec.device or Compute.device, graphs=spec.cuda_graphs)


_CHECKS: tuple[Callable[[ExperimentSpec], None], ...] = (
    refuse_contradictions,
    _engine,
    _recipe,
    _selection,
    _labels,
    _seed,
    _arithmetic,
    _graphs,
)

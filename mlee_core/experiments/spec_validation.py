"""Contradictions in a specification, field by field, while the user types: needs no file and no device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..config.experiment_spec import Engine, ExperimentSpec
from ..config.recipe import RECIPES
from ..config.run_config import Compute, RunConfig, Selection
from ..config.stages import LINES, TRAIN_SETS
from ..corpora.label_map import from_pairs
from ..errors import MleeError
from ..labels.targets import ANY_VOTE
from .builder import about, exists_from_of, recipe_of, refuse_contradictions, selected

_EVERYTHING = Selection(tuple(LINES), TRAIN_SETS, ("all of them",))
_RUN = RunConfig((), None, (), "", RECIPES["paper"], Compute(), 0, selection=_EVERYTHING)


def faults(spec: ExperimentSpec) -> dict[str, str]:
    """Field -> one sentence on what is wrong with it."""
    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("smoke", lambda: refuse_contradictions(spec)),
        ("address", lambda: Engine(spec.engine, spec.address)),
        ("recipe", lambda: recipe_of(spec, RECIPES["paper"])),
        ("exists_from", lambda: exists_from_of(spec, ANY_VOTE)),
        ("rows", lambda: selected(spec, _EVERYTHING)),
        ("map", lambda: from_pairs(spec.map)),
        ("seed", lambda: replace(_RUN, seed=spec.seed or 0)),
        ("dtype", lambda: Compute(dtype=spec.dtype or Compute.dtype)),
        ("threads", lambda: Compute(threads=Compute.threads if spec.threads is None else spec.threads)),
        ("cuda_graphs", lambda: Compute(device=spec.device or Compute.device, graphs=spec.cuda_graphs)),
    )
    found: dict[str, str] = {}
    for field, check in checks:
        try:
            with about(field):
                check()
        except MleeError as error:
            found.setdefault(error.about, str(error))
    return found

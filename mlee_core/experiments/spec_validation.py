"""What contradicts itself in an order, field by field, while it is typed: no file, no device is asked."""

from __future__ import annotations

from collections.abc import Callable

from ..config.experiment_spec import Engine, Order
from ..config.recipe import RECIPES
from ..config.run_config import Compute, RunConfig, Selection
from ..config.stages import LINES, TRAIN_SETS
from ..corpora.label_map import from_pairs
from ..errors import MleeError
from .builder import about, recipe_of, refuse_contradictions, selected


def faults(order: Order) -> dict[str, str]:
    """Field -> one sentence, the core's own."""
    found: dict[str, str] = {}
    for check in _CHECKS:
        try:
            check(order)
        except MleeError as error:
            found.setdefault(error.about, str(error))
    return found


def _engine(order: Order) -> None:
    with about("address"):
        Engine(order.engine, order.address)


def _recipe(order: Order) -> None:
    recipe_of(order, RECIPES["paper"])


def _selection(order: Order) -> None:
    selected(order, Selection(tuple(LINES), TRAIN_SETS, ("all of them",)))


def _labels(order: Order) -> None:
    with about("map"):
        from_pairs(order.map)


def _seed(order: Order) -> None:
    with about("seed"):
        RunConfig("", None, (), "", RECIPES["paper"], Compute(), order.seed or 0)


def _arithmetic(order: Order) -> None:
    with about("dtype"):
        Compute(dtype=order.dtype or Compute.dtype)
    with about("threads"):
        Compute(threads=Compute.threads if order.threads is None else order.threads)


def _graphs(order: Order) -> None:
    with about("cuda_graphs"):
        Compute(device=order.device or Compute.device, graphs=order.cuda_graphs)


_CHECKS: tuple[Callable[[Order], None], ...] = (
    refuse_contradictions,
    _engine,
    _recipe,
    _selection,
    _labels,
    _seed,
    _arithmetic,
    _graphs,
)

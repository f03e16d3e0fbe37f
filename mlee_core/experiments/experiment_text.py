"""An experiment as text: its plan and what the plan costs."""

from __future__ import annotations

import os

from ..config.run_config import Selection
from ..runs.event_text import duration, size
from ..runs.forecast import Cost
from .experiment import Experiment


def plan_lines(asked: Experiment, cost: Cost) -> list[str]:
    """What will run and what it takes, for the terminal."""
    compute = asked.config.compute
    lines = {
        "run": str(asked.folder.path),
        "corpus": f"{asked.corpus.name}, {len(asked.corpus.utterances)} utterances, "
        f"{len(asked.corpus.speakers)} speakers",
        "stages": stages_in_words(asked.selection, asked.config.recipe.ensemble, cost),
        "machine": f"{compute.device}, {compute.dtype}; {asked.workers} trainings at once, each on "
        + (
            f"{compute.threads} of {os.cpu_count()} cores" if asked.engine.is_here else _of_the_cluster(asked)
        ),
        "time": f"about {duration(cost.seconds)} if encoders stop after {cost.usual_epochs} epochs, at most "
        f"{duration(cost.most_seconds)} (from a measured trial"
        + (")" if asked.engine.is_here else " on this machine; the cluster's may be slower or faster)"),
        "disk": f"{size(cost.disk_bytes)}, and {size(cost.features_bytes)} of features while it runs; "
        f"{size(asked.free_bytes())} are free",
        "memory": f"about {size(cost.memory_bytes)}",
    }
    return [f"{name:8} {text}" for name, text in lines.items()]


def stages_in_words(chosen: Selection, ensemble: int, cost: Cost) -> str:
    """How many networks, and of what they are the product. ensemble: so many judge together."""
    dense = sum(bool(stage.encoders) for stage in chosen.stages)
    encoders = len(chosen.stages) - dense
    seeds = "1 seed" if chosen.seeds == 1 else f"{chosen.seeds} seeds"
    folds = "1 fold" if len(chosen.folds) == 1 else f"{len(chosen.folds)} folds"
    together = f" × {ensemble} that judge together" if ensemble > 1 else ""
    each = f"({encoders} encoders + {dense} rows on top of them)"
    return f"{cost.cells} = {folds} × {seeds}{together} × {each}" + (
        f"; {cost.done} are done" if cost.done else ""
    )


def _of_the_cluster(asked: Experiment) -> str:
    threads = asked.config.compute.threads
    return f"{threads} {'core' if threads == 1 else 'cores'} of {asked.engine.place}"

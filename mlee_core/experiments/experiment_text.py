"""An experiment as text: its plan and what the plan costs."""

from __future__ import annotations

import os

from ..config.run_config import Selection
from ..runs.event_text import duration, size
from ..runs.forecast import Cost
from .experiment import Experiment


def plan_lines(experiment: Experiment, cost: Cost) -> list[str]:
    """What will run and what it costs, for the terminal."""
    compute, corpus = experiment.config.compute, experiment.corpus
    if experiment.engine.is_here:
        cores, elsewhere = f"{compute.threads} of {os.cpu_count()} cores", ""
    else:
        unit = "core" if compute.threads == 1 else "cores"
        cores = f"{compute.threads} {unit} of {experiment.engine.place}"
        elsewhere = " on this machine; the cluster's may be slower or faster"
    lines = {
        "run": str(experiment.folder.path),
        "corpus": f"{corpus.name}, {len(corpus.utterances)} utterances, {len(corpus.speakers)} speakers",
        "stages": stages_text(experiment.selection, experiment.config.recipe.ensemble, cost),
        "machine": f"{compute.device}, {compute.dtype}; "
        f"{experiment.workers} trainings at once, each on {cores}",
        "time": f"about {duration(cost.seconds)} if encoders stop after {cost.usual_epochs} epochs, at most "
        f"{duration(cost.most_seconds)} (from a measured trial{elsewhere})",
        "disk": f"{size(cost.disk_bytes)}, and {size(cost.features_bytes)} of features while it runs; "
        f"{size(experiment.free_bytes())} are free",
        "memory": f"about {size(cost.memory_bytes)}",
    }
    return [f"{name:8} {text}" for name, text in lines.items()]


def stages_text(selection: Selection, ensemble: int, cost: Cost) -> str:
    """The number of networks as a product. ensemble: networks in each."""
    dense = sum(bool(stage.encoders) for stage in selection.stages)
    encoders = len(selection.stages) - dense
    seeds = "1 seed" if selection.seeds == 1 else f"{selection.seeds} seeds"
    folds = "1 fold" if len(selection.folds) == 1 else f"{len(selection.folds)} folds"
    members = f" × {ensemble} in an ensemble" if ensemble > 1 else ""
    done = f"; {cost.done} are done" if cost.done else ""
    each = f"({encoders} encoders + {dense} rows on top of them)"
    return f"{cost.cells} = {folds} × {seeds}{members} × {each}{done}"

"""From an experiment's specification to the `Experiment`, for the command line, the window and jobs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..config.experiment_spec import Engine, ExperimentSpec, new_run
from ..config.recipe import RECIPES, Recipe
from ..config.run_config import Compute, RunConfig, Selection
from ..config.stages import LINES, TRAIN_SETS
from ..corpora import FORMATS, Corpus, folds, open_corpora
from ..corpora.label_map import LabelMap, combined
from ..corpora.missing_audio import present
from ..errors import ConfigError, MleeError
from ..events import Progress
from ..labels.targets import ANY_VOTE, ExistsFrom
from ..runs.cells import MODEL_FILE, Cell
from ..runs.run_folder import RunFolder
from .engines import cluster_of, slots_here
from .engines.ray.nodes import Cluster
from .experiment import Experiment

SMOKE_EPOCHS, SMOKE_MEMBERS = 2, 2


def _ignore(_: Any) -> None:
    pass


def experiment(
    spec: ExperimentSpec,
    on_warning: Callable[[str], None] = _ignore,
    on_progress: Callable[[Progress], None] = _ignore,
    corpus: Corpus | None = None,
) -> Experiment:
    """The specified experiment, ready to train; writes nothing. Imports torch.

    Args:
        spec: what to train, how and where.
        on_warning: called with each warning about the corpus.
        on_progress: called before waiting for a cluster.
        corpus: the result of `opened` for this specification, if it was read already.
    Raises: MleeError for what is contradictory or not available.
    """
    refuse_contradictions(spec)
    with about("address"):
        engine = Engine(spec.engine, spec.address)
    with about("run"):
        spec, was = completed(spec)
    if corpus is None:
        with about("corpus"):
            corpus = opened(spec, on_warning)
    if engine.address is not None:
        on_progress(Progress(f"Querying the nodes of {engine.place}", 0.0))
    device = spec.device or (Compute() if was is None else was.compute).device
    with about("address"):
        ask = was is None and spec.dtype is None and not _exact(spec)
        cluster = cluster_of(engine, device, ask_dtype=ask)
    parts = folds_of(spec, corpus)
    names = tuple(fold.name for fold in parts.folds)
    selection = Selection(tuple(LINES), TRAIN_SETS, names) if was is None else was.selection
    config = run_config(spec, corpus, was, RECIPES["paper"], selection, cluster)
    if was is not None and spec.run is not None:
        with about("run"):  # before the rest, whose messages would be less clear
            RunFolder(spec.run).refuse_difference(config, corpus, parts)
    config = replace(config, selection=_selection(spec, names, selection))
    if spec.smoke:
        selection = replace(config.selection, folds=config.selection.folds[:1], seeds=1)
        ensemble = min(config.recipe.ensemble, SMOKE_MEMBERS)
        recipe = replace(config.recipe, max_epochs=SMOKE_EPOCHS, ensemble=ensemble)
        config = replace(config, selection=selection, recipe=recipe)
    slots = slots_here(config.compute) if cluster is None else cluster.slots(config.compute)
    workers, folder = spec.jobs or slots, RunFolder(spec.run or new_run(spec))
    with about("cells"):
        return Experiment(corpus, parts, config, folder, workers, engine, spec.cells)


def single_stage(
    spec: ExperimentSpec, speaker: str | None, on_warning: Callable[[str], None] = _ignore
) -> Experiment:
    """The experiment that trains one stage, with its encoders, on one leave-one-speaker-out fold.

    A run that is resumed keeps its fold, and the new stage joins its selection.

    Args:
        spec: with one row and one train set. Its folds, seeds, jobs and engine are not used.
        speaker: the test speaker; None: the resumed run's, else the first of the corpus.
        on_warning: called with each warning about the corpus.
    Raises: MleeError for what is contradictory or not available.
    """
    spec, was = completed(spec)
    corpus = opened(spec, on_warning)
    if speaker is None:
        resumed = None if was is None or spec.run is None else RunFolder(spec.run).folds()
        speaker = corpus.speakers[0] if resumed is None else resumed.folds[0].test[0]
    fold = folds.one(corpus, speaker)
    parts = folds.Folds(corpus.name, corpus.data_hash(), (fold,))
    selection = Selection(spec.rows, spec.train_sets, (fold.name,))
    config = run_config(spec, corpus, was, Recipe(), was.selection.joined(selection) if was else selection)
    path = spec.run or Path("runs") / f"{corpus.name}-{fold.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    if was is not None:
        RunFolder(path).refuse_difference(config, corpus, parts)
    stage = selection.stages[-1]
    names = tuple(Cell(fold.name, seed, stage).name for seed in config.ensembles[0])
    return Experiment(corpus, parts, config, RunFolder(path), 1, alone=names, model=path / MODEL_FILE)


@contextmanager
def about(field: str) -> Iterator[None]:
    """Errors raised inside are about this field of the specification, unless they name one already."""
    try:
        yield
    except MleeError as error:
        error.about = error.about or field
        raise


def refuse_contradictions(spec: ExperimentSpec) -> None:
    """Raises: ConfigError for contradictions that no other part of an experiment checks."""
    with about("smoke"):
        if spec.smoke and spec.resume:
            raise ConfigError("--smoke with --resume: a smoke run is short and always starts a new run.")
    with about("jobs"):
        if spec.jobs is not None and spec.jobs < 1:
            raise ConfigError(f"--jobs {spec.jobs}: allowed are whole numbers from 1.")


def completed(spec: ExperimentSpec) -> tuple[ExperimentSpec, RunConfig | None]:
    """The specification, its options for reading the corpus completed from the run to resume, and that run's
    configuration; the specification itself and None for a new run. Raises: MleeError."""
    if not spec.resume:
        return spec, None
    if spec.run is None:
        raise ConfigError("--resume without --run: name the run folder to resume.")
    if not RunFolder(spec.run).exists:
        return spec, None
    was = RunFolder(spec.run).config()
    spec = replace(
        spec,
        format=spec.format or was.format,
        map=spec.map or (() if spec.label_map else was.label_map),
        scripted=spec.scripted or was.scripted,
        self_reports=spec.self_reports or was.self_reports,
    )
    return spec, was


def label_map_of(spec: ExperimentSpec) -> LabelMap:
    """The user's label map. Raises: CorpusError for an invalid one."""
    return combined(spec.label_map, spec.map)


def read(spec: ExperimentSpec) -> Corpus:
    """The corpora as one, with the utterances whose audio is missing. Raises: MleeError."""
    how = {"scripted": spec.scripted, "self_reports": spec.self_reports}
    return open_corpora(spec.corpora, spec.format, label_map_of(spec), **how)


def opened(spec: ExperimentSpec, on_warning: Callable[[str], None] = _ignore) -> Corpus:
    """The corpus without the utterances whose audio is missing. Raises: MleeError."""
    corpus = read(spec)
    for warning in corpus.warnings:
        on_warning(warning)
    usable = present(corpus, skip_missing=spec.skip_missing)
    for warning in usable.warnings:
        if warning not in corpus.warnings:
            on_warning(warning)
    return usable


def run_config(
    spec: ExperimentSpec,
    corpus: Corpus,
    was: RunConfig | None,
    default: Recipe,
    selection: Selection,
    cluster: Cluster | None = None,
) -> RunConfig:
    """The specified configuration.

    Args:
        spec: its empty fields take the values of `was`, or the defaults.
        corpus: as opened.
        was: configuration of the run to resume.
        default: recipe of a new run.
        selection: becomes part of the configuration.
        cluster: where it is to run; None: on this machine.
    Raises: ConfigError for what is contradictory or not available.
    """
    from ..training import devices  # imports torch

    compute = Compute() if was is None else was.compute
    device = spec.device or compute.device
    if cluster is None:
        with about("device"):
            device = devices.checked(device)
    usual = compute.dtype  # fp32 in a new run
    if was is None and not _exact(spec):
        usual = devices.dtype(device) if cluster is None else cluster.dtype or usual
    if cluster is None:
        with about("dtype"):
            devices.refuse_dtype(spec.dtype or usual, device)
    seed = 0 if was is None else was.seed
    return RunConfig(
        corpus=tuple(map(str, spec.corpora)),
        format=corpus.format if corpus.format in FORMATS else spec.format,
        label_map=tuple(sorted(label_map_of(spec).own.items())),
        data_hash=corpus.data_hash(),
        recipe=recipe_of(spec, default if was is None else was.recipe),
        compute=Compute(
            device=device,
            dtype=spec.dtype or usual,
            threads=compute.threads if spec.threads is None else spec.threads,
            graphs=spec.cuda_graphs or compute.graphs,
        ),
        seed=seed if spec.seed is None else spec.seed,
        scripted=spec.scripted,
        self_reports=spec.self_reports,
        exists_from=exists_from_of(spec, ANY_VOTE if was is None else was.exists_from),
        allow_duplicates=spec.allow_duplicates or (was is not None and was.allow_duplicates),
        selection=selection,
    )


def exists_from_of(spec: ExperimentSpec, default: ExistsFrom) -> ExistsFrom:
    """When a class exists, by the specification or the default. Raises: ConfigError."""
    with about("exists_from"):
        return default if spec.exists_from is None else ExistsFrom.parse(spec.exists_from)


def _exact(spec: ExperimentSpec) -> bool:
    """Whether a new run trains in fp32 unless bf16 is chosen: with the paper's recipe, also if changed."""
    return spec.recipe in (None, "paper")


def recipe_of(spec: ExperimentSpec, default: Recipe) -> Recipe:
    """The named recipe, or the default, with the settings of the specification. Raises: ConfigError."""
    with about("recipe"):
        if spec.recipe is not None and spec.recipe not in RECIPES:
            raise ConfigError(f"recipe {spec.recipe!r}: allowed are {' and '.join(RECIPES)}.")
    recipe = RECIPES[spec.recipe] if spec.recipe else default
    with about("settings"):
        settings: dict[str, object] = {}
        for setting in spec.settings:
            name, value = _parsed(setting)
            if name in settings:
                raise ConfigError(f"setting {name} (--set) is given twice: once is allowed.")
            settings[name] = value
        recipe = recipe.changed(settings)
    for name in ("level", "max_epochs", "patience", "batch_size"):
        value = getattr(spec, name)
        if value is not None:
            with about(name):
                recipe = replace(recipe, **{name: value})
    return recipe


def _parsed(setting: str) -> tuple[str, object]:
    """NAME=VALUE; the value is JSON, or else text. Raises: ConfigError."""
    name, equals, value = setting.partition("=")
    if not equals:
        raise ConfigError(f"setting {setting} (--set): expected NAME=VALUE, for example warp=0.")
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return name, value
    return name, tuple(parsed) if isinstance(parsed, list) else parsed


def folds_of(spec: ExperimentSpec, corpus: Corpus) -> folds.Folds:
    """The specified folds, or those of the run to resume. Raises: ConfigError, RunError."""
    with about("folds"):
        if spec.resume and spec.run is not None and spec.folds is None and RunFolder(spec.run).exists:
            return RunFolder(spec.run).folds()
        return folds.make(corpus, spec.folds)


def _selection(spec: ExperimentSpec, names: tuple[str, ...], chosen: Selection) -> Selection:
    """The requested selection; what the specification leaves out is as chosen before. names: of all folds."""
    with about("only"):
        unknown = [name for name in spec.only if name not in names]
        if unknown:
            raise ConfigError(f"fold {unknown[0]!r}: the folds are {', '.join(names)}.")
    kept = tuple(name for name in names if name in (spec.only or chosen.folds))
    return selected(spec, replace(chosen, folds=kept))


def selected(spec: ExperimentSpec, chosen: Selection) -> Selection:
    """The specified rows, train sets and seeds; empty fields of the specification are as chosen before."""
    with about("rows"):
        chosen = replace(chosen, rows=spec.rows or chosen.rows)
    with about("train_sets"):
        chosen = replace(chosen, train_sets=spec.train_sets or chosen.train_sets)
    with about("seeds"):
        return replace(chosen, seeds=chosen.seeds if spec.seeds is None else spec.seeds)

"""Stages as a small graph with shared encoders: the cells of one fold, trained one after the other."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..audio.domain import DomainReference
from ..config.run_config import RunConfig, StageConfig
from ..config.stages import TRAIN_SETS, Stage, plan
from ..corpora.corpus import Corpus, Utterance
from ..corpora.folds import Fold
from ..errors import ConfigError, CorpusError
from ..events import Event, Progress, StageDone
from ..nets.network import Network
from ..nets.normalisation import Normalisation
from ..runs.cells import Cell, CellResult
from ..runs.control_requests import ControlRequests
from ..runs.run_folder import RunFolder
from ..system.files import stable_hash, write_json
from ..system.provenance import stamp
from ..training import devices
from ..training.batches import Examples, VectorInputs, moved
from ..training.devices import arithmetic
from ..training.feature_store import FeatureStore, build_features, normalisation_of
from ..training.gpu_batches import encoder_inputs
from ..training.loop import StageData, Trained, build, load_network, refuse_empty, train
from ..training.losses import loss_function

ENCODE_BATCH = 16
Vectors = dict[tuple[str, float], Tensor]


@dataclass(frozen=True)
class Work:
    """Data shared by all cells of an experiment; can be sent to another process."""

    run: Path
    config: RunConfig
    corpus: Corpus
    store: FeatureStore


def prepare(
    run: RunFolder, config: RunConfig, corpus: Corpus, folder: Path
) -> Generator[Progress, None, Work]:
    """Compute the features of all annotated utterances into `folder`."""
    utterances = annotated(corpus, corpus.speakers)
    here = replace(config.compute, device=devices.here(config.compute.device), graphs=False)
    store = yield from build_features(utterances, config.recipe, folder / "features.f16", here)
    return Work(run.path, config, corpus, store)


def refuse_duplicates(work: Work, folds: Iterable[Fold]) -> None:
    """Raises: CorpusError for a test recording of a fold whose speech its networks would learn from, with the
    same quiet around it or another."""
    same: dict[str, list[Utterance]] = {}
    for utterance in annotated(work.corpus, work.corpus.speakers):
        same.setdefault(work.store.speech_digests[utterance.id], []).append(utterance)
    groups = [group for group in same.values() if len({u.speaker for u in group}) > 1]
    for fold in folds:
        for group in groups:
            tested = next((u for u in group if u.speaker in fold.test), None)
            other = next((u for u in group if u.speaker in (*fold.train, *fold.dev)), None)
            if tested is not None and other is not None:
                part = "training" if other.speaker in fold.train else "development"
                raise CorpusError(
                    f"{tested.id} of speaker {tested.speaker}, whom fold {fold.name} tests, is the same "
                    f"recording as {other.id} of speaker {other.speaker} in its {part} part: remove one of "
                    "the two, or allow it with --allow-duplicates, which marks every figure."
                )


def train_cells(work: Work, fold: Fold, seed: int, stages: Sequence[Stage]) -> Iterator[Event]:
    """Train these stages and the encoders they use, for one fold and one seed.

    Finished stages of the run are reused; a partly trained one resumes. Ends early when the run's requests
    say so. All yielded events except Progress belong into the run's events.
    """
    for event in _train_cells(work, fold, seed, stages):
        yield replace(event, fold=fold.name, seed=seed)


def _train_cells(work: Work, fold: Fold, seed: int, stages: Sequence[Stage]) -> Iterator[Event]:
    requests = ControlRequests(work.run)
    _save_recordings(work, fold)
    keys: dict[Stage, str] = {}
    vectors: dict[Stage, Vectors] = {}
    for stage in plan(tuple(stages)):
        if requests.now().ask is not None:
            return
        training = _train_cell(work, fold, Cell(fold.name, seed, stage), keys, vectors, requests)
        if stage in stages:
            training = requests.unless_skipped(Cell(fold.name, seed, stage).name, training)
        key = yield from training
        if key is None:
            return
        keys[stage] = key


def _train_cell(
    work: Work,
    fold: Fold,
    cell: Cell,
    keys: Mapping[Stage, str],
    vectors: dict[Stage, Vectors],
    requests: ControlRequests,
) -> Generator[Event, None, str | None]:
    """Train one cell, or reuse its result; returns its key. keys, vectors: of its encoders; missing vectors
    are added."""
    run, stage, config = RunFolder(work.run), cell.stage, replace(work.config, seed=cell.seed)
    folder = run.stage_folder(cell)
    folder.mkdir(parents=True, exist_ok=True)
    used = annotated(work.corpus, fold.speakers)
    for encoder in stage.encoders:
        if encoder not in vectors:
            best = run.stage_folder(replace(cell, stage=encoder)) / "best.safetensors"
            vectors[encoder] = yield from encode(config.for_stage(encoder), best, work.store, used)
    cached = [vectors[encoder] for encoder in stage.encoders]
    encoder_keys = [keys[encoder] for encoder in stage.encoders]
    with arithmetic(config.compute):
        data = stage_data(config.for_stage(stage), work.corpus, fold, work.store, cached, encoder_keys)
    known = _known(run, cell, data.key)
    if known is not None:
        yield from known.events()
        return data.key
    trained = yield from train(config.for_stage(stage), data, folder, requests.stop)
    result = _result(cell, data.key, trained)
    run.save(result)
    outcome = (stage.name, result.epoch, result.dev_loss, result.wa, result.ua)
    yield StageDone(*outcome, reused=trained.reused, early=trained.early)
    return data.key


def _known(run: RunFolder, cell: Cell, key: str) -> CellResult | None:
    """This cell's result, or a copy of its twin's: the cell of the other train set that is the same training
    (SPEC.md "Training": identical encoders are trained once)."""
    for train_set in (cell.stage.train_set, *TRAIN_SETS):
        other = replace(cell, stage=replace(cell.stage, train_set=train_set))
        known = run.result(other)
        if known is not None and known.key == key:
            return known if other == cell else run.adopt(known, cell)
    return None


def annotated(corpus: Corpus, speakers: Sequence[str]) -> list[Utterance]:
    """The utterances of these speakers that have votes; the others are neither trained on nor scored."""
    return [u for u in corpus.of_speakers(speakers) if u.votes.total > 0]


def refuse_untrainable(config: RunConfig, corpus: Corpus, fold: Fold, stages: Sequence[Stage]) -> None:
    """Raise now what training would raise later; reads and writes no file.

    Raises: ConfigError, naming the fold, for a part or a class without utterances.
    """
    for stage in plan(tuple(stages)):
        train_set, dev_set = _examples(config.for_stage(stage), corpus, fold)
        try:
            refuse_empty(stage.name, train_set, dev_set)
            loss_function(config.for_stage(stage), train_set.targets)
        except ConfigError as error:
            raise ConfigError(f"fold {fold.name}: {error}") from error


def _examples(config: StageConfig, corpus: Corpus, fold: Fold) -> tuple[Examples, Examples]:
    """Those of the training and of the development speakers."""
    train_set, dev_set = (
        Examples.admitted(corpus.of_speakers(speakers), config.stage, config.exists_from)
        for speakers in (fold.train, fold.dev)
    )
    return train_set, dev_set


def stage_data(
    config: StageConfig,
    corpus: Corpus,
    fold: Fold,
    store: FeatureStore,
    cached: Sequence[Vectors],
    encoder_keys: Sequence[str],
) -> StageData:
    """The parts of the fold for this stage, on features or on the vectors of its frozen encoders."""
    train_set, dev_set = _examples(config, corpus, fold)
    test = tuple(annotated(corpus, fold.test))
    rows = [
        [[u.id, store.digests[u.id], list(q)] for u, q in zip(part.utterances, part.targets, strict=True)]
        for part in (train_set, dev_set)
    ]
    key = stable_hash([config.identity(), rows, list(encoder_keys)])
    if not cached:
        normalisation = None
        if len(train_set):  # `train` refuses an empty one
            normalisation = normalisation_of(store, train_set.utterances, centred=config.recipe.centred)
        identity = Normalisation(torch.zeros(1), torch.ones(1))
        inputs = encoder_inputs(store, normalisation or identity, config.compute.device)
        return StageData(train_set, dev_set, test, inputs, normalisation, key)
    # joined: each [256 · encoders]
    joined = {item: torch.cat([vectors[item] for vectors in cached]) for item in cached[0]}
    return StageData(train_set, dev_set, test, VectorInputs(joined), None, key)


def encode(
    config: StageConfig, checkpoint: Path, store: FeatureStore, utterances: Sequence[Utterance]
) -> Generator[Event, None, Vectors]:
    """Outputs of a frozen encoder for every utterance and speed: {(id, speed): vector [256]}, returned.

    Computed once, in eval mode and fp32: frozen means the batch norm's statistics too (SPEC.md).
    """
    network = build(config)
    assert isinstance(network, Network), "dense rows have no encoder"
    tensors, _ = load_network(checkpoint, network)
    network.eval()
    norm = Normalisation(tensors["norm.mean"], tensors["norm.std"], config.recipe.centred)
    inputs = encoder_inputs(store, norm, config.compute.device)
    items = [(u.id, speed) for u in utterances for speed in config.recipe.speeds]
    items.sort(key=lambda item: store.length(*item))
    vectors: Vectors = {}
    began = time.monotonic()
    for start in range(0, len(items), ENCODE_BATCH):
        chosen = items[start : start + ENCODE_BATCH]
        with torch.inference_mode(), arithmetic(config.compute):
            vector, _ = network.encoder(*moved(inputs.collate(chosen), config.compute.device))  # [B, 256]
        vectors.update(zip(chosen, vector.clone().cpu(), strict=True))
        left = (time.monotonic() - began) / len(vectors) * (len(items) - len(vectors))
        name = config.stage.name
        yield Progress(f"Encoding with {name}", len(vectors), len(items), left, name)
    return vectors


def _result(cell: Cell, key: str, trained: Trained) -> CellResult:
    history = trained.history
    return CellResult(
        **vars(cell),
        key=key,
        epoch=history.best_epoch,
        epochs=history.epoch,
        dev_loss=history.best_loss,
        wa=trained.wa,
        ua=trained.ua,
        **asdict(trained.scaling),
        curves=history.epochs,
        predictions=trained.probabilities,
        development=trained.development,
        stamp=stamp(),
        early=trained.early,
    )


def _save_recordings(work: Work, fold: Fold) -> None:
    """Write RUN/<fold>/recordings.json: what models made from this fold keep of its recordings.

    Raises: CorpusError, naming the fold, where training or development speakers have no speech.
    """
    store, folder = work.store, work.run / fold.name
    digests: dict[str, str] = {}
    for part in ("dev", "train"):  # a recording in both counts as trained on
        of_part = work.corpus.of_speakers(getattr(fold, part))
        for known in (store.digests, store.speech_digests):
            digests |= {known[u.id]: part for u in of_part if u.id in known}
    train, dev = (
        [store.statistics[u.id] for u in work.corpus.of_speakers(speakers) if u.id in store.statistics]
        for speakers in (fold.train, fold.dev)
    )
    if not train or not dev:
        part = "development" if train else "training"
        raise CorpusError(f"fold {fold.name}: no recording of its {part} speakers holds 0.2 s of speech.")
    folder.mkdir(exist_ok=True)
    found = {"seen": digests, "domain": asdict(DomainReference.of(train, dev))}
    write_json(folder / "recordings.json", found)

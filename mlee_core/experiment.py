"""Stages as a small graph that shares encoders, trained one after the other for one fold."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from .config import RunConfig, Stage, StageConfig, plan
from .corpora.base import Corpus, Utterance
from .dataset import (
    EncoderInputs,
    Examples,
    FeatureStore,
    Normalisation,
    VectorInputs,
    build_features,
    refuse_missing,
)
from .events import Event, Finished, Progress
from .files import stable_hash, write_json
from .folds import Fold
from .labels import dominant
from .model import Network
from .quality import LevelReference
from .runs import RunFolder
from .training import StageData, arithmetic, build, load_network, loss_function, refuse_empty, train

ENCODE_BATCH = 16


def train_fold(
    run: RunFolder, config: RunConfig, corpus: Corpus, fold: Fold, stages: Sequence[Stage]
) -> Iterator[Event]:
    """Train these stages and the encoders they stand on, for one fold; ends with Finished.

    Stages that the run has already are taken over; a half-trained one goes on. Everything that is
    yielded except Progress belongs into the run's events.
    """
    used = _used(corpus, fold)
    store: FeatureStore | None = None
    for item in build_features(used, config.recipe, run.path):
        if isinstance(item, Progress):
            yield item
        else:
            store = item
    assert store is not None, "build_features ends with the store"
    _save_facts(run, corpus, fold, store)
    keys: dict[Stage, str] = {}
    vectors: dict[Stage, dict[tuple[str, float], Tensor]] = {}
    for stage in plan(tuple(stages)):
        folder = run.stage_folder(fold, stage)
        folder.mkdir(parents=True, exist_ok=True)
        for encoder in stage.encoders:
            if encoder not in vectors:
                best = run.stage_folder(fold, encoder) / "best.safetensors"
                vectors[encoder] = yield from encode(config.for_stage(encoder), best, store, used)
        cached = [vectors[encoder] for encoder in stage.encoders]
        data = stage_data(
            config.for_stage(stage), corpus, fold, store, cached, [keys[e] for e in stage.encoders]
        )
        keys[stage] = data.key
        yield from train(config.for_stage(stage), data, folder)
    yield Finished(f"fold {fold.name}")


def refuse_untrainable(config: RunConfig, corpus: Corpus, fold: Fold, stages: Sequence[Stage]) -> None:
    """Raise now what training would raise after a while: nothing is decoded or written for it.

    Raises: CorpusError for missing audio; ConfigError for a part without utterances or a class without.
    """
    refuse_missing(_used(corpus, fold))
    for stage in plan(tuple(stages)):
        train_set = Examples.admitted(corpus.of_speakers(fold.train), stage)
        refuse_empty(stage.name, train_set, Examples.admitted(corpus.of_speakers(fold.dev), stage))
        loss_function(config.for_stage(stage), train_set.targets)


def _used(corpus: Corpus, fold: Fold) -> list[Utterance]:
    return [u for u in corpus.utterances if u.speaker in fold.speakers and u.votes.total > 0]


def stage_data(
    config: StageConfig,
    corpus: Corpus,
    fold: Fold,
    store: FeatureStore,
    cached: Sequence[dict[tuple[str, float], Tensor]],
    encoder_keys: Sequence[str],
) -> StageData:
    """Who trains, develops and tests this stage, on features or on the vectors of its frozen encoders."""
    train_set = Examples.admitted(corpus.of_speakers(fold.train), config.stage)
    dev_set = Examples.admitted(corpus.of_speakers(fold.dev), config.stage)
    test = tuple(u for u in corpus.of_speakers(fold.test) if dominant(u.votes) is not None)
    rows = [
        [[u.id, store.digests[u.id], list(q)] for u, q in zip(part.utterances, part.targets, strict=True)]
        for part in (train_set, dev_set)
    ]
    key = stable_hash([config.to_json(), rows, list(encoder_keys)])
    if not cached:
        normalisation = Normalisation.of(store, train_set.utterances) if len(train_set) else None
        inputs = EncoderInputs(store, normalisation or _identity())
        return StageData(train_set, dev_set, test, inputs, normalisation, key)
    joined = {
        item: torch.cat([vectors[item] for vectors in cached]) for item in cached[0]
    }  # [256 · encoders]
    return StageData(train_set, dev_set, test, VectorInputs(joined), None, key)


def encode(
    config: StageConfig, checkpoint: Path, store: FeatureStore, utterances: Sequence[Utterance]
) -> Generator[Event, None, dict[tuple[str, float], Tensor]]:
    """Outputs of a frozen encoder for every utterance and speed: {(id, speed): vector [256]}, returned.

    Computed once, in eval mode and fp32: frozen means the batch norm's statistics too (SPEC.md).
    """
    network = build(config)
    assert isinstance(network, Network), "only encoders are frozen and encoded with"
    tensors, _ = load_network(checkpoint, network)
    network.eval()
    inputs = EncoderInputs(store, Normalisation(tensors["norm.mean"], tensors["norm.std"]))
    items = [(u.id, speed) for u in utterances for speed in config.recipe.speeds]
    items.sort(key=lambda item: store.length(*item))
    vectors: dict[tuple[str, float], Tensor] = {}
    began = time.monotonic()
    for start in range(0, len(items), ENCODE_BATCH):
        chosen = items[start : start + ENCODE_BATCH]
        with torch.inference_mode(), arithmetic(config.compute):
            vector, _ = network.encoder(*inputs.collate(chosen))  # [B, 256]
        vectors.update(zip(chosen, vector.clone(), strict=True))
        left = (time.monotonic() - began) / len(vectors) * (len(items) - len(vectors))
        yield Progress(
            f"Encoding with {config.stage.name}", len(vectors), len(items), left, config.stage.name
        )
    return vectors


def _identity() -> Normalisation:
    """Stands in where no utterance is admitted, which `train` refuses with a sentence of its own."""
    return Normalisation(torch.zeros(1), torch.ones(1))


def _save_facts(run: RunFolder, corpus: Corpus, fold: Fold, store: FeatureStore) -> None:
    """What a model made from this fold must know of its recordings: RUN/<fold>/recordings.json."""
    digests: dict[str, str] = {}
    for part in ("dev", "train"):  # a recording in both counts as trained on
        digests |= {
            store.digests[u.id]: part
            for u in corpus.of_speakers(getattr(fold, part))
            if u.id in store.digests
        }
    levels = [store.levels[u.id] for u in corpus.of_speakers(fold.train) if u.id in store.levels]
    folder = run.path / fold.name
    folder.mkdir(exist_ok=True)
    write_json(
        folder / "recordings.json", {"seen": digests, "level_reference": LevelReference.of(levels).to_json()}
    )


def part_digests(run: RunFolder, fold: Fold) -> tuple[dict[str, str], LevelReference]:
    """Digest of decoded samples -> part, and the training set's levels, as `train_fold` found them."""
    facts = json.loads((run.path / fold.name / "recordings.json").read_text(encoding="utf-8"))
    return facts["seen"], LevelReference.from_json(facts["level_reference"])


def test_scores(run: RunFolder, fold: Fold, heads: Mapping[str, Stage]) -> dict[str, dict[str, float]]:
    """Head -> {wa, ua} on the fold's test speakers, from the run's events."""
    done = {e["stage"]: e for e in run.events() if e["type"] == "stage_done"}
    return {
        head: {"wa": done[stage.name]["wa"], "ua": done[stage.name]["ua"]}
        for head, stage in heads.items()
        if stage.name in done
    }

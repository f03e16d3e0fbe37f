"""A short trial in child processes: how fast this machine trains on this corpus."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from statistics import fmean

from ..audio.frames import FRAMES_PER_SECOND
from ..config.run_config import RunConfig, StageConfig
from ..config.stages import Stage
from ..corpora.corpus import Corpus, Utterance
from ..errors import MleeError, RunError
from ..events import Progress
from ..runs.forecast import Speed
from ..system.child_process import Child, Connection, wait_for
from ..system.hardware import peak_memory
from ..system.temporary_folders import TemporaryFolder
from ..training.batches import EncoderInputs, Examples, training_batches
from ..training.devices import arithmetic
from ..training.feature_store import FeatureStore, build_features, normalisation_of
from ..training.loop import build, train_step
from ..training.losses import loss_function
from ..training.optimizer import Optimizer
from .cell_training import annotated

SAMPLE = 48
BATCHES = 6
"""Timed, after one to warm up."""

PROGRESS_S = 0.2
"""Between two Progress events, at each of which the caller can stop."""


def measure(config: RunConfig, corpus: Corpus, workers: int) -> Generator[Progress, None, Speed]:
    """Time a few training steps in as many processes as will run side by side; returns their mean speed.

    Raises: MleeError for audio that cannot be read; WorkerDied if a process dies (out of memory, say).
    """
    scratch = TemporaryFolder()
    children: list[Child] = []
    try:
        every = annotated(corpus, corpus.speakers)
        sample = every[:: max(1, len(every) // SAMPLE)][:SAMPLE]  # evenly from the first to the last
        began = time.monotonic()
        store = yield from build_features(sample, config.recipe, scratch.path / "features.f16")
        seconds = time.monotonic() - began
        children += [Child("trial", serve, config, sample, store) for _ in range(workers)]
        answers: list[tuple[float, int]] = []
        while len(answers) < workers:
            yield Progress("Trying training steps", len(answers), workers)
            for child in wait_for(children, PROGRESS_S):
                answer = child.receive()
                if isinstance(answer, MleeError):
                    raise answer
                answers.append(answer)
                children.remove(child)
                child.stop()
    finally:
        for child in children:
            child.kill()
        scratch.remove()
    audio_s = sum(store.length(u.id) for u in sample) / FRAMES_PER_SECOND
    return Speed(
        train_s=fmean(train_s for train_s, _ in answers),
        features_s=seconds / audio_s,
        mean_duration_s=audio_s / len(sample),
        memory_bytes=max(memory for _, memory in answers),
    )


def serve(
    connection: Connection, config: RunConfig, sample: Sequence[Utterance], store: FeatureStore
) -> None:
    """Send (seconds a frame, peak memory in bytes), or the MleeError that prevented it."""
    try:
        train_s = _seconds_a_frame(config.for_stage(Stage("mlee", None, "all")), sample, store)
    except MleeError as error:
        connection.send(error)
        return
    connection.send((train_s, peak_memory()))


def _seconds_a_frame(config: StageConfig, sample: Sequence[Utterance], store: FeatureStore) -> float:
    """Training steps of one encoder on the sample, with invented targets so that every class has weight."""
    targets = tuple(tuple(float(k == n % 4) for k in range(4)) for n in range(len(sample)))
    examples = Examples(tuple(sample), targets)
    inputs = EncoderInputs(store, normalisation_of(store, sample, centred=config.recipe.centred))
    optimizer = Optimizer(config, build(config).train())
    loss = loss_function(config, targets)
    frames, began = 0, 0.0
    with arithmetic(config.compute):
        for number, batch in enumerate(training_batches(inputs, examples, config.recipe, config.seed, 1)):
            if number == 1:
                began = time.monotonic()
            if number > BATCHES:
                break
            train_step(config.compute, optimizer, loss, batch, 0.0).item()
            frames += int(batch.inputs[1].sum()) if number else 0
    if not frames:
        raise RunError(f"{len(sample)} utterances are too few to measure a training step on.")
    return (time.monotonic() - began) / frames

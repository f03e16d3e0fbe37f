"""The stored features and samples, changes of speed, and what an epoch draws from them."""

from __future__ import annotations

import pickle
import threading
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch

from mlee_core.audio.frames import SAMPLE_RATE
from mlee_core.audio.levels import AudioSignal, Levels
from mlee_core.config.recipe import RECIPES, Augmentation, Recipe
from mlee_core.config.run_config import Compute, RunConfig, StageConfig
from mlee_core.config.stages import Stage
from mlee_core.corpora import Corpus, folds, open_corpus
from mlee_core.events import EpochDone
from mlee_core.experiments.cell_training import stage_data
from mlee_core.training import augmentation, batches
from mlee_core.training.batches import AHEAD, Batch, EncoderInputs, prefetched, training_batches
from mlee_core.training.feature_store import FeatureStore, build_features, change_speed, features_of
from mlee_core.training.loop import StageData, train
from tests.helpers import made_data
from tests.helpers.run_folders import content

ALWAYS = Augmentation(degraded=1.0, quiet=0.5, noise=0.9, band=0.5, room=0.3, gain=0.5, clip=0.5, offset=0.5)
DEGRADING = replace(RECIPES["best"], batch_size=3, cycle=2, augmentation=replace(ALWAYS, crop_frames=48))


def _returned(generator):  # type: ignore[no-untyped-def]
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return open_corpus(made_data.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, shortest_s=0.3))


@pytest.fixture(scope="module")
def store(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    file = tmp_path_factory.mktemp("features") / "features.f16"
    built = _returned(build_features(corpus.utterances, DEGRADING, file))
    assert isinstance(built, FeatureStore)
    return built


@pytest.fixture(scope="module")
def stage(corpus: Corpus, store: FeatureStore) -> tuple[StageConfig, StageData]:
    config = RunConfig(
        str(corpus.root),
        "table",
        (),
        corpus.data_hash(),
        DEGRADING,
        Compute(),
        0,
        selection=made_data.SELECTION,
    ).for_stage(Stage("dominant", "soft", "all"))
    return config, stage_data(config, corpus, folds.one(corpus, "s0"), store, [], [])


# ---- changes of speed -------------------------------------------------------------------------------------


def test_speed_perturbation_shortens_and_raises_the_pitch() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(32_000) / SAMPLE_RATE).astype(np.float32)
    for factor in (0.9, 1.1, 1.13):
        changed = change_speed(tone, factor)
        assert len(changed) == pytest.approx(32_000 / factor, abs=1)
        peak = np.argmax(np.abs(np.fft.rfft(changed))) * SAMPLE_RATE / len(changed)
        assert peak == pytest.approx(440 * factor, abs=1)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_perturbation_equals_soxrs(factor: float) -> None:
    """Another resampler with other filters: the same length and, away from the ends, the same sound."""
    sound = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    slow = np.convolve(sound, np.hanning(16) / 8, "same").astype(np.float32)  # below both filters' edges
    expected = soxr.resample(slow, SAMPLE_RATE * factor, SAMPLE_RATE)
    got = change_speed(slow, factor)
    assert abs(len(got) - len(slow) / factor) <= 1 and abs(len(got) - len(expected)) <= 1
    inner = slice(200, min(len(got), len(expected)) - 200)
    assert np.corrcoef(got[inner], expected[inner])[0, 1] > 0.999


# ---- samples ----------------------------------------------------------------------------------------------


def test_samples_are_kept_in_16_bits_of_their_own_peak(corpus: Corpus, store: FeatureStore) -> None:
    assert store.waves is not None
    for utterance in corpus.utterances:
        samples, _ = soundfile.read(utterance.file, dtype="float32")
        kept = store.waves.of(utterance.id)
        assert kept.dtype == np.float32
        assert np.abs(kept - samples).max() <= np.abs(samples).max() / 65_000
    assert store.waves.samples.dtype == np.int16
    assert len(store.waves.samples) == sum(soundfile.info(u.file).frames for u in corpus.utterances)


def test_digital_silence_is_kept(tmp_path: Path, corpus: Corpus) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(4000, np.float32), SAMPLE_RATE)
    silent = replace(corpus.utterances[0], file=tmp_path / "silent.wav")
    built = _returned(build_features([silent], DEGRADING, tmp_path / "features.f16"))
    assert np.array_equal(built.waves.of(silent.id), np.zeros(4000))


def test_a_recipe_that_degrades_nothing_keeps_no_samples(tmp_path: Path, corpus: Corpus) -> None:
    built = _returned(build_features(corpus.utterances[:2], Recipe(), tmp_path / "features.f16"))
    assert built.waves is None and [file.name for file in tmp_path.iterdir()] == ["features.f16"]


def test_a_store_is_sent_without_its_contents_and_works_from_them_elsewhere(store: FeatureStore) -> None:
    """As to another machine: the contents are sent beside it, and no file is there."""
    name = next(iter(store.digests))
    expected = store.of(name, 0.9), store.waves.of(name)  # type: ignore[union-attr]
    sent = pickle.dumps(store)
    assert len(sent) < 50_000
    there: FeatureStore = pickle.loads(sent)
    assert there.waves is not None
    there = replace(there, file=Path("gone"), waves=replace(there.waves, file=Path("gone")))
    there.attach(store.arrays())
    assert there.waves is not None
    assert torch.equal(there.of(name, 0.9), expected[0])
    assert np.array_equal(there.waves.of(name), expected[1])


# ---- draws ------------------------------------------------------------------------------------------------


def drawn(stage: tuple[StageConfig, StageData], how: Augmentation, epoch: int = 1) -> list[Batch]:
    config, data = stage
    recipe = replace(config.recipe, augmentation=how)
    return [*training_batches(data.inputs, data.train, recipe, config.seed, epoch)]


def equal(one: list[Batch], other: list[Batch]) -> bool:
    return [b.ids for b in one] == [b.ids for b in other] and all(
        torch.equal(x, y)
        for a, b in zip(one, other, strict=True)
        for x, y in zip(a.inputs, b.inputs, strict=True)
    )


def test_an_epoch_is_drawn_from_seed_and_number(stage: tuple[StageConfig, StageData]) -> None:
    first, again, other = (drawn(stage, ALWAYS, epoch) for epoch in (1, 1, 2))
    assert equal(first, again) and not equal(first, other)


def test_clean_draws_are_the_stored_features(
    stage: tuple[StageConfig, StageData], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quarter of the draws is degraded, each by its gain; all the others read the store."""
    _, data = stage
    assert isinstance(data.inputs, EncoderInputs)
    stored: Counter[str] = Counter()
    of = FeatureStore.of

    def counted(self: FeatureStore, utterance: str, speed: float = 1.0) -> torch.Tensor:
        stored[utterance] += 1
        return of(self, utterance, speed)

    monkeypatch.setattr(FeatureStore, "of", counted)
    total = sum(len(b.ids) for n in range(40) for b in drawn(stage, Augmentation(degraded=0.25, gain=1.0), n))
    assert stored.total() / total == pytest.approx(0.75, abs=0.05)


def test_a_degraded_draw_is_the_features_of_its_degraded_samples(
    stage: tuple[StageConfig, StageData], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With samples that become a fixed noise, every utterance has that noise's features."""
    config, data = stage
    noise = np.random.default_rng(3).standard_normal(8000).astype(np.float32)
    monkeypatch.setattr(augmentation.WaveformAugmenter, "degrade", lambda *_: noise)
    assert data.normalisation is not None
    expected = data.normalisation.apply(features_of(AudioSignal.of(noise), config.recipe))
    for batch in drawn(stage, Augmentation(degraded=1.0, gain=1.0)):
        x, lengths = batch.inputs
        assert all(torch.equal(one[: len(expected)], expected) for one in x)
        assert lengths.tolist() == [len(expected)] * len(x)


def test_babble_is_made_of_other_training_utterances_at_their_speech_level(
    stage: tuple[StageConfig, StageData], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, data = stage
    heard: Counter[str] = Counter()
    voice = augmentation.Draws._voice

    def listening(self: augmentation.Draws, utterance: str) -> np.ndarray:
        asked: list[str] = []
        of = type(self.waves).of

        def read(waves: object, name: str) -> np.ndarray:
            asked.append(name)
            return of(self.waves, name)

        with monkeypatch.context() as patch:
            patch.setattr(type(self.waves), "of", read)
            samples = voice(self, utterance)
        assert asked != [utterance]
        assert Levels.of(AudioSignal.of(samples)).speech_db == pytest.approx(0, abs=0.1)
        heard.update(asked)
        return samples

    monkeypatch.setattr(augmentation.Draws, "_voice", listening)
    for epoch in range(4):
        drawn(stage, Augmentation(degraded=1.0, noise=1.0), epoch)
    assert set(heard) == {u.id for u in data.train.utterances}
    assert {u.speaker for u in data.train.utterances} == {"s2"}


# ---- batches in advance -----------------------------------------------------------------------------------


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before, threading.enumerate()


def counted(made: list[int], end: int = 10, fault: int | None = None) -> Generator[int]:
    for n in range(end):
        if n == fault:
            raise ValueError("no batch 3")
        made.append(n)
        yield n


@pytest.mark.usefixtures("no_thread_left")
def test_batches_made_in_advance_are_the_same(stage: tuple[StageConfig, StageData]) -> None:
    config, data = stage
    plain = [*training_batches(data.inputs, data.train, config.recipe, 0, 1)]
    ahead = [*prefetched(training_batches(data.inputs, data.train, config.recipe, 0, 1), 1)]
    assert equal(plain, ahead) and len(plain) > AHEAD


@pytest.mark.usefixtures("no_thread_left")
def test_no_more_than_two_are_made_in_advance() -> None:
    made: list[int] = []
    coming = prefetched(counted(made), 1)  # type: ignore[arg-type, type-var]
    for n in range(5):
        assert next(coming) == n  # type: ignore[comparison-overlap]
        assert len(made) <= n + 1 + AHEAD
    coming.close()
    assert len(made) <= 5 + AHEAD


@pytest.mark.usefixtures("no_thread_left")
def test_a_fault_in_the_thread_is_raised_where_its_batch_would_be() -> None:
    coming = prefetched(counted([], fault=3), 1)  # type: ignore[arg-type]
    got = []
    with pytest.raises(ValueError, match="no batch 3"):
        for batch in coming:
            got.append(batch)
    assert got == [0, 1, 2]


@pytest.mark.usefixtures("no_thread_left")
@pytest.mark.parametrize("threads", [1, 2])
def test_the_thread_uses_the_stages_number_of_threads(
    stage: tuple[StageConfig, StageData],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    threads: int,
) -> None:
    config, data = stage
    seen: set[tuple[bool, int]] = set()
    collate = EncoderInputs.collate

    def noting(self, items, augmenter=None):  # type: ignore[no-untyped-def]
        if augmenter is not None:
            seen.add((threading.current_thread() is threading.main_thread(), torch.get_num_threads()))
        return collate(self, items, augmenter)

    monkeypatch.setattr(EncoderInputs, "collate", noting)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        _returned(train(replace(config, compute=Compute(threads=threads)), data, tmp_path))
        assert seen == {(False, threads)} and torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.usefixtures("no_thread_left")
def test_a_stopped_training_goes_on_bit_identically(
    stage: tuple[StageConfig, StageData], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropped in the middle of an epoch and at its end; and the same without batches in advance."""
    config, data = stage
    for folder in ("straight", "stopped", "plain"):
        (tmp_path / folder).mkdir()
    _returned(train(config, data, tmp_path / "straight"))
    for event in train(config, data, tmp_path / "stopped"):
        if isinstance(event, EpochDone):
            break
    interrupted = train(config, data, tmp_path / "stopped")
    for _ in range(4):
        next(interrupted)
    interrupted.close()
    _returned(train(config, data, tmp_path / "stopped"))
    monkeypatch.setattr(batches, "prefetched", lambda made, threads: made)
    _returned(train(config, data, tmp_path / "plain"))
    for name in ("best.safetensors", "last.safetensors"):
        expected = content(tmp_path / "straight" / name)
        assert content(tmp_path / "stopped" / name) == expected == content(tmp_path / "plain" / name)

"""Cutting long recordings: properties of every cut, and signals whose pauses are known."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import soundfile
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mlee_core.audio import quality, speech_segments
from mlee_core.audio.levels import AudioSignal

RATE = 16_000


def cut(samples: np.ndarray, max_s: float = 30.0) -> tuple[tuple[int, int], ...]:
    with patch.object(speech_segments, "MAX_SEGMENT_S", max_s):
        return speech_segments.speech_segments(AudioSignal.of(samples))


def tone_bursts(spans_s: list[tuple[float, float]], total_s: float, noise: float = 1e-4) -> np.ndarray:
    """A 300 Hz tone in the given stretches (seconds), on faint white noise: float32 [N]."""
    count = int(total_s * RATE)
    samples = noise * np.random.default_rng(0).standard_normal(count)
    for start, end in spans_s:
        at = np.arange(int(start * RATE), min(int(end * RATE), count))
        samples[at] += 0.3 * np.sin(2 * np.pi * 300 * at / RATE)
    return samples.astype(np.float32)


def seconds(ranges: tuple[tuple[int, int], ...]) -> list[tuple[float, float]]:
    return [(start / RATE, end / RATE) for start, end in ranges]


@pytest.mark.parametrize("count", [1, 639, 16_000, 30 * RATE])
def test_up_to_30_s_is_one_range_of_the_whole(count: int) -> None:
    assert cut(np.zeros(count, np.float32)) == ((0, count),)


def test_known_pauses_give_known_segments() -> None:
    spans = [(2.0, 6.0), (9.0, 12.5), (20.0, 23.0), (31.0, 38.0)]
    found = seconds(cut(tone_bursts(spans, 40)))
    assert len(found) == len(spans)
    for (start, end), (first, last) in zip(spans, found, strict=True):
        assert start - 0.1 <= first <= start  # the hangover is kept …
        assert end <= last <= end + 0.1  # … on both sides


def test_a_breath_does_not_divide_an_utterance() -> None:
    assert len(cut(tone_bursts([(5.0, 7.0), (7.5, 9.0), (25.0, 28.0)], 40))) == 2


def test_a_lonely_word_gets_a_second_and_a_near_one_a_neighbour() -> None:
    lonely = seconds(cut(tone_bursts([(20.0, 20.2), (30.0, 33.0)], 40)))
    assert lonely[0][0] < 20.0 < 20.2 < lonely[0][1]
    assert lonely[0][1] - lonely[0][0] == pytest.approx(1.0, abs=0.02)
    near = seconds(cut(tone_bursts([(20.0, 20.2), (21.5, 25.0)], 40)))
    assert len(near) == 1
    assert near[0][0] < 20.0 < 25.0 < near[0][1]


def test_a_long_speech_is_divided_at_its_quietest_point() -> None:
    samples = tone_bursts([(5.0, 29.0)], 40)
    dip = slice(int(16.0 * RATE), int(16.2 * RATE))
    samples[dip] *= 0.1
    (start, at), (_, end) = seconds(cut(samples))
    assert 16.0 <= at <= 16.2
    assert (start, end) == (pytest.approx(5, abs=0.1), pytest.approx(29, abs=0.1))


def test_a_click_in_the_last_partial_frame_is_kept() -> None:
    samples = np.zeros(40 * RATE + 100, np.float32)
    samples[-3:] = 0.9
    assert cut(samples)[-1][1] == len(samples)


def test_quiet_speech_far_from_loud_noise_is_kept() -> None:
    """The background is local: half an hour of fan does not hide the quiet room after it."""
    fan = 0.03 * np.random.default_rng(1).standard_normal(300 * RATE).astype(np.float32)
    room = tone_bursts([(100.0, 104.0)], 200) * 0.02
    found = seconds(cut(np.concatenate([fan, room])))
    assert any(start < 400.0 and end > 404.0 for start, end in found)
    assert all(not 60 < start < 200 for start, _ in found), "steady noise is no segment"


@pytest.mark.parametrize("kind", ["silence", "noise"])
def test_nothing_stands_out_gives_windows_of_at_most_30_s_over_everything(kind: str) -> None:
    count = 100 * RATE + 7
    noise = np.random.default_rng(0).standard_normal(count).astype(np.float32) * 0.1
    ranges = cut(noise if kind == "noise" else np.zeros(count, np.float32))
    assert len(ranges) == 4
    assert ranges[0][0] == 0 and ranges[-1][1] == count
    assert all(a[1] == b[0] for a, b in pairwise(ranges))
    assert max(end - start for start, end in ranges) <= 30 * RATE


bursts = st.lists(
    st.tuples(st.floats(0, 70), st.floats(0.05, 40), st.floats(0.05, 1.0)), min_size=0, max_size=8
)


@settings(max_examples=30, deadline=None)
@given(bursts, st.floats(31, 75), st.sampled_from([2.0, 5.0, 30.0]))
def test_every_cut_is_sorted_disjoint_short_enough_and_loses_no_burst(
    bursts: list[tuple[float, float, float]], total_s: float, max_s: float
) -> None:
    """Bursts swell four times a second as syllables do, and each is known by where we put it.

    The background must be audible somewhere in the minute around each burst: it is what bursts stand out of.
    """
    hiss = np.random.default_rng(2).standard_normal(int(total_s * RATE), dtype=np.float32)
    syllables = hiss * np.where(np.arange(len(hiss)) // 2000 % 2, 1.0, 0.1)
    samples = np.float32(1e-4) * hiss
    loud = np.zeros(len(samples), bool)
    for start, length, level in bursts:
        part = slice(int(start * RATE), int((start + length) * RATE))
        samples[part] += level * syllables[part]
        loud[part] = True
    tiles = [not loud[start : start + 10 * RATE].mean() > 0.9 for start in range(0, len(loud), 10 * RATE)]
    assume(all(any(tiles[max(0, n - 3) : n + 4]) for n in range(len(tiles))))
    ranges = cut(samples, max_s)
    assert ranges
    assert all(0 <= start < end <= len(samples) for start, end in ranges)
    assert all(before[1] <= after[0] for before, after in pairwise(ranges))
    assert all(640 <= end - start <= max_s * RATE for start, end in ranges)
    covered = np.zeros(len(samples), bool)
    for start, end in ranges:
        covered[start:end] = True
    assert covered[loud].all()


def test_real_utterances_with_silence_between_are_kept_whole(emodb: Path) -> None:
    rng = np.random.default_rng(0)
    parts, spans, at = [], [], 0
    for path in sorted((emodb / "flac").iterdir())[:60]:
        speech, _ = soundfile.read(path, dtype="float32")
        pause = np.zeros(int(rng.uniform(1.2, 3) * RATE), np.float32)
        spans.append((at + len(pause), at + len(pause) + len(speech)))
        parts += [pause, speech]
        at = spans[-1][1]
    ranges = cut(np.concatenate(parts))
    for start, end in spans:
        assert sum(first < end and last > start for first, last in ranges) == 1, "an utterance was divided"
    assert len(ranges) > 40


@pytest.mark.parametrize(
    ("snr_db", "onset_s", "offset_s"), [(60.0, (-0.08, 0.0), (0.0, 0.08)), (10.0, (-0.08, 0.1), (-0.2, 0.08))]
)
def test_borders_lie_at_the_speech(
    emodb: Path, snr_db: float, onset_s: tuple[float, float], offset_s: tuple[float, float]
) -> None:
    """Medians over 40 utterances (FACTS.md); the ends of sentences fade into the noise."""
    rng = np.random.default_rng(0)
    parts, spans, at = [], [], 0
    for path in sorted((emodb / "flac").iterdir())[:520:13]:
        speech, _ = soundfile.read(path, dtype="float32")
        pause = np.zeros(int(rng.uniform(1.5, 3) * RATE), np.float32)
        parts += [pause, speech]
        spans.append(((at + len(pause)) / RATE, (at + len(pause) + len(speech)) / RATE))
        at += len(pause) + len(speech)
    samples = np.concatenate([*parts, np.zeros(RATE, np.float32)])
    power = np.mean([np.square(speech).mean() for speech in parts[1::2]])
    noise = rng.standard_normal(len(samples), np.float32) * np.sqrt(power * 10 ** (-snr_db / 10))
    found = np.array(seconds(cut(samples + noise)))
    starts, ends = np.array(spans).T
    own = [(found[:, 0] < end) & (found[:, 1] > start) for start, end in spans]
    assert all(o.any() for o in own), "an utterance was lost"
    onset = np.median([found[o, 0].min() for o in own] - starts)
    offset = np.median([found[o, 1].max() for o in own] - ends)
    assert onset_s[0] <= onset <= onset_s[1] and offset_s[0] <= offset <= offset_s[1]


def test_an_offset_moves_no_border() -> None:
    samples = tone_bursts([(2.0, 6.0), (9.0, 12.5), (31.0, 38.0)], 40)
    assert cut(samples + np.float32(0.1)) == cut(samples)


def test_bursts_of_noise_and_tones_between_sentences_are_no_speech(emodb: Path) -> None:
    rng = np.random.default_rng(0)
    time = np.arange(2 * RATE) / RATE
    others = (
        0.2 * rng.standard_normal(2 * RATE),
        0.3 * np.sin(2 * np.pi * 440 * time),
        np.sign(time - 1) * 0.2,
    )
    parts, spans, at = [], [], 0
    for number, path in enumerate(sorted((emodb / "flac").iterdir())[:90:10]):
        speech, _ = soundfile.read(path, dtype="float32")
        pause = 1e-4 * rng.standard_normal(2 * RATE)
        parts += [speech, pause, others[number % 3], pause]
        spans.append((at, at + len(speech)))
        at += len(speech) + 6 * RATE
    signal = AudioSignal.of(np.concatenate(parts).astype(np.float32))
    for start, end in speech_segments.speech_segments(signal):
        spoken = any(start < last and end > first for first, last in spans)
        assert quality.may_hold_speech(signal.part(start, end)) == spoken, (start, end)


def test_four_hours_on_disk_take_seconds(tmp_path: Path) -> None:
    path = tmp_path / "long.f32"
    samples = np.memmap(path, dtype=np.float32, mode="w+", shape=(4 * 3600 * RATE,))  # sparse: no disk used
    for hour in range(4):
        samples[hour * 3600 * RATE :][: 5 * RATE] = tone_bursts([(0.5, 4.5)], 5)
    begun = time.process_time()
    ranges = cut(samples)
    assert time.process_time() - begun < 8, "more than 2 s an hour"
    assert [round(start / RATE / 3600) for start, _ in ranges] == list(range(4))

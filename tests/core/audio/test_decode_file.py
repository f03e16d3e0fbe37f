"""The process behind `audio`: hangs, crashes and cancels cost one file, and nothing is left behind."""

from __future__ import annotations

import os
import tempfile
import time

import numpy as np
import pytest

from mlee_core.audio import decoding
from mlee_core.audio.decoding import LONG_S, SAMPLE_RATE, Decoder, Recording
from mlee_core.errors import WorkerDied
from mlee_core.system.service import ServiceProcess
from tests.helpers.child_side import decode_by_name
from tests.helpers.sounds import load, noise, refusal, wav


def test_a_file_whose_decoding_hangs_is_given_up_and_the_next_one_is_read(tmp_path):
    good, hangs = wav(tmp_path / "good.wav", noise(100)), wav(tmp_path / "hangs.wav", noise(100))
    with Decoder(hang_s=0.5, decode=decode_by_name) as decoder:
        decoder.load(good)
        began = time.monotonic()
        assert "hung for 0.5 s" in refusal(decoder, hangs)
        assert 0.5 <= time.monotonic() - began < 20
        assert len(decoder.load(good).samples) == 100


def test_a_slow_file_that_makes_progress_is_not_given_up(tmp_path):
    path = wav(tmp_path / "slow.wav", noise(100))
    with Decoder(hang_s=1.0, decode=decode_by_name) as decoder:
        began = time.monotonic()
        assert len(decoder.load(path).samples) == 100
        assert time.monotonic() - began > 1.5, "longer in all than a hang may last"


def test_waiting_for_a_hanging_file_can_be_cancelled_at_once(tmp_path):
    good, hangs = wav(tmp_path / "good.wav", noise(100)), wav(tmp_path / "hangs.wav", noise(100))
    with Decoder(hang_s=600, decode=decode_by_name) as decoder:
        waiting = decoder.decode(hangs)
        assert [next(waiting).done for _ in range(3)] == [0.5, 0.5, 0.5], "it yields while it waits"
        waiting.close()
        assert len(decoder.load(good).samples) == 100


def test_a_caller_that_pauses_is_not_taken_for_a_hang(tmp_path):
    good = wav(tmp_path / "good.wav", noise(300_000))
    with Decoder(hang_s=0.2) as decoder:
        decoder.load(good)
        items = decoder.decode(good)
        next(items)
        paused = time.monotonic()
        while time.monotonic() - paused < 0.5:
            os.sched_yield()
        *_, last = items
        assert isinstance(last, Recording)


def test_a_crash_of_the_decoder_refuses_the_file_and_nothing_else(tmp_path):
    good, crashes = wav(tmp_path / "good.wav", noise(100)), wav(tmp_path / "crashes.wav", noise(100))
    with Decoder(decode=decode_by_name) as decoder:
        assert "crashed the decoder (SIGSEGV)" in refusal(decoder, crashes)
        assert len(decoder.load(good).samples) == 100


def test_a_fault_of_ours_is_reported_as_ours_and_not_as_the_files(tmp_path):
    with Decoder(decode=decode_by_name) as decoder:
        with pytest.raises(WorkerDied, match="ValueError: a fault of ours"):
            decoder.load(wav(tmp_path / "fails.wav", noise(100)))
        assert len(decoder.load(wav(tmp_path / "good.wav", noise(100))).samples) == 100


def test_one_decoder_reads_one_file_at_a_time(tmp_path):
    path = wav(tmp_path / "a.wav", noise(300_000))
    with Decoder() as decoder:
        first = decoder.decode(path)
        next(first)
        with pytest.raises(RuntimeError, match="one file at a time"):
            decoder.load(path)
        *_, last = first
        assert len(last.samples) == 300_000


def test_many_files_share_one_process_and_refusals_do_not_cost_it(tmp_path, monkeypatch):
    started: list[str] = []

    def counted(name, target, *arguments):
        started.append(name)
        return ServiceProcess(name, target, *arguments)

    monkeypatch.setattr(decoding, "ServiceProcess", counted)
    path = wav(tmp_path / "a.wav", noise(100))
    with Decoder() as decoder:
        for _ in range(5):
            decoder.load(path)
            refusal(decoder, tmp_path / "missing.wav")
    assert started == ["decoder"]


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    path = wav(tmp_path / "a.wav", noise(300_000))
    long = load(wav(tmp_path / "long.wav", noise(int(LONG_S * SAMPLE_RATE))))
    assert isinstance(long.samples, np.memmap) and long.samples[-1] == noise(int(LONG_S * SAMPLE_RATE))[-1, 0]
    with Decoder() as decoder:
        items = decoder.decode(path)
        next(items)
        items.close()
        decoder.load(path)
        refusal(decoder, tmp_path / "missing.wav")
    assert list(temporary.iterdir()) == []

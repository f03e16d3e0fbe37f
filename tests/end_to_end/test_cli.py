"""`mlee` as a user calls it: a process, its lines and its exit status."""

from __future__ import annotations

import csv
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlee_core.inference import model_file
from tests.helpers import made_data
from tests.helpers.sounds import load


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.model(tmp_path_factory.mktemp("model") / "random.safetensors")


def mlee(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlee_core.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


def refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    """Exit 2, one line on stderr that says it, nothing else."""
    assert done.returncode == 2, done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("mlee: ") and "Traceback" not in done.stderr
    for words in said:
        assert words in lines[0]


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    soundfile.write(path, made_data.voice(150, 1.5, 1), 16_000)
    return path


def test_help_lists_the_commands() -> None:
    done = mlee("--help")
    assert done.returncode == 0
    for command in ("gui", "analyze", "corpus", "train", "bench", "doctor"):
        assert command in done.stdout


def test_json_is_one_object_a_line(voice: Path, model: Path) -> None:
    done = mlee("analyze", voice, voice, "--model", model, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2 and lines[0] == lines[1]
    keys = {"file", "duration_s", "model", "classes", "dominant", "existence", "predicted", "rule", "notes"}
    assert keys | {"seen", "attention", "heads"} <= lines[0].keys()
    assert lines[0]["duration_s"] == 1.5 and lines[0]["classes"] == ["neu", "hap", "sad", "ang"]
    assert sum(lines[0]["attention"]["mlee"]) == pytest.approx(1, abs=1e-5)


def test_a_bad_file_among_good_ones_does_not_stop_them(voice: Path, model: Path, tmp_path: Path) -> None:
    bad = tmp_path / "notes.wav"
    bad.write_text("this is no sound")
    done = mlee("analyze", voice, bad, tmp_path / "gone.wav", voice, "--model", model, "--json")
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 2
    assert [line.startswith("mlee: ") for line in done.stderr.splitlines()] == [True, True]


def test_a_folder_gives_one_table(voice: Path, model: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "other.flac", made_data.voice(250, 1.2, 2), 16_000)
    out = tmp_path / "table.csv"
    assert mlee("analyze", tmp_path, "--model", model, "--csv", out).returncode == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [Path(row["file"]).name for row in rows] == ["other.flac", "voice.wav"]
    for row in rows:
        assert sum(float(row[f"fusion_{c}"]) for c in ("neu", "hap", "sad", "ang")) == pytest.approx(
            1, abs=1e-4
        )


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_figure(voice: Path, model: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"figure.{suffix}"
    assert mlee("analyze", voice, "--model", model, "--figure", out).returncode == 0
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix]
    assert out.read_bytes().startswith(begins)


def test_text_marks_what_was_seen_and_the_models_limits(voice: Path, tmp_path: Path) -> None:
    path = made_data.model(tmp_path / "m.safetensors", made_data.HEADS, {load(voice).digest: "train"})
    done = mlee("analyze", voice, "--model", path)
    assert done.returncode == 0
    assert "SEEN: this very recording is in the model's training set" in done.stdout
    assert "limit: made of random weights" in done.stdout


def _header(path: Path, frames: int, declared: int) -> None:
    """A WAV whose header declares `declared` bytes of data and holds `frames` samples."""
    data = (np.random.default_rng(0).standard_normal(frames) * 3000).astype("<i2").tobytes()
    header = b"RIFF" + struct.pack("<I", min(declared + 36, 0xFFFFFFFF)) + b"WAVEfmt "
    header += struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    path.write_bytes(header + b"data" + struct.pack("<I", declared) + data)


def _bad(folder: Path) -> dict[str, Path]:
    made_paths = {
        name: folder / f"{name}.wav" for name in ("missing", "empty", "nothing", "text", "lies", "nan")
    }
    made_paths["empty"].touch()
    soundfile.write(made_paths["nothing"], np.empty(0, np.float32), 16_000)
    made_paths["text"].write_text("no sound in here\n" * 50)
    _header(made_paths["lies"], 1600, 1_000_000_000)
    soundfile.write(
        made_paths["nan"], np.array([0.1, np.nan, 0.2] * 900, np.float32), 16_000, subtype="FLOAT"
    )
    (folder / "folder").mkdir()
    return {**made_paths, "folder": folder / "folder"}


@pytest.mark.parametrize("what", ["missing", "empty", "nothing", "text", "lies", "nan", "folder"])
def test_bad_recordings_are_refused_in_one_sentence(what: str, model: Path, tmp_path: Path) -> None:
    path = _bad(tmp_path)[what]
    refused(mlee("analyze", path, "--model", model, "--json"), path.name)


def test_bad_models_are_refused_in_one_sentence(voice: Path, tmp_path: Path) -> None:
    refused(mlee("analyze", voice, "--model", tmp_path / "none"), "no model")
    damaged = made_data.model(tmp_path / "m.safetensors")
    os.truncate(damaged, 100_000)
    refused(mlee("analyze", voice, "--model", damaged), "damaged")
    other = made_data.model(tmp_path / "o.safetensors", classes=["calm", "tense"])
    refused(mlee("analyze", voice, "--model", other), "calm, tense")


@pytest.mark.parametrize("frames", [10, 639, 1600, 2400])
def test_very_short_recordings_are_accepted_with_a_note(frames: int, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.wav"
    soundfile.write(path, made_data.voice(150, 1, 1)[:frames], 16_000)
    done = mlee("analyze", path, "--model", model, "--json")
    assert done.returncode == 0
    assert any("short" in note.lower() for note in json.loads(done.stdout)["notes"])


def test_eight_channels_at_96_khz_and_a_streamed_wav_are_accepted_with_a_note(
    model: Path, tmp_path: Path
) -> None:
    wide, streamed = tmp_path / "wide.wav", tmp_path / "streamed.wav"
    soundfile.write(wide, np.random.default_rng(0).standard_normal((96_000, 8)) * 0.1, 96_000)
    _header(streamed, 24_000, 0xFFFFFFFF)
    done = mlee("analyze", wide, streamed, "--model", model, "--json")
    assert done.returncode == 0
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert any("8" in note and "96" in note for note in first["notes"]) and first["duration_s"] == 1.0
    assert second["notes"] and second["duration_s"] == 1.5


def test_all_535_emodb_recordings_with_the_shipped_model(emodb: Path) -> None:
    """The issue's own measure: every file succeeds, attention sums to 1, speaker 03 is unseen, UA >= 0.6."""
    done = mlee("analyze", emodb, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == 535
    for result in results:
        for encoder in ("hard", "soft", "mlee"):
            assert sum(result["attention"][encoder]) == pytest.approx(1, abs=1e-5)
        for head in ("hard", "soft", "fusion"):
            assert sum(result["dominant"][head]) == pytest.approx(1, abs=1e-5)
    info = model_file.info(model_file.find(model_file.DEFAULT))
    for result in results:
        speaker = Path(result["file"]).name[:2]
        expected = next((part for part in ("train", "dev") if speaker in info.speakers[part]), None)
        assert result["seen"] == expected
    emotions = {
        row["file"]: row["emotion"]
        for row in csv.DictReader((emodb / "utterances.csv").read_text(encoding="utf-8").splitlines())
    }
    codes = {"neutral": "neu", "happiness": "hap", "sadness": "sad", "anger": "ang"}
    right: dict[str, list[bool]] = {}
    for result in results:
        path = Path(result["file"])
        truth = codes.get(emotions[f"flac/{path.name}"])
        if path.name.startswith("03") and truth:
            right.setdefault(truth, []).append(result["predicted"] == truth)
    assert sum(map(len, right.values())) == 39
    assert np.mean([np.mean(r) for r in right.values()]) >= 0.6

"""`mlee analyze`: text, JSON and table agree on a class, none of the four and no speech."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlee_core import cli
from mlee_core.inference.results import WITHOUT_SPEECH
from tests.helpers import made_data

QUIET = np.zeros(made_data.RATE, np.float32)
VOICE = np.concatenate([QUIET, made_data.voice(150, 1.5, 1), QUIET])
TONE = np.sin(np.arange(2 * made_data.RATE) * 0.17).astype(np.float32)
NEVER = {"mlee": {"temperature": 1.0, "offset": 20.0}}
"""A scaling by which no emotion exists."""


@pytest.mark.parametrize("kind", ["class", "none", "no speech"])
def test_text_json_and_table_agree(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = {head: {"temperature": 1.0, "offset": 0.0} for head in made_data.HEADS}
    scalings = [plain | NEVER] if kind == "none" else [plain]
    model = made_data.model(tmp_path / "m.safetensors", perhaps_from=0.01, scalings=scalings)
    soundfile.write(tmp_path / "a.wav", TONE if kind == "no speech" else VOICE, made_data.RATE)
    common = ["analyze", str(tmp_path / "a.wav"), "--model", str(model)]
    assert cli.main([*common, "--json", "--csv", str(tmp_path / "t.csv")]) == 0
    found = json.loads(capsys.readouterr().out)
    with open(tmp_path / "t.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert cli.main(common) == 0
    text = capsys.readouterr().out

    assert row["headline"] == found["headline"] == (found["predicted"] if kind == "class" else kind)
    assert row["predicted"] == (found["predicted"] or "") and bool(row["score"]) == (kind != "no speech")
    assert float(row["cut_s"]) == pytest.approx(found["cut_s"], abs=1e-4)
    for encoder, share in found["attention_on_speech"].items():
        cell = row[f"attention_on_speech_{encoder}"]
        assert cell == "" if kind == "no speech" else float(cell) == pytest.approx(share, abs=1e-6)
    assert found["verdict"] in text
    assert ("(a choice among the four)" in text) == (kind == "none")
    if kind == "no speech":
        assert row["fusion_sad"] == row["present_sad"] == row["perhaps"] == ""
        assert row["score"] == row["present"] == "" and WITHOUT_SPEECH in text and "fusion" not in text
    else:
        assert found["cut_s"] == pytest.approx(2.0, abs=0.2)
        assert f"{found['cut_s']:.2f} s of quiet left out · attention on speech: hard " in text
        assert row["present"] == ";".join(found["present"]) and row["perhaps"] == ";".join(found["perhaps"])
        assert bool(row["present"]) == any(p >= 0.5 for p in found["existence"])

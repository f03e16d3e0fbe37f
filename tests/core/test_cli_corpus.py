"""`mlee corpus info` through its own arguments."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from mlee_core.cli import corpus
from mlee_core.errors import CorpusError

TABLE = "file,speaker,e1,e2\na.wav,x,excited,neu\nb.wav,y,sad,fun\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    return path


def run(*argv: object) -> int:
    parser = argparse.ArgumentParser()
    corpus.add_arguments(parser)
    return corpus.run(parser.parse_args([str(arg) for arg in argv]))


def test_json_of_emodb_as_the_spec_lists_it(emodb: Path, capsys):
    assert run("info", emodb, "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert list(found) == ["utterances", "speakers", "duration_s", "dominant", "admits", "existence_ratio"]
    assert found["admits"] == {"hard": 339, "soft_dominant": 339, "soft_all": 339, "existence": 535}
    assert found["dominant"] == {"neu": 79, "hap": 71, "sad": 62, "ang": 127, "none": 196}
    assert found["existence_ratio"]["dominant"]["neu"] == pytest.approx(79 / 339)
    assert found["existence_ratio"]["all"]["ang"] == pytest.approx(127 / 535)
    assert found["duration_s"] / 60 == pytest.approx(24.8, abs=0.05)
    assert err == ""


def test_text_shows_the_same_numbers(emodb: Path, capsys):
    assert run("info", emodb) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "535 utterances, 10 speakers, duration 24.8 min"
    rows = {line[:40].strip(): line[40:].split() for line in lines}
    assert rows["dominant class"] == ["79", "71", "62", "127", "196"]
    assert rows["exists, of all annotated"][:2] == ["14.8", "%"]  # 79 / 535
    assert rows["existence"] == ["339", "535"]


def test_maps_of_the_line_go_before_the_file(table: Path, tmp_path: Path, capsys):
    file = tmp_path / "map.csv"
    file.write_text("label,class\nexcited,ang\nfun,ang\n")
    run("info", table, "--json", "--label-map", file, "--map", "excited=hap")
    out, err = capsys.readouterr()
    assert json.loads(out)["existence_ratio"]["all"] == {"neu": 0.5, "hap": 0.5, "sad": 0.5, "ang": 0.5}
    assert err == ""


def test_unknown_labels_are_said_on_stderr(table: Path, capsys):
    assert run("info", table, "--json", "--map", "fun=hap", "--format", "table") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["duration_s"] is None
    assert err == (
        "mlee: note: votes: labels outside the four classes, each kept as another emotion: excited 1.\n"
    )


def test_wrong_input_is_refused(table: Path, capsys):
    with pytest.raises(CorpusError, match="'emo' is no corpus format"):
        run("info", table, "--format", "emo")
    with pytest.raises(CorpusError, match="label map fun=hapy"):
        run("info", table, "--map", "fun=hapy")
    with pytest.raises(CorpusError, match="cannot be opened as a corpus"):
        run("info", table.parent / "nothing")
    with pytest.raises(SystemExit, match="2"):
        run("info", table, "--map", "fun")
    assert "'fun' is not LABEL=CLASS" in capsys.readouterr().err


def test_contradicting_maps_are_refused(table: Path):
    with pytest.raises(CorpusError, match="gives fun two classes"):
        run("info", table, "--map", "fun=hap", "--map", "fun=sad")

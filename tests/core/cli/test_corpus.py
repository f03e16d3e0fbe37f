"""`mlee corpus` through its own arguments."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from mlee_core.cli import corpus
from mlee_core.errors import CorpusError, MleeError

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
    first = ["utterances", "speakers", "duration_s", "dominant", "admits", "existence_ratio"]
    assert list(found)[:6] == first
    assert set(found) - set(first) == {
        *("votes_per_utterance", "annotators", "alpha", "alpha_per_class", "unanimous", "split", "one_vote"),
        *("other_labels", "label_map", "audio", "votes_note"),
    }
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
    rows = {line[:28].strip(): line[28:].split() for line in lines}
    assert rows["dominant class, utterances"] == ["79", "71", "62", "127", "196"]
    assert rows["exists, train set all"][:2] == ["14.8", "%"]  # 79 / 535
    assert rows["existence"] == ["339", "535"]


def test_maps_of_the_line_go_before_the_file(table: Path, tmp_path: Path, capsys):
    file = tmp_path / "map.csv"
    file.write_text("label,class\nexcited,ang\nfun,ang\n")
    run("info", table, "--json", "--label-map", file, "--map", "excited=hap")
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["existence_ratio"]["all"] == {"neu": 0.5, "hap": 0.5, "sad": 0.5, "ang": 0.5}
    assert found["label_map"] == {"excited": "hap", "fun": "ang"}
    assert err == ""


def test_unknown_labels_are_said_on_stderr(table: Path, capsys):
    assert run("info", table, "--json", "--map", "fun=hap", "--format", "table") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["duration_s"] is None
    assert err == (
        "mlee: note: votes: labels outside the four classes, each kept as another emotion: excited 1.\n"
    )


def test_wrong_input_is_refused(table: Path, capsys):
    with pytest.raises(CorpusError, match="'emo' is not a corpus format"):
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


def test_a_picture_is_drawn_besides(table: Path, tmp_path: Path, capsys):
    assert run("info", table, "--picture", tmp_path / "p.png") == 0
    assert "dominant class, utterances" in capsys.readouterr().out
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_of_another_kind_is_refused_before_the_corpus_is_read(tmp_path: Path):
    with pytest.raises(MleeError, match=r"'p.jpg': allowed are .svg, .png, .pdf"):
        run("info", tmp_path / "nothing", "--picture", "p.jpg")


def test_missing_files_alone(table: Path, capsys):
    (table.parent / "a.wav").touch()
    assert run("info", table, "--missing") == 0
    assert capsys.readouterr().out == f"{table.parent}/b.wav\n"
    (table.parent / "b.wav").touch()
    run("info", table, "--missing")
    assert capsys.readouterr().out == ""
    with pytest.raises(SystemExit, match="2"):
        run("info", table, "--missing", "--json")


def test_options_of_one_format_reach_it(table: Path, tmp_path: Path, capsys):
    for option in ("scripted", "self-reports"):
        with pytest.raises(CorpusError, match=f"--{option} does not apply to table corpora, only to iemocap"):
            run("info", table, f"--{option}")
    folder = tmp_path / "Session1" / "dialog" / "EmoEvaluation"
    folder.mkdir(parents=True)
    line = "[1.0 - 2.0]\tSes01F_{}_F000\tneu\t[2.5, 2.5, 2.5]\nC-E2:\tNeutral;\t()\nC-F1:\tSadness;\t()\n"
    for dialog in ("impro01", "script01_1"):
        (folder / f"Ses01F_{dialog}.txt").write_text(line.format(dialog))
    found = []
    for options in ((), ("--scripted",), ("--self-reports",)):
        run("info", tmp_path, "--json", *options)
        found.append(json.loads(capsys.readouterr().out))
    assert [each["utterances"] for each in found] == [1, 2, 1]
    assert [each["existence_ratio"]["all"]["sad"] for each in found] == [0, 0, 1]
    assert "4784" in " ".join(found[0]["against_paper"])
    assert "cannot be compared" in found[1]["against_paper"][0]

"""`mlee analyze` on odd names and outputs and when stopped: nothing is lost, nothing ends in a traceback."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mlee_core import cli
from mlee_core.audio.decoding import Decoder
from tests.helpers import made_data


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.model(tmp_path_factory.mktemp("model") / "random.safetensors")


def sound(path: Path | bytes, seconds: float = 1.5) -> None:
    with open(path, "wb") as file:
        soundfile.write(file, made_data.voice(150, seconds, 1), made_data.RATE, format="WAV")


def run(*arguments: object) -> int:
    return cli.main(["analyze", *map(str, arguments)])


def names(table: Path) -> list[str]:
    with open(table, newline="", encoding="utf-8") as file:
        return [os.path.basename(row["file"]) for row in csv.DictReader(file)]


def test_a_link_that_leads_to_itself_does_not_stop_the_others(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound(tmp_path / "good.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    assert run(tmp_path, "--model", model, "--csv", tmp_path / "t.csv") == 2
    assert "loop.wav cannot be read" in capsys.readouterr().err
    assert names(tmp_path / "t.csv") == ["good.wav"]


def test_names_that_are_not_utf_8_are_printed_and_tabled(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound(os.fsencode(tmp_path) + b"/\xff.wav")
    assert run(tmp_path, "--model", model, "--csv", tmp_path / "t.csv") == 0
    assert "\\udcff.wav" in capsys.readouterr().out
    assert names(tmp_path / "t.csv") == ["\\udcff.wav"]


def test_what_is_done_is_in_the_table_when_it_is_stopped(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound(tmp_path / "a.wav")
    sound(tmp_path / "b.wav")
    real = Decoder.decode

    def stopped_at_b(decoder, path):  # type: ignore[no-untyped-def]
        if path.name == "b.wav":
            raise KeyboardInterrupt
        return real(decoder, path)

    monkeypatch.setattr(Decoder, "decode", stopped_at_b)
    assert run(tmp_path, "--model", model, "--csv", tmp_path / "t.csv") == 130
    assert names(tmp_path / "t.csv") == ["a.wav"]


@pytest.mark.parametrize("option", ["--csv", "--figure"])
@pytest.mark.parametrize("out", ["none/t.svg", "folder.svg", "pipe.svg", 300 * "x" + ".svg"])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    tmp_path: Path, model: Path, option: str, out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "folder.svg").mkdir()
    os.mkfifo(tmp_path / "pipe.svg")
    assert run(tmp_path / "a.wav", "--model", model, option, tmp_path / out) == 2
    told = capsys.readouterr()
    assert (told.out == "" or len(out) > 255) and len(told.err.splitlines()) == 1


def test_an_empty_name_is_not_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound(tmp_path / "a.wav")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run("")
    assert ended.value.code == 2 and "a file name is empty" in capsys.readouterr().err


def test_a_table_is_written_through_a_link(tmp_path: Path, model: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "t.csv").symlink_to("real.csv")
    assert run(tmp_path / "a.wav", "--model", model, "--csv", tmp_path / "t.csv") == 0
    assert (tmp_path / "t.csv").is_symlink() and names(tmp_path / "real.csv") == ["a.wav"]


def test_a_long_recordings_segments_show_their_caveats(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hiss = np.random.default_rng(0).normal(0, 0.05, 35 * made_data.RATE)  # no speech in any window
    soundfile.write(tmp_path / "a.wav", hiss, made_data.RATE)
    assert run(tmp_path / "a.wav", "--model", model) == 0
    out = capsys.readouterr().out.splitlines()
    assert any(line.startswith("    note: ") for line in out)


def test_a_fault_of_ours_is_one_line_also_in_a_new_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "new"))
    monkeypatch.setattr("mlee_core.cli.analyze.run", lambda _: 1 / 0)
    assert run("a.wav") == 1
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and "ZeroDivisionError" in told
    assert "Traceback" in (tmp_path / "new" / "mlee" / "fault.log").read_text()

    (tmp_path / "closed").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "closed"))
    assert run("a.wav") == 1
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1 and "details: none" in told


def test_a_terminal_that_lacks_letters_gets_escapes(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    sound(tmp_path / "ü.wav")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="strict"))
    assert run(tmp_path / "ü.wav", "--model", model) == 0
    sys.stdout.flush()
    assert b"\\xfc.wav" in raw.getvalue()

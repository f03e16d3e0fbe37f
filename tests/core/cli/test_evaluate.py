"""`mlee evaluate`: scores beside `mlee analyze`'s verdicts, what is left out, bad input in one sentence."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mlee_core import cli
from mlee_core.audio.decoding import Decoder
from mlee_core.labels.votes import CLASSES
from tests.helpers import made_data

KEYS = {"utterances", "wa", "ua", "recall", "ece", "existence", "ambiguity", "ceiling"}
EXISTENCE = {"auc", "auc_mean", "f1_macro", "ece", "brier", "brier_base_rate"}
AMBIGUITY = {"kl", "js", "entropy_spearman", "entropy_spearman_ci", "split_auc", "top_two"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trained on other speakers than the corpus has."""
    path = tmp_path_factory.mktemp("model") / "random.safetensors"
    return made_data.model(path, exists_from="2")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two speakers, ten short utterances each; the second speaker's have one vote for the next class more."""
    folder = tmp_path_factory.mktemp("votes") / "heard"
    return rewritten(made_data.corpus(folder, speakers=2, shortest_s=0.3), with_more_votes, "heard.csv")


def with_more_votes(row: dict[str, str]) -> dict[str, str]:
    if row["speaker"] != "s1":
        return row
    next_class = {"neu": "hap", "hap": "sad", "sad": "ang"}.get(row["file"].split("_")[1], "neu")
    return {**row, next_class: str(int(row[next_class]) + 1)}


def rewritten(table: Path, change: Callable[[dict[str, str]], dict[str, str]], to: str = "table.csv") -> Path:
    with open(table, newline="", encoding="utf-8") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    with open(table.parent / to, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table.parent / to


def run(*arguments: object) -> int:
    return cli.main(["evaluate", *map(str, arguments)])


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert run(*arguments, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on stderr; exit 2."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if not line.startswith("mlee: note: ")]
    assert out == "" and line.startswith("mlee: ")
    return line


def test_scores_are_those_of_the_verdicts(
    table: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(capsys, model, table)
    assert set(found) > KEYS and "seen" not in found
    assert set(found["existence"]) == EXISTENCE and set(found["ambiguity"]) == AMBIGUITY
    assert KEYS - {"ceiling"} == set(found["ceiling"])
    assert (found["model"], found["rule"], found["exists_from"]) == ("random", "fusion", "2")
    assert cli.main(["analyze", str(table.parent), "--model", str(model), "--json"]) == 0
    verdicts = {Path(v["file"]).name: v for v in map(json.loads, capsys.readouterr().out.splitlines())}
    with open(table, newline="", encoding="utf-8") as file:
        votes = {
            row["file"]: {k: int(v) for k, v in row.items() if v.isdigit()} for row in csv.DictReader(file)
        }
    truth = {name: max(counts, key=lambda c: counts[c]) for name, counts in votes.items()}
    right = [verdicts[name]["predicted"] == true for name, true in truth.items() if true in CLASSES]
    assert found["utterances"] == 20 and len(right) == 16
    assert found["wa"] == pytest.approx(np.mean(right))
    exists = [[votes[name].get(c, 0) >= 2 for c in CLASSES] for name in votes]
    p = [verdicts[name]["existence"] for name in votes]
    assert found["existence"]["brier"] == pytest.approx(np.mean((np.array(p) - exists) ** 2), abs=1e-6)


def test_from_one_vote_more_exists_than_from_two(
    table: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (evaluated(capsys, model, table, "--exists-from", n) for n in (1, 2))
    assert (one["exists_from"], two["exists_from"]) == ("1", "2")
    assert one["existence"]["brier_base_rate"] > two["existence"]["brier_base_rate"]


def test_the_table_names_model_corpus_and_rule(
    table: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model, table, "--speakers", "s1") == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "random on heard: 10 utterances. WA, UA and ambiguity: by fusion. An emotion exists"
    )
    names = [line[:31].strip() for line in out.splitlines()]
    assert {"WA, percent", "existence AUC, mean", "entropy Spearman", "recall sad, percent"} <= set(names)


def test_conditions_are_scored_beside_the_recordings_themselves(
    table: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(capsys, model, table, "--speakers", "s1", "--conditions", "offset", "quiet 0.5 s")
    plain, offset, quiet = found["conditions"]
    assert [c["name"] for c in (plain, offset, quiet)] == ["as recorded", "offset", "quiet 0.5 s"]
    assert (plain["wa"], plain["ua"]) == (found["wa"], found["ua"]) and plain["same_headline"] == 1
    assert plain["existence_auc"] == pytest.approx(found["existence"]["auc_mean"])
    assert 0 < quiet["attention_on_speech"] <= 1
    assert run(model, table, "--speakers", "s1", "--conditions", "offset") == 0
    assert "Outside a studio" in capsys.readouterr().out


def test_a_condition_that_is_none_is_refused(
    table: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, model, table, "--conditions", "storm")
    assert line.startswith("mlee: condition 'storm': allowed are quiet 0.5 s, quiet 2 s,")


def test_what_the_model_has_seen_is_left_out_or_marked(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Decoder() as decoder:
        digest = decoder.load(table.parent / "s0_neu_0.wav").digest
    people = {"train": ["s1"], "dev": ["s8"], "test": ["s9"]}
    model = made_data.model(
        tmp_path / "m.safetensors", ("soft", "mlee"), {digest: "train"}, trained_on="heard", speakers=people
    )
    assert run(model, table, "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["utterances"] == 9
    assert "or their speakers (--allow-duplicates includes them): 11 of 20 utterances, s0_neu_0" in err
    found = evaluated(capsys, model, table, "--allow-duplicates")
    assert (found["utterances"], found["seen"], found["rule"]) == (20, 11, "soft")
    assert run(model, table, "--allow-duplicates") == 0
    assert "20 utterances; 11 OF THEM SEEN IN TRAINING" in capsys.readouterr().out
    assert "nothing of heard can be scored: left out since the model was" in refused(
        capsys, model, table, "--speakers", "s1"
    )


def test_long_and_damaged_recordings_are_left_out(
    table: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(table.parent, folder)
    soundfile.write(folder / "s0_neu_0.wav", made_data.voice(150, 31, 1), made_data.RATE)
    (folder / "s1_ang_1.wav").write_bytes(b"RIFF of nothing")
    assert run(model, folder / "heard.csv", "--json") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["utterances"] == 18
    assert "since a recording over 30 s has several verdicts: 1 of 20 utterances, s0_neu_0" in err
    assert "since they cannot be read: 1 of 20 utterances, " in err and "s1_ang_1.wav" in err
    assert "Traceback" not in err


def test_one_rater_has_neither_ambiguity_nor_a_ceiling(
    table: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def alone(row: dict[str, str]) -> dict[str, str]:
        return {k: str(int(v == "3")) if v.isdigit() else v for k, v in row.items()}

    assert run(model, rewritten(table, alone, "alone.csv"), "--json") == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["ambiguity"] is None and found["ceiling"] is None and found["wa"] is not None
    assert "no utterance has votes for two of the four classes, so ambiguity has no scores." in err
    assert "no utterance has 4 votes, so there is no ceiling." in err


def test_a_model_of_mlee_alone_has_no_ambiguity(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluated(capsys, made_data.model(tmp_path / "m.safetensors", ("mlee",)), table)
    assert (found["rule"], found["ece"], found["ambiguity"]) == ("mlee", None, None)
    assert found["existence"]["auc_mean"] is not None and found["ua"] is not None
    found = evaluated(capsys, made_data.model(tmp_path / "n.safetensors", ("soft",)), table)
    assert found["existence"] is None and found["ambiguity"]["kl"] > 0


def test_wrong_input_is_one_sentence(
    table: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = made_data.model(tmp_path / "old.safetensors", format=1)
    assert "has format 1: this MLEE reads format" in refused(capsys, old, table)
    assert "speaker s7 is not in heard: its speakers are s0, s1." in refused(
        capsys, model, table, "--speakers", "s7"
    )
    assert "existence from '0'" in refused(capsys, model, table, "--exists-from", 0)
    silent = rewritten(table, lambda row: {k: "0" if v.isdigit() else v for k, v in row.items()}, "none.csv")
    assert "has no annotated utterance to score: votes are needed." in refused(capsys, model, silent)
    assert "cannot be opened as a corpus" in refused(capsys, model, tmp_path / "nowhere")
    wrong = made_data.model(tmp_path / "wrong.safetensors", exists_from="0")
    assert "its description is incomplete" in refused(capsys, wrong, table)


def test_ctrl_c_ends_it(table: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Decoder, "load", stopped)
    assert run(model, table) == 130
    assert capsys.readouterr().err == "mlee: stopped.\n"

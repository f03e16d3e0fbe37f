"""The report's files: tables reread, pages that need nothing else, event files that TensorBoard reads."""

from __future__ import annotations

import base64
import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mlee_core.cli import main
from mlee_core.evaluation.calibration import BINS
from mlee_core.figures.page import LIGHT
from mlee_core.labels.votes import CLASSES, Votes
from mlee_core.report import Report, Written, collect, write
from mlee_core.report import plots as pictures
from mlee_core.report.csv_files import votes_text
from mlee_core.report.document_blocks import Banner, Heading, Items, Table, Text, as_text, markdown
from mlee_core.report.document_blocks import Figure as FigureBlock
from mlee_core.report.html import html
from mlee_core.report.tables import MAX_SPEAKERS, speakers
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.report_runs import HARD, even_corpus, made_run, small_corpus, sure_of

PICTURES = ("table3", "comparisons", "confusion", "calibration", "curves")


def written(run: RunFolder, out: Path | None = None) -> Written:
    *_, last = write(run, out)
    assert isinstance(last, Written)
    return last


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("runs") / "run", small_corpus())


@pytest.fixture(scope="module")
def folder(run: RunFolder) -> Path:
    return written(run).folder


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty pictures, which are quickly drawn."""
    figures = pictures.figures

    def empty(report: Report) -> dict[str, Any]:
        return {name: lambda look: Figure((1, 1)) for name in figures(report)}

    monkeypatch.setattr(pictures, "figures", empty)


def rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


class Reader(HTMLParser):
    """Refuses tags that do not close; keeps the text, the pictures and every address."""

    EMPTY = frozenset({"meta", "img", "source"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [found[name] or "" for name in ("src", "srcset", "href") if name in found]
        self.ids += [found["id"] or ""] if "id" in found else []
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def test_everything_is_there(run: RunFolder, folder: Path) -> None:
    assert folder == run.path / "report"
    files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    tables = {"table3.csv", "votes.csv", "cells.csv", "speakers.csv", "curves.csv", "predictions.csv"}
    pages = {"report.md", "report.html", "report.json", "PREDICTIONS.md"}
    drawn = {f"pictures/{name}{look}.svg" for name in PICTURES for look in ("", "-dark")}
    events = {
        f"tensorboard/{fold}/seed-{seed}/{stage}/events.out.tfevents.0.mlee"
        for fold in "ABC"
        for seed in (0, 1)
        for stage in ("dominant-hard", "mlee-all")
    }
    assert files == tables | pages | drawn | events


def test_predictions_reread_are_the_predictions(run: RunFolder, folder: Path) -> None:
    table, said = rows(folder / "predictions.csv"), collect(run)[1]
    assert len(table) == len(said) == 16
    for row, prediction in zip(table, said, strict=True):
        assert (row["id"], row["speaker"]) == (prediction.utterance.id, prediction.utterance.speaker)
        assert (row["fold"], int(row["seed"])) == (prediction.fold, prediction.seed)
        for stage, probabilities in prediction.probabilities.items():
            assert tuple(float(row[f"{stage.name}:{name}"]) for name in CLASSES) == probabilities
    first = {name: row for row in table if (name := row["id"]) and row["seed"] == "0"}
    assert (first["a2"]["votes"], first["a2"]["dominant"], first["a2"]["consensus"]) == (
        "neu:2 hap:1",
        "neu",
        "",
    )
    assert [first["a2"][f"e_{name}"] for name in CLASSES] == ["1", "1", "0", "0"]
    assert [float(first["a2"][f"q_{n}"]) for n in CLASSES] == pytest.approx(
        [2.75 / 6, 1.75 / 6, 0.125, 0.125]
    )
    assert (first["c4"]["votes"], first["c4"]["dominant"]) == ("hap:1 very_bored:2", "")


def test_every_column_is_documented(run: RunFolder, folder: Path) -> None:
    text = (folder / "PREDICTIONS.md").read_text(encoding="utf-8")
    for column in rows(folder / "predictions.csv")[0]:
        stage, _, name = column.partition(":")
        named = f"`{stage}`" if name else column
        assert named in text or column.startswith(("q_", "e_")), column


def test_votes_in_words() -> None:
    assert votes_text(Votes({"other": 2, "neu": 3, "hap": 0, "a:b c": 1})) == "neu:3 a_b_c:1 other:2"
    assert votes_text(Votes({})) == ""


def test_tables_reread_are_the_figures(run: RunFolder, folder: Path) -> None:
    report, _ = collect(run)
    for row, line in zip(rows(folder / "table3.csv"), report.rows, strict=True):
        assert row["stage"] == line.stage.name
        assert float(row["wa_pooled"]) == line.pooled["wa"].mean
        assert float(row["ua_sd_of_folds"]) == line.of_folds["ua"].sd
        assert float(row["wa_paper"]) == line.paper["wa"]
        assert float(row[f"ece_{BINS}_bins"]) == line.ece
        assert int(row["utterances_split"]) == line.agreement_scores["split"].utterances == 1
        assert row["stamp"] == report.stamp_line
    assert [(r["fold"], r["seed"], r["stage"]) for r in rows(folder / "cells.csv")] == [
        (cell.fold, str(cell.seed), cell.stage.name) for cell in run.cells()
    ]
    assert {(r["speaker"], r["stage"]): r["wa"] for r in rows(folder / "speakers.csv")}[
        "B", "mlee-all"
    ] == "0.75"
    curves = rows(folder / "curves.csv")
    assert len(curves) == 12 * 3
    assert [(r["epoch"], r["dev_loss"], r["dev_ua"], r["best"]) for r in curves[:3]] == [
        ("1", "1.1", "", "0"),
        ("2", "0.8", "", "1"),
        ("3", "0.95", "", "0"),
    ]


def test_json_holds_the_report(run: RunFolder, folder: Path) -> None:
    content = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert content == json.loads(json.dumps(collect(run)[0].to_json()))
    assert content["lines"][0]["stage"] == "dominant-hard"
    assert content["lines"][0]["pooled"]["wa"]["mean"] == pytest.approx(0.75)
    assert content["stamp"]["data_hash"] == small_corpus().data_hash()
    assert "curve" not in content["trainings"][0]


def test_the_page_stands_alone(folder: Path) -> None:
    page = Reader((folder / "report.html").read_text(encoding="utf-8"))
    data = [address for address in page.addresses if not address.startswith("#")]
    pictures = []
    for address in data:
        kind, content = address.split(",")
        assert kind == "data:image/svg+xml;base64"
        pictures.append(base64.b64decode(content, validate=True))
        assert ET.fromstring(pictures[-1]).tag == "{http://www.w3.org/2000/svg}svg"
    files = [f"{name}{look}.svg" for name in PICTURES for look in ("-dark", "")]
    assert pictures == [(folder / "pictures" / name).read_bytes() for name in files]
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids)
    for text in ("75.0 ± 11.8", "80.6 ± 17.3", "59.5", "3 speakers, an interval needs 5", "excited = hap"):
        assert text in page.text, text


def test_the_markdown_says_the_same(folder: Path) -> None:
    text = (folder / "report.md").read_text(encoding="utf-8")
    scores = "75.0 ± 11.8 | 79.2 ± 5.9 | 80.6 ± 17.3 | 79.2 ± 19.1 | 59.5 | 61.6"
    assert text.count(f"| dominant | hard | {scores} | 6 | 6 of 6 |") == 2  # one network for both train sets
    assert "| MLEE only | – | – | – | – | – | 66.3 | 60.9 | – | not in this run |" in text
    for name in PICTURES:
        assert f"](pictures/{name}.svg)" in text
    assert "Unfinished" not in text


def test_pictures_show_the_figures(folder: Path) -> None:
    def texts(name: str) -> str:
        return "".join(ET.fromstring((folder / "pictures" / f"{name}.svg").read_bytes()).itertext())

    for name in PICTURES:
        assert small_corpus().data_hash() in texts(name), name
    for score in ("75.0", "79.2"):
        assert score in texts("table3")
    assert "ECE 5.0 %" in texts("calibration")
    for share in ("66.7", "16.7", "50.0", "100.0"):  # of 4 1 1 0 and 1 1 0 0 and the others
        assert share in texts("confusion")


def test_tensorboard_reads_the_event_files(folder: Path) -> None:
    read = EventAccumulator(str(folder / "tensorboard" / "A" / "seed-1" / "dominant-hard"))
    read.Reload()
    assert set(read.Tags()["scalars"]) == {"loss/train", "loss/dev", "dev/WA", "test/WA"}  # UA is None here
    losses = [(event.step, event.value) for event in read.Scalars("loss/dev")]
    assert losses == [(1, pytest.approx(1.1)), (2, pytest.approx(0.8)), (3, pytest.approx(0.95))]
    assert [(event.step, event.value) for event in read.Scalars("test/WA")] == [(2, 0.5)]


def test_another_report_is_the_same_bit_by_bit(run: RunFolder, folder: Path, tmp_path: Path) -> None:
    written(run, tmp_path)
    for file in folder.rglob("*"):
        if file.is_file():
            assert (tmp_path / file.relative_to(folder)).read_bytes() == file.read_bytes(), file


@pytest.mark.usefixtures("undrawn")
def test_another_report_replaces_the_first(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), seeds=1)
    out = tmp_path / "out"
    written(run, out)
    (out / "mine.txt").write_text("kept", encoding="utf-8")
    (run.stage_folder(run.cells()[-1]) / "result.json").unlink()
    before = {file for file in out.rglob("*") if file.is_file()}
    written(run, out)
    gone = before - {file for file in out.rglob("*") if file.is_file()}
    assert {str(file.relative_to(out).parent) for file in gone} == {"tensorboard/C/seed-0/mlee-all"}
    assert "Unfinished: 5 of 6 networks" in (out / "report.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("undrawn")
def test_what_was_stopped_early_is_marked(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), seeds=1)
    first = run.results()[0]
    run.save(replace(first, early=True))
    written(run, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "Stopped early: 1 of 6 networks" in text and f"seed 0: {first.stage.name}" in text


def test_pictures_say_what_was_stopped_early(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), seeds=1)
    run.save(replace(run.results()[0], early=True))
    texts = {text.get_text() for text in pictures.figures(collect(run)[0])["table3"](LIGHT).texts}
    assert "1 of 6 networks stopped early" in texts


def test_pictures_of_an_unfinished_run_say_so(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), only=("A", "B"), done=lambda cell: cell.seed == 0)
    figure = pictures.figures(collect(run)[0])["table3"](LIGHT)
    texts = {text.get_text() for text in figure.texts}
    assert {"unfinished: 4 of 8 networks", "2 of 3 folds"} <= texts


@pytest.mark.usefixtures("undrawn")
def test_a_folder_that_cannot_be_written_is_named(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert main(["report", str(run.path), "--out", str(tmp_path / "file")]) == 2


@pytest.mark.usefixtures("undrawn")
def test_a_line_without_any_result_is_a_line_of_dashes(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), done=lambda cell: cell.stage == HARD, seeds=1)
    folder = written(run).folder
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "| MLEE only | – | – | – | – | – | 64.4 | 64.0 | 0 | 0 of 3 |" in text
    assert "fold A, B, C, seed 0: mlee-all" in text
    assert not (folder / "pictures" / "comparisons.svg").exists()
    mlee = next(row for row in rows(folder / "table3.csv") if row["stage"] == "mlee-all")
    assert (mlee["wa_pooled"], mlee["ece_10_bins"], mlee["utterances"]) == ("", "", "0")


@pytest.mark.usefixtures("undrawn")
def test_a_part_of_the_folds_is_said_to_be_one(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), only=("C",), done=lambda cell: cell.seed == 0)
    report = written(run).report
    assert report.setting.selected == ("C",)
    text = (run.path / "report" / "report.md").read_text(encoding="utf-8")
    assert "1 of 3 folds are part of this experiment (C): scores are of their speakers only." in text


def test_many_speakers_are_cut_on_the_page_and_whole_in_the_table(tmp_path: Path) -> None:
    count = MAX_SPEAKERS + 5
    run = made_run(
        tmp_path / "run", even_corpus(count), lambda *_: sure_of("sad"), rows=("dominant-hard",), seeds=1
    )
    report, _ = collect(run)
    assert [len(table.rows) for table in speakers(report)] == [MAX_SPEAKERS]
    assert len(report.speakers) == count


def test_names_of_a_corpus_are_text_and_no_markup() -> None:
    evil = "<b>|_x_\n`"
    blocks = (
        Heading(evil, 1), Heading("sub"), Banner(evil), Text(evil), Items((evil,)),
        Table((evil, "n"), ((evil, "1"),), title=evil), FigureBlock("p", evil),
    )  # fmt: skip
    page = Reader(html(blocks, {"p": (b"<svg/>", b"<svg/>")}))
    # in the title, heading, banner, text, item, caption, header and cell; the picture's is an attribute
    assert page.text.count("<b>|_x_�`") == 8
    lines = markdown(blocks, "pictures").splitlines()
    assert lines[0] == r"# \<b\>\|\_x\_�\`"
    (row,) = [line for line in lines if line.endswith("| 1 |")]
    assert row.replace(r"\|", "").count("|") == 3
    assert as_text(Table(("word", "n"), (("a", "1"), ("bcdef", "22")), title="t")) == "\n".join(
        ("t", "word    n", "a       1", "bcdef  22")
    )


@pytest.mark.usefixtures("undrawn")
def test_the_command_prints_table_3(run: RunFolder, capsys: Any) -> None:
    assert main(["report", str(run.path)]) == 0
    text = capsys.readouterr().out
    assert (
        "Table 3 on small: 3 of 3 folds complete. Pooled: over all utterances, mean ± s.d. of 2 seeds."
        in text
    )
    line = next(line for line in text.splitlines() if line.startswith("dominant ") and "hard" in line)
    assert line.split()[2:5] == ["75.0", "±", "11.8"]
    assert text.splitlines()[-1] == str(run.path / "report" / "report.html")


@pytest.mark.usefixtures("undrawn")
def test_the_command_prints_json_or_only_the_place(run: RunFolder, tmp_path: Path, capsys: Any) -> None:
    assert main(["report", str(run.path), "--json", "--out", str(tmp_path / "a" / "b")]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content == json.loads((tmp_path / "a" / "b" / "report.json").read_text(encoding="utf-8"))
    assert main(["report", str(run.path), "--quiet"]) == 0
    assert capsys.readouterr().out == f"{run.path / 'report' / 'report.html'}\n"


def test_what_is_no_finished_experiment_is_one_sentence(tmp_path: Path, capsys: Any) -> None:
    empty = made_run(tmp_path / "empty", small_corpus(), done=lambda cell: False)
    old = made_run(tmp_path / "old", small_corpus())
    config = json.loads((old.path / "config.json").read_text(encoding="utf-8"))
    (old.path / "config.json").write_text(json.dumps(config | {"selection": None}), encoding="utf-8")
    for path, message in (
        (empty.path, "has no trained network yet, of 12 to train: there is nothing to report."),
        (
            old.path,
            "cannot be read, it is damaged or was made by another version of MLEE: "
            "it has no selection, like all runs of older versions of mlee train.",
        ),
        (tmp_path, "is no run folder: it has no config.json."),
        (tmp_path / "nothing", "is no run folder: it has no config.json."),
    ):
        assert main(["report", str(path)]) == 2
        told = capsys.readouterr()
        assert told.err == f"mlee: {path} {message}\n"
        assert told.out == ""
        assert not (path / "report").exists()

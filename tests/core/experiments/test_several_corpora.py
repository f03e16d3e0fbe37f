"""Two corpora in one training, with other sampling rates: from the command to the report and the model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile
from scipy.signal import resample_poly

from mlee_core import cli
from mlee_core.config.experiment_spec import ExperimentSpec, new_run
from mlee_core.corpora import Utterance
from mlee_core.corpora.corpus import Corpus
from mlee_core.corpora.union import joined
from mlee_core.errors import RunError
from mlee_core.experiments import builder
from mlee_core.experiments.planning_service import CorpusRead, PlanningService, PlanRequest
from mlee_core.inference import model_file
from mlee_core.inference.analyzer import Analyzer
from mlee_core.jobs.queue import QueueFile
from mlee_core.labels.votes import Votes
from mlee_core.report import collect
from mlee_core.report.document import page
from mlee_core.report.document_blocks import Heading
from mlee_core.report.report_data import GroupScores
from mlee_core.report.tables import corpora
from mlee_core.runs.run_folder import RunFolder
from tests.helpers import made_data
from tests.helpers.report_runs import HARD, made_run, sure_of

FEW = ("--rows", "mlee", "--train-sets", "all", "--max-epochs", "1", "--quiet", "--dtype", "fp32")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same three speakers and utterances in both, the second at 44.1 kHz."""
    folder = tmp_path_factory.mktemp("corpora")
    one = made_data.corpus(folder / "one", speakers=3, each=1, shortest_s=0.3)
    for file in shutil.copytree(folder / "one", folder / "two").glob("*.wav"):
        samples, rate = soundfile.read(file)
        soundfile.write(file, resample_poly(samples, 44_100, rate), 44_100)
    return one, folder / "two" / "table.csv"


@pytest.fixture(scope="module")
def run(tables: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One fold of three, by a folds file."""
    folder = tmp_path_factory.mktemp("union")
    fold = {
        "name": "mine",
        "train": ["one/s0", "two/s1"],
        "dev": ["one/s1", "two/s2"],
        "test": ["one/s2", "two/s0"],
    }
    (folder / "folds.json").write_text(json.dumps({"folds": [fold]}))
    options = (*map(str, tables), "--folds", str(folder / "folds.json"), "--run", str(folder / "run"))
    assert cli.main(["table3", *options, *FEW]) == 0
    return folder / "run"


def test_scores_are_given_by_corpus_and_the_run_is_its_own_record(run: Path) -> None:
    report, predictions = collect(RunFolder(run))
    assert report.corpora == ("one", "two") and report.setting.corpus == "one+two"
    assert {p.utterance.speaker for p in predictions} == {"one/s2", "two/s0"}
    assert all(row.corpus_scores["one"].utterances == 4 for row in report.trained_rows)


def test_the_model_knows_the_speakers_of_each_corpus(run: Path) -> None:
    analyzer = Analyzer(model_file.load(model_file.find(str(run / "mine"))))
    info = analyzer.bundle.info
    assert (info.name, info.trained_on) == ("one+two-mine", "one+two")
    assert info.limits[-1].startswith("It knows 2 speakers of 2 corpora (1 of one and 1 of two)")
    sentence = "speaker s0 of one is in the model's training set"
    assert analyzer.seen(["another digest"], "s0", "one") == ("train", sentence)
    assert analyzer.seen(["another digest"], "s2", "two")[0] == "dev"
    unseen = [("s0", "two"), ("s2", "one"), ("s0", "three"), ("s0", None), (None, "one")]
    assert [analyzer.seen(["another digest"], *who) for who in unseen] == [(None, "")] * 5


def test_a_run_is_resumed_only_on_the_same_corpora(
    run: Path, tables: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = shutil.copytree(run, tmp_path / "run")
    resume = ("--run", str(again), "--resume", *FEW)
    assert cli.main(["table3", *map(str, tables), *resume]) == 0
    capsys.readouterr()
    assert cli.main(["table3", str(tables[0]), *resume]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot be resumed: its corpus has changed, 30 utterances are missing (one/s0_neu_0.wav" in line
    queued = QueueFile(tmp_path / "queue").add(ExperimentSpec(tables[0], (tables[1],), run=tmp_path / "new"))
    assert queued.spec.corpora == tables
    config = json.loads((again / "config.json").read_text())
    assert config["corpus"] == [*map(str, tables)] and config["format"] == "table"
    (again / "config.json").write_text(json.dumps({**config, "corpus": str(tables[0])}))
    with pytest.raises(RunError, match=r"made by another version of MLEE: config.json: corpus '/"):
        RunFolder(again).config()


def test_the_specification_of_several_corpora_survives_a_command_and_json(tables: tuple[Path, Path]) -> None:
    spec = ExperimentSpec(tables[0], (tables[1],), rows=("mlee",))
    assert spec.arguments() == [*map(str, tables), "--rows", "mlee"]
    assert ExperimentSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert new_run(spec, at="now") == Path("runs/one+two-table3-now")


def test_the_form_learns_what_both_hold(tables: tuple[Path, Path], tmp_path: Path) -> None:
    spec = ExperimentSpec(tables[0], (tables[1],), run=tmp_path / "run", folds="3", dtype="fp32")
    (read,) = (e for e in PlanningService()(PlanRequest(spec)) if isinstance(e, CorpusRead))  # type: ignore[union-attr]
    assert read.folds == ("group01", "group02", "group03")
    assert (read.facts.name, len(read.facts.speakers), read.facts.found["utterances"]) == ("one+two", 6, 30)


def test_one_network_trains_on_both(tables: tuple[Path, Path], tmp_path: Path) -> None:
    spec = ExperimentSpec(tables[0], (tables[1],), run=tmp_path / "run", rows=("mlee",), train_sets=("all",))
    planned = builder.single_stage(spec, "two/s1")
    (fold,) = planned.folds.folds
    assert (fold.name, fold.dev) == ("two-s1", ("two/s2",)) and planned.cells[0].name.startswith("two-s1/")
    planned.begin(resume=False)
    resumed = builder.single_stage(ExperimentSpec(**{**vars(spec), "resume": True}), None)
    assert resumed.folds == planned.folds


def _corpus(name: str, truths: str) -> Corpus:
    """An utterance for each letter, by three speakers in turn; n is neutral, h happy."""
    votes = {"n": Votes({"neu": 3}), "h": Votes({"hap": 3})}
    return Corpus(name, "table", Path(name), tuple(
        Utterance(f"u{i}", Path(f"{i}.wav"), f"s{i % 3}", votes[letter]) for i, letter in enumerate(truths)
    ))  # fmt: skip


def _neutral(*_: object) -> tuple[float, ...]:
    return sure_of("neu")


def test_scores_by_corpus_are_those_worked_by_hand(tmp_path: Path) -> None:
    """Always neutral: 3 of 4 right in one (recalls 1 and 0), 1 of 4 in two."""
    both = joined([_corpus("one", "nnnh"), _corpus("two", "hhhn")])
    report, _ = collect(made_run(tmp_path / "run", both, _neutral, rows=("dominant-hard",)))
    row = report.row(HARD)
    assert row is not None
    assert row.corpus_scores == {"one": GroupScores(4, 0.75, 0.5), "two": GroupScores(4, 0.25, 0.5)}
    assert row.pooled["wa"].mean == 0.5
    assert corpora(report).rows[0][1:] == ("4", "75.0", "50.0", "4", "25.0", "50.0")
    assert "Corpora" in [block.text for block in page(report) if isinstance(block, Heading)]
    alone, _ = collect(
        made_run(tmp_path / "alone", _corpus("one", "nnnhhh"), _neutral, rows=("dominant-hard",))
    )
    assert not alone.corpora
    assert "Corpora" not in [block.text for block in page(alone) if isinstance(block, Heading)]

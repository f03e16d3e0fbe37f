"""Existence, ambiguity and the annotators' ceiling in a report: by scipy, reread, left out."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from mlee_core.config.stages import Stage
from mlee_core.corpora.corpus import Corpus, Utterance
from mlee_core.evaluation.ceiling import ceiling
from mlee_core.figures.page import LIGHT
from mlee_core.labels.targets import ExistsFrom
from mlee_core.labels.votes import CLASSES, Votes
from mlee_core.report import Report, Written, collect, tables, write
from mlee_core.report import plots as pictures
from mlee_core.report.document import page
from mlee_core.report.document_blocks import Banner, Text, as_text
from mlee_core.report.plots import figures
from mlee_core.report.run_comparison import compare_runs
from mlee_core.runs.cells import Cell
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.report_runs import HARD, MLEE, even_corpus, made_run

TWO = ExistsFrom(2)


def voted_corpus() -> Corpus:
    """Six speakers, ten utterances each with seven random votes; the first two of each are unanimous."""
    rng = np.random.default_rng(3)
    labels = (*CLASSES, "fear")
    utterances = []
    for speaker in range(6):
        for n in range(10):
            shares = rng.dirichlet([0.6] * 5)
            counts = rng.multinomial(7, shares) if n > 1 else np.eye(5)[speaker % 4] * 7
            votes = Votes(dict(zip(labels, map(int, counts), strict=True)))
            utterances.append(
                Utterance(f"s{speaker}-{n}", Path(f"/x/{speaker}{n}.wav"), f"s{speaker}", votes)
            )
    return Corpus("voted", "table", Path("/x/voted.csv"), tuple(utterances))


def said(cell: Cell, utterance: Utterance) -> tuple[float, ...]:
    """Near the votes, with an error of its own for each utterance and stage."""
    rng = np.random.default_rng([len(cell.stage.name), *utterance.id.encode()])
    shares = np.array(utterance.votes.target_counts) / 7 + rng.uniform(0.05, 0.4, 4)
    p = shares / (1.3 if cell.stage.row == "mlee" else shares.sum())
    return tuple(np.minimum(p, 1).tolist())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    path = tmp_path_factory.mktemp("runs") / "run"
    return made_run(path, voted_corpus(), said, seeds=1, exists_from=TWO)


@pytest.fixture(scope="module")
def report(run: RunFolder) -> Report:
    return collect(run)[0]


def predictions(run: RunFolder, stage: Stage) -> np.ndarray:
    """Of the corpus's utterances, in order [N, 4]."""
    found = {name: row for r in run.results() if r.stage == stage for name, row in r.predictions.items()}
    return np.array([found[u.id] for u in voted_corpus().utterances])


def test_existence_is_of_mlee_alone_and_from_the_runs_votes(run: RunFolder, report: Report) -> None:
    mlee, hard = report.row(MLEE), report.row(HARD)
    assert mlee is not None and hard is not None
    assert hard.existence is None and mlee.existence is not None
    exists = np.array([np.array(u.votes.target_counts) >= 2 for u in voted_corpus().utterances])
    p = predictions(run, MLEE)
    for k, name in enumerate(CLASSES):
        one, other = p[exists[:, k], k], p[~exists[:, k], k]
        oracle = stats.mannwhitneyu(one, other).statistic / len(one) / len(other)
        assert mlee.existence.auc[name] == pytest.approx(oracle)
    assert mlee.existence.brier == pytest.approx(np.mean((p - exists) ** 2))
    assert mlee.existence.ece == mlee.ece


def test_ambiguity_is_of_every_row_with_a_softmax(run: RunFolder, report: Report) -> None:
    mlee, hard = report.row(MLEE), report.row(HARD)
    assert mlee is not None and hard is not None
    assert mlee.ambiguity is None and hard.ambiguity is not None
    of_votes = [stats.entropy([*u.votes.counts.values()]) for u in voted_corpus().utterances]
    predicted = stats.entropy(predictions(run, HARD), axis=1)
    rho = stats.spearmanr(of_votes, predicted).statistic
    assert hard.ambiguity.entropy_spearman == pytest.approx(rho)
    low, high = hard.ambiguity.entropy_spearman_ci or (1, -1)
    assert low < rho < high


def test_the_ceiling_is_of_the_scored_utterances(report: Report, tmp_path: Path) -> None:
    utterances = voted_corpus().utterances
    own = ceiling([u.votes for u in utterances], [u.speaker for u in utterances], TWO)
    assert report.ceiling == own and own is not None and own.utterances == 60
    part = made_run(tmp_path / "part", voted_corpus(), said, seeds=1, only=("s1",))
    found = collect(part)[0].ceiling
    assert found is not None and found.utterances == 10


def test_an_utterance_counts_once_per_seed(tmp_path: Path, report: Report) -> None:
    """Two seeds that predict the same have the scores of one."""
    twice = collect(made_run(tmp_path / "twice", voted_corpus(), said, seeds=2, exists_from=TWO))[0]
    one, two = (
        (mlee.existence.auc_mean, mlee.existence.brier, hard.ambiguity.entropy_spearman, hard.ambiguity.kl)
        for hard, mlee in (known.rows for known in (report, twice))
        if mlee.existence is not None and hard.ambiguity is not None
    )
    assert one == pytest.approx(two)


def test_the_files_hold_them(run: RunFolder, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    names = figures(report)
    monkeypatch.setattr(pictures, "figures", lambda _: {n: lambda look: Figure((1, 1)) for n in names})
    *_, written = write(run)
    assert isinstance(written, Written)
    with open(written.folder / "votes.csv", newline="", encoding="utf-8") as file:
        rows = {row["stage"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["dominant-hard", "mlee-all", "ceiling"]
    mlee, hard = report.row(MLEE), report.row(HARD)
    assert mlee is not None and mlee.existence is not None and hard is not None and hard.ambiguity is not None
    assert float(rows["mlee-all"]["existence_auc_mean"]) == mlee.existence.auc_mean
    assert float(rows["dominant-hard"]["kl"]) == hard.ambiguity.kl
    assert rows["mlee-all"]["kl"] == rows["dominant-hard"]["auc_neu"] == ""
    assert rows["ceiling"]["kl"] and rows["ceiling"]["auc_neu"] and rows["ceiling"]["exists_from"] == "2"
    content = json.loads((written.folder / "report.json").read_text(encoding="utf-8"))
    assert content["lines"][1]["existence"]["auc_mean"] == mlee.existence.auc_mean
    assert content["ceiling"]["ambiguity"]["kl"] > 0
    text = (written.folder / "report.md").read_text(encoding="utf-8")
    assert "## Existence" in text and "| annotators' own ceiling | " in text
    assert "1 from 2 votes, else 0" in (written.folder / "PREDICTIONS.md").read_text(encoding="utf-8")
    with open(written.folder / "predictions.csv", newline="", encoding="utf-8") as file:
        for row, utterance in zip(csv.DictReader(file), voted_corpus().utterances, strict=True):
            assert [row[f"e_{c}"] == "1" for c in CLASSES] == [n >= 2 for n in utterance.votes.target_counts]


def test_without_votes_for_two_classes_ambiguity_is_left_out(tmp_path: Path) -> None:
    report, _ = collect(made_run(tmp_path / "run", even_corpus(5), said, seeds=1))
    assert not tables.ambiguity(report).rows and report.ceiling is None
    texts = [block.text for block in page(report) if isinstance(block, Text)]
    assert any(
        text.startswith("Left out: no utterance has votes for two of the four classes") for text in texts
    )
    table = tables.existence(report)
    assert len(table.rows) == 1 and table.title == "Existence from 1 vote"  # no ceiling: three votes each
    assert "AUC neutral" in as_text(table)


def test_duplicates_mark_page_pictures_and_comparison(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", voted_corpus(), said, seeds=1, allow_duplicates=True)
    report, _ = collect(run)
    assert any(isinstance(b, Banner) and b.text.startswith("Duplicates allowed") for b in page(report))
    assert "duplicates allowed" in {t.get_text() for t in figures(report)["table3"](LIGHT).texts}
    assert compare_runs([run.path]).notes() == ("run: duplicates allowed, so its scores may be too high.",)

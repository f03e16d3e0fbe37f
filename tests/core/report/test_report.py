"""The report's figures: a run worked by hand, unfinished runs, and predictions that are out of fold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlee_core.config.stages import LINES, TRAIN_SETS, Stage
from mlee_core.corpora.corpus import Utterance
from mlee_core.errors import RunError
from mlee_core.evaluation import scores
from mlee_core.figures.page import DARK
from mlee_core.labels.agreement import agreement
from mlee_core.labels.votes import CLASSES, Votes
from mlee_core.report import Report, collect
from mlee_core.report.document import banners
from mlee_core.report.paper_table3 import PAPER_SCORES, paper_scores, row_of, stage_of
from mlee_core.report.plots import figures
from mlee_core.report.predictions import Prediction
from mlee_core.report.report_data import MeanSd, TableRow
from mlee_core.report.scored_predictions import ScoredPredictions, mean_sd
from mlee_core.runs.cells import Cell
from mlee_core.runs.run_folder import RunFolder
from tests.helpers.report_runs import (
    HARD,
    MLEE,
    as_said,
    even_corpus,
    made_run,
    result,
    save,
    small_corpus,
    sure_of,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return made_run(tmp_path_factory.mktemp("runs") / "run", small_corpus())


@pytest.fixture(scope="module")
def report(run: RunFolder) -> Report:
    return collect(run)[0]


@pytest.fixture(scope="module")
def hard(report: Report) -> TableRow:
    line = report.row(HARD)
    assert line is not None
    return line


def approx(mean: float, sd: float, count: int) -> MeanSd:
    return MeanSd(pytest.approx(mean), pytest.approx(sd), count)  # type: ignore[arg-type]


def test_pooled_scores_are_means_over_seeds(hard: TableRow) -> None:
    """Right are a1 a3 b1 c1 of six with seed 0, all but a3 with seed 1; recalls 1/3 1 1 1 and 1 0 1 1."""
    assert hard.utterances == 6
    wa, ua = (4 / 6, 5 / 6), (10 / 12, 3 / 4)
    assert hard.pooled["wa"] == approx(0.75, (wa[1] - wa[0]) / 2**0.5, 2)
    assert hard.pooled["ua"] == approx((ua[0] + ua[1]) / 2, (ua[0] - ua[1]) / 2**0.5, 2)


def test_fold_scores_and_their_spread(hard: TableRow) -> None:
    """WA: A 2/3 with both seeds, B 1/2 and 1, C 1. UA: A neu 3/4 hap 1/2, B sad 1 neu 1/2, C 1."""
    found = {name: (part.utterances, part.wa, part.ua) for name, part in hard.fold_scores.items()}
    assert found == {
        "A": (3, pytest.approx(2 / 3), pytest.approx(0.625)),
        "B": (2, 0.75, 0.75),
        "C": (1, 1.0, 1.0),
    }
    assert hard.of_folds["wa"] == approx(29 / 36, 0.1734722, 3)  # deviations −5/36, −2/36, 7/36
    assert hard.of_folds["ua"] == approx(0.7916667, 0.1909407, 3)  # −4/24, −1/24, 5/24
    assert hard.speaker_scores == hard.fold_scores
    assert (hard.cells, hard.planned, hard.folds) == (6, 6, ("A", "B", "C"))


def test_confusion_and_recalls(hard: TableRow) -> None:
    assert hard.confusion == ((4, 1, 1, 0), (1, 1, 0, 0), (0, 0, 2, 0), (0, 0, 0, 2))
    assert hard.recalls == pytest.approx({"neu": 4 / 6, "hap": 1 / 2, "sad": 1, "ang": 1})


def test_unanimous_split_and_single_votes(hard: TableRow) -> None:
    """Unanimous: a1 a3 b1 b2, right 1 1/2 1 1/2 of the seeds; split: a2, right once; one vote: c1."""
    found = {kind: (part.utterances, part.wa, part.ua) for kind, part in hard.agreement_scores.items()}
    assert found == {"unanimous": (4, 0.75, 0.75), "split": (1, 0.5, 0.5), "one vote": (1, 1.0, 1.0)}
    assert [agreement(Votes(v)) for v in ({"neu": 2, "other": 0}, {"neu": 1, "sad": 1}, {"x": 1})] == [
        "unanimous",
        "split",
        "one vote",
    ]


def test_calibration_of_softmax_and_of_existence(report: Report, hard: TableRow) -> None:
    """All say 0.7, and 9 of 12 are right. MLEE: 2 × 8 utterances with votes, one at 0.7, three at 0.2."""
    assert hard.ece == pytest.approx(abs(9 / 12 - 0.7))
    mlee = report.row(MLEE)
    assert mlee is not None
    # at 0.7: a1 a2 a3 b1 c1 exist with seed 0 (not b2's sad; a2's hap does), c2's neu, not c4's neu;
    # with seed 1 a1 a2 b1 b2 c1 c2, not a3's neu nor c4's neu.
    high = next(b for b in mlee.bins if b.high == pytest.approx(0.7))
    assert (high.count, high.accuracy) == (16, pytest.approx(12 / 16))
    # at 0.2: 10 existing pairs a seed in all (a2 and c2 two), less those at 0.7
    low = next(b for b in mlee.bins if b.high == pytest.approx(0.2))
    assert (low.count, low.accuracy) == (48, pytest.approx((2 * 10 - 12) / 48))
    assert mlee.ece == pytest.approx((16 * abs(12 / 16 - 0.7) + 48 * abs(8 / 48 - 0.2)) / 64)


def test_what_was_run(run: RunFolder, report: Report) -> None:
    setting = report.setting
    assert (setting.utterances, setting.annotated, setting.scored) == (9, 8, 6)
    assert setting.dominant == {"neu": 3, "hap": 1, "sad": 1, "ang": 1}
    assert (setting.speakers, setting.seeds, setting.label_map) == (
        ("A", "B", "C"),
        (0, 1),
        {"excited": "hap"},
    )
    assert report.stamp["data_hash"] == small_corpus().data_hash()
    for value in ("data_hash", "config_hash", "device", "dtype", "mlee", "torch"):
        assert report.stamp[value] in report.stamp_line
    assert (report.planned, report.missing, report.folds_done) == (12, (), ("A", "B", "C"))


def test_the_papers_figures() -> None:
    assert set(PAPER_SCORES) == set(LINES)
    for line in LINES:
        for train_set in TRAIN_SETS:
            stage = stage_of(line, train_set)
            assert row_of(stage) == line
            assert paper_scores(stage) == PAPER_SCORES[line][train_set]


def test_the_papers_figures_are_as_printed(shared_data: Path) -> None:
    """The table of the paper's text: seven lines of four numbers, in order."""
    paper = (shared_data.parent / "seed" / "paper.txt").read_text(encoding="utf-8")
    table = paper[paper.index("Table 3: Comparison") :].split("\nDominant recog.")[1].split("\n\n")[0]
    printed = [tuple(map(float, re.findall(r"\d\d\.\d", line))) for line in table.splitlines()]
    ours = [(*PAPER_SCORES[line]["dominant"], *PAPER_SCORES[line]["all"]) for line in LINES]
    assert [tuple(round(100 * value, 1) for value in row) for row in ours] == printed


@pytest.mark.parametrize("lacks", [HARD, MLEE], ids=lambda stage: stage.name)
def test_rows_are_compared_on_the_speakers_that_both_have(tmp_path: Path, lacks: Stage) -> None:
    """MLEE is always right, dominant-hard always says neu: WA 1 − 1/4, whichever speakers are drawn."""

    def say(cell: Cell, utterance: object) -> tuple[float, ...]:
        return sure_of(utterance.id.split("-")[1] if cell.stage == MLEE else "neu")  # type: ignore[attr-defined]

    def done(cell: Cell) -> bool:
        return cell.stage != lacks or cell.fold != "s5"

    report, _ = collect(made_run(tmp_path / "run", even_corpus(6), say, seeds=1, done=done))
    (one,) = report.comparisons
    assert (one.question, one.first, one.second) == ("against dominant, hard, train set all", MLEE, HARD)
    for gap in one.differences.values():
        assert (gap.pooled, gap.low, gap.high, gap.why_not) == (0.75, 0.75, 0.75, None)
        assert gap.of_speakers == {f"s{n}": 0.75 for n in range(5)}
    assert one.paper == pytest.approx({"wa": 0.644 - 0.595, "ua": 0.640 - 0.616})


def test_three_speakers_have_no_interval(report: Report) -> None:
    gap = report.comparisons[0].differences["wa"]
    assert (gap.pooled, gap.low, gap.why_not) == (0.0, None, "3 speakers, an interval needs 5")


def test_an_unfinished_run_says_what_is_missing(tmp_path: Path) -> None:
    def done(cell: Cell) -> bool:
        return cell.seed == 0 and (cell.fold == "A" or (cell.fold == "B" and cell.stage == HARD))

    report, said = collect(made_run(tmp_path / "run", small_corpus(), done=done))
    assert (report.planned, len(report.missing), report.folds_done) == (12, 9, ())
    assert report.missing[0] == Cell("B", 0, MLEE)
    hard, mlee = report.row(HARD), report.row(MLEE)
    assert hard is not None
    assert mlee is not None
    assert (hard.cells, hard.planned, hard.folds, hard.utterances) == (2, 6, ("A", "B"), 5)
    assert (mlee.cells, mlee.utterances) == (1, 3)
    assert hard.pooled["wa"] == MeanSd(3 / 5, None, 1)
    assert [sorted(stage.name for stage in p.probabilities) for p in said] == [
        ["dominant-hard", "mlee-all"]
    ] * 3 + [["dominant-hard"]] * 2


def test_seeds_of_other_folds_have_no_deviation_and_count_no_utterance_twice(tmp_path: Path) -> None:
    """Seed 1 has only fold A: its utterances count by half for each seed, all others whole."""
    run = made_run(tmp_path / "run", small_corpus(), done=lambda c: c.seed == 0 or c.fold == "A")
    hard = collect(run)[0].row(HARD)
    assert hard is not None
    assert hard.pooled["wa"] == MeanSd(pytest.approx((1 + 0.5 + 0.5 + 1 + 0 + 1) / 6), None, 2)  # type: ignore[arg-type]


def test_a_fold_without_a_dominant_class_has_no_score(tmp_path: Path) -> None:
    corpus = small_corpus()
    corpus = replace(corpus, utterances=tuple(u for u in corpus.utterances if u.id != "c1"))
    hard = collect(made_run(tmp_path / "run", corpus))[0].row(HARD)
    assert hard is not None
    assert (hard.folds, list(hard.fold_scores), hard.of_folds["wa"].count) == (("A", "B", "C"), ["A", "B"], 2)
    report, said = collect(made_run(tmp_path / "c", corpus, only=("C",)))
    hard, mlee = report.row(HARD), report.row(MLEE)
    assert hard is not None
    assert mlee is not None
    assert (len(said), hard.utterances, hard.cells, hard.pooled["ua"]) == (4, 0, 2, MeanSd(None, None, 0))
    assert (hard.ece, mlee.ece is None) == (None, False)  # existence is judged without a dominant class
    assert report.comparisons == ()
    for draw in figures(report).values():
        assert draw(DARK).axes


def test_nothing_finished_is_one_sentence(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus(), done=lambda cell: False)
    with pytest.raises(RunError, match=r"run has no trained network yet, of 12 to train"):
        collect(run)


def test_predictions_are_in_corpus_order_and_of_the_testing_fold(run: RunFolder) -> None:
    _, said = collect(run)
    names = ["a1", "a2", "a3", "b1", "b2", "c1", "c2", "c4"]
    assert [(p.utterance.id, p.seed) for p in said] == [(name, seed) for name in names for seed in (0, 1)]
    assert all(p.fold == p.utterance.speaker for p in said)
    for p in said:
        cell = Cell(p.fold, p.seed, HARD)
        assert p.probabilities[HARD] == as_said(cell, p.utterance)
        assert p.probabilities[MLEE] == as_said(replace(cell, stage=MLEE), p.utterance)


A_HARD = Cell("A", 0, HARD)
A_SAID = {name: sure_of("neu") for name in ("a1", "a2", "a3")}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            A_SAID | {"b1": sure_of("neu")},
            "predicts 'b1' of speaker B, but fold A tests A: this is not an out-of-",
        ),
        (A_SAID | {"zz": sure_of("neu")}, "predicts 'zz', which is not in this run's corpus"),
        ({"a1": sure_of("neu")}, "lacks 2 of 3 predictions, 'a2' first"),
        (A_SAID | {"a2": (0.5, 0.5)}, r"has \(0.5, 0.5\) for 'a2', which are not 4 probabilities"),
        (A_SAID | {"a2": (0.5, 0.5, 0.1, -0.1)}, "are not 4 probabilities"),
        (A_SAID | {"a2": (0.5, 0.5, float("nan"), 0.0)}, "are not 4 probabilities"),
        (A_SAID | {"a2": ("x", "y", "z", "w")}, "are not 4 probabilities"),
    ],
)
def test_what_is_not_out_of_fold_is_refused(
    tmp_path: Path, said: dict[str, tuple[float, ...]], message: str
) -> None:
    run = made_run(tmp_path / "run", small_corpus())
    save(run, result(A_HARD, said))
    with pytest.raises(RunError, match=f"dominant-hard, fold A, seed 0 .*{message}"):
        collect(run)


def test_a_result_of_an_unknown_fold_or_with_a_broken_curve_is_named(tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", small_corpus())
    file = run.stage_folder(A_HARD) / "result.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | {"fold": "Z"}), encoding="utf-8")
    with pytest.raises(RunError, match=r"is of fold 'Z', which is not in this run"):
        collect(run)
    for curve in ([{"epoch": 1}], [7]):
        file.write_text(json.dumps(content | {"curves": curve}), encoding="utf-8")
        with pytest.raises(RunError, match=r"learning curve of dominant-hard, fold A, seed 0 is damaged"):
            collect(run)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from("ABC"), st.lists(
    st.sampled_from(CLASSES), min_size=2, max_size=2)), min_size=1, max_size=25))  # fmt: skip
def test_seeds_with_the_same_folds_pool_to_the_mean_of_their_scores(
    rows: list[tuple[str, str, list[str]]],
) -> None:
    made = small_corpus().utterances[0]
    said = [
        Prediction(
            replace(made, id=str(i), speaker=speaker, votes=Votes({truth: 3})),
            speaker,
            seed,
            {HARD: sure_of(names[seed])},
        )
        for i, (truth, speaker, names) in enumerate(rows)
        for seed in (0, 1)
    ]
    scored = ScoredPredictions.of(said, [HARD])
    truth = [CLASSES.index(name) for name, _, _ in rows]
    predicted = [[CLASSES.index(names[seed]) for _, _, names in rows] for seed in (0, 1)]
    for score, of in (("wa", scores.wa), ("ua", scores.ua)):
        each = [of(truth, seed) for seed in predicted]
        assert scored.pooled(HARD)[score].mean == pytest.approx(np.mean(each))  # type: ignore[index, arg-type]
        assert scored.pooled(HARD)[score].sd == pytest.approx(np.std(each, ddof=1))  # type: ignore[index, arg-type]
    assert sum(part.utterances for part in scored.group_scores(HARD, scored.speaker).values()) == len(rows)
    assert sum(map(sum, scored.confusion(HARD))) == 2 * len(rows)


def test_an_ensemble_is_judged_by_the_mean_of_its_members_probabilities(tmp_path: Path) -> None:
    """Two ensembles of two: seeds 0 and 1, 2 and 3. The second of each is surer than the first wherever they
    differ. Of seed 3 fold A is not there, so that the second does not judge it."""

    def say(cell: Cell, utterance: Utterance) -> tuple[float, ...]:
        row = as_said(replace(cell, seed=cell.seed % 2), utterance)
        return tuple(0.9 if value == 0.7 else 0.1 / 3 for value in row) if cell.seed % 2 else row

    def done(cell: Cell) -> bool:
        return cell.seed < 3 or cell.fold != "A"

    run = made_run(tmp_path / "run", small_corpus(), say, rows=("dominant-hard",), ensemble=2, done=done)
    assert "".join(f"{cell.fold}{cell.seed}" for cell in run.cells()) == "A0A1B0B1C0C1A2A3B2B3C2C3"
    report, said = collect(run)
    judges = [(p.utterance.id, p.seed) for p in said]
    assert judges[:3] == [("a1", 0), ("a2", 0), ("a3", 0)] and judges[3:5] == [("b1", 0), ("b1", 2)]
    mean = [(0.1 + 0.9) / 2, (0.7 + 0.1 / 3) / 2, (0.1 + 0.1 / 3) / 2, (0.1 + 0.1 / 3) / 2]
    assert said[1].probabilities[HARD] == pytest.approx(mean)  # seed 0 says hap, seed 1, surer, neu
    # right, as seed 1 or 3 says: the first a1 a2 b1 b2 c1 of six, the second b1 b2 c1 of three
    (line,) = report.rows
    assert report.setting.repeated == "2 ensembles" and report.setting.seeds == (0, 1, 2, 3)
    assert line.pooled["wa"].count == 2 and line.pooled["wa"].mean == pytest.approx(5 / 6)


def test_spread_of_nothing_and_of_one() -> None:
    assert mean_sd([]) == mean_sd([None]) == MeanSd(None, None, 0)
    assert mean_sd([0.5, None]) == MeanSd(0.5, None, 1)


def test_what_is_missing_is_named_by_folds(tmp_path: Path) -> None:
    def done(cell: Cell) -> bool:
        return cell.seed == 0 and (cell.fold == "A" or cell.stage == HARD)

    report, _ = collect(made_run(tmp_path / "run", small_corpus(), done=done))
    (banner,) = banners(report)
    assert banner.text.endswith("Missing: fold B, C, seed 0: mlee-all; fold A, B, C, seed 1: everything.")

"""Run folders with results that were never trained, for tests of the report: who said what is written down.

The small corpus: speakers A, B and C; see UTTERANCES. Its figures in test_report.py are worked by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from mlee_core.config.recipe import RECIPES
from mlee_core.config.run_config import Compute, RunConfig, Selection
from mlee_core.config.stages import Stage
from mlee_core.corpora import folds
from mlee_core.corpora.corpus import Corpus, Utterance
from mlee_core.labels.votes import CLASSES, Votes
from mlee_core.runs.cells import Cell, CellResult
from mlee_core.runs.run_folder import RunFolder

UTTERANCES: Mapping[str, Mapping[str, int]] = {
    "a1": {"neu": 3},
    "a2": {"neu": 2, "hap": 1},
    "a3": {"hap": 3},
    "b1": {"sad": 3},
    "b2": {"neu": 3},
    "c1": {"ang": 1},
    "c2": {"neu": 1, "hap": 1},
    "c3": {},
    "c4": {"very bored": 2, "hap": 1},
}
"""c2 has a tie, c4 a winner outside the four classes, c3 no vote; c1 has one vote alone."""

SAID: Mapping[int, Mapping[str, str]] = {
    0: {"a1": "neu", "a2": "hap", "a3": "hap", "b1": "sad", "b2": "sad", "c1": "ang"},
    1: {"a1": "neu", "a2": "neu", "a3": "neu", "b1": "sad", "b2": "neu", "c1": "ang"},
}
"""Seed -> utterance -> the class predicted; neu of all others."""

Say = Callable[[Cell, Utterance], tuple[float, ...]]


def small_corpus() -> Corpus:
    utterances = tuple(
        Utterance(name, Path(f"/nowhere/{name}.wav"), name[0].upper(), Votes(votes))
        for name, votes in UTTERANCES.items()
    )
    return Corpus("small", "table", Path("/nowhere/small.csv"), utterances)


def even_corpus(speakers: int) -> Corpus:
    """Every speaker has one utterance of each class, and all votes agree."""
    utterances = tuple(
        Utterance(f"s{n}-{name}", Path(f"/nowhere/s{n}-{name}.wav"), f"s{n}", Votes({name: 3}))
        for n in range(speakers)
        for name in CLASSES
    )
    return Corpus("even", "table", Path("/nowhere/even.csv"), utterances)


def as_said(cell: Cell, utterance: Utterance) -> tuple[float, ...]:
    """0.7 for the class in SAID, 0.1 for the others; MLEE's sigmoids say 0.2 instead of 0.1."""
    rest = 0.2 if cell.stage.row == "mlee" else 0.1
    return sure_of(SAID[cell.seed].get(utterance.id, "neu"), 0.7, rest)


def sure_of(name: str, high: float = 0.7, rest: float = 0.1) -> tuple[float, ...]:
    return tuple(high if known == name else rest for known in CLASSES)


def made_run(
    path: Path,
    corpus: Corpus,
    say: Say = as_said,
    *,
    rows: tuple[str, ...] = ("dominant-hard", "mlee"),
    seeds: int = 2,
    ensemble: int = 1,
    only: tuple[str, ...] | None = None,
    done: Callable[[Cell], bool] = lambda cell: True,
    **more: object,
) -> RunFolder:
    """An experiment with train set *all*, leave one speaker out; `done` tells which cells have results;
    `more` are fields of its configuration."""
    parts = folds.loso(corpus)
    selection = Selection(rows, ("all",), only or tuple(fold.name for fold in parts.folds), seeds)
    config = RunConfig(
        (str(corpus.root),),
        corpus.format,
        (("excited", "hap"),),
        corpus.data_hash(),
        replace(RECIPES["paper"], ensemble=ensemble),
        Compute(),
        0,
        selection=selection,
        **more,  # type: ignore[arg-type]
    )
    run = RunFolder(path)
    run.begin(config, corpus, parts, resume=False)
    tested = {fold.name: fold.test for fold in parts.folds}
    for cell in filter(done, run.cells()):
        predictions = {u.id: say(cell, u) for u in corpus.of_speakers(tested[cell.fold]) if u.votes.total > 0}
        save(run, result(cell, predictions))
    return run


def result(cell: Cell, predictions: Mapping[str, tuple[float, ...]]) -> CellResult:
    """A result after three epochs, the second the best."""
    losses = ((1.2, 1.1), (0.9, 0.8), (0.6, 0.95))
    curve = tuple(
        {"epoch": n, "train_loss": train, "dev_loss": dev, "dev_wa": 0.5, "dev_ua": None, "best": n < 3}
        for n, (train, dev) in enumerate(losses, start=1)
    )
    return CellResult(**vars(cell), key="k", epoch=2, epochs=3, dev_loss=0.8, wa=0.5, ua=None,
                      curves=curve, predictions=predictions)  # fmt: skip


def save(run: RunFolder, made: CellResult) -> None:
    run.stage_folder(made.cell).mkdir(parents=True, exist_ok=True)
    run.save(made)


HARD = Stage("dominant", "hard", "all")
MLEE = Stage("mlee", None, "all")

"""An order as words, as JSON and as an experiment: the same whoever asks."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlee_core import cli
from mlee_core.config.experiment_spec import ENGINES, ExperimentSpec
from mlee_core.config.recipe import RECIPES
from mlee_core.config.stages import LINES, TRAIN_SETS
from mlee_core.errors import ConfigError, MleeError
from mlee_core.experiments import builder, spec_validation
from mlee_core.experiments.engines import tasks
from mlee_core.training import devices
from tests.helpers import made_data


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_data.corpus(tmp_path_factory.mktemp("corpus"), speakers=3, each=1)


# "--" alone means to every command that no more options follow
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text != "--")
paths = texts.filter(lambda text: "\0" not in text).map(Path)
labels = st.tuples(texts, texts.filter(lambda text: "=" not in text))
names = st.lists(texts, max_size=3).map(tuple)
numbers = st.none() | st.integers(-5, 10**6)

ORDERS = st.builds(
    ExperimentSpec,
    corpus=paths,
    format=st.none() | texts,
    map=st.lists(labels, max_size=3).map(tuple),
    label_map=st.none() | paths,
    run=st.none() | paths,
    rows=names,
    train_sets=st.lists(st.sampled_from(TRAIN_SETS), max_size=2).map(tuple),
    folds=st.none() | texts,
    only=names,
    cells=names,
    settings=names,
    recipe=st.none() | st.sampled_from(list(RECIPES)),
    level=st.sampled_from([None, "peak", "none"]),
    device=st.none() | texts,
    dtype=st.sampled_from([None, "fp32", "bf16"]),
    engine=st.sampled_from(ENGINES),
    address=st.none() | texts,
    **dict.fromkeys(("seeds", "max_epochs", "patience", "batch_size", "seed", "threads", "jobs"), numbers),
    **dict.fromkeys(
        ("scripted", "self_reports", "skip_missing", "cuda_graphs", "smoke", "resume"), st.booleans()
    ),
)


def parsed(words: list[str]) -> ExperimentSpec:
    """What the real command line makes of them."""
    arguments = ["table3", *words]
    return ExperimentSpec.of(cli._parser(arguments).parse_args(arguments))


@given(ORDERS)
def test_the_command_line_reads_the_same_order(asked: ExperimentSpec) -> None:
    assert parsed(asked.arguments()) == asked
    mlee, table3, *words = shlex.split(asked.command())
    assert (mlee, table3, words) == ("mlee", "table3", asked.arguments())


@given(ORDERS)
def test_json_reads_the_same_order(asked: ExperimentSpec) -> None:
    assert ExperimentSpec.from_json(json.loads(json.dumps(asked.to_json()))) == asked


def test_what_is_left_out_is_not_said() -> None:
    assert ExperimentSpec(Path("/data/emodb")).command() == "mlee table3 /data/emodb"
    asked = ExperimentSpec(
        Path("my data"), rows=("mlee",), settings=("warp=0", "draw=one"), max_epochs=3, smoke=True
    )
    said = "mlee table3 'my data' --rows mlee --set warp=0 draw=one --max-epochs 3 --smoke"
    assert asked.command() == said


def test_every_option_of_the_command_is_in_the_order() -> None:
    """An option that the window, or a job, could not be told would be lost."""
    args = vars(cli._parser(["table3"]).parse_args(["table3", "x"]))
    of_the_terminal = {"command", "plan", "json", "quiet"}
    assert set(args) - of_the_terminal == {field.name for field in fields(ExperimentSpec)}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "is not a JSON object"),
        ({}, "field corpus is missing"),
        ({"corpus": 3}, "corpus '3' is not text"),
        ({"corpus": None}, "corpus 'None' is not text"),
        ({"corpus": "x", "seeds": True}, "seeds 'True' is not a whole number"),
        ({"corpus": "x", "seeds": 1.5}, "seeds '1.5' is not a whole number"),
        ({"corpus": "x", "rows": "mlee"}, "rows 'mlee' is not a list"),
        ({"corpus": "x", "rows": ["mlee", 3]}, "is not a list in which each value is text"),
        ({"corpus": "x", "map": [["a"]]}, "is not a list in which each value is a list of 2 values"),
        ({"corpus": "x", "smoke": None}, "smoke 'None' is not true or false"),
        ({"corpus": "x", "colour": "red"}, "unknown field 'colour'"),
    ],
)
def test_json_that_is_no_order(value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ExperimentSpec.from_json(value)


def test_cells_are_trained_alone_with_their_encoders(table: Path, tmp_path: Path) -> None:
    whole = ExperimentSpec(table, run=tmp_path / "run", dtype="fp32")
    chosen = replace(whole, cells=("s1/seed-0/fusion-soft-all", "s2/seed-0/mlee-dominant"))
    asked = builder.experiment(chosen)
    assert {cell.name for cell in asked.cells} == {
        "s1/seed-0/dominant-soft-all",
        "s1/seed-0/mlee-all",
        "s1/seed-0/fusion-soft-all",
        "s2/seed-0/mlee-dominant",
    }
    assert asked.selection == builder.experiment(whole).selection  # the run is of all
    with pytest.raises(ConfigError, match="cell 's9/seed-0/mlee-all' is not in this experiment"):
        builder.experiment(replace(whole, cells=("s9/seed-0/mlee-all",)))


@pytest.mark.parametrize(
    ("corpus", "name"),
    [
        ("/data/emodb", "emodb"),
        ("/data/corpusA/table.csv", "corpusA"),
        ("/data/corpusA/Labels.csv", "corpusA"),
        ("/speech/corpusA/data/utterances.tsv", "corpusA"),
        ("/data/mine.csv", "mine"),
        ("/table.csv", "table"),
        ("/", "corpus"),
    ],
)
def test_a_new_run_is_called_after_its_corpus(corpus: str, name: str) -> None:
    assert builder.new_run(ExperimentSpec(Path(corpus)), at="now") == Path("runs") / f"{name}-table3-now"
    smoke = builder.new_run(ExperimentSpec(Path(corpus), smoke=True), Path("/elsewhere"))
    assert smoke.parent == Path("/elsewhere") and re.fullmatch(rf"{name}-smoke-\d{{8}}-\d{{6}}", smoke.name)


def test_a_relative_corpus_is_called_after_where_it_is(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(table.parent)
    assert builder.experiment(ExperimentSpec(Path(table.name), dtype="fp32")).folder.path.name.startswith(
        f"{table.parent.name}-table3-"
    )
    assert builder.new_run(ExperimentSpec(Path())).name.startswith(f"{table.parent.name}-table3-")


def test_a_corpus_that_was_read_is_not_read_again(table: Path) -> None:
    asked = ExperimentSpec(table, rows=tuple(LINES), dtype="fp32")
    corpus = builder.opened(asked)
    gone = replace(asked, corpus=Path("/nowhere"))
    assert builder.experiment(gone, corpus=corpus).cells == builder.experiment(asked).cells
    with pytest.raises(MleeError, match="/nowhere cannot be opened"):
        builder.experiment(gone)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"rows": ("winner",)}, "rows", "row 'winner': allowed are"),
        ({"train_sets": ("some",)}, "train_sets", "train sets some"),
        ({"seeds": 0}, "seeds", "0 seeds"),
        ({"recipe": "secret"}, "recipe", "allowed are paper and best"),
        ({"settings": ("warp",)}, "settings", "expected NAME=VALUE"),
        ({"settings": ("warp=9",)}, "settings", "warp 9.0: allowed are shares"),
        ({"batch_size": 0}, "batch_size", "batch_size 0: allowed are whole numbers"),
        ({"address": "head:1"}, "address", "it is for engine ray (--engine ray)"),
        ({"engine": "ray", "address": "head"}, "address", "allowed is HOST:PORT"),
        ({"map": (("excited", "glad"),)}, "map", "is mapped to one of"),
        ({"seed": -1}, "seed", "seed -1"),
        ({"threads": 0}, "threads", "0 threads"),
        ({"jobs": 0}, "jobs", "--jobs 0"),
        ({"cuda_graphs": True}, "cuda_graphs", "CUDA graphs on device cpu"),
        ({"smoke": True, "resume": True}, "smoke", "always starts a new run"),
    ],
)
def test_contradictions_are_told_field_by_field(change: dict[str, Any], field: str, words: str) -> None:
    found = spec_validation.faults(replace(ExperimentSpec(Path("nowhere")), **change))
    assert list(found) == [field] and words in found[field]


@given(ORDERS)
def test_any_order_can_be_looked_at(asked: ExperimentSpec) -> None:
    assert set(spec_validation.faults(asked)) <= {field.name for field in fields(ExperimentSpec)}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"corpus": Path("/nowhere")}, "corpus"),
        ({"map": (("no such label", "hap"),)}, "corpus"),
        ({"folds": "every"}, "folds"),
        ({"folds": "2"}, "folds"),
        ({"only": ("nobody",)}, "only"),
        ({"device": "cuda:9"}, "device"),
        ({"resume": True}, "run"),
        ({"cells": ("nothing",)}, "cells"),
    ],
)
def test_what_is_refused_names_its_field(table: Path, change: dict[str, Any], field: str) -> None:
    with pytest.raises(MleeError) as refused:
        builder.experiment(replace(ExperimentSpec(table, dtype="fp32"), **change))
    assert refused.value.about == field


def test_another_corpus_is_no_way_to_go_on(table: Path, tmp_path: Path) -> None:
    begun = ExperimentSpec(table, run=tmp_path / "run", dtype="fp32")
    builder.experiment(begun).begin(resume=False)
    with pytest.raises(MleeError, match="cannot be resumed") as refused:
        builder.experiment(replace(begun, resume=True, seed=7))
    assert refused.value.about == "run"


@pytest.mark.parametrize(
    ("change", "dtype"),
    [
        ({}, "fp32"),
        ({"recipe": "paper", "settings": ("warp=0.1",)}, "fp32"),
        ({"recipe": "best"}, "bf16"),
        ({"recipe": "paper", "dtype": "bf16"}, "bf16"),
        ({"recipe": "best", "dtype": "fp32"}, "fp32"),
    ],
)
def test_the_papers_recipe_trains_in_fp32_unless_bf16_is_chosen(
    table: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], dtype: str
) -> None:
    monkeypatch.setattr(devices, "dtype", lambda device: "bf16")
    planned = builder.experiment(replace(ExperimentSpec(table), **change))
    assert planned.config.compute.dtype == dtype


def test_of_all_jobs_the_chosen_cells_are_left(table: Path) -> None:
    names = ("s1/seed-0/fusion-soft-all", "s2/seed-0/mlee-dominant")
    asked = builder.experiment(ExperimentSpec(table, dtype="fp32", cells=names))
    every = tasks.training_tasks(asked.config, asked.folds, asked.corpus, ())
    left = tasks.restricted_to(every, asked.cells)
    assert sorted(cell.name for job in left for cell in job.cells) == sorted(c.name for c in asked.cells)
    assert len(left) == 4 and len(every) > 4
    done = [cell for cell in asked.cells if not cell.stage.encoders]
    after = tasks.restricted_to(
        tasks.training_tasks(asked.config, asked.folds, asked.corpus, done), asked.cells
    )
    assert [cell.name for job in after for cell in job.cells if cell not in done] == [names[0]]
